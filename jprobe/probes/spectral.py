"""Spectral pruning: keep the leading singular values of each kernel."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jprobe.probes.base import Level, Probe
from jprobe.probes.matrix import as_matrix
from jprobe.selection import Select, pick
from jprobe.typing import Params


class Factors(NamedTuple):
    """Singular value decomposition of one kernel as a matrix [left, right], K = min(left, right)."""

    left: jax.Array  # [left, K]
    values: jax.Array  # [K], descending
    right: jax.Array  # [K, right]


def truncate_spectrum(*, output_axis: int = -1, select: Select = None) -> Probe:
    """Replace each kernel by its best approximation of rank k: W <- sum_{i <= k} s_i u_i v_i'.

    To binarize first and truncate then, use ``chain(binarize(), truncate_spectrum())``; the ``signed`` of a
    sweep binarizes last.

    Args:
        output_axis: axis of the output nodes: -1 for Flax, 0 for Equinox and torch. Other axes are flattened.
        select: which leaves; default: every leaf of two or more dimensions.

    Returns:
        A probe whose level is the rank k >= 1 that is kept, a whole number. A kernel of rank k or less stays
        exactly as it is.

    Raises:
        UnknownLayerError: when applied, if nothing is selected.

    Source:
        Paper 1, section A.7 (figure 19).

    Example:
        >>> import jax, jax.numpy as jnp
        >>> probe, params = truncate_spectrum(), {"kernel": jnp.diag(jnp.array([2.0, 1.0]))}
        >>> abs(probe.apply(jax.random.key(0), params, probe.init(params), 1)["kernel"]).tolist()
        [[2.0, 0.0], [0.0, 0.0]]
    """

    def init(params: Params) -> dict[int, Factors]:
        leaves, _ = pick(params, select)
        # No LAPACK routine knows the half-precision types.
        wide = {i: w.astype(jnp.promote_types(w.dtype, jnp.float32)) for i, w in leaves.items()}
        matrices = {i: as_matrix(w, output_axis)[0] for i, w in wide.items()}
        return {i: Factors(*jnp.linalg.svd(m, full_matrices=False)) for i, m in matrices.items()}

    def apply(key: jax.Array, params: Params, state: dict[int, Factors], level: jax.Array) -> Params:
        leaves, rebuild = pick(params, select)

        def truncate(w: jax.Array, f: Factors) -> jax.Array:
            rank = jnp.arange(f.values.size)
            low = (f.left * jnp.where(rank < level, f.values, 0)) @ f.right
            # All singular values give the kernel back only up to rounding, which a sign would turn into +-1.
            return jnp.where(level >= f.values.size, w, as_matrix(w, output_axis)[1](low.astype(w.dtype)))

        return rebuild({i: truncate(w, state[i]) for i, w in leaves.items()})

    grid = (1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 32, 40, 48, 56, 64)
    return Probe(init, apply, Level("number of singular values kept", "1", 1, grid=grid, whole=True))
