"""Words that several rooms let a person choose from; they load nothing, so the command line can list them at once."""

from typing import Literal

# Activations of hidden layers.
Activation = Literal["relu", "tanh", "hard_sigmoid", "linear", "sigmoid"]

# Which weights a training keeps: of the last epoch, or of the best test accuracy.
Keep = Literal["last", "best"]

# What the sum of two branches is in a graph: edges of weight 1, the paper's rows, or one layer where both are layers.
Residual = Literal["identity", "paper", "merged"]
