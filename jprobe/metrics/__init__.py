"""Metrics: functions of one network's weights that return a scalar, and what they are made of."""

from jprobe.metrics.cka import cka_profile, linear_cka, linen_activations
from jprobe.metrics.classification import accuracy, loss, offset, separation
from jprobe.metrics.spans import span_counts, tag_scheme
from jprobe.metrics.ssim import ssim, ssim_distance
from jprobe.metrics.tagging import kappa, own_labels, span_f1

__all__ = [
    "accuracy",
    "cka_profile",
    "kappa",
    "linear_cka",
    "linen_activations",
    "loss",
    "offset",
    "own_labels",
    "separation",
    "span_counts",
    "span_f1",
    "ssim",
    "ssim_distance",
    "tag_scheme",
]
