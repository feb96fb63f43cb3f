"""Metrics: functions of one network's weights that return a scalar."""

from jprobe.metrics.classification import accuracy, loss

__all__ = ["accuracy", "loss"]
