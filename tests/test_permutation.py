"""The keyed permutation and the stable sort behind every random probe and every ranking."""

import itertools

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest
from scipy import stats

from jprobe.permutation import hashed_uniform, permute_index, stable_argsort

pytestmark = pytest.mark.quick

# Draws are fixed by their keys; a right implementation fails such a test for one key in a thousand.
P = 1e-3


def keys(n, seed=0):
    return jax.random.split(jax.random.key(seed), n)


def permutations(n, draws, stream=0, seed=0):
    one = jax.jit(jax.vmap(lambda key: permute_index(key, jnp.arange(n), n, stream)))
    return np.asarray(one(keys(draws, seed)))


def uniform_p(found, outcomes):
    """p-value of a chi-square test that rows of ``found`` are uniform over ``outcomes``."""
    outcomes = sorted(outcomes)
    place = {outcome: i for i, outcome in enumerate(outcomes)}
    counts = np.bincount([place[tuple(row)] for row in found.tolist()], minlength=len(outcomes))
    return stats.chisquare(counts).pvalue


def test_bijection_for_every_small_length():
    image = jax.jit(jax.vmap(lambda key, n: permute_index(key, jnp.minimum(jnp.arange(70), n - 1), n)))
    for seed in range(5):
        found = np.asarray(image(keys(70, seed), jnp.arange(1, 71)))
        for n in range(1, 71):
            assert sorted(found[n - 1, :n]) == list(range(n))


@pytest.mark.parametrize("n", [255, 256, 257, 50176, 65535, 65536, 65537, 1_000_003])
def test_bijection_for_large_lengths(n):
    found = np.asarray(jax.jit(permute_index)(jax.random.key(n), np.arange(n, dtype=np.int32), n))
    assert found.dtype == np.int32
    assert np.array_equal(np.sort(found), np.arange(n))
    # Of n images about one stays, so ten would be a permutation that does not mix.
    assert (found == np.arange(n)).sum() < 10


def test_bijection_near_the_largest_length():
    n = 2**31 - 1
    index = np.random.default_rng(0).choice(n, 1000, replace=False).astype(np.int32)
    found = np.asarray(permute_index(jax.random.key(0), jnp.asarray(index), n))
    assert found.min() >= 0
    assert len(set(found.tolist())) == 1000
    assert stats.kstest(found / n, "uniform").pvalue > P


def test_groups_of_different_lengths_are_permuted_apart():
    lengths = np.array([0, 1, 2, 5, 9, 3])
    index = np.minimum(np.arange(9), np.maximum(lengths - 1, 0)[:, None])
    found = np.asarray(permute_index(jax.random.key(3), jnp.asarray(index), lengths[:, None], np.arange(6)[:, None]))
    assert (found[0] == index[0]).all()
    for row, n in zip(found, lengths, strict=True):
        assert sorted(row[:n]) == list(range(n))


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_every_permutation_is_equally_likely(n):
    outcomes = set(itertools.permutations(range(n)))
    found = permutations(n, 12_000)
    if n == 1:
        assert not found.any()
    else:
        assert uniform_p(found, outcomes) > P


@pytest.mark.parametrize("n", [5, 7, 16, 50])
def test_every_element_goes_everywhere(n):
    found = permutations(n, 4000)
    p = [stats.chisquare(np.bincount(found[:, i], minlength=n)).pvalue for i in range(n)]
    assert min(p) > P / n


def test_fixed_points_inversions_and_cycles_are_those_of_a_uniform_permutation():
    n, draws = 200, 2000
    found = permutations(n, draws)
    below = np.tril(np.ones((n, n), bool), -1)
    fixed, inversions, cycles = np.empty((3, draws))
    for d, p in enumerate(found):
        fixed[d] = (p == np.arange(n)).sum()
        inversions[d] = ((p[:, None] < p[None, :]) & below).sum()
        left = set(range(n))
        cycles[d] = 0
        while left:
            cycles[d] += 1
            at = left.pop()
            while p[at] in left:
                at = int(p[at])
                left.remove(at)
    harmonic = [sum(k**-e for k in range(1, n + 1)) for e in (1, 2)]
    for values, mean, variance in (
        (fixed, 1, 1),
        (inversions, n * (n - 1) / 4, n * (n - 1) * (2 * n + 5) / 72),
        (cycles, harmonic[0], harmonic[0] - harmonic[1]),
    ):
        z = (values.mean() - mean) / (variance / draws) ** 0.5
        assert abs(z) < 3.3  # p = 0.001
        spread = ((values - mean) ** 2).mean() / variance
        kurtosis = ((values - mean) ** 4).mean() / variance**2
        assert abs(spread - 1) < 3.3 * ((kurtosis - 1) / draws) ** 0.5


@pytest.mark.parametrize(("a", "b"), [(0, 1), (1, 2), (0, 64), (7, 100_352)])
def test_streams_move_independently(a, b):
    pairs = np.concatenate([permutations(3, 8000, stream) for stream in (a, b)], axis=1)
    outcomes = {p + q for p in itertools.permutations(range(3)) for q in itertools.permutations(range(3))}
    assert uniform_p(pairs, outcomes) > P


def test_keys_move_independently():
    found = permutations(3, 16_000)
    pairs = np.concatenate([found[::2], found[1::2]], axis=1)
    outcomes = {p + q for p in itertools.permutations(range(3)) for q in itertools.permutations(range(3))}
    assert uniform_p(pairs, outcomes) > P


def test_streams_of_one_call_are_those_of_separate_calls():
    key = jax.random.key(5)
    together = permute_index(key, jnp.arange(11), 11, jnp.arange(4)[:, None])
    apart = jnp.stack([permute_index(key, jnp.arange(11), 11, s) for s in range(4)])
    assert (together == apart).all()
    assert len({tuple(row) for row in together.tolist()}) == 4


def test_same_key_same_permutation():
    a, b = (permute_index(jax.random.key(s), jnp.arange(50), 50) for s in (1, 2))
    assert (a == permute_index(jax.random.key(1), jnp.arange(50), 50)).all()
    assert (a != b).any()


DTYPES = {"float32": np.float32, "float16": np.float16, "bfloat16": ml_dtypes.bfloat16}


argsort = jax.jit(stable_argsort, static_argnums=1)


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", [1, 2, 3, 1000, 65536, 65537])
def test_stable_argsort_is_numpys(size, dtype, descending):
    rng = np.random.default_rng(size)
    w = np.abs(rng.normal(size=size)).astype(DTYPES[dtype])
    w[rng.random(size) < 0.3] = 0
    w[rng.random(size) < 0.2] = 1
    expected = np.argsort(-w.astype(np.float64) if descending else w.astype(np.float64), stable=True)
    found = argsort(w, descending)
    assert found.dtype == jnp.int32
    assert np.array_equal(found, expected)


@pytest.mark.parametrize("descending", [False, True])
def test_stable_argsort_keeps_equal_numbers_in_order(descending):
    assert np.array_equal(stable_argsort(jnp.ones(777), descending), np.arange(777))


def test_stable_argsort_of_the_extremes():
    w = np.array([np.inf, 0, 1e-45, 3e38, 1e-38, 2e-45, 0, 1e-20, np.inf], np.float32)
    assert np.array_equal(stable_argsort(jnp.asarray(w)), np.argsort(w, stable=True))


def test_stable_argsort_is_safe_under_jit_and_vmap():
    w = np.abs(np.random.default_rng(0).normal(size=(3, 100))).astype(np.float32).round(1)
    assert np.array_equal(jax.jit(jax.vmap(stable_argsort))(w), np.argsort(w, axis=1, stable=True))


@pytest.mark.parametrize("seed", range(3))
def test_hashed_draws_are_uniform_and_independent(seed):
    stats = pytest.importorskip("scipy.stats")
    draws = np.asarray(hashed_uniform(jax.random.key(seed), (300, 1000)))
    assert stats.kstest(draws.ravel(), "uniform").pvalue > 1e-4
    assert ((draws >= 0) & (draws < 1)).all()
    # Neighbours along either axis, and draws of the next key, are uncorrelated: 5 standard deviations of 3e5 pairs.
    other = np.asarray(hashed_uniform(jax.random.fold_in(jax.random.key(seed), 1), (300, 1000)))
    for a, b in ((draws[:, 1:], draws[:, :-1]), (draws[1:], draws[:-1]), (draws, other)):
        assert abs(np.corrcoef(a.ravel(), b.ravel())[0, 1]) < 5 / np.sqrt(a.size)
    # Every bit is a fair coin, alone and against the parity of the place.
    bits = (draws.ravel()[:, None] * 2**24).astype(np.int64) >> np.arange(24) & 1
    assert (abs(bits.mean(0) - 0.5) < 5 * 0.5 / np.sqrt(draws.size)).all()
    assert (abs(bits[::2].mean(0) - bits[1::2].mean(0)) < 5 / np.sqrt(draws.size)).all()
