"""The study's curves, for setting runs side by side."""

from jprobe.studies.study import Curve

_KEPT, _SCORE = "fraction of the layer's weights kept", "score, %"

# Name of a variable -> how it is drawn: a panel a layer.
CURVES = {
    "original": Curve("Pruning a layer", "kept", _KEPT, _SCORE, "layer"),
    "signed": Curve("Pruning a layer, signs for its weights", "kept", _KEPT, _SCORE, "layer"),
    "A": Curve("Pruning a layer, then randomization A", "kept", _KEPT, _SCORE, "layer"),
    "B": Curve("Pruning a layer, then randomization B", "kept", _KEPT, _SCORE, "layer"),
    "noise": Curve("Noise on a layer", "amplitude", "amplitude of the noise", _SCORE, "layer"),
    "flip": Curve("Flipping signs of a layer", "flipped", "fraction of the signs flipped", _SCORE, "layer"),
}
