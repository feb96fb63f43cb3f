"""What the study ``complexity`` shows: its figures, and a sentence on each from the run's own numbers."""

from collections.abc import Callable

import numpy as np
import xarray as xr

from jprobe.complexity import Correlation
from jprobe.figures import complexity as draw
from jprobe.figures.style import title
from jprobe.report import About, Panel
from jprobe.studies.complexity.config import Config
from jprobe.studies.complexity.headline import headline, key_numbers
from jprobe.studies.complexity.summary import correlation, datasets, extremes, gaps, points, stability


def about(ds: xr.Dataset, config: Config) -> About:
    """Title, lead and notes of the report."""
    lead = (
        f"{config.seeds} network{'s' * (config.seeds > 1)} for each pair of classes of "
        f"{', '.join(title(d) for d in ds.dataset.values.tolist())} ({'-'.join(map(str, config.hidden))} hidden nodes, "
        f"{config.activation}), after Jankowski et al., arXiv:2508.05463, section 4."
    )
    return About("How hard each pair of classes is", lead, _notes(ds, config), headline(ds), key_numbers(ds))


def panels(ds: xr.Dataset, config: Config) -> list[Panel]:
    """The figures of a run, dataset by dataset, each with what it shows."""
    return [panel for name, here in datasets(ds) for panel in _panels(here, name)]


def _notes(ds: xr.Dataset, config: Config) -> list[str]:
    dead, total = int(ds.dead.sum()), int(ds.dead.notnull().sum())
    out = [
        f"{dead} of {total} networks are dead (accuracy within 5 points of always giving the commonest class); means leave them "
        "out, where the paper's include them. Gaps are accuracy lost: of the network with signs for weights and biases, and of "
        "the network after randomization B. They depend on how pixels are scaled, here to [-1, 1] as in the paper; compare gaps of one scaling only."
    ]
    if config.seeds < 10:
        out.append(f"Scaled down: {config.seeds} network{'s' * (config.seeds > 1)} a pair, where the paper has 10.")
    return out


def _panels(here: xr.Dataset, name: str) -> list[Panel]:
    means, where = gaps(here), title(name)
    out = [
        Panel(f"figure_4_gaps_{name}", f"Figure 4. What {where}'s pairs of classes lose", _says_gaps(here, means), draw.gap_maps(means)),
        Panel(f"figure_6_ssim_{name}", f"Figure 6. SSIM distance of {where}'s classes", _says_ssim(means), draw.heat_map(means.ssim, "SSIM distance", "{:.2f}", 1)),
        Panel(f"figure_8_base_{name}", f"Figure 8. Accuracy on {where}'s pairs", _says_base(means), draw.heat_map(means.base, "test accuracy (%)", "{:.1f}", 100)),
        Panel(f"ssim_and_gaps_{name}", "Does SSIM see what the networks see?", _says_both(here), draw.ssim_and_gaps(means)),
    ]  # fmt: skip
    found = stability(here)
    if found is not None:
        pairs = means.pair.values.tolist()
        says = (
            f"Each of {len(found.ranks)} networks a pair ranks the pairs by what signs cost. Kendall's concordance is "
            f"{found.concordance:.2f} (1: all rank alike); half of the pairs keep their rank within "
            f"{np.median(np.ptp(found.ranks, axis=0)):.0f} places of {len(pairs)}."
        )
        out.append(
            Panel(
                f"rank_stability_{name}",
                "How stable a pair's rank is over networks",
                says,
                draw.rank_ranges(found.ranks, pairs),
                diagnostic=True,
            )
        )
    return out


def _says_gaps(here: xr.Dataset, means: xr.Dataset) -> str:
    return (
        f"{_ends(means, 'gap_signed', 'signs alone')} {_ends(means, 'gap_randomized', 'randomization B')} "
        f"The two rank the pairs with Spearman's correlation {_interval(correlation(here, 'gap_signed', 'gap_randomized'))}."
    )


def _ends(means: xr.Dataset, measure: str, what: str) -> str:
    low, high = extremes(means, measure)
    named: Callable[[list[str]], str] = lambda pairs: ", ".join(f"{p} ({points(means[measure], p)})" for p in pairs)  # noqa: E731
    return f"With {what} the least is lost by {named(low)}, the most by {named(high)}."


def _says_ssim(means: xr.Dataset) -> str:
    low, high = extremes(means, "ssim", 1)
    return (
        f"Most alike: {low[0]} ({float(means.ssim.min()):.2f}); least alike: {high[0]} ({float(means.ssim.max()):.2f})."
    )


def _says_base(means: xr.Dataset) -> str:
    low, high = extremes(means, "base", 1)
    return f"From {float(means.base.min()):.1%} ({low[0]}) to {float(means.base.max()):.1%} ({high[0]})."


def _says_both(here: xr.Dataset) -> str:
    parts = [
        f"{_interval(correlation(here, 'ssim', measure))} with the gap to {what}"
        for measure, what in (("gap_signed", "signs"), ("gap_randomized", "randomization B"))
    ]
    return f"Spearman's correlation of the SSIM distance is {' and '.join(parts)}: similar classes are hard where it is negative."


def _interval(rho: Correlation) -> str:
    return f"{rho.value:.2f} (95% interval {rho.low:.2f} to {rho.high:.2f})"
