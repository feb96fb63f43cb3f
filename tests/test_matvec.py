"""Graphs of operators that only multiply: the same numbers as with their matrices, and clear refusals."""

import functools

import hypothesis
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.sparse.linalg
from signed_graphs import KEY, all_spins, check_bound, check_local, energies, seeds

from jprobe.errors import ArgumentError, ShapeError, WeightsError
from jprobe.frustration import descend, energy, exact, greedy, lower_bound, shuffle_layers, total_weight
from jprobe.graph import as_graph, from_edges, from_matvec, to_scipy
from jprobe.graph.from_matvec import ROUNDING

NODES = 12
COLORS = np.arange(NODES) * 5 % 3  # nodes of one color do not stand together
Partial = jax.tree_util.Partial


def symmetric(seed, colors=COLORS, density=0.7):
    """A_u with edges between nodes of different colors."""
    rng = np.random.default_rng(seed)
    a = np.triu(rng.normal(size=(NODES, NODES)) * (rng.random((NODES, NODES)) < density), 1).astype(np.float32)
    a[np.equal.outer(colors, colors)] = 0
    return a + a.T


def multiplying(a, colors=COLORS):
    """The graph of a matrix that only multiplies; all of a size share what is compiled."""
    product = functools.partial(Partial, jnp.matmul)
    return from_matvec(product(jnp.asarray(a)), NODES, colors=colors, absolute=product(jnp.abs(a)))


A = symmetric(0)


@hypothesis.settings(max_examples=20)
@hypothesis.given(seeds)
def test_small_operators_are_read_out(seed):
    a = symmetric(seed)
    graph = from_matvec(Partial(jnp.matmul, jnp.asarray(a)), NODES)
    assert (to_scipy(graph).toarray() == np.tril(a)).all()
    assert graph.num_edges == np.count_nonzero(a) // 2


def test_what_was_read_out_is_the_graph_of_the_edges():
    graph, same = from_matvec(lambda s: A @ s, NODES), as_graph(np.tril(A))
    found = exact(graph)
    assert found.energy == exact(same).energy
    assert found.energy == pytest.approx(energies(same, all_spins(NODES)).min(), abs=1e-12)
    assert sorted(shuffle_layers(graph, key=KEY).weights[0].tolist()) == sorted(same.weights[0].tolist())


def test_one_matrix_read_and_multiplied_with_gives_the_same_numbers():
    graph, listed = multiplying(A), as_graph(np.tril(A))
    spins = all_spins(NODES)[:7]
    np.testing.assert_allclose(graph.matvec(jnp.asarray(spins)), spins @ A, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(energy(graph, spins), energies(listed, spins), rtol=0, atol=1e-14)
    assert total_weight(graph) == pytest.approx(np.abs(A, dtype=np.float64).sum() / 2, rel=1e-14)
    found = descend(graph, key=KEY, replicas=5)
    check_local(listed, found)
    assert repr(graph) == "Graph(12 nodes, ? edges, 3 blocks)"
    # Each node has an edge half in and half out, so what is frustrated is shared among the blocks.
    weight = np.array([np.abs(A[color == COLORS]).sum() for color in range(3)])
    np.testing.assert_allclose(found.frustrated @ weight / weight.sum(), found.energy, atol=1e-7)


def test_bounds_and_other_arrays_compile_nothing_again(compilations):
    least = [energies(as_graph(np.tril(a)), all_spins(NODES)).min() for a in (A, symmetric(1))]
    bound = functools.partial(lower_bound, key=KEY, dimension=8, sweeps=20, steps=60)
    check_bound(as_graph(np.tril(A)), bound(multiplying(A)), least[0])
    with compilations("_mixed") as mixed, compilations("_lanczos") as lanczos, compilations("_product") as products:
        again = bound(multiplying(symmetric(1)))
    assert (mixed(), lanczos(), products()) == (0, 0, 0)
    check_bound(as_graph(np.tril(symmetric(1))), again, least[1])


def test_a_lattice_is_multiplied_with_in_its_own_shape():
    shape = (4, 6)
    down, right = (np.random.default_rng(0).choice([-1.0, 1.0], shape).astype(np.float32) for _ in range(2))

    def times(a, b, s):
        return a * jnp.roll(s, -1, 0) + jnp.roll(a * s, 1, 0) + b * jnp.roll(s, -1, 1) + jnp.roll(b * s, 1, 1)

    number = np.arange(24).reshape(shape)
    ends = [(number, np.roll(number, -1, axis), w) for axis, w in enumerate((down, right))]
    source, target, weight = (np.concatenate([np.ravel(e[k]) for e in ends]) for k in range(3))
    listed = from_edges(source, target, weight)
    color = np.indices(shape).sum(0) % 2
    graph = from_matvec(
        functools.partial(times, down, right), shape, colors=color, absolute=functools.partial(times, down**2, right**2)
    )
    assert len(graph.blocks) == 2
    spins = np.random.default_rng(1).choice([-1, 1], (3, 24))
    np.testing.assert_allclose(energy(graph, spins), energies(listed, spins), rtol=0, atol=1e-14)
    both = to_scipy(listed) + to_scipy(listed).T
    read = to_scipy(from_matvec(functools.partial(times, down, right), shape))
    assert abs(read + read.T - both).max() == 0


def test_other_functions_than_those_of_jax_go_through_a_callback():
    def outside(s):
        product = lambda x: (scipy.sparse.linalg.aslinearoperator(A) @ x).astype(x.dtype)  # noqa: E731
        return jax.pure_callback(product, jax.ShapeDtypeStruct(s.shape, s.dtype), s, vmap_method="sequential")

    assert (to_scipy(from_matvec(outside, NODES)).toarray() == np.tril(A)).all()


def test_a_directed_operator_becomes_symmetric_by_its_transpose():
    a = jnp.asarray(np.tril(A) - 2 * np.triu(A))
    graph = from_matvec(lambda s: a @ s + jax.linear_transpose(lambda s: a @ s, s)(s)[0], NODES)
    assert (to_scipy(graph).toarray() == np.tril(a + a.T)).all()


def test_rounding_of_a_transform_is_no_edge():
    kernel = np.zeros(16)
    kernel[[1, -1, 3, -3]] = 1.0, 1.0, -0.5, -0.5
    spectrum = np.fft.fft(kernel)
    graph = from_matvec(lambda s: jnp.fft.ifft(jnp.fft.fft(s) * spectrum).real.astype(s.dtype), 16)
    assert graph.num_edges == 32
    np.testing.assert_allclose(np.unique(graph.weights[0].round(5)), [-0.5, 1.0])


def test_what_only_multiplies_has_no_list_of_edges():
    graph = multiplying(A)
    for asked in (greedy, exact, to_scipy, lambda g: g.num_edges):
        with pytest.raises(ArgumentError, match=r"only multiplies.*descend, anneal"):
            asked(graph)
    with pytest.raises(ArgumentError, match="no trained weights"):
        shuffle_layers(graph)


DIRECTED = np.tril(A) + 0.5 * np.triu(A)
ABSOLUTE = {"colors": COLORS, "absolute": lambda s: abs(A) @ s}
LOOP = np.diag(np.arange(NODES) == 3).astype(np.float32)


@pytest.mark.parametrize(
    ("matvec", "more", "error", "says"),
    [
        (lambda s: DIRECTED @ s, {}, ArgumentError, r"not symmetric: the entries \(0, 1\).*linear_transpose"),
        (lambda s: DIRECTED @ s, {"colors": COLORS, "absolute": lambda s: abs(DIRECTED) @ s}, ArgumentError, "not symmetric"),
        (lambda s: jnp.tanh(A @ s), {}, ArgumentError, "matvec is not linear"),
        (lambda s: jnp.tanh(A @ s), ABSOLUTE, ArgumentError, "matvec is not linear"),
        (lambda s: A @ s + 1, {}, ArgumentError, "matvec is not linear"),
        (lambda s: A @ s.astype(jnp.float32), {}, ArgumentError, "lower precision"),
        (lambda s: A @ s.astype(jnp.float32), ABSOLUTE, ArgumentError, "lower precision"),
        (lambda s: A @ s.astype(jnp.bfloat16).astype(s.dtype), ABSOLUTE, ArgumentError, "matvec is not linear|lower"),
        (lambda s: (A + LOOP) @ s, {}, ShapeError, "Node 3 has an edge to itself"),
        (lambda s: (A + LOOP) @ s, {"colors": COLORS, "absolute": lambda s: abs(A + LOOP) @ s}, ShapeError, "Node 3 has"),
        (lambda s: A @ s, ABSOLUTE | {"colors": COLORS % 2}, ArgumentError, "another node of its color"),
        (lambda s: A @ s, ABSOLUTE | {"absolute": lambda s: 2 * (abs(A) @ s)}, ArgumentError, "absolute is not"),
        (lambda s: A @ s, ABSOLUTE | {"absolute": lambda s: A @ s}, ArgumentError, "absolute is not"),
        (lambda s: A @ s, {"colors": COLORS}, ArgumentError, "come together"),
        (lambda s: A @ s, ABSOLUTE | {"colors": COLORS[:3]}, ShapeError, "one color for each node"),
        (lambda s: A[:3] @ s, {}, ShapeError, "the same shape"),
        (lambda s: 1j * s, {}, WeightsError, "complex64"),
        (lambda s: A @ s * jnp.nan, {}, WeightsError, "NaN"),
        (lambda s: A @ s * jnp.nan, ABSOLUTE, WeightsError, "NaN"),
        (lambda s: np.dot(A, np.asarray(s)), {}, ArgumentError, "no JAX function.*pure_callback"),
        (A, {}, ArgumentError, "as_graph takes matrices"),
    ],
)  # fmt: skip
def test_what_is_refused(matvec, more, error, says):
    with pytest.raises(error, match=says):
        from_matvec(matvec, NODES, **more)


def test_large_operators_are_not_read_out():
    with pytest.raises(ShapeError, match="one node or more"):
        from_matvec(lambda s: s, 0)
    with pytest.raises(ArgumentError, match=r"up to 4,096 nodes; this has 5,000.*colors="):
        from_matvec(lambda s: s, 5000)


def test_probes_ask_for_what_minimisers_allow():
    from jprobe.frustration.energy import FLOAT32_ERROR

    assert ROUNDING == FLOAT32_ERROR
