"""Metrics: functions of one network's weights that return a scalar."""

from jprobe.metrics.classification import accuracy, loss, offset, separation

__all__ = ["accuracy", "loss", "offset", "separation"]
