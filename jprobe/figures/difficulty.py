"""Figures of the study ``difficulty``: what signs cost, setting by setting."""

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from jprobe.figures.style import canvas, color, legend_top, styled

_WORDS = {
    "label_noise": "Wrong labels (%)",
    "overlap": "Overlap (%)",
    "images": "Images",
    "steps": "Steps",
    "depth": "Hidden layers",
    "network": "Network",
}


@styled
def gaps_by_setting(here: xr.Dataset, settings: dict[str, list[str]], gaps: dict[str, str]) -> Figure:
    """A column a lens, a row a gap: medians over networks, bars from the lower to the upper quartile; and the error.

    Args:
        here: of one dataset, over (task, setting, seed), living networks.
        settings: lens -> names of its settings, the task as it is first.
        gaps: variable -> its words; the rows.
    """
    rows = {**gaps, "error": "error of the networks"}
    figure, axes = canvas(len(rows), len(settings), 1.55, wide=True, share=True, legend=0.25)
    for column, (lens, names) in enumerate(settings.items()):
        ticks = [_tick(lens, name) for name in names]
        for row, (variable, words) in enumerate(rows.items()):
            panel = axes[row, column]
            for shift, task in ((-0.06, "easy"), (0.06, "hard")):
                values = 100 * here[variable].sel(task=task, setting=names).transpose("setting", "seed").values
                low, middle, high = np.nanquantile(values, [0.25, 0.5, 0.75], axis=1)
                places = np.arange(len(names)) + shift
                panel.errorbar(
                    places, middle, [middle - low, high - middle], fmt="o-", markersize=3, color=color(task), elinewidth=0.8,
                )  # fmt: skip
            panel.axhline(0, color="0.45", linewidth=0.7, linestyle=(0, (1, 1.5)), zorder=0)
            panel.set_xticks(range(len(names)), ticks if row == len(rows) - 1 else [], fontsize=6.5)
            panel.set_xlim(-0.4, len(names) - 0.6)
            if column == 0:
                panel.set_ylabel(words.replace(", ", ",\n") + "\n(points)")
            if row == 0:
                panel.set_title(_WORDS.get(lens, lens), loc="left", fontsize=6.8)
    legend_top(figure, {f"{task} task": color(task) for task in ("easy", "hard")})
    return figure


def _tick(lens: str, name: str) -> str:
    if " " in name and name.startswith(lens):
        level = name.rpartition(" ")[2]
        return (
            f"{100 * float(level):.0f}"
            if lens in ("label_noise", "overlap")
            else level.replace("000", "k").replace("cnn", "CNN")
        )
    return {"label_noise": "0", "overlap": "0", "images": "all", "steps": "all", "depth": "1", "network": "MLP"}.get(
        lens, name
    )
