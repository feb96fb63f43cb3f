"""Randomizations A to G: what paper 1's Table 1 says that each keeps, and what it breaks."""

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from reference import arrangements, properties, reachable
from scipy import stats

from jprobe.probes import chain, prune, randomize, swap_edges

pytestmark = pytest.mark.quick

# Draws are fixed by their keys; a right implementation fails such a test for one key in a thousand.
P = 1e-3

DEGREES = {"kL+", "kL-", "kR+", "kR-"}
EVERYTHING = {*DEGREES, "alpha", "sL+", "sL-", "sR+", "sR-", "sign"}

# Table 1. In G a positive weight travels with its left node, so sL+ stays too.
KEEPS = {
    "A": {"alpha"},
    "B": {"alpha", *DEGREES, "sign"},
    "C": {"alpha", "kL+", "kL-", "sL+", "sL-"},
    "D": {"alpha", "kR+", "kR-", "sR+", "sR-"},
    "E": {"alpha", *DEGREES, "sL+", "sL-", "sign"},
    "F": {"alpha", *DEGREES, "sR+", "sR-", "sign"},
    "G": {"alpha", *DEGREES, "sL+"},
}
BREAKS = [(kind, name) for kind, kept in KEEPS.items() for name in sorted(EVERYTHING - kept)]
TYPES = list(KEEPS)


def one(kind):
    return lambda key, m: randomize(kind).apply(key, {"kernel": m}, (), 0.0)["kernel"]


@functools.cache
def jitted(kind):
    return jax.jit(one(kind))


@functools.cache
def batched(kind):
    return jax.jit(jax.vmap(one(kind), in_axes=(0, None)))


@functools.cache
def swapping(rounds):
    return jax.jit(lambda key, m: swap_edges(key, m, rounds))


# Runs long enough to be worth some of the optimizing that files marked "quick" leave out.
@functools.partial(jax.jit, compiler_options={"xla_backend_optimization_level": 1})
def many_swaps(keys, m):
    return jax.vmap(lambda key: swap_edges(key, m, 128)[0])(keys)


def shuffled(kind, m, seed=0):
    return np.asarray(jitted(kind)(jax.random.key(seed), jnp.asarray(m, jnp.float32)))


def signed_matrices():
    # Whole numbers: their sums are exact in any order.
    entries = st.one_of(st.just(0.0), st.integers(-99, 99).map(float))
    return st.sampled_from([(6, 5), (3, 4), (7, 1)]).flatmap(
        lambda shape: hnp.arrays(np.float32, shape, elements=entries, fill=st.nothing())
    )


@pytest.fixture(scope="module")
def large():
    rng = np.random.default_rng(0)
    weights = rng.permutation(np.arange(1, 40 * 30 + 1)).reshape(40, 30)
    return (weights * rng.choice([-1, 1], (40, 30), p=[0.6, 0.4]) * (rng.random((40, 30)) > 0.3)).astype(np.float32)


@pytest.mark.parametrize("kind", TYPES)
@settings(max_examples=60, deadline=None, derandomize=True)
@given(m=signed_matrices(), seed=st.integers(0, 2**31 - 1))
def test_keeps_what_table_1_says(kind, m, seed):
    out = shuffled(kind, m, seed)
    before, after = properties(m), properties(out)
    for name in KEEPS[kind]:
        assert np.array_equal(before[name], after[name]), name
    assert np.array_equal(out == 0, m == 0)
    assert np.array_equal(np.sort(out, axis=None), np.sort(m, axis=None))


@pytest.mark.parametrize(("kind", "name"), BREAKS)
def test_breaks_what_table_1_says(kind, name, large):
    before, after = properties(large)[name], properties(shuffled(kind, large))[name]
    assert (before != after).mean() > 0.25


@pytest.mark.parametrize("kind", TYPES)
def test_weights_move(kind, large):
    edges = large != 0
    assert (shuffled(kind, large) != large)[edges].mean() > 0.8


@pytest.mark.parametrize("kind", TYPES)
def test_table_row_of_a_large_matrix(kind, large):
    before, after = properties(large), properties(shuffled(kind, large, seed=4))
    assert {name for name in EVERYTHING if np.array_equal(before[name], after[name])} == KEEPS[kind]


SQUARE = np.array([[1, 2, -3], [0, 4, -5]], np.float32)
WIDE = np.array([[1, 2, 3, -4], [5, 6, -7, -8]], np.float32)


@pytest.mark.parametrize(
    ("kind", "m"),
    [
        ("A", SQUARE),
        ("B", SQUARE),
        ("C", np.array([[1, -2, 3, 0], [4, 0, -5, 6]], np.float32)),
        ("D", np.array([[1, -2, 3, 0], [4, 0, -5, 6]], np.float32).T),
        ("E", WIDE),
        ("F", WIDE.T),
    ],
)
def test_every_arrangement_is_equally_likely(kind, m):
    every = sorted(arrangements(m, kind))
    place = {outcome: i for i, outcome in enumerate(every)}
    found = np.asarray(batched(kind)(jax.random.split(jax.random.key(1), 100 * len(every)), m))
    counts = np.bincount([place[tuple(row)] for row in found.reshape(len(found), -1).tolist()], minlength=len(every))
    assert stats.chisquare(counts).pvalue > P


def test_rows_of_one_length_move_independently():
    m = np.array([[1, 2, 3], [4, 5, 6]], np.float32)
    found = np.asarray(batched("C")(jax.random.split(jax.random.key(2), 7200), m)).reshape(-1, 6)
    place = {outcome: i for i, outcome in enumerate(sorted(arrangements(m, "C")))}
    assert stats.chisquare(np.bincount([place[tuple(row)] for row in found.tolist()], minlength=36)).pvalue > P


def test_negative_weights_of_g_are_dealt_out_evenly():
    m = np.array([[1, -2, -3], [-4, 5, -6], [-7, -8, 9]], np.float32)
    found = np.asarray(batched("G")(jax.random.split(jax.random.key(3), DRAWS), m)).reshape(-1, 9)
    negatives = np.array([row[row < 0] for row in found])
    for n in range(6):
        assert stats.chisquare(np.unique(negatives[:, n], return_counts=True)[1]).pvalue > P / 6


DRAWS = 3600
SIGNS = {
    "3x3, one positive a line": 2 * np.eye(3) - 1,
    "2x2": 2 * np.eye(2) - 1,
    "3x4, with zeros": [[1, 0, -1, -1], [-1, 1, 0, 1], [0, -1, 1, -1]],
    "4x4, with zeros": [[1, 0, -1, -1], [-1, 1, 0, 1], [0, -1, 1, -1], [-1, -1, 1, 0]],
    "5x3": [[1, -1, -1], [-1, 1, -1], [-1, -1, 1], [1, -1, 1], [-1, 1, -1]],
    "4x5": [[1, -1, -1, -1, -1], [-1, 1, -1, -1, -1], [-1, -1, 1, -1, -1], [-1, -1, -1, 1, -1]],
    "4x4, one positive a line": 2 * np.eye(4) - 1,
    "2x4, opposite rows": [[1, 1, -1, -1], [-1, -1, 1, 1]],
}


@pytest.mark.parametrize("name", SIGNS)
def test_g_is_uniform_over_the_sign_patterns_that_swaps_reach(name):
    signs = np.array(SIGNS[name], np.float32)
    place = {pattern: i for i, pattern in enumerate(sorted(reachable(signs)))}
    # More rounds than a layer gets: the question is where the chain goes, not how fast.
    mixed = many_swaps(jax.random.split(jax.random.key(4), DRAWS), signs)
    found = np.asarray(mixed).astype(int).reshape(DRAWS, -1)
    counts = np.bincount([place[tuple(row)] for row in found.tolist()], minlength=len(place))
    assert len(place) > 1
    assert stats.chisquare(counts).pvalue > P


def overlap(start, mixed):
    """Part of the positive edges that are still positive."""
    return ((mixed > 0) & (start > 0)).sum() / (start > 0).sum()


@pytest.mark.parametrize("positive", [0.5, 0.2])
def test_overlap_falls_with_the_number_of_swaps_and_levels_off(positive):
    rng = np.random.default_rng(1)
    start = rng.normal(size=(64, 32)) * 1.0
    start = (np.abs(start) * np.where(rng.random((64, 32)) < positive, 1, -1)).astype(np.float32)
    draws = jax.random.split(jax.random.key(0), 8)
    values, made = {}, {}
    for rounds in (1, 4, 16, 64, 192):
        mixed, swaps = zip(*(swapping(rounds)(key, start) for key in draws), strict=True)
        values[rounds] = np.array([overlap(start, np.asarray(m)) for m in mixed])
        made[rounds] = sum(int(s.made) for s in swaps)
    means = {rounds: v.mean() for rounds, v in values.items()}
    assert made[1] < made[4] < made[16] < made[64] < made[192]
    assert means[1] > means[4] + 0.02 > means[16] + 0.04
    assert means[16] > means[64] - 0.005
    # The floor is near the part of edges that are positive; degrees that are kept hold it a little above.
    assert positive - 0.02 < means[64] < positive + 0.06
    error = (values[64].var(ddof=1) / 8 + values[192].var(ddof=1) / 8) ** 0.5
    assert abs(means[64] - means[192]) < 3.5 * error


def test_one_round_changes_four_edges_a_swap():
    rng = np.random.default_rng(2)
    start = (rng.normal(size=(12, 10)) * (rng.random((12, 10)) > 0.2)).astype(np.float32)
    for seed in range(10):
        mixed, swaps = swapping(1)(jax.random.key(seed), start)
        assert (np.sign(mixed) != np.sign(start)).sum() == 4 * int(swaps.made)


@pytest.mark.parametrize("shape", [(2, 2), (5, 4), (7, 9), (1, 6), (6, 1), (12, 10)])
def test_swaps_are_counted(shape):
    start = np.random.default_rng(3).normal(size=shape).astype(np.float32)
    mixed, swaps = swap_edges(jax.random.key(0), jnp.asarray(start), 7)
    assert int(swaps.attempted) == 7 * (shape[0] // 2) * (shape[1] // 2)
    assert 0 <= int(swaps.made) <= int(swaps.attempted)
    assert (np.sign(mixed) != np.sign(start)).sum() <= 4 * int(swaps.made)


def test_swaps_keep_each_weight_on_its_left_node():
    start = np.random.default_rng(4).normal(size=(9, 8)).astype(np.float32)
    mixed, swaps = swap_edges(jax.random.key(0), jnp.asarray(start))
    assert int(swaps.made) > 50
    assert np.array_equal(np.sort(mixed, axis=1), np.sort(start, axis=1))
    for name in DEGREES:
        assert np.array_equal(properties(start)[name], properties(mixed)[name])


@pytest.mark.parametrize("rounds", [0, 1])
def test_no_swap_can_be_made_without_both_signs(rounds):
    for start in (np.ones((6, 4)), -np.ones((6, 4)), np.zeros((6, 4))):
        mixed, swaps = swap_edges(jax.random.key(0), jnp.asarray(start, jnp.float32), rounds)
        assert int(swaps.made) == 0
        assert np.array_equal(mixed, start)


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize(
    "m",
    [
        pytest.param(np.array([[1, -2, 0, 3, -4, 5, -6]]), id="one left node"),
        pytest.param(np.array([[1, -2, 0, 3, -4, 5, -6]]).T, id="one right node"),
        pytest.param(np.arange(1, 13).reshape(3, 4), id="all positive"),
        pytest.param(-np.arange(1, 13).reshape(3, 4), id="all negative"),
        pytest.param(np.zeros((3, 4)), id="all zero"),
        pytest.param(np.array([[-2.5]]), id="one weight"),
    ],
)
def test_degenerate_matrices(kind, m):
    out, m = shuffled(kind, m), np.asarray(m, np.float32)
    before, after = properties(m), properties(out)
    for name in KEEPS[kind]:
        assert np.array_equal(before[name], after[name]), name
    assert np.array_equal(out == 0, m == 0)
    assert np.array_equal(np.sort(out, axis=None), np.sort(m, axis=None))


@pytest.mark.parametrize("kind", TYPES)
def test_first_axis_as_outputs_is_the_transpose(kind):
    m = np.random.default_rng(5).normal(size=(6, 5)).astype(np.float32)
    key = jax.random.key(0)
    other = randomize(kind, output_axis=0).apply(key, {"kernel": jnp.asarray(m.T)}, (), 0.0)["kernel"]
    assert np.array_equal(other.T, shuffled(kind, m))


@pytest.mark.parametrize("kind", ["C", "D"])
def test_a_convolution_is_the_matrix_of_its_patches(kind):
    kernel = np.random.default_rng(6).normal(size=(3, 2, 2, 5)).astype(np.float32)
    out = shuffled(kind, kernel)
    assert np.array_equal(out.reshape(12, 5), shuffled(kind, kernel.reshape(12, 5)))


def test_rows_of_65536_places_and_more():
    m = np.random.default_rng(7).normal(size=(1, 70_000)).astype(np.float32)
    out = shuffled("B", m)
    assert np.array_equal(np.sign(out), np.sign(m))
    assert np.array_equal(np.sort(out, axis=None), np.sort(m, axis=None))
    assert (out == m).mean() < 1e-3


def test_layers_and_keys_draw_apart():
    m = jnp.asarray(np.random.default_rng(8).normal(size=(6, 5)), jnp.float32)
    outs = [randomize("B").apply(jax.random.key(s), {"a": m, "b": m}, (), 0.0) for s in (0, 1)]
    flat = [tuple(np.asarray(w).ravel().tolist()) for out in outs for w in out.values()]
    assert len(set(flat)) == 4


def test_pruned_zeros_stay_where_they_are():
    m = np.random.default_rng(9).normal(size=(8, 6)).astype(np.float32)
    params = {"kernel": jnp.asarray(m)}
    key = jax.random.key(0)
    kept = jax.jit(lambda params: prune().apply(key, params, prune().init(params), 0.5))(params)["kernel"]
    for kind in ("B", "C"):
        probe = chain(prune(), randomize(kind))
        out = jax.jit(lambda params, probe=probe: probe.apply(key, params, probe.init(params), 0.5))(params)["kernel"]
        assert np.array_equal(np.asarray(out) == 0, np.asarray(kept) == 0)
        assert np.array_equal(np.sort(out, axis=None), np.sort(kept, axis=None))


def test_brute_force_enumerations_are_what_they_should_be():
    assert [len(arrangements(SQUARE, k)) for k in "ABCDEF"] == [120, 12, 12, 4, 2, 4]
    assert len(reachable(2 * np.eye(3) - 1)) == 6
    assert len(reachable(2 * np.eye(4) - 1)) == 24
    pairs = list(itertools.combinations(range(3), 2))
    assert len(reachable([[1 if j in pair else -1 for j in range(3)] for pair in pairs])) == 6
