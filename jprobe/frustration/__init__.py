"""Frustration of a signed graph: its energy, minimisers, a lower bound, null models, and near-monotonicity."""

from jprobe.frustration import kernels
from jprobe.frustration.active import active
from jprobe.frustration.anneal import anneal
from jprobe.frustration.bound import Bound, lower_bound
from jprobe.frustration.crossing import coin_crossing, crossing, survival
from jprobe.frustration.descend import descend
from jprobe.frustration.energy import energy, total_weight
from jprobe.frustration.exact import exact
from jprobe.frustration.greedy import greedy
from jprobe.frustration.minimum import Minimum
from jprobe.frustration.monotone import Alignment, alignment, gradient_order
from jprobe.frustration.nulls import reinitialize, shuffle_layers, with_weights
from jprobe.frustration.shuffle_edges import shuffle_edges

__all__ = [
    "Alignment",
    "Bound",
    "Minimum",
    "active",
    "alignment",
    "anneal",
    "coin_crossing",
    "crossing",
    "descend",
    "energy",
    "exact",
    "gradient_order",
    "greedy",
    "kernels",
    "lower_bound",
    "reinitialize",
    "shuffle_edges",
    "shuffle_layers",
    "survival",
    "total_weight",
    "with_weights",
]
