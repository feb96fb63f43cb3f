"""A network block by block: where frustration sits, and where layers lie in the adjacency matrix."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from jprobe.figures.hover import name_spot
from jprobe.figures.style import OTHERS, beside, canvas, mark_level, styled

_KINDS = {"conv": OTHERS[0], "dense": OTHERS[1], "pool": OTHERS[3], "sum": OTHERS[4]}


class Blocks(NamedTuple):
    """Blocks of a network from input to output.

    Attributes:
        names: of the blocks.
        kinds: such as "conv".
        frustrated: share of the weight entering each that is frustrated.
        whole: share of the whole network's.
    """

    names: Sequence[str]
    kinds: Sequence[str]
    frustrated: np.ndarray
    whole: float


@styled
def by_block(blocks: Blocks) -> Figure:
    """Share of frustrated weight by block, from input to output."""
    count = len(blocks.names)
    kinds = list(dict.fromkeys(blocks.kinds))
    figure, axes = canvas(1, 1, 2.2, wide=count > 10, legend=0.2 * (len(kinds) > 1))
    panel = axes[0, 0]
    for n, (name, kind, share) in enumerate(zip(blocks.names, blocks.kinds, blocks.frustrated, strict=True)):
        panel.bar(n, share, color=_KINDS.get(kind, OTHERS[5]), width=0.75)
        name_spot(panel, name, n, share, f"{share:.3f} of the weight is frustrated")
    panel.set_xticks(range(count), list(blocks.names), rotation=90 if count > 6 else 0, fontsize=6.5)
    panel.set_ylim(0, 0.56)
    panel.set_xlim(-0.7, count - 0.3)
    mark_level(panel, 0.5, "random spins")
    panel.axhline(blocks.whole, color="0.2", linewidth=0.8, linestyle=(0, (1, 1.5)), zorder=3)
    beside(panel, blocks.whole, f"whole\n{blocks.whole:.3f}", "0.2")
    panel.set_ylabel("frustrated share of\nthe weight entering")
    panel.set_title("Frustration by block, input to output", loc="left")
    _legend_of_kinds(figure, kinds)
    return figure


def _legend_of_kinds(figure: Figure, kinds: Sequence[str]) -> None:
    """What colours mean, where there are several."""
    handles = [Patch(color=_KINDS.get(kind, OTHERS[5]), label=kind) for kind in kinds]
    if len(handles) > 1:
        figure.legend(handles=handles, loc="outside upper center", ncols=5)


@styled
def adjacency(ds: xr.Dataset) -> Figure:
    """Figure 6: where the layers lie in the adjacency matrix, at the scale of nodes."""
    figure, axes = canvas(1, 1, 2.9, legend=0.2)
    panel = axes[0, 0]
    sizes = ds.block_nodes.values.astype(float)
    starts = np.concatenate([[0], np.cumsum(sizes)])
    total = starts[-1]
    kinds = ds.link_kind.values.tolist()
    for source, target, kind in zip(ds.link_source.values, ds.link_target.values, kinds, strict=True):
        # A block of few nodes would be thinner than a printed line.
        wide, high = max(sizes[source], total / 200), max(sizes[target], total / 200)
        panel.add_patch(
            Rectangle((starts[source], starts[target]), wide, high, facecolor=_KINDS.get(kind, OTHERS[5]), linewidth=0)
        )
    panel.plot([0, total], [0, total], color="0.75", linewidth=0.6, zorder=0)
    panel.set_xlim(0, total)
    panel.set_ylim(total, 0)
    panel.set_aspect("equal")
    scale, unit = (1e6, "millions") if total > 2e6 else (1e3, "thousands")
    ticks = [t for t in panel.get_xticks() if 0 <= t <= total]
    panel.set_xticks(ticks, [f"{t / scale:g}" for t in ticks])
    panel.set_yticks(ticks, [f"{t / scale:g}" for t in ticks])
    panel.set_xlabel(f"edge leaves node ({unit})")
    panel.set_ylabel(f"edge enters node ({unit})")
    panel.set_title("Each block a layer, input first", loc="left")
    _legend_of_kinds(figure, [kind for kind in _KINDS if kind in kinds])
    return figure
