"""Every probe against plain NumPy, and what all probes have in common."""

import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest
import reference
from jax.sharding import Mesh, PartitionSpec
from reference import QUICK, perturbed
from scipy import stats

from jprobe import probes
from jprobe.errors import ArgumentError, LevelError, ShapeError, UnknownLayerError, UnknownNameError
from jprobe.probes import (
    Level,
    Probe,
    at,
    binarize,
    chain,
    flip,
    multiplicative_noise,
    noise,
    prune,
    randomize,
    truncate_spectrum,
)
from jprobe.probes.base import count
from jprobe.programs.dependence import dependents
from jprobe.selection import everything

pytestmark = pytest.mark.quick

# Draws are fixed by their keys; a right implementation fails such a test for one key in a thousand.
P = 1e-3
KEY = jax.random.key(0)

DTYPES = {"float32": np.float32, "bfloat16": ml_dtypes.bfloat16, "float16": np.float16}
SHAPES = {
    "dense": {"a/kernel": (12, 7), "a/bias": (7,), "b/kernel": (7, 1), "b/bias": (1,)},
    "conv": {"a/kernel": (3, 3, 2, 5), "a/bias": (5,), "b/kernel": (1, 1), "c/kernel": (3, 1, 3)},
}
SPARSITIES = {"dense": 0.0, "0.3": 0.3, "0.95": 0.95, "ties": None}


def network(shapes, dtype, sparsity, seed=0):
    """Weights by path; sparsity None: magnitudes 0.5 and 1 only."""
    rng = np.random.default_rng(seed)
    out = {}
    for path, shape in shapes.items():
        w = rng.normal(size=shape)
        if sparsity is None:
            w = rng.choice([-1, 1], shape) * rng.choice([0.5, 1], shape)
        else:
            w[rng.random(shape) < sparsity] = 0
        out[path] = w.astype(dtype)
    return out


class Row(NamedTuple):
    """A probe, its levels, and check(before, after, level) on the selected leaves: lists of NumPy arrays."""

    probe: Probe
    levels: tuple[float, ...]
    check: Callable[[list[np.ndarray], list[np.ndarray], float], None]
    biases: bool = False


def equals(expected):
    def check(before, after, level):
        for found, right in zip(after, expected(before, level), strict=True):
            assert np.array_equal(found, right)

    return check


def random_share(before, after, level, changed):
    for w, out in zip(before, after, strict=True):
        assert np.array_equal(np.where(changed(w, out), w, out), w)


def random_prune(before, after, level):
    for w, out in zip(before, after, strict=True):
        assert ((out == w) | (out == 0)).all()
        gone, zeros = int((out == 0).sum()), int((w == 0).sum())
        n = reference.removed(level, w.size)
        assert max(n, zeros) <= gone <= min(n + zeros, w.size)


def random_flip(before, after, level):
    for w, out in zip(before, after, strict=True):
        assert np.array_equal(np.abs(out), np.abs(w))
        turned = int((np.signbit(out) != np.signbit(w)).sum())
        assert turned == reference.count(level, w.size)


def additive(bounded):
    def check(before, after, level):
        for w, out in zip(before, after, strict=True):
            step = out.astype(np.float64) - w.astype(np.float64)
            assert not step[w == 0].any()
            # w + step is rounded to the dtype.
            eps = float(ml_dtypes.finfo(w.dtype).eps)
            slack = eps * (np.abs(w.astype(np.float64)) + 1)
            if bounded:
                assert (np.abs(step) <= level * (1 + slack) + slack).all()
            if level == 0:
                assert np.array_equal(out, w)
            elif (w != 0).sum() > 20 and level > eps:
                assert np.abs(step).max() > level / 8

    return check


def multiplicative(fraction, scope="layer"):
    def check(before, after, level):
        touched = reference.multiplied(before, fraction, scope)
        for w, out, mask in zip(before, after, touched, strict=True):
            w, out, eps = w.astype(np.float64), out.astype(np.float64), float(ml_dtypes.finfo(w.dtype).eps)
            assert np.array_equal(out[~mask], w[~mask])
            assert (np.abs(out) <= np.abs(w) * level * (1 + 2 * eps))[mask].all()
            if level == 0:
                assert not out[mask].any()
            elif level == 1.5:
                moved = (out != w)[mask & (w != 0)]
                assert moved.sum() >= 0.8 * moved.size

    return check


def truncated(output_axis=-1):
    def check(before, after, level):
        for w, out in zip(before, after, strict=True):
            full = min(np.moveaxis(w, output_axis, -1).reshape(-1, w.shape[output_axis]).shape)
            if level >= full:
                assert np.array_equal(out, w)
                continue
            tolerance = 8 * float(ml_dtypes.finfo(w.dtype).eps) * max(1.0, np.linalg.norm(w.astype(np.float64)))
            # Ties between singular values make the approximation ambiguous; its error never is.
            low = reference.truncate(w, int(level), output_axis).astype(np.float64)
            error = np.linalg.norm(out.astype(np.float64) - w) - np.linalg.norm(low - w)
            assert abs(error) <= tolerance
            s = np.linalg.svd(np.moveaxis(w.astype(np.float64), output_axis, -1).reshape(-1, w.shape[output_axis]))[1]
            if s[int(level) - 1] - s[int(level)] > 0.1 * s[0]:
                assert np.abs(out.astype(np.float64) - low).max() <= 4 * tolerance

    return check


def shuffled(before, after, level):
    for w, out in zip(before, after, strict=True):
        assert np.array_equal(out == 0, w == 0)
        assert np.array_equal(np.sort(out.astype(float), axis=None), np.sort(w.astype(float), axis=None))


def scored(w):
    """Scores of every sign that have nothing to do with the weights, many of them equal."""
    return (np.arange(w.size) * 5 % 11 - 5.0).reshape(w.shape)


FRACTIONS = (0.0, 0.1, 0.3, 0.57, 0.7, 0.999, 1.0)
AMPLITUDES = (0.0, 2.0**-10, 0.25, 1.0)
TABLE = {
    **{
        f"prune {order} {scope}": Row(
            prune(order, scope=scope),
            FRACTIONS,
            equals(lambda ws, f, o=order, s=scope: reference.prune(ws, f, o, s)),
        )
        for order in ("smallest", "largest")
        for scope in ("layer", "global")
    },
    **{
        f"flip {order} {scope}": Row(
            flip(order, scope=scope),
            FRACTIONS,
            equals(lambda ws, f, o=order, s=scope: reference.flip(ws, f, o, s)),
        )
        for order, scope in (("smallest", "layer"), ("largest", "layer"), ("smallest", "global"))
    },
    **{
        f"prune by scores {order} {scope}": Row(
            prune(order, scope=scope, by=lambda params: jax.tree.map(scored, params)),
            FRACTIONS,
            equals(lambda ws, f, o=order, s=scope: reference.prune(ws, f, o, s, [scored(w) for w in ws])),
        )
        for order, scope in (("smallest", "layer"), ("largest", "global"))
    },
    "prune random": Row(prune("random"), FRACTIONS, random_prune),
    "flip random": Row(flip("random"), FRACTIONS, random_flip),
    "noise uniform": Row(noise(), AMPLITUDES, additive(bounded=True)),
    "noise normal": Row(noise("normal"), AMPLITUDES, additive(bounded=False)),
    "multiplicative_noise": Row(multiplicative_noise(0.7), (0.0, 0.5, 1.5), multiplicative(0.7)),
    "multiplicative_noise global": Row(
        multiplicative_noise(0.3, scope="global"), (0.0, 0.5, 1.5), multiplicative(0.3, "global")
    ),
    "truncate_spectrum": Row(truncate_spectrum(), (1, 2, 3, 5, 99), truncated()),
    "truncate_spectrum first axis": Row(truncate_spectrum(output_axis=0), (1, 2, 3, 5, 99), truncated(0)),
    "binarize": Row(binarize(), (0.0,), equals(lambda ws, _: [reference.sign(w) for w in ws]), biases=True),
    **{f"randomize {kind}": Row(randomize(kind), (0.0,), shuffled) for kind in "AFG"},
    "chain": Row(
        chain(prune(), binarize(select="*/kernel")),
        FRACTIONS,
        equals(lambda ws, f: [reference.sign(w) for w in reference.prune(ws, f)]),
    ),
}


@functools.cache
def jitted(row):
    probe = TABLE[row].probe

    def every(keys, params, levels):
        state = probe.init(params)
        return jax.vmap(lambda key, level: probe.apply(key, params, state, level))(keys, levels)

    return jax.jit(every, **QUICK)


@pytest.mark.parametrize("sparsity", SPARSITIES)
@pytest.mark.parametrize(
    ("shapes", "dtype"),
    [("dense", "float32"), ("conv", "float32"), ("conv", "bfloat16"), ("dense", "float16")],
)
@pytest.mark.parametrize("row", TABLE)
def test_against_numpy(row, shapes, dtype, sparsity):
    _, levels, check, biases = TABLE[row]
    params = network(SHAPES[shapes], DTYPES[dtype], SPARSITIES[sparsity])
    out = jax.device_get(jitted(row)(jax.random.split(KEY, len(levels)), params, np.asarray(levels, np.float32)))
    touched = [path for path in sorted(params) if biases or path.endswith("kernel")]
    for path, w in params.items():
        assert out[path].shape == (len(levels), *w.shape)
        assert out[path].dtype == w.dtype
        if path not in touched:
            assert (out[path] == w).all()
    for n, level in enumerate(levels):
        check([params[path] for path in touched], [out[path][n] for path in touched], level)


@pytest.mark.parametrize("size", [(784, 64), (64, 2), (784, 32), (784, 128), (10, 1), (29, 7)])
def test_counts_are_those_of_exact_arithmetic(size):
    total = size[0] * size[1]
    thousandths = [n / 1000 for n in range(1001)]
    found = np.asarray(jax.jit(jax.vmap(lambda f: count(f, total)))(jnp.asarray(thousandths, jnp.float32)))
    wrong = [(f, int(n)) for f, n in zip(thousandths, found, strict=True) if n != reference.count(f, total)]
    assert not wrong


@pytest.mark.parametrize("total", [50_176, 128, 25_088, 100_352, 768 * 768, 768 * 3072, 512 * 768])
def test_the_papers_prune_levels_keep_exact_counts(total):
    kept = [round(1 - level, 3) for level in prune().level.grid]
    found = np.asarray(
        jax.jit(jax.vmap(lambda level: count(1 - level, total)))(jnp.asarray(prune().level.grid, jnp.float32))
    )
    wrong = [(f, int(n)) for f, n in zip(kept, found, strict=True) if n != reference.count(f, total)]
    assert not wrong


@pytest.mark.parametrize("kept", [1.61e-06, 4.17e-06, 6.72e-06])
def test_tiny_fractions_keep_exact_counts_too(kept):
    total = 768 * 3072
    assert int(count(1 - jnp.float32(1 - kept), total)) == reference.count(kept, total)


def test_prune_visits_the_papers_levels():
    kept = (
        "1 .9 .8 .7 .65 .6 .55 .5 .47 .45 .4 .35 .3 .25 .23 .21 .2 .19 .18 .17 .16 .15 .14 .13 .12 .11 .1 "
        ".09 .08 .07 .06 .05 .04 .03 .02 .01 .005 .001"
    )
    assert np.allclose([1 - level for level in prune().level.grid], [float(f) for f in kept.split()], atol=1e-9, rtol=0)


def test_the_other_grids_are_the_papers():
    amplitudes, flips, ranks = noise().level.grid, flip().level.grid, truncate_spectrum().level.grid
    assert len(amplitudes) == 30
    assert (amplitudes[0], amplitudes[-1]) == (2**-10, 1)
    assert np.allclose(np.diff(np.log2(amplitudes)), 10 / 29)
    assert np.allclose(flips, np.arange(30) / 29)
    assert (min(ranks), max(ranks)) == (1, 64)


@pytest.mark.parametrize("probe", [prune("random"), flip("random")], ids=["prune", "flip"])
def test_random_orders_reach_every_weight_alike(probe):
    w = jnp.ones((5, 4))
    out = jax.jit(jax.vmap(lambda key: probe.apply(key, {"kernel": w}, {}, 0.3)["kernel"]))(jax.random.split(KEY, 4000))
    reached = np.asarray(out != 1).reshape(4000, 20)
    assert (reached.sum(1) == 6).all()
    # Each count is binomial, and their sum is fixed: 19 degrees of freedom.
    chi2 = ((reached.sum(0) - 1200) ** 2 / (4000 * 0.3 * 0.7)).sum() * 19 / 20
    assert stats.chi2.sf(chi2, 19) > P
    together = reached[:, 0] & reached[:, 1]
    assert stats.binomtest(int(together.sum()), 4000, 6 * 5 / (20 * 19)).pvalue > P


def test_random_global_order_counts_all_layers_together():
    params = {"a": jnp.ones((10, 10)), "b": jnp.ones((5, 4))}
    probe = prune("random", scope="global")
    apply = jax.jit(lambda key: probe.apply(key, params, {}, 0.25))
    in_b = []
    for key in jax.random.split(KEY, 50):
        out = apply(key)
        assert int((out["a"] == 0).sum() + (out["b"] == 0).sum()) == 30
        in_b.append(int((out["b"] == 0).sum()))
    assert len(set(in_b)) > 3
    assert abs(np.mean(in_b) - 5) < 3.3 * (30 * (20 / 120) * (100 / 120) * (90 / 119) / 50) ** 0.5


@pytest.mark.parametrize(("kind", "distribution"), [("uniform", stats.uniform(-1, 2)), ("normal", stats.norm())])
def test_noise_has_its_distribution(kind, distribution):
    w = jnp.full((200, 100), 1e-6)
    out = perturbed(noise(kind), KEY, {"kernel": w}, 0.5)["kernel"]
    u = np.asarray(out - w, np.float64).ravel() / 0.5
    assert stats.kstest(u, distribution.cdf).pvalue > P
    assert abs(u.mean()) < 3.3 * distribution.std() / u.size**0.5
    kurtosis = float(distribution.stats("k")) + 2
    assert abs(u.var() / distribution.var() - 1) < 3.3 * (kurtosis / u.size) ** 0.5
    assert abs(np.corrcoef(u[1:], u[:-1])[0, 1]) < 3.3 / u.size**0.5


@pytest.mark.parametrize("kind", ["uniform", "normal"])
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_noise_in_half_precision_has_no_drift(kind, dtype):
    w = jnp.full((400, 250), 1e-6, dtype)
    step = np.asarray(perturbed(noise(kind), KEY, {"kernel": w}, 1.0)["kernel"].astype(jnp.float32), np.float64)
    std = {"uniform": 3**-0.5, "normal": 1.0}[kind]
    assert abs(step.mean()) < 3.3 * std / step.size**0.5


def test_multiplicative_noise_is_uniform():
    w = jnp.ones((200, 100))
    probe = multiplicative_noise(0.5)
    out = perturbed(probe, KEY, {"kernel": w}, 2.0)["kernel"]
    x = np.asarray(out, np.float64).ravel()[:10_000]
    assert (np.asarray(out).ravel()[10_000:] == 1).all()
    assert stats.kstest(x, stats.uniform(-2, 4).cdf).pvalue > P


@pytest.mark.parametrize(
    "probe", [noise(), noise("normal"), multiplicative_noise(1.0), flip(), prune(), randomize("A")]
)
def test_zero_weights_stay_zero(probe):
    params = network({"kernel": (9, 8)}, np.float32, 0.5)
    out = perturbed(probe, KEY, params, 1.0)["kernel"]
    assert not np.asarray(out)[params["kernel"] == 0].any()


def test_layers_and_keys_draw_apart():
    params = {"a": jnp.ones((6, 5)), "b": jnp.ones((6, 5))}
    for probe, level in ((noise(), 0.5), (prune("random"), 0.5), (multiplicative_noise(1.0), 1.0)):
        outs = [perturbed(probe, jax.random.key(s), params, level) for s in (0, 1)]
        assert len({tuple(np.asarray(w).ravel().tolist()) for out in outs for w in out.values()}) == 4


def test_a_draw_does_not_depend_on_the_selection():
    params = {"a": jnp.ones((6, 5)), "b": jnp.ones((6, 5))}
    both = noise().apply(KEY, params, (), 0.5)
    one = noise(select="b").apply(KEY, params, (), 0.5)
    assert (both["b"] == one["b"]).all()
    assert (one["a"] == 1).all()


@pytest.mark.parametrize(
    "make",
    [prune, flip, noise, functools.partial(multiplicative_noise, 1.0)],
    ids=["prune", "flip", "noise", "times"],
)
def test_biases_are_touched_where_everything_is_selected(make):
    params = network(SHAPES["dense"], np.float32, 0.0)
    for select, touched in ((None, False), (everything, True)):
        probe = make(select=select)
        out = perturbed(probe, KEY, params, 1.0)
        assert (np.asarray(out["a/bias"]) != params["a/bias"]).any() == touched
        assert (np.asarray(out["a/kernel"]) != params["a/kernel"]).any()


TREE = {
    "Conv_0": {"kernel": (3, 3, 1, 2), "bias": (2,)},
    "Dense_0": {"kernel": (4, 3), "bias": (3,)},
    "Dense_1": {"kernel": (3, 2), "bias": (2,)},
}


@pytest.fixture
def tree():
    return {layer: network(leaves, np.float32, 0.0) for layer, leaves in TREE.items()}


@pytest.mark.parametrize(
    ("select", "touched"),
    [
        (None, {"Conv_0/kernel", "Dense_0/kernel", "Dense_1/kernel"}),
        ("Dense_0/kernel", {"Dense_0/kernel"}),
        ("*/kernel", {"Conv_0/kernel", "Dense_0/kernel", "Dense_1/kernel"}),
        ("Dense_0", {"Dense_0/kernel", "Dense_0/bias"}),
        ("Dense_*", {"Dense_0/kernel", "Dense_0/bias", "Dense_1/kernel", "Dense_1/bias"}),
        (["Conv_0/kernel", "Dense_1"], {"Conv_0/kernel", "Dense_1/kernel", "Dense_1/bias"}),
        (lambda path, leaf: leaf.ndim == 4, {"Conv_0/kernel"}),
        (lambda path, leaf: path.endswith("1/bias"), {"Dense_1/bias"}),
        (everything, {f"{layer}/{leaf}" for layer in TREE for leaf in ("kernel", "bias")}),
    ],
    ids=["default", "path", "glob", "layer", "layers", "list", "shape", "function", "everything"],
)
def test_select(tree, select, touched):
    probe = flip(select=select)
    out = perturbed(probe, KEY, tree, 1.0)
    found = {
        f"{layer}/{leaf}" for layer in TREE for leaf in out[layer] if (out[layer][leaf] != tree[layer][leaf]).any()
    }
    assert found == touched


def test_leaves_that_hold_no_floats_are_never_touched():
    params = {"table": jnp.arange(6).reshape(2, 3), "kernel": jnp.ones((2, 3)), "key": jax.random.key(0)}
    out = binarize().apply(KEY, flip().apply(KEY, params, flip().init(params), 1.0), (), 0.0)
    assert out["table"] is params["table"]
    assert out["key"] is params["key"]
    assert (out["kernel"] == -1).all()
    assert probes.leaf_paths(params) == ["kernel"]


@pytest.mark.parametrize("row", TABLE)
def test_unselected_leaves_are_the_same_object_under_tracing(row):
    probe = TABLE[row].probe
    params = {"a": {"kernel": jnp.ones((3, 2)), "bias": jnp.ones(2)}, "n": jnp.arange(3)}

    def apply(params, level):
        out = probe.apply(KEY, params, probe.init(params), level)
        assert out["n"] is params["n"]
        assert (out["a"]["bias"] is params["a"]["bias"]) != TABLE[row].biases
        assert out["a"]["kernel"] is not params["a"]["kernel"]
        return out

    jax.make_jaxpr(apply)(params, 0.5)


@pytest.mark.parametrize(
    "select", ["Dense_9", "Dense_0/scale", "kernel", ["Dense_0", "nothing"], [], lambda path, leaf: False]
)
@pytest.mark.parametrize(
    "make",
    [prune, flip, noise, functools.partial(multiplicative_noise, 0.5), truncate_spectrum, binarize,
     functools.partial(randomize, "A")],
)  # fmt: skip
def test_a_selection_that_matches_nothing_is_an_error(tree, make, select):
    probe = make(select=select)
    with pytest.raises(UnknownLayerError, match="Dense_0/kernel"):
        probe.apply(KEY, tree, probe.init(tree), 1.0)


def test_a_network_without_matrices_is_an_error():
    with pytest.raises(UnknownLayerError):
        prune().init({"bias": jnp.ones(3)})
    with pytest.raises(UnknownLayerError):
        prune(select="table").init({"table": jnp.arange(6).reshape(2, 3), "kernel": jnp.ones((2, 3))})


@pytest.mark.parametrize(
    ("probe", "level"),
    [
        (prune(), -0.1),
        (prune(), 1.5),
        (prune(), float("nan")),
        (flip(), 1.01),
        (noise(), -1e-9),
        (multiplicative_noise(0.5), -1),
        (truncate_spectrum(), 0),
        (truncate_spectrum(), 1.5),
        (truncate_spectrum(), float("nan")),
        (truncate_spectrum(), float("inf")),
    ],
)
def test_a_level_out_of_range_is_an_error(probe, level):
    with pytest.raises(LevelError, match="range"):
        probe.level.check([1, level])
    with pytest.raises(LevelError, match="range"):
        at(probe, level)


@pytest.mark.parametrize("fraction", [-0.1, 1.1, float("nan")])
def test_a_fraction_out_of_range_is_an_error(fraction):
    with pytest.raises(LevelError, match="between 0 and 1"):
        multiplicative_noise(fraction)


@pytest.mark.parametrize(
    "make",
    [
        lambda: prune("smalest"),
        lambda: prune(scope="layers"),
        lambda: flip("biggest"),
        lambda: flip(scope="all"),
        lambda: noise("gaussian"),
        lambda: multiplicative_noise(0.5, scope="all"),
        lambda: randomize("H"),
        lambda: randomize("a"),
    ],
)
def test_an_unknown_name_is_an_error(make):
    with pytest.raises(UnknownNameError, match="Known: "):
        make()


def test_an_unknown_name_suggests_the_nearest():
    with pytest.raises(UnknownNameError, match="Did you mean 'smallest'"):
        prune("smalest")


def test_chain_needs_probes_and_one_level():
    with pytest.raises(ArgumentError, match="at least one"):
        chain()
    with pytest.raises(ArgumentError, match="cannot share"):
        chain(prune(), binarize(), noise())
    with pytest.raises(ArgumentError, match="cannot share"):
        chain(prune(), prune())


def test_chain_has_the_level_of_the_link_that_reads_one():
    assert chain(binarize(), truncate_spectrum()).level == truncate_spectrum().level
    assert chain(prune(), randomize("B"), binarize()).level == prune().level
    assert chain(at(prune(), 0.5), noise()).level == noise().level
    assert not chain(binarize(), randomize("A")).level.read


def test_chain_applies_its_links_in_order():
    params = network({"kernel": (9, 6)}, np.float32, 0.0)
    w = params["kernel"]

    def run(*links, level=0.0):
        probe = chain(*links)
        return np.asarray(perturbed(probe, KEY, params, level)["kernel"])

    first = run(binarize(), truncate_spectrum(), level=2)
    assert np.allclose(first, reference.truncate(reference.sign(w), 2), atol=1e-5)
    last = run(truncate_spectrum(), binarize(), level=2)
    assert np.array_equal(last, np.sign(reference.truncate(w, 2)))
    assert not np.allclose(first, last, atol=0.1)

    twice = run(at(prune(), 0.5), flip(), level=0.75)
    assert np.array_equal(twice, reference.flip(reference.prune([w], 0.5), 0.75)[0])
    after = run(at(prune("largest"), 0.5), at(prune("smallest"), 0.75))
    assert np.array_equal(after, reference.prune(reference.prune([w], 0.5, "largest"), 0.75)[0])
    assert not np.array_equal(after, run(at(prune("smallest"), 0.75), at(prune("largest"), 0.5)))


@pytest.mark.parametrize("shape", [(20, 8), (3, 3, 2, 6), (8, 1)])
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_truncated_signs_are_numpys(shape, rank):
    params = network({"kernel": shape}, np.float32, 0.2, seed=3)
    probe = chain(binarize(), truncate_spectrum())
    out = perturbed(probe, KEY, params, rank)["kernel"]
    assert np.allclose(out, reference.truncate(reference.sign(params["kernel"]), rank), atol=2e-5)


def test_links_draw_apart():
    params = {"kernel": jnp.ones((6, 5))}
    probe = chain(at(noise(), 0.1), at(noise(), 0.1))
    out = probe.apply(KEY, params, probe.init(params), 0.0)["kernel"]
    steps = [noise().apply(jax.random.fold_in(KEY, n), params, (), 0.1)["kernel"] - 1 for n in (0, 1)]
    assert np.allclose(out, 1 + steps[0] + steps[1], atol=1e-6)
    assert not np.allclose(steps[0], steps[1], atol=1e-2)


def test_at_holds_the_level():
    params = network({"kernel": (9, 6)}, np.float32, 0.0)
    held = at(prune(), 0.5)
    out = perturbed(held, KEY, params, 0.9)["kernel"]
    assert np.array_equal(out, reference.prune([params["kernel"]], 0.5)[0])
    assert not held.level.read
    with pytest.raises(ArgumentError, match="no level to hold"):
        at(held, 0.5)


def test_first_axis_as_outputs_is_the_transpose():
    w = network({"kernel": (3, 2, 4, 5)}, np.float32, 0.0)["kernel"]
    torch_like = {"kernel": np.moveaxis(w, -1, 0)}
    for rank in (1, 3):
        probe, other = truncate_spectrum(), truncate_spectrum(output_axis=0)
        here = perturbed(probe, KEY, {"kernel": w}, rank)["kernel"]
        there = perturbed(other, KEY, torch_like, rank)["kernel"]
        assert np.array_equal(np.moveaxis(there, 0, -1), here)


@pytest.mark.parametrize(
    "row",
    [
        "prune smallest layer",
        "prune random",
        "noise uniform",
        "binarize",
        "multiplicative_noise global",
        "truncate_spectrum",
        "randomize G",
        "chain",
    ],
)
def test_eager_jit_and_shard_map_agree(row):
    probe, levels, _, _ = TABLE[row]
    params = network({"a/kernel": (6, 5), "a/bias": (5,)}, np.float32, 0.3)
    level = levels[len(levels) // 2]
    eager = probe.apply(KEY, params, probe.init(params), level)
    traced = jax.jit(lambda key, p, level: probe.apply(key, p, probe.init(p), level), **QUICK)(KEY, params, level)
    # Keys differ between devices too, as a sweep folds them from its seeds.
    each = jax.vmap(lambda key, p: probe.apply(key, p, probe.init(p), level))
    mesh, seeds = Mesh(np.array(jax.devices()[:1]), ("seed",)), PartitionSpec("seed")
    spread = jax.jit(jax.shard_map(each, mesh=mesh, in_specs=(seeds, seeds), out_specs=seeds), **QUICK)
    stacked = spread(jnp.stack([KEY, KEY]), jax.tree.map(lambda w: np.stack([w, -w]), params))
    for path in params:
        if row in ("truncate_spectrum", "noise uniform", "multiplicative_noise global"):
            # Fused multiply-adds and another SVD routine round differently.
            assert np.allclose(eager[path], traced[path], rtol=1e-5, atol=1e-6)
            assert np.allclose(eager[path], stacked[path][0], rtol=1e-5, atol=1e-6)
        else:
            assert np.array_equal(eager[path], traced[path])
            assert np.array_equal(eager[path], stacked[path][0])


def test_binarize_gives_zero_for_both_zeros():
    out = binarize().apply(KEY, {"b": jnp.array([0.0, -0.0, 1e-45, -1e-38, 3.0])}, (), 0.0)["b"]
    assert out.tolist() in (
        [0, 0, 1, -1, 1],
        [0, 0, 0, 0, 1],
    )  # XLA's CPU backend may flush subnormal numbers
    assert out.tolist()[-1] == 1


@pytest.mark.parametrize("name", TABLE)
def test_a_probe_says_whether_it_reads_its_level(name):
    probe = TABLE[name].probe
    params = {"a": {"kernel": jnp.ones((3, 2)), "bias": jnp.ones(2)}}
    jaxpr = jax.make_jaxpr(lambda level: probe.apply(KEY, params, probe.init(params), level))(0.5).jaxpr
    assert probe.level.read == any(dependents(jaxpr, [True]))


def test_a_probe_of_ones_own_takes_any_finite_level():
    probe = Probe(lambda params: (), lambda key, params, state, level: params)
    assert not probe.level.read
    probe.level.check([-5, 1e9])
    for level in (float("nan"), float("inf")):
        with pytest.raises(LevelError):
            probe.level.check([level])


def test_a_level_is_described_as_it_must_be_given():
    assert Level("factor").described() == "the factor: a number"
    assert Level("bits", low=2, high=8, grid=(2, 4, 8), whole=True).described() == (
        "the bits: a whole number from 2 to 8, such as 4"
    )


def test_scores_that_rank_no_weights_are_refused():
    params = {"a": jnp.ones((2, 3)), "b": jnp.ones((3, 2))}
    for scores, message in (
        ({"a": params["a"], "b": params["a"]}, r"'b' it gives \(2, 3\), where params have \(3, 2\)"),
        ({"a": params["a"]}, "'b' it gives nothing"),
        (params | {"c": 1.0}, "params have nothing"),
    ):
        with pytest.raises(ShapeError, match=message):
            prune(by=lambda params, scores=scores: scores).init(params)
    with pytest.raises(ArgumentError, match="random"):
        prune("random", by=lambda params: params)
