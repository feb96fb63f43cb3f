"""Metrics: functions of one network's weights that return a scalar, and what is measured of its layers and neurons."""

from jprobe.metrics.captured import Captured, captured
from jprobe.metrics.cka import cka_profile, linear_cka, linen_activations
from jprobe.metrics.classification import accuracy, loss
from jprobe.metrics.distributions import Distribution, distance, distribution, estimate, statistic
from jprobe.metrics.folded import folded_strength
from jprobe.metrics.measuring import measure
from jprobe.metrics.modes import modes
from jprobe.metrics.neurons import neurons
from jprobe.metrics.node_strength import node_strength
from jprobe.metrics.spans import span_counts, tag_scheme
from jprobe.metrics.spectra import PowerLaw, power_law, spectra
from jprobe.metrics.ssim import ssim, ssim_distance
from jprobe.metrics.streaming import stream
from jprobe.metrics.tagging import kappa, own_labels, span_f1
from jprobe.metrics.two_classes import auc, offset, recalibrated_accuracy, separation
from jprobe.metrics.weight_scores import weight_scores

__all__ = [
    "Captured",
    "Distribution",
    "PowerLaw",
    "accuracy",
    "auc",
    "captured",
    "cka_profile",
    "distance",
    "distribution",
    "estimate",
    "folded_strength",
    "kappa",
    "linear_cka",
    "linen_activations",
    "loss",
    "measure",
    "modes",
    "neurons",
    "node_strength",
    "offset",
    "own_labels",
    "power_law",
    "recalibrated_accuracy",
    "separation",
    "span_counts",
    "span_f1",
    "spectra",
    "ssim",
    "ssim_distance",
    "statistic",
    "stream",
    "tag_scheme",
    "weight_scores",
]
