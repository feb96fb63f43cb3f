"""How many modes a density has."""

import numpy as np
import scipy.fft

# Points of the grid that densities are smoothed on, and resamples of a test.
_GRID, _RESAMPLES = 1024, 200
# The part of the values that is left out at either end.
_TAIL = 0.01


def modes(values: np.ndarray, most: int = 8, level: float = 0.05, seed: int = 0) -> int:
    """The number of modes of a density, by Silverman's test.

    For k = 1, 2, ...: h_k is the least bandwidth at which a Gaussian kernel estimate has k modes or fewer. Samples of
    the estimate at h_k (shrunk to the sample's variance) that have more than k modes at h_k in fewer than ``level`` of
    all cases speak against k modes. The first k that is not rejected is returned.

    The outer hundredth of the values at either end is left out: the test takes outliers for modes.

    Args:
        values: any shape, two or more of them.
        most: returned at most.
        level: of each test, in (0, 1).
        seed: of the resamples.

    Returns:
        The number of modes, 1 for values that are all equal; 0 where there are fewer than two values.

    Source:
        Silverman, 'Using kernel density estimates to investigate multimodality', J. R. Statist. Soc. B 43 (1981).

    Example:
        >>> draws = np.random.default_rng(0).normal(size=(2, 500))
        >>> modes(draws[0]), modes(draws + [[0], [6]])
        (1, 2)
    """
    x = np.asarray(values, np.float64).ravel()
    if x.size < 2:
        return 0
    # A few values far out are modes of their own at any bandwidth that the rest can be seen with.
    x = x[(np.quantile(x, _TAIL) <= x) & (x <= np.quantile(x, 1 - _TAIL))]
    spread = float(x.std())
    if spread <= 1e-12 * max(abs(float(x.mean())), 1e-300):
        return 1
    rng = np.random.default_rng(seed)
    x = (x - x.mean()) / spread
    reach = float(np.ptp(x))
    # Room for the widest kernel on both sides, as the transform is periodic.
    start, width = x.min() - 1.5 * reach, 4 * reach
    counted = np.bincount(((x - start) / width * _GRID).astype(int), minlength=_GRID).astype(float)
    for k in range(1, most):
        bandwidth = _critical(counted, width, k, reach)
        density = np.maximum(_smoothed(counted, width, bandwidth), 0)
        shrink = 1 / np.sqrt(1 + bandwidth**2)
        more = 0
        for _ in range(_RESAMPLES):
            drawn = rng.multinomial(x.size, density / density.sum())
            more += _count(_smoothed(drawn, width * shrink, bandwidth)) > k
        if more >= level * _RESAMPLES:
            return k
    return most


def _smoothed(counts: np.ndarray, width: float, bandwidth: float) -> np.ndarray:
    """Counts on the grid convolved with a Gaussian kernel."""
    waves = 2 * np.pi * np.arange(_GRID // 2 + 1) / width
    smooth = scipy.fft.irfft(scipy.fft.rfft(counts) * np.exp(-0.5 * (waves * bandwidth) ** 2), _GRID)
    return np.asarray(smooth)


def _count(density: np.ndarray) -> int:
    """Modes: rises that are followed by a fall; ripples of rounding apart."""
    steps = np.diff(density)
    steps = np.sign(steps[np.abs(steps) > 1e-9 * density.max()])
    return int(((steps[:-1] > 0) & (steps[1:] < 0)).sum())


def _critical(counts: np.ndarray, width: float, k: int, reach: float) -> float:
    """The least bandwidth with k modes or fewer: with Gaussian kernels the number falls as the bandwidth grows."""
    low, high = width / _GRID, reach
    for _ in range(30):
        middle = np.sqrt(low * high)
        low, high = (low, middle) if _count(_smoothed(counts, width, middle)) <= k else (middle, high)
    return float(high)
