"""Figures: one function a figure, from numbers to a Matplotlib figure; no computation beyond medians and quartiles.

:func:`curves` and :func:`points` draw anybody's sweeps; the modules draw what the studies of their names measure.
"""

from typing import TYPE_CHECKING

import lazy_loader

from jprobe.figures.curves import curves, points

__all__ = [
    "blocks", "collapse", "complexity", "connectivity", "curves", "densities", "difficulty", "frustration", "layers", "lenses",
    "monotone", "points", "probes", "strengths", "wirings",
]  # fmt: skip

if TYPE_CHECKING:  # what editors and type checkers see
    from jprobe.figures import (
        blocks,
        collapse,
        complexity,
        connectivity,
        densities,
        difficulty,
        frustration,
        layers,
        lenses,
        monotone,
        probes,
        strengths,
        wirings,
    )
else:
    # A module is read when it is first used: each study needs its own alone.
    __getattr__, _, _ = lazy_loader.attach(__name__, submodules=set(__all__) - {"curves", "points"})

    def __dir__() -> list[str]:
        return __all__
