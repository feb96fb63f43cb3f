"""Histograms as smooth densities, up to their own peaks."""

import numpy as np
import scipy.ndimage

from jprobe.figures.densities import Curve
from jprobe.metrics import Distribution

# Points that a density is drawn at.
_GRID = 200


def density(found: Distribution) -> Curve:
    """The density of all networks' values together, divided by its peak: layers differ in width by a factor of ten.

    Args:
        found: histograms by network.
    """
    counts, edges = found.histogram.sum(0), found.edges
    share = np.concatenate([[0], np.cumsum(counts / counts.sum())])
    low, high = (float(end) for end in np.interp([0.005, 0.995], share, edges))
    # All of it where the values are in one bin.
    if high <= low:
        low, high = float(edges[0]), float(edges[-1])
    places = np.linspace(low, high, _GRID + 1)
    heights, middles = np.diff(np.interp(places, edges, share)), (places[1:] + places[:-1]) / 2
    mean = (heights * middles).sum() / heights.sum()
    deviation = np.sqrt((heights * (middles - mean) ** 2).sum() / heights.sum())
    # Half of Silverman's bandwidth: of few values a curve, of many every detail.
    width = 0.5 * deviation * float(counts.sum()) ** -0.2 / (places[1] - places[0]) + 0.5
    smooth = scipy.ndimage.gaussian_filter1d(heights, width)
    return Curve(middles, smooth / smooth.max(), low, high)
