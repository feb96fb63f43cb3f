"""Which connections a network keeps when connections cost: wirings, what is left of them, and what that looks like."""

from jprobe.connectivity.baselines import rewired
from jprobe.connectivity.compact import Compact, compact, fitted_channels, parameters, subnetwork
from jprobe.connectivity.dynamics import Dynamics, dynamics, strongest
from jprobe.connectivity.embedding import embedding
from jprobe.connectivity.features import elongation, feature_table, features
from jprobe.connectivity.importance import Score, relative, scored, snip
from jprobe.connectivity.layout import kamada_kawai, laid_flat
from jprobe.connectivity.learning import Learned, learn_wiring, threshold_sweep
from jprobe.connectivity.network import wiring_of, without
from jprobe.connectivity.paths import Paths, paths
from jprobe.connectivity.regime import Regime
from jprobe.connectivity.similarity import Separation, dice, dice_matrix, rbf, separation
from jprobe.connectivity.threshold import TAU, alive, cut, largest, largest_alive, live
from jprobe.connectivity.wiring import Wiring, from_networkx, to_networkx, wiring

__all__ = [
    "TAU",
    "Compact",
    "Dynamics",
    "Learned",
    "Paths",
    "Regime",
    "Score",
    "Separation",
    "Wiring",
    "alive",
    "compact",
    "cut",
    "dice",
    "dice_matrix",
    "dynamics",
    "elongation",
    "embedding",
    "feature_table",
    "features",
    "fitted_channels",
    "from_networkx",
    "kamada_kawai",
    "laid_flat",
    "largest",
    "largest_alive",
    "learn_wiring",
    "live",
    "parameters",
    "paths",
    "rbf",
    "relative",
    "rewired",
    "scored",
    "separation",
    "snip",
    "strongest",
    "subnetwork",
    "threshold_sweep",
    "to_networkx",
    "wiring",
    "wiring_of",
    "without",
]
