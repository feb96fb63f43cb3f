"""Figures: one function a figure, from a Dataset to a Matplotlib figure; no computation beyond medians and quartiles."""
