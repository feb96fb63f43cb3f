"""Spectra of weights: the power law of their eigenvalues, stable rank and norms."""

from typing import Any, NamedTuple

import jax
import numpy as np
import xarray as xr

from jprobe.errors import ShapeError
from jprobe.networks import is_array
from jprobe.paths import leaves_by_path
from jprobe.selection import Select, selected
from jprobe.typing import Params

# A law of fewer eigenvalues is none.
FEWEST = 10

# What single precision rounds off. Half precision is no bound: its eps times the width of a layer exceeds 1.
EPS = float(np.finfo(np.float32).eps)


class PowerLaw(NamedTuple):
    """A density p(x) ~ x^-alpha of the numbers x >= xmin, by :func:`power_law`.

    Attributes:
        alpha: exponent, above 1.
        xmin: where the tail begins.
        distance: D, Kolmogorov and Smirnov's distance between the tail and the law, in [0, 1].
        tail_size: how many numbers are in the tail, xmin too.

    Example:
        >>> power_law([1.0, 2.0, 4.0]).tail_size.item()
        3
    """

    alpha: np.ndarray
    xmin: np.ndarray
    distance: np.ndarray
    tail_size: np.ndarray


def power_law(x: Any, tolerance: float = 0.0) -> PowerLaw:
    """Fit p(x) ~ x^-alpha to a tail: alpha = 1 + n / sum_{x_i >= xmin} log(x_i / xmin), with the xmin of smallest D.

    Every number but the largest is tried as xmin; of equal numbers, the tail has all.

    Args:
        x: [..., N] numbers, not negative; fits are along the last axis. Zeros are left out.
        tolerance: numbers that differ relatively by less are equal. A tail of equal numbers has no exponent.

    Returns:
        PowerLaw of arrays [...]; NaN, and a tail of 0, where no tail has an exponent.

    Source:
        Clauset, Shalizi, Newman, SIAM Review 51, 661 (2009), eqs. (3.1) and (3.9).

    Example:
        >>> x = np.random.default_rng(0).pareto(2.0, 5000) + 1  # p(x) ~ x^-3
        >>> round(float(power_law(x).alpha), 1)
        3.0
    """
    x = np.sort(np.asarray(x, np.float64), -1)
    lead, total = x.shape[:-1], x.shape[-1]
    x = x.reshape(int(np.prod(lead)), total)
    logs = np.log(np.where(x > 0, x, 1))
    above = np.cumsum(logs[:, ::-1], -1)[:, ::-1]  # sums over each tail
    best = np.full((4, len(x)), np.nan)
    best[2:] = [[np.inf], [0]]
    for i in range(total - 1):
        n, low = total - i, x[:, i]
        new = low > (x[:, i - 1] if i else 0)
        spread = x[:, -1] > low * (1 + tolerance)
        rows = np.flatnonzero(new & spread & (low > 0))
        if not len(rows):
            continue
        alpha = 1 + n / (above[rows, i] - n * logs[rows, i])
        law = 1 - np.exp((1 - alpha)[:, None] * (logs[rows, i:] - logs[rows, i, None]))
        distance = np.abs(law - np.arange(n) / n).max(-1)
        nearer = distance < best[2, rows]
        rows = rows[nearer]
        best[:, rows] = alpha[nearer], low[rows], distance[nearer], np.full(len(rows), n)
    best[2, best[3] == 0] = np.nan
    alpha, xmin, distance, tail = best.reshape(4, *lead)
    return PowerLaw(alpha, xmin, distance, tail.astype(int))


def spectra(params: Params, select: Select = None, stacked: bool = False, *, output_axis: int = -1) -> xr.Dataset:
    """Power-law exponent, stable rank and norms of each kernel W, from its singular values s.

    - alpha, xmin, D and the size of the tail: of the eigenvalues s^2 of W'W, zeros left out, by :func:`power_law`.
    - spectral norm: max s. Frobenius norm: sqrt(sum s^2). Stable rank: sum s^2 / max s^2.

    A convolution's kernel is as many matrices [in, out] as its window has places, and W is the block-diagonal matrix of
    them: its singular values are those of all places. That is what WeightWatcher fits by default. The matrix of the
    convolution itself, whose norm is a Lipschitz constant, depends on the size of the image and is another one.

    WeightWatcher takes eigenvalues up to 1e-5 for zeros, whatever the scale of the weights; here those are zeros that
    single precision cannot tell from it (s <= s_max max(in, out) eps). Below 20 eigenvalues its release 0.7.7 has another rule; here
    it is the same one from 10 on, and there are no exponents of fewer. Its norms are squares of these, and those of
    convolutions, with their xmin, half of the squares.

    Args:
        params: variables of a network; nothing is run.
        select: which leaves, as probes select them; of those, the ones of two or more dimensions. Default: all such.
        stacked: whether params are those of S networks, every leaf [S, ...].
        output_axis: -1 where kernels are [..., in, out], as in Flax; 0 for [out, in, ...], as in Equinox and torch.

    Returns:
        Dataset of ``alpha``, ``xmin``, ``distance`` (D, in [0, 1]), ``tail_size`` (how many eigenvalues are at least xmin),
        ``eigenvalues`` (how many are not zero), ``stable_rank`` (from 1 to their number), ``spectral_norm`` and
        ``frobenius_norm`` [kernel], float64; with ``stacked``, [network, kernel]. ``why`` says why an alpha is NaN, and is
        empty where there is one. Kernels are called by their paths: a layer may have several, or share one. In one
        Dataset with the neurons of :func:`jprobe.metrics.neurons`: ``found.merge(spectra(params))``.

    Raises:
        UnknownLayerError: nothing is selected.
        ShapeError: what is selected has less than two dimensions.

    Source:
        Martin, Mahoney, JMLR 22, 165 (2021), for alpha as a measure of how well a layer is trained.

    Example:
        >>> import jax
        >>> w = jax.random.t(jax.random.key(0), 3.0, (300, 100))  # heavy tails
        >>> ds = spectra({"heavy": {"kernel": w}, "one": {"kernel": 0 * w + 1}})
        >>> ds.stable_rank.values.round(1).tolist(), ds.why.values.tolist()
        ([30.1, 1.0], ['', 'fewer than 10 nonzero eigenvalues'])
    """
    arrays = jax.tree.map(lambda leaf: leaf if is_array(leaf) else None, params)
    one = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape[stacked:], leaf.dtype), arrays)
    chosen = zip(leaves_by_path(arrays), selected(one, select), strict=True)
    kernels = {path: np.asarray(leaf) for (path, _, leaf), yes in chosen if yes and leaf.ndim - stacked >= 2}
    if not kernels:
        raise ShapeError(f"{select!r} selects no leaf of two dimensions or more: spectra are of matrices.")
    layers = [_of_kernel(kernel if stacked else kernel[None], output_axis) for kernel in kernels.values()]
    dims = ("network", "kernel")
    variables = {name: (dims, np.stack([layer[name] for layer in layers], -1)) for name in layers[0]}
    ds = xr.Dataset(variables, {"kernel": list(kernels)})
    return ds if stacked else ds.isel(network=0)


def _of_kernel(matrices: np.ndarray, output_axis: int) -> dict[str, np.ndarray]:
    """The numbers of one leaf [S, ...], [S]."""
    if output_axis == 0:
        matrices = np.moveaxis(matrices, (1, 2), (-1, -2))
    size = matrices.shape[-2:]
    matrices = matrices.reshape(len(matrices), -1, *size).astype(np.float64)
    finite = np.isfinite(matrices).all((1, 2, 3))
    w = np.where(finite[:, None, None, None], matrices, 0)
    # In double precision, eigenvalues of the smaller product are exact far below the tolerance, in a twentieth of the time
    # that singular values take.
    turned = w.swapaxes(-1, -2)
    squares = np.linalg.eigvalsh(w @ turned if size[0] <= size[1] else turned @ w).reshape(len(w), -1)
    largest = squares.max(-1)
    tolerance = max(size) * EPS
    squares = np.where(squares > tolerance**2 * largest[:, None], squares, 0)
    count = (squares > 0).sum(-1)
    law = power_law(squares, 2 * tolerance)
    why = np.select(
        [~finite, largest == 0, count < FEWEST, law.tail_size == 0],
        [
            "weights that are NaN or infinite",
            "weights that are all zero",
            f"fewer than {FEWEST} nonzero eigenvalues",
            "equal eigenvalues",
        ],
        "",
    )
    fitted, total = why == "", squares.sum(-1)
    with np.errstate(invalid="ignore"):
        rank = total / largest
    return {
        **{name: np.where(fitted, getattr(law, name), np.nan) for name in ("alpha", "xmin", "distance")},
        "tail_size": np.where(fitted, law.tail_size, 0),
        "eigenvalues": count,
        "stable_rank": rank,
        "spectral_norm": np.where(finite, np.sqrt(largest), np.nan),
        "frobenius_norm": np.where(finite, np.sqrt(total), np.nan),
        "why": why,
    }
