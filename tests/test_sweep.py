"""The sweep: the numbers of a plain loop, in any chunks, on any devices, traced once."""

import contextlib
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.custom_batching import custom_vmap
from reference import QUICK

import jprobe as jp
from jprobe.errors import ArgumentError, LevelError, ShapeError, UnknownLayerError, WeightsError
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
from jprobe.selection import everything

pytestmark = pytest.mark.quick

KEY = jax.random.key(7)
X = np.random.default_rng(0).normal(size=(32, 6)).astype(np.float32)
TASK = jp.data.Task(X, (X[:, 0] > 0).astype(int), X, (X[:, 0] > 0).astype(int), num_classes=2)


def networks(seeds=3, seed=0):
    rng = np.random.default_rng(seed)
    shapes = {"a": {"kernel": (6, 5), "bias": (5,)}, "b": {"kernel": (5, 2), "bias": (2,)}}
    return jax.tree.map(
        lambda shape: jax.device_put(np.asarray(rng.normal(size=(seeds, *shape)), np.float32)),
        shapes,
        is_leaf=lambda leaf: isinstance(leaf, tuple),
    )


def run(params, x):
    hidden = jax.nn.relu(x @ params["a"]["kernel"] + params["a"]["bias"])
    return hidden @ params["b"]["kernel"] + params["b"]["bias"]


def loss(params):
    return (run(params, X) ** 2).mean()


def positives(params):
    """A whole number, so equal in any order of summation, that tells one draw from another."""
    places = jnp.arange(1, 31).reshape(6, 5) ** 2
    return ((params["a"]["kernel"] > 0) * places).sum() + 10_000 * (params["b"]["kernel"] > 0).sum()


def folded(seed, level, repeat):
    key = jax.random.fold_in(KEY, seed)
    key = jax.random.fold_in(key, int(np.float32(level).view(np.int32)))
    return jax.random.fold_in(key, repeat)


def loop(probe, params, levels, metric, repeats=1, signs=None):
    """The sweep in plain Python: one network, level, draw and sign at a time."""

    @functools.partial(jax.jit, **QUICK)
    def one(key, net, level):
        perturbed = probe.apply(key, net, probe.init(net), level)
        values = [metric(perturbed)]
        if signs is not None:
            values.append(metric(signs.apply(key, perturbed, signs.init(perturbed), level)))
        return jnp.stack(values)

    nets = [jax.tree.map(lambda w, s=s: w[s], params) for s in range(len(jax.tree.leaves(params)[0]))]
    return np.array(
        [
            [[one(folded(s, level, r), net, jnp.float32(level)) for r in range(repeats)] for level in levels]
            for s, net in enumerate(nets)
        ]
    )


PROBES = {
    "prune": (prune(), [0.0, 0.3, 0.9]),
    "prune random": (prune("random"), [0.3, 0.5]),
    "noise": (noise(), [0.1, 1.0]),
    "multiplicative_noise": (multiplicative_noise(0.5), [0.5]),
    "flip": (flip(scope="global"), [0.2, 0.8]),
    "truncate_spectrum": (truncate_spectrum(), [1, 2, 5]),
    "chain": (chain(prune(), randomize("E")), [0.0, 0.5]),
    "chain at": (chain(at(prune(), 0.5), noise("normal")), [0.1, 0.3]),
}


@pytest.mark.parametrize("name", PROBES)
def test_a_plain_loop_gives_the_same(name):
    probe, levels = PROBES[name]
    repeats = 2 if name in ("prune random", "noise", "chain") else 1
    params = networks(2)
    found = jp.sweep(probe, params, loss, levels, key=KEY, repeats=repeats, signed=True)
    assert found.loss.shape == (2, len(levels), repeats, 2)
    expected = loop(probe, params, levels, loss, repeats, binarize())
    # Signs of truncated kernels may differ where an entry is rounding error.
    part = slice(0, 1) if name == "truncate_spectrum" else slice(None)
    assert np.allclose(found.loss.values[..., part], expected[..., part], rtol=2e-6, atol=0)


def test_a_probe_may_stand_for_the_signs():
    params, signs = networks(2), binarize(select="b")
    found = jp.sweep(prune(), params, loss, [0.2, 0.6], key=KEY, signed=signs)
    expected = loop(prune(), params, [0.2, 0.6], loss, signs=signs)
    assert np.allclose(found.loss, expected, rtol=2e-6)
    both = jp.sweep(prune(), params, loss, [0.2, 0.6], key=KEY, signed=True)
    assert not np.allclose(found.loss.sel(signed=True), both.loss.sel(signed=True), rtol=1e-2)


def test_repeats_and_keys_draw_afresh():
    params = networks(2)
    found = jp.sweep(noise(), params, loss, [0.5], key=KEY, repeats=3).loss.values.ravel()
    assert len(set(found.tolist())) == 6
    assert (jp.sweep(noise(), params, loss, [0.5], repeats=3).loss.values.ravel() != found).all()


def test_the_default_key_is_zero():
    params = networks(2)
    default, zero = (jp.sweep(noise(), params, loss, [0.5], key=k) for k in (None, jax.random.key(0)))
    assert default.equals(zero)


def test_levels_may_be_left_out():
    params = networks(1)
    short = jp.sweep(prune(), params, positives)
    assert short.level.values.tolist() == list(prune().level.grid)
    assert short.equals(jp.sweep(prune(), params, positives, prune().level.grid))


def test_one_level_may_be_a_number():
    assert jp.sweep(prune(), networks(1), loss, 0.5).equals(jp.sweep(prune(), networks(1), loss, [0.5]))


def chunks(memory, **kwargs):
    """A sweep of 5 seeds, 4 levels and 3 repeats in a memory budget, and the number of its chunks."""
    done = []
    args = {"key": KEY, "repeats": 3, "memory": memory, "progress": done.append, **kwargs}
    return jp.sweep(noise(), networks(5), positives, [0.1, 0.4, 0.6, 0.9], **args), done


def test_chunks_do_not_change_a_number():
    whole, done = chunks(2**30)
    assert len(done) == 1
    counts = set()
    for memory in (1, 3000, 20_000):
        part, done = chunks(memory)
        counts.add(len(done))
        assert part.equals(whole)
    assert max(counts) == 60
    assert len(counts) == 3


@pytest.mark.parametrize(("memory", "signed"), [(1, True), (20_000, False)])
def test_one_compilation_a_sweep(compilations, memory, signed):
    jax.clear_caches()
    programs = ("init_probe", "perturb_network", "measure_network")
    with contextlib.ExitStack() as stack:
        counts = [stack.enter_context(compilations(name)) for name in programs]
        assert len(chunks(memory, signed=signed)[1]) > 1
        assert [count() for count in counts] == [1, 1, 1]


def test_what_a_network_decides_is_computed_once_for_it(compilations):
    with compilations("prepare_metric") as count:
        jp.sweep(noise(select="b"), networks(5), loss, [0.1, 0.3], memory=1)
        assert count() == 1


def test_optimized_programs_give_the_same():
    """The other tests compile without optimizing."""
    probe, params = chain(prune(), randomize("E")), networks(3)
    plain = jp.sweep(probe, params, loss, [0.2, 0.5], key=KEY, signed=True, memory=1)
    jax.config.update("jax_disable_most_optimizations", False)
    jax.clear_caches()
    optimized = jp.sweep(probe, params, loss, [0.2, 0.5], key=KEY, signed=True, memory=1)
    jax.config.update("jax_disable_most_optimizations", True)
    assert np.allclose(plain.loss, optimized.loss, rtol=2e-6, atol=0)


def test_chunks_of_a_signed_sweep_do_not_change_a_number():
    whole, _ = chunks(2**30, signed=True)
    assert chunks(1, signed=True)[0].equals(whole)


@pytest.mark.parametrize("memory", [1, 6000])
def test_progress_rises_to_one(memory):
    done = chunks(memory)[1]
    assert (np.diff(done) > 0).all()
    assert 0 < done[0] <= done[-1] == 1.0


def test_other_levels_and_their_order_do_not_matter():
    params, levels = networks(2), [0.9, 0.1, 0.5]
    found = jp.sweep(noise(), params, positives, levels, key=KEY, repeats=2).positives
    other = jp.sweep(noise(), params, positives, [0.1, 0.3, 0.5, 0.7, 0.9], key=KEY, repeats=2).positives
    for level in levels:
        assert np.array_equal(found.sel(level=level), other.sel(level=level))
    assert not np.array_equal(found.sel(level=0.9), found.sel(level=0.5))


def test_more_repeats_or_networks_do_not_matter():
    small = jp.sweep(
        noise(), jax.tree.map(lambda w: w[:2], networks(4)), positives, [0.5], key=KEY, repeats=2
    ).positives
    large = jp.sweep(noise(), networks(4), positives, [0.5], key=KEY, repeats=4).positives
    assert np.array_equal(large[:2, :, :2], small)


def counted(probe, counts):
    def init(params):
        counts["init"] += 1
        return probe.init(params)

    def apply(key, params, state, level):
        counts["apply"] += 1
        return probe.apply(key, params, state, level)

    return Probe(init, apply, probe.level)


@pytest.mark.parametrize(("memory", "signed"), [(1, True), (2**30, False)])
def test_one_trace_a_sweep(memory, signed):
    counts = {"init": 0, "apply": 0, "metric": 0}

    def metric(params):
        counts["metric"] += 1
        return loss(params)

    params, levels = networks(5), [0.1, 0.2, 0.4, 0.7]
    jp.sweep(counted(prune("random"), counts), params, metric, levels, repeats=3, memory=memory, signed=signed)
    assert counts == {"init": 1, "apply": 1, "metric": 1}


def recorder(sizes):
    """An operation on a matrix that notes each batch axis that vmap gives it."""

    @custom_vmap
    def total(w):
        return w.sum((-2, -1))

    @total.def_vmap
    def rule(axis_size, in_batched, w):
        sizes.append(axis_size)
        return total(w), True

    return total


@pytest.mark.parametrize(
    ("probe", "signed", "a", "b"),
    [
        (prune("random", select="b"), False, [2], [2, 3, 5]),
        (prune(select="b"), False, [2], [2, 3]),
        (noise(select="a"), False, [2, 3, 5], [2]),
        (binarize(), False, [2], [2]),
        (randomize("A"), False, [2, 3, 5], [2, 3, 5]),
        (prune(select="b"), binarize(select="b"), [2], [2, 3]),
        (prune(select="b"), True, [2], [2, 3]),
        (chain(binarize(), truncate_spectrum(select="b")), False, [2], [2, 3]),
    ],
    ids=["random", "prune", "noise", "no level", "all", "signed leaf", "signed", "chain"],
)
def test_untouched_leaves_stay_unbatched(probe, signed, a, b):
    sizes = {"a": [], "b": []}
    ops = {name: recorder(found) for name, found in sizes.items()}

    def metric(params):
        return sum(ops[name](params[name]["kernel"]) for name in ops)

    levels = [1, 2, 3] if probe.level == truncate_spectrum().level else [0.2, 0.4, 0.6]
    jp.sweep(probe, networks(2), metric, levels, repeats=5, signed=signed)
    assert {name: sorted(found) for name, found in sizes.items()} == {"a": a, "b": b}


def test_state_is_made_once_for_each_network():
    seen = []

    def init(params):
        jax.debug.callback(lambda w: seen.append(float(w)), params["b"]["bias"][0])
        return prune().init(params)

    params = networks(4)
    jp.sweep(Probe(init, prune().apply, prune().level), params, loss, [0.1, 0.4, 0.6], repeats=2)
    jax.effects_barrier()
    assert sorted(seen) == sorted(params["b"]["bias"][:, 0].tolist())


def test_coordinates_and_units():
    found = jp.sweep(noise(), networks(2), loss, [0.1, 0.3, 0.7], signed=True, repeats=4)
    assert found.loss.dims == ("seed", "level", "repeat", "signed")
    assert found.seed.values.tolist() == [0, 1]
    assert found.level.values.tolist() == [0.1, 0.3, 0.7]
    assert found.repeat.values.tolist() == [0, 1, 2, 3]
    assert found.signed.values.tolist() == [False, True]
    assert found.level.attrs == {"long_name": noise().level.name, "units": "weight"}
    assert found.loss.attrs["units"] == "1"
    assert jp.sweep(prune(), networks(1), loss, [0.1]).signed.values.tolist() == [False]


def test_the_variable_is_named_after_the_metric():
    params = networks(1)
    assert list(jp.sweep(prune(), params, jp.metrics.accuracy(run, TASK), [0.5])) == ["accuracy"]
    assert list(jp.sweep(prune(), params, lambda p: p["b"]["bias"].sum(), [0.5])) == ["metric"]


@pytest.mark.parametrize("level", [1.5, -0.1, float("nan"), float("inf")])
def test_a_level_out_of_range_is_an_error(level):
    with pytest.raises(LevelError, match="fraction of weights removed"):
        jp.sweep(prune(), networks(1), loss, [0.5, level])


def test_a_broken_rank_is_an_error():
    with pytest.raises(LevelError, match="whole number"):
        jp.sweep(truncate_spectrum(), networks(1), loss, [1.5])


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_an_error_that_names_them(value):
    params = networks(3)
    params["b"]["kernel"] = params["b"]["kernel"].at[2, 0, 0].set(value)
    with pytest.raises(WeightsError, match="b/kernel") as error:
        jp.sweep(prune(), params, loss, [0.5])
    assert "a/kernel" not in str(error.value)


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"activation": jnp.tanh},
        {"kernel": jnp.float32(1)},
        {"a": jnp.ones((2, 3, 3)), "b": jnp.ones((3, 3))},
        {"kernel": jnp.ones((0, 3, 3))},
    ],
    ids=["nothing", "no array", "no axis", "two lengths", "no network"],
)
def test_a_missing_seed_axis_is_an_error(params):
    with pytest.raises(WeightsError):
        jp.sweep(prune(), params, lambda p: jnp.zeros(()), [0.5])


@pytest.mark.parametrize("dtype", [complex, object, str])
def test_weights_that_are_no_real_numbers_are_an_error_that_names_them(dtype):
    params = jax.tree.map(np.asarray, networks(2))
    params["b"]["kernel"] = params["b"]["kernel"].astype(dtype)
    with pytest.raises(WeightsError, match="b/kernel") as error:
        jp.sweep(prune(), params, loss, [0.5])
    assert "a/kernel" not in str(error.value)


@pytest.mark.parametrize(
    "metric", [lambda p: p["b"]["bias"], lambda p: (loss(p), loss(p)), lambda p: {"loss": loss(p)}]
)
def test_a_metric_that_is_no_scalar_is_an_error(metric):
    with pytest.raises(ShapeError, match="one scalar"):
        jp.sweep(prune(), networks(1), metric, [0.5])


@pytest.mark.parametrize(
    "options",
    [
        {"repeats": 0},
        {"repeats": 1.5},
        {"memory": 0},
        {"key": 7},
        {"key": jax.random.split(KEY, 2)},
        *({"levels": levels} for levels in ([], [[0.1, 0.2]], [0.1, [0.2]], "0.5", ["0.5"], [None], [0.5j], [True])),
    ],
    ids=str,
)
def test_arguments_that_make_no_sense_are_errors(options):
    with pytest.raises(ArgumentError, match=next(iter(options))):
        jp.sweep(prune(), networks(1), loss, **{"levels": [0.5]} | options)


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ((prune(), networks(1), [0.5], loss), "metric comes third.*not a list"),
        ((prune(), networks(1), [0.5]), "metric comes third.*not a list"),
        ((prune(), networks(1), None, loss), "metric comes third"),
        ((prune(), networks(1), loss, loss), "Levels are numbers"),
        ((prune(), loss, networks(1)), "metric comes third.*not a dict"),
        ((networks(1), prune(), loss), "probe comes first.*not a dict"),
        ((prune, networks(1), loss), "probe comes first.*not a function"),
    ],
    ids=["swapped", "levels alone", "none", "two metrics", "params swapped", "probe swapped", "probe not called"],
)
def test_arguments_in_each_others_place_are_told_the_right_call(args, words):
    with pytest.raises(ArgumentError, match=rf"(?s){words}.*sweep\(probe, params, metric, levels\)"):
        jp.sweep(*args)


def test_a_legacy_key_is_the_typed_key():
    params = networks(1)
    typed, legacy = (
        jp.sweep(noise(), params, loss, [0.5], key=make(5)) for make in (jax.random.key, jax.random.PRNGKey)
    )
    assert typed.equals(legacy)


def test_a_probe_that_reads_a_level_it_does_not_name_must_be_given_some():
    def apply(key, params, state, level):
        return jax.tree.map(lambda w: w * level, params)

    scale = Probe(lambda params: (), apply)
    with pytest.raises(ArgumentError, match="reads its level"):
        jp.sweep(scale, networks(1), loss)
    with pytest.raises(ArgumentError, match="the factor: a number from 0"):
        jp.sweep(scale._replace(level=Level("factor", low=0)), networks(1), loss)
    assert jp.sweep(scale, networks(1), loss, [2.0]).level.attrs["long_name"] == "level"
    assert jp.sweep(binarize(), networks(1), loss).level.values.tolist() == [0]


@pytest.mark.parametrize(
    "change",
    [lambda w: w[..., :1], lambda w: w.astype(jnp.bfloat16), lambda w: {"w": w}],
    ids=["shape", "dtype", "tree"],
)
def test_a_probe_that_changes_more_than_values_is_an_error(change):
    bad = Probe(
        lambda params: (), lambda key, p, state, level: p | {"b": p["b"] | {"kernel": change(p["b"]["kernel"])}}
    )
    with pytest.raises(ShapeError, match="b/kernel") as error:
        jp.sweep(bad, networks(1), lambda params: jnp.zeros(()))
    assert "a/kernel" not in str(error.value)


def test_a_selection_that_matches_nothing_is_an_error():
    with pytest.raises(UnknownLayerError, match="a/kernel"):
        jp.sweep(prune(select="Dense_0"), networks(1), loss, [0.5])


def test_nnx_state():
    from flax import nnx

    nets = [nnx.Linear(6, 2, rngs=nnx.Rngs(seed)) for seed in range(3)]
    graph, _ = nnx.split(nets[0])
    params = jp.stack(*(nnx.split(net)[1] for net in nets))
    metric = jp.metrics.accuracy(lambda p, x: nnx.merge(graph, p)(x), TASK)
    found = jp.sweep(prune(), params, metric, [0.0, 0.5])
    plain = jp.stack(*({"kernel": net.kernel[...], "bias": net.bias[...]} for net in nets))
    expected = jp.sweep(prune(), plain, jp.metrics.accuracy(lambda p, x: x @ p["kernel"] + p["bias"], TASK), [0.0, 0.5])
    assert found.equals(expected)


def test_equinox_modules():
    eqx = pytest.importorskip("equinox", reason="equinox is in the extra 'test'")
    nets = [eqx.nn.MLP(6, 2, 5, 1, key=jax.random.key(seed)) for seed in range(3)]
    parts = [eqx.partition(net, eqx.is_inexact_array) for net in nets]
    params, static = jp.stack(*(p for p, _ in parts)), parts[0][1]
    metric = jp.metrics.accuracy(lambda p, x: jax.vmap(eqx.combine(p, static))(x), TASK)
    found = jp.sweep(randomize("C", output_axis=0), params, metric, [0.0], key=KEY)
    assert found.accuracy.shape == (3, 1, 1, 1)
    one = jax.jit(lambda key, net: metric(randomize("C", output_axis=0).apply(key, net, (), 0.0)))
    for s, net in enumerate(parts):
        assert float(one(folded(s, 0.0, 0), net[0])) == found.accuracy.values[s, 0, 0, 0]


def test_whole_equinox_modules():
    """Functions and flags beside the weights stay as they are: no partition by hand."""
    eqx = pytest.importorskip("equinox", reason="equinox is in the extra 'test'")

    class Net(eqx.Module):
        mlp: eqx.nn.MLP
        dropout: eqx.nn.Dropout  # holds a number and a flag

        def __init__(self, key):
            self.mlp, self.dropout = eqx.nn.MLP(6, 2, 5, 1, key=key), eqx.nn.Dropout(0.5, inference=True)

        def __call__(self, x):
            return self.mlp(self.dropout(x))

    nets = [Net(jax.random.key(seed)) for seed in range(3)]
    params = jp.stack(*nets)
    assert params.mlp.activation is nets[0].mlp.activation
    assert params.dropout.p == 0.5
    for one, again in zip(nets, jp.unstack(params), strict=True):
        assert eqx.tree_equal(one, again)

    def outputs(net):
        return jax.vmap(net)(X).sum()

    arrays, static = eqx.partition(params, eqx.is_array)
    levels = [0.3, 0.6]
    for probe in (
        prune(),
        chain(prune(), randomize("E", output_axis=0)),
        Probe(lambda p: p, lambda key, p, s, level: s),
    ):
        found = jp.sweep(probe, params, outputs, levels, key=KEY, signed=True)
        expected = jp.sweep(probe, arrays, lambda p: outputs(eqx.combine(p, static)), levels, key=KEY, signed=True)
        assert np.array_equal(found.outputs, expected.metric)
    pruned = jp.sweep(prune(select="mlp/layers/0"), params, lambda net: (net.mlp.layers[0].weight == 0).mean(), [0.5])
    assert (pruned.metric == 0.5).all()


def normalized(seeds=2):
    """Stacked variables of a convolutional network with batch normalization, its forward function, and images."""
    import flax.linen as nn

    class Net(nn.Module):
        @nn.compact
        def __call__(self, x):
            x = nn.relu(nn.BatchNorm(use_running_average=True)(nn.Conv(3, (2, 2))(x)))
            return nn.Dense(2)(x.reshape(len(x), -1))

    x = np.random.default_rng(0).normal(size=(8, 4, 4, 1)).astype(np.float32)
    variables = jp.stack(*(Net().init(jax.random.key(seed), x[:1]) for seed in range(seeds)))
    # Statistics as training leaves them: neither zeros nor ones.
    statistics = jax.tree.map(lambda a: a + jnp.linspace(0.3, 0.9, a.size).reshape(a.shape), variables["batch_stats"])
    return variables | {"batch_stats": statistics}, Net().apply, x


@pytest.mark.parametrize(
    "probe",
    [prune(), noise(), multiplicative_noise(1.0), flip(), truncate_spectrum(), binarize(), noise(select=everything)]
    + [randomize(kind) for kind in "AG"] + [chain(prune(), binarize()), flip(scope="global", select=everything)],
)  # fmt: skip
def test_statistics_are_never_touched(probe):
    variables, _, _ = normalized()
    numbered = variables | {"network": {"number": jnp.arange(2)}}

    def touched(one):
        own = jax.tree.map(lambda w: w[one["network"]["number"]], variables)
        weights, statistics = (
            jnp.any(jnp.stack([(a != b).any() for a, b in zip(*map(jax.tree.leaves, both), strict=True)]))
            for both in ((one[name], own[name]) for name in ("params", "batch_stats"))
        )
        return weights + 10 * statistics

    found = jp.sweep(probe, numbered, touched, 1 if probe.level.read else None, key=KEY, signed=True).touched
    assert (found == 1).all()


def test_variables_with_statistics_are_those_of_a_plain_loop():
    variables, forward, x = normalized()

    def total(one):
        return forward(one, x)[:, 0].sum()

    @jax.jit
    def by_hand(one, level):
        pruned = prune().apply(KEY, one["params"], prune().init(one["params"]), level)
        return jnp.stack([total(one | {"params": weights}) for weights in (pruned, jax.tree.map(jnp.sign, pruned))])

    found = jp.sweep(prune(), variables, total, [0.3, 0.7], signed=True).total
    for s, one in enumerate(jp.unstack(variables)):
        for n, level in enumerate((0.3, 0.7)):
            assert np.allclose(found[s, n, 0], by_hand(one, jnp.float32(level)), rtol=1e-5)


def test_bare_lists():
    params = networks(2)
    listed = [params["a"]["kernel"], params["a"]["bias"], params["b"]["kernel"], params["b"]["bias"]]

    def metric(p):
        return ((jax.nn.relu(X @ p[0] + p[1]) @ p[2] + p[3]) ** 2).mean()

    found = jp.sweep(prune(select=["0", "2"]), listed, metric, [0.3, 0.6]).metric.values
    assert np.allclose(found, jp.sweep(prune(), params, loss, [0.3, 0.6]).loss.values, rtol=2e-6)


def test_numpy_weights_and_half_precision():
    params = jax.tree.map(np.asarray, networks(2))
    assert jp.sweep(prune(), params, loss, [0.5]).equals(jp.sweep(prune(), networks(2), loss, [0.5]))
    half = jax.tree.map(lambda w: w.astype(jnp.bfloat16), networks(2))
    found = jp.sweep(prune(select=everything), half, lambda p: (p["a"]["kernel"] != 0).mean(), [0.5])
    assert (found.metric.values == 0.5).all()


def test_stack():
    a, b = ({"kernel": jnp.full((2, 3), v), "bias": jnp.full(3, v)} for v in (1.0, 2.0))
    both = jp.stack(a, b)
    assert jax.tree.map(jnp.shape, both) == {"kernel": (2, 2, 3), "bias": (2, 3)}
    assert both["kernel"][:, 0, 0].tolist() == [1, 2]
    assert jp.stack(a)["bias"].shape == (1, 3)


@pytest.mark.parametrize(
    "other", [{"kernel": jnp.ones((3, 2))}, {"weight": jnp.ones((2, 3))}, {}], ids=["shape", "name", "empty"]
)
def test_networks_that_do_not_stack_are_an_error(other):
    with pytest.raises(WeightsError, match="do not stack"):
        jp.stack({"kernel": jnp.ones((2, 3))}, other)


def test_no_network_to_stack_is_an_error():
    with pytest.raises(WeightsError):
        jp.stack()
