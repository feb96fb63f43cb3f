"""Probes: pairs of pure functions that perturb a network's weights."""

from jprobe.probes.base import Level, Probe
from jprobe.probes.binarize import binarize
from jprobe.probes.chain import at, chain
from jprobe.probes.flip import flip
from jprobe.probes.noise import multiplicative_noise, noise
from jprobe.probes.prune import prune
from jprobe.probes.randomize import randomize
from jprobe.probes.spectral import truncate_spectrum
from jprobe.probes.swaps import Swaps, swap_edges
from jprobe.selection import leaf_paths

__all__ = [
    "Level",
    "Probe",
    "Swaps",
    "at",
    "binarize",
    "chain",
    "flip",
    "leaf_paths",
    "multiplicative_noise",
    "noise",
    "prune",
    "randomize",
    "swap_edges",
    "truncate_spectrum",
]
