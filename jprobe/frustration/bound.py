"""A certificate from below: no spins have less energy than this."""

import functools
import math
from dataclasses import replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import scipy.linalg
from jax.sharding import Mesh

from jprobe.errors import ArgumentError
from jprobe.frustration.energy import FLOAT32_ERROR, frustration, total_weight
from jprobe.frustration.minimum import degrees
from jprobe.frustration.passes import block_by_block
from jprobe.frustration.room import with_room
from jprobe.frustration.windows import windows_of
from jprobe.graph import Graph, as_graph
from jprobe.graph.link import Bundle
from jprobe.keys import as_key
from jprobe.sharding import shared

Blocks = tuple[jax.Array, ...]
Host = tuple[np.ndarray, ...]


class Bound(NamedTuple):
    """A lower bound on the energy of every spin configuration.

    Attributes:
        certified: no spins go below this; float in [0, 1].
        relaxation: energy of the unit vectors found, near the value of the semidefinite relaxation from above.
        failure: probability, over the random start of Lanczos alone, that ``certified`` is wrong.
        margin: how much the certificate gave up to make it that improbable.
        rounded: int8 [N], spins from the vectors by a random hyperplane: a good start for :func:`descend`.
        enumerated: names of the blocks that convolutions enter which are bounded by all spins of their windows.

    Example:
        >>> from jprobe.graph import from_edges
        >>> found = lower_bound(from_edges([0, 1], [1, 2], [1.0, -1.0]), key=jax.random.key(0))
        >>> found.certified
        0.0
    """

    certified: float
    relaxation: float
    failure: float
    margin: float
    rounded: np.ndarray
    enumerated: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """The numbers; no spins."""
        return (
            f"Bound(certified={self.certified:.6g}, relaxation={self.relaxation:.6g}, failure={self.failure:g}, "
            f"margin={self.margin:.3g}, {len(self.rounded):,} rounded spins)"
        )


def lower_bound(
    graph: Any,
    *,
    key: Any = None,
    dimension: int = 32,
    sweeps: int = 60,
    steps: int = 600,
    failure: float = 1e-6,
    mesh: Mesh | None = None,
) -> Bound:
    """A certified lower bound on the frustration, from the dual of the semidefinite relaxation.

    For every positive diagonal D, s' A_u s <= lambda_max(D^(-1/2) A_u D^(-1/2)) tr D. The mixing method finds a good
    D: each node holds a unit vector x_i, set block by block to the direction u of sum_j A_ij x_j, which climbs to the
    value of the relaxation; going on past it, to (1 + w) u - w x_i with w below 1, climbs too and arrives in a fifth
    of the sweeps. D_i = |sum_j A_ij x_j| + c sum_j |A_ij| for the best of some small c. Lanczos then gives
    lambda_max from below, theta; with k steps from a random start lambda_max exceeds theta + e (lambda_max -
    lambda_min) with probability at most 1.648 sqrt(N) exp(-sqrt(e) (2 k - 1)), and e is taken so that this is
    ``failure``, for both ends of the spectrum together. Single-precision rounding of the products is allowed for;
    that Lanczos in finite precision obeys the bound of exact arithmetic is assumed, as everywhere. Parallel edges count
    one by one in the energy that is bounded.

    A convolution whose windows have few inputs (27 at most: three by three of a colour image) is bounded by all spins of
    a window instead, which must agree on what windows share, where the vectors agree with it clearly more than any
    spins can; its edges then leave the relaxation. This closes most of what the relaxation itself leaves open there: of
    SqueezeNet's first layer, 0.304 becomes 0.330, and spins reach 0.335. It is done where it costs no more than the
    mixing method.

    Args:
        graph: whatever :func:`jprobe.graph.as_graph` takes.
        key: JAX random key. Default: ``jax.random.key(0)``.
        dimension: of the vectors. With too few D is not the best even where they have converged: on SqueezeNet at
            64 x 64 16, 24 and 32 leave 0.0013, 0.0003 and 0.0001 between relaxation and certificate.
        sweeps: of the mixing method, each as costly as ``dimension`` sweeps of :func:`descend`.
        steps: of the last Lanczos run, each about as costly as a sweep; the margin falls with their square.
        failure: in (0, 1).
        mesh: spread the vectors' dimensions evenly over all devices of this mesh; where a device has no room for its share,
            all share the graph, see :meth:`jprobe.graph.Graph.spread`. What is found may differ in the last digits; it is
            certified all the same.

    Returns:
        Bound. With a minimiser's energy it makes an interval that the ground state lies in.

    Raises:
        ArgumentError: a number out of range.
        WeightsError: the graph has shapes alone, or weights that are NaN or infinite.

    Source:
        Wang, Chang, Kolter, 'The mixing method', arXiv:1706.00476; Kuczynski, Wozniakowski, 'Estimating the largest
        eigenvalue by the power and Lanczos algorithms with a random start', SIAM J. Matrix Anal. Appl. 13 (1992),
        theorem 4.2; Werner, 'A linear programming approach to max-sum problem: a review', IEEE Trans. PAMI 29 (2007),
        for windows that agree. The energy is paper 2's eq. (1).

    Example:
        >>> from jprobe.frustration import exact
        >>> from jprobe.graph import from_edges
        >>> triangle = from_edges([0, 1, 2], [1, 2, 0], [1.0, 1.0, -1.0])
        >>> bound = lower_bound(triangle, key=jax.random.key(0))
        >>> bool(0.24 < bound.certified < exact(triangle).energy[0])
        True
    """
    graph, key = as_graph(graph), as_key(key)
    graph.check()
    if min(dimension, sweeps) < 1 or steps < 2 or not 0 < failure < 1:
        raise ArgumentError("dimension and sweeps are 1 or more, steps 2 or more, failure lies between 0 and 1.")
    if mesh is not None and dimension % mesh.size:
        raise ArgumentError(f"{mesh.size} devices cannot share {dimension} dimensions evenly.")
    graph, mesh = with_room(graph, mesh, -(-dimension // (1 if mesh is None else mesh.size)))
    degree, total = degrees(graph), total_weight(graph)
    vectors = _mixed(graph, degree, shared(_drawn(graph, jax.random.fold_in(key, 0), dimension), mesh), sweeps)
    graph, degree, vectors = graph.merged(), graph.merge(degree), graph.merge(vectors)
    rounded = _sides(graph, jax.random.fold_in(key, 3), vectors)
    ceilings = _enumerated(graph, vectors, work=dimension * sweeps)
    enumerated = tuple(graph.blocks[n].name for link in ceilings for n in link.targets)
    if ceilings:
        links = tuple(link for link in graph.layout.links if link not in ceilings)
        graph = replace(graph, layout=replace(graph.layout, links=links))
        degree = degrees(graph)
        # The vectors have all but converged: what was cut off hardly held the rest.
        vectors = _mixed(graph, degree, vectors, max(sweeps // 3, 1))
    apart = sum(ceilings.values())
    lengths, agreed = _dual(graph, vectors)
    del vectors
    slack, sums = (tuple(np.asarray(block) for block in blocks) for blocks in (lengths, degree))
    # While the vectors have not converged, a little of the degree in D tames the rows that are still wrong.
    trials = [
        (_spectrum(graph, *_diagonal(slack, sums, c), jax.random.fold_in(key, 1), min(steps, 60), steps), c)
        for c in _SHARES
    ]
    share = min(trials, key=lambda trial: _ceiling(trial[0], 0.0, slack, sums, trial[1]))[1]
    ends = _spectrum(graph, *_diagonal(slack, sums, share), jax.random.fold_in(key, 2), steps, steps)
    gap = _relative_gap(graph.num_nodes, steps, failure)
    plain, safe = (_ceiling(ends, e, slack, sums, share) / 2 + apart for e in (0.0, gap))
    return Bound(
        certified=max(float(frustration(total, safe)), 0.0),
        relaxation=float(frustration(total, float(agreed) + apart)),
        failure=failure,
        margin=float(frustration(total, plain) - frustration(total, safe)),
        rounded=np.asarray(rounded),
        enumerated=enumerated,
    )


# The further the vectors have converged, the less is best.
_SHARES = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2)
# A link is cut off where its windows' ceiling is below this share of what the vectors agree with it: without it, the
# rest may agree more. Of SqueezeNet at 64 x 64 conv1 has 0.87; fire3/expand1x1 has 0.998, and cutting it off as well
# lowers the certificate by 0.00015.
_CLEARLY = 0.95
# How far past the best direction a vector goes: 1 would be a mirror image, which gains nothing.
_PAST = 0.9


def _relative_gap(nodes: int, steps: int, failure: float) -> float:
    """The e of the Lanczos bound, half of the failure to each end of the spectrum."""
    return (math.log(2 * 1.648 * math.sqrt(nodes) / failure) / (2 * steps - 1)) ** 2


def _diagonal(slack: Host, degree: Host, share: float) -> tuple[Host, Host]:
    """D, and its inverse square root with 0 for nodes that have no edge."""
    d = tuple(s + np.float32(share) * g for s, g in zip(slack, degree, strict=True))
    roots = (jax.lax.rsqrt(np.where(g > 0, x, np.float32(1))) for x, g in zip(d, degree, strict=True))
    return d, tuple(np.where(g > 0, root, np.float32(0)) for root, g in zip(roots, degree, strict=True))


def _ceiling(ends: tuple[float, float], gap: float, slack: Host, degree: Host, share: float) -> float:
    """No spins have a larger s' A_u s than this, if the spectrum's ends are known up to a relative gap."""
    low, high = ends
    if gap >= 0.5:
        return math.inf
    spread = (high - low) / (1 - 2 * gap)
    diagonal = _diagonal(slack, degree, share)[0]
    # D^(-1/2) |A_u| D^(-1/2) is no larger than this: the norm of its row sums, weighted by sqrt(D).
    shares = (np.divide(g, d, where=g > 0, out=np.zeros_like(g)) for d, g in zip(diagonal, degree, strict=True))
    widest = max(float(share.max(initial=0)) for share in shares)
    rounding = FLOAT32_ERROR * widest
    sum_of_d = sum(float(np.asarray(d, np.float64).sum()) for d in diagonal)
    return (high + gap * spread + (rounding if gap else 0.0)) * sum_of_d


def _drawn(graph: Graph, key: jax.Array, dimension: int) -> Blocks:
    """Random unit vectors [dimension, *shape]; 0 for nodes that are not alive."""
    whole = graph.merged()
    keys = (jax.random.fold_in(key, n) for n in range(len(whole.blocks)))
    draws = [_directions(one, (dimension, *block.shape)) for one, block in zip(keys, whole.blocks, strict=True)]
    vectors = graph.part([x * a for x, a in zip(draws, whole.ones(), strict=True)])
    return tuple(graph.kept_spread(x, 1) for x in vectors)


@functools.partial(jax.jit, static_argnames="shape")
def _directions(key: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    # Compiled once a shape: random numbers for all blocks together take XLA a minute or more.
    return _unit(jax.random.normal(key, shape))


@functools.partial(jax.jit, static_argnames="sweeps")
def _mixed(graph: Graph, degree: Blocks, vectors: Blocks, sweeps: int) -> Blocks:
    """The vectors after some sweeps of the mixing method."""

    def turned(carry: None, n: Any, rows: jax.Array, old: jax.Array, degree: jax.Array) -> tuple[None, jax.Array]:
        # A row that is zero but for rounding has no direction.
        clear = jnp.sum(rows * rows, 0) > (FLOAT32_ERROR * degree) ** 2
        return carry, jnp.where(clear, _unit((1 + _PAST) * _unit(rows) - _PAST * old), old)

    def one_pass(now: Blocks, _: None) -> tuple[Blocks, None]:
        return block_by_block(graph, now, None, turned, (degree,))[0], None

    return jax.lax.scan(one_pass, vectors, None, length=sweeps)[0]


@jax.jit
def _sides(graph: Graph, key: jax.Array, vectors: Blocks) -> jax.Array:
    """Spins: on which side of a random hyperplane each vector lies."""
    normal = jax.random.normal(key, vectors[0].shape[:1])
    return graph.join([jnp.where(jnp.tensordot(normal, x, 1) >= 0, 1, -1).astype(jnp.int8) for x in vectors])


def _enumerated(graph: Graph, vectors: Blocks, work: int) -> dict[Bundle, float]:
    """Links whose windows agree less with spins than with these vectors, and with how much weight at most.

    Only where trying all spins of a window costs no more than the vectors did: ``work`` products with the graph.
    """
    found = {}
    for link in graph.layout.links:
        windows = windows_of(graph, link)
        if windows is not None and windows.work <= work * graph.num_edges:
            ceiling = windows.ceiling()
            if ceiling < _CLEARLY * float(_agreed(graph.weights, link, vectors)):
                found[link] = ceiling
    return found


@functools.partial(jax.jit, static_argnames="link")
def _agreed(weights: Any, link: Bundle, vectors: Blocks) -> jax.Array:
    """sum_ij A_ij x_i . x_j over the edges of a link."""
    received = jax.vmap(lambda *one: link.forward(one, weights))(*vectors)
    return jnp.asarray(sum(jnp.sum(row * vectors[n]) for n, row in received.items()))


def _unit(x: jax.Array) -> jax.Array:
    return x / jnp.maximum(jnp.sqrt(jnp.sum(x * x, 0)), 1e-30)


@jax.jit
def _dual(graph: Graph, vectors: Blocks) -> tuple[Blocks, jax.Array]:
    """|sum_j A_ij x_j| of every node, and sum_ij A_ij x_i . x_j over directed edges."""
    rows = jax.vmap(lambda *one: graph.product(one))(*vectors)
    agreed = sum(jnp.sum(r * x) for r, x in zip(rows, vectors, strict=True))
    return tuple(jnp.sqrt(jnp.sum(r * r, 0)) for r in rows), jnp.asarray(agreed) / 2


def _spectrum(
    graph: Graph, diagonal: Host, root: Host, key: jax.Array, steps: int, longest: int
) -> tuple[float, float]:
    """Smallest and largest Ritz values of D^(-1/2) A_u D^(-1/2)."""
    main, beside = (np.asarray(x, np.float64)[:steps] for x in _lanczos(graph, root, key, steps, longest))
    # The space may be used up before the steps are: what follows a vanished remainder means nothing.
    used = np.flatnonzero(beside < 1e-6 * max(float(np.abs(main).max()), float(beside.max()), 1e-30))
    last = int(used[0]) + 1 if used.size else steps
    found = scipy.linalg.eigvalsh_tridiagonal(main[:last], beside[: last - 1])
    return float(found[0]), float(found[-1])


@functools.partial(jax.jit, static_argnames="longest")
def _lanczos(graph: Graph, root: Blocks, key: jax.Array, steps: Any, longest: int) -> tuple[jax.Array, jax.Array]:
    """Diagonal and off-diagonal of the Lanczos matrix, from a random start: [longest], of which ``steps`` are filled.

    Runs of any length share the program.
    """

    def times(x: Blocks) -> Blocks:
        rows = graph.product(tuple(a * b for a, b in zip(root, x, strict=True)))
        return tuple(a * b for a, b in zip(root, rows, strict=True))

    def dot(x: Blocks, y: Blocks) -> jax.Array:
        return sum((jnp.sum(a * b) for a, b in zip(x, y, strict=True)), jnp.zeros(()))

    def step(n: Any, carry: Any) -> Any:
        (before, here, length), (main, beside) = carry
        there = times(here)
        along = dot(there, here)
        rest = tuple(t - along * h - length * b for t, h, b in zip(there, here, before, strict=True))
        remains = jnp.sqrt(dot(rest, rest))
        ahead = tuple(r / jnp.maximum(remains, 1e-30) for r in rest)
        return (here, ahead, remains), (main.at[n].set(along), beside.at[n].set(remains))

    draws = [jax.random.normal(jax.random.fold_in(key, n), x.shape) for n, x in enumerate(root)]
    draws = [jnp.where(r > 0, d, 0) for d, r in zip(draws, root, strict=True)]
    size = jnp.sqrt(dot(tuple(draws), tuple(draws)))
    first = tuple(d / jnp.maximum(size, 1e-30) for d in draws)
    nothing = tuple(map(jnp.zeros_like, first))
    carry = (nothing, first, jnp.zeros(())), (jnp.zeros(longest), jnp.zeros(longest))
    return jax.lax.fori_loop(0, steps, step, carry)[1]
