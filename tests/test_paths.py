"""Short cuts of a sweep: each gives what the general way gives, image by image, up to ties that float32 rounding decides."""

import itertools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jax.extend import core

import jprobe as jp
from jprobe import engine
from jprobe.engine import data, evaluation, nested, products, walking
from jprobe.engine.hoisting import hoist
from jprobe.engine.sideways import Sideways, sideways
from jprobe.probes import Probe, binarize, flip, multiplicative_noise, noise, prune, truncate_spectrum
from jprobe.programs.program import bind, capture, evaluate
from jprobe.programs.sharing import Written, shared

pytestmark = pytest.mark.quick

EXAMPLES, COLUMNS, NODES, CLASSES = 700, 48, 6, 3
LEVELS = np.linspace(0, 1, 16)
ALL = ("columns", "signs", "nested")


def images(kind, seed=0):
    """Inputs [700, 48]: 8-bit pixels in [-1, 1] with a constant frame, the same without, or real numbers with a frame."""
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 256, (EXAMPLES, COLUMNS)).astype(np.float32) / np.float32(127.5) - 1
    if kind == "real":
        x = rng.normal(size=x.shape).astype(np.float32)
    if kind != "no frame":
        x[:, ::3] = rng.choice([-1.0, 0.0, 0.5], COLUMNS // 3)
    return x


def networks(seeds=2, seed=0):
    rng = np.random.default_rng(seed)
    shapes = {
        "a": {"kernel": (COLUMNS, NODES), "bias": (NODES,)},
        "b": {"kernel": (NODES, CLASSES), "bias": (CLASSES,)},
    }
    return jax.tree.map(
        lambda shape: jnp.asarray(rng.normal(size=(seeds, *shape)), jnp.float32),
        shapes,
        is_leaf=lambda leaf: isinstance(leaf, tuple),
    )


def run(params, x):
    hidden = jax.nn.relu(x @ params["a"]["kernel"] + params["a"]["bias"])
    return hidden @ params["b"]["kernel"] + params["b"]["bias"]


def labels(x):
    return np.asarray(jnp.argmax(run(jax.tree.map(lambda w: w[0], networks(seed=5)), x), -1))


def accuracy(x, run=run):
    x, y = jnp.asarray(x), jnp.asarray(labels(x))
    return lambda params: (jnp.argmax(run(params, x), -1) == y).mean()


def correct(params, x):
    """In float64: how many images are right for sure, and how many more rounding might make so."""
    a, b = ([np.asarray(params[layer][leaf], np.float64) for leaf in ("kernel", "bias")] for layer in "ab")
    x, y = x.astype(np.float64), labels(x)
    outputs = np.maximum(x @ a[0] + a[1], 0) @ b[0] + b[1]
    size = (np.abs(x) @ np.abs(a[0]) + np.abs(a[1])) @ np.abs(b[0]) + np.abs(b[1])
    own = np.take_along_axis(outputs, y[:, None], 1)
    margin = np.where(np.arange(CLASSES) == y[:, None], np.inf, own - outputs).min(1)
    tie = np.abs(margin) <= 3e-6 * size.max(1)
    return int(((margin > 0) & ~tie).sum()), int(tie.sum())


def check(found, probe, params, x, levels, most_ties):
    """Hold every accuracy against float64."""
    ties = 0
    apply = jax.jit(lambda net, level: probe.apply(jax.random.key(0), net, probe.init(net), level))
    for n in range(2):
        net = jax.tree.map(lambda w, n=n: w[n], params)
        for k, level in enumerate(levels):
            weights = apply(net, jnp.float32(level))
            for flag, these in enumerate((weights, jax.tree.map(jnp.sign, weights))[: found.shape[-1]]):
                sure, maybe = correct(these, x)
                ties += maybe
                assert sure <= round(float(found[n, k, 0, flag]) * EXAMPLES) <= sure + maybe, (n, level, flag)
    assert ties <= most_ties * found.size * EXAMPLES


NESTED = {
    "prune": prune(),
    "prune everything": prune(select=lambda path, leaf: True),
    "prune largest": prune("largest"),
    "prune globally": prune(scope="global"),
    "prune by scores": prune(by=lambda params: jax.tree.map(jnp.sin, params)),
    "flip": flip(),
    "flip one layer": flip(select="a"),
}
PROBES = NESTED | {"noise of nothing": multiplicative_noise(0.5), "rank": truncate_spectrum()}


@pytest.mark.parametrize("kind", ["frame", "no frame", "real"])
@pytest.mark.parametrize("name", PROBES)
def test_every_path_gives_what_float64_gives(name, kind):
    probe, params, x = PROBES[name], networks(), images(kind)
    levels = {"rank": [1, 2, 4, 6], "noise of nothing": [0]}.get(name, LEVELS)
    metric = accuracy(x)
    for paths in ((), ("columns",), ("signs",), ALL):
        with engine.only(*paths):
            # Signs of a truncated kernel hang on rounding where an entry is near 0.
            found = jp.sweep(probe, params, metric, levels, signed=name != "rank").metric.values
        # Signs tie often: their sums are few whole numbers where the pixels' scale is left out.
        check(found, probe, params, x, levels, most_ties=0.2)


def planned(probe, params, metric, levels=16, signs=None):
    shapes = jax.eval_shape(lambda tree: jax.tree.map(lambda w: w[0], tree), params)
    return engine.plan(probe, metric, shapes, levels=levels, key=jax.random.key(0), signs=signs)


def test_a_walk_is_taken_where_it_pays_and_declined_elsewhere():
    params, metric = networks(), accuracy(images("frame"))
    assert all(planned(probe, params, metric).walk is not None for probe in NESTED.values())
    for probe in (
        prune("random"),
        noise(),
        multiplicative_noise(0.5),
        truncate_spectrum(),
        binarize(),
        prune(select="b"),
    ):
        assert planned(probe, params, metric).walk is None
    assert planned(prune(), params, metric, levels=4).walk is None  # a product at each level is less work
    assert planned(prune(), params, accuracy(images("frame")[:50])).walk is None
    assert planned(prune(), params, lambda net: sum(w.sum() for w in jax.tree.leaves(net))).walk is None
    assert planned(prune(), params, metric, signs=noise()).walk is None  # signs that are drawn
    with engine.only("columns", "signs"):
        assert planned(prune(), params, metric).walk is None


@pytest.mark.parametrize("name", NESTED)
def test_a_probe_reaches_for_weights_in_the_order_that_it_says(name):
    probe, net = NESTED[name], jax.tree.map(lambda w: w[0], networks())
    state = probe.init(net)
    ranks = np.asarray(probe.nested(net, state)["a"]["kernel"])
    apply = jax.jit(lambda level: probe.apply(jax.random.key(0), net, state, level)["a"]["kernel"])
    kernels = [np.asarray(apply(jnp.float32(level))) for level in LEVELS]
    for before, after in itertools.pairwise(kernels):
        changed = before != after
        first, last = ranks[changed].min(), ranks[changed].max()
        assert ((first <= ranks) & (ranks <= last)).sum() == changed.sum()


def test_an_order_that_does_not_fit_is_slow_and_not_wrong():
    params, x = networks(), images("frame")
    right, wrong = prune(), flip("largest")
    ranks = lambda net, state: wrong.nested(net, wrong.init(net))  # noqa: E731
    equal = lambda net, state: jax.tree.map(lambda w: jnp.zeros(w.shape, jnp.int32), net)  # noqa: E731
    for order in (ranks, equal):
        probe = Probe(right.init, right.apply, right.level, order)
        assert planned(probe, params, accuracy(x)).walk is not None
        found = jp.sweep(probe, params, accuracy(x), LEVELS, signed=True).metric.values
        check(found, right, params, x, LEVELS, most_ties=0.2)


def test_where_no_weight_is_left_nothing_is_left():
    """Sums that shrink would be left with rounding errors, and these would choose among classes that tie exactly."""
    params, x = networks(), images("real")
    params = jax.tree.map(lambda w: w if w.ndim > 2 else jnp.zeros_like(w), params)
    none = (labels(x) == 0).mean(dtype=np.float32)  # the first of equal outputs
    for probe, levels in ((prune(select="a"), LEVELS), (prune("largest", select="a"), LEVELS[::-1])):
        found = jp.sweep(probe, params, accuracy(x), levels, signed=True).metric
        assert (found.sel(level=1) == none).all()
        assert not (found.sel(level=0) == none).any()


def test_data_without_a_column_that_varies():
    params, x = networks(), np.full((EXAMPLES, COLUMNS), 0.5, np.float32)
    assert planned(prune(), params, accuracy(x)).walk is None
    found = jp.sweep(prune(), params, accuracy(x), LEVELS, signed=True).metric.values
    check(found, prune(), params, x, LEVELS, most_ties=0.2)


def test_levels_may_come_in_any_order_and_twice():
    params, metric = networks(), accuracy(images("no frame"))
    levels = np.concatenate([LEVELS[::-2], LEVELS[::2], LEVELS[::2]])
    assert planned(prune(), params, metric, levels=len(levels)).walk is not None
    found = jp.sweep(prune(), params, metric, levels, repeats=2, signed=True).metric
    for n, level in enumerate(levels):
        other = jp.sweep(prune(), params, metric, level, signed=True).metric
        assert np.abs(found[:, n].values - other[:, 0].values).max() <= 1.01 / EXAMPLES
        assert (found[:, n, 0] == found[:, n, 1]).all()


# Networks that reach for their data in other ways.
def transposed(params, x):
    """Torch's and Equinox's: kernel [out, in] times a column."""
    hidden = jax.nn.relu(params["a"]["kernel"].T @ x.T + params["a"]["bias"][:, None])
    return (params["b"]["kernel"].T @ hidden + params["b"]["bias"][:, None]).T


def one_by_one(params, x):
    return jax.vmap(lambda row: run(params, row))(x)


def in_space(params, x):
    """Images [N, 8, 6] and a kernel [8, 6, nodes], summed over two axes."""
    kernel = params["a"]["kernel"].reshape(8, 6, NODES)
    hidden = jax.nn.relu(jnp.tensordot(x.reshape(-1, 8, 6), kernel, 2) + params["a"]["bias"])
    return hidden @ params["b"]["kernel"] + params["b"]["bias"]


def skipping(params, x):
    """Two products of the data."""
    both = jnp.tile(params["b"]["kernel"], (COLUMNS // NODES, 1))
    return run(params, x) + 0 * (x @ both)


@pytest.mark.parametrize("paths", [("columns",), ("signs",), ALL], ids=" ".join)
@pytest.mark.parametrize("way", [jax.jit(run), transposed, one_by_one, in_space, skipping])
def test_data_are_found_however_a_network_reads_them(way, paths):
    params, x = networks(), images("frame")
    program = capture(accuracy(x, way), jax.tree.map(lambda w: w[0], params))
    found = products.find(hoist(program, [True] * 4))
    assert len(found.products) == (2 if way is skipping else 1)
    assert all(each.varying is not None and each.integers is not None for each in found.data)
    with engine.only(*paths):
        check(
            jp.sweep(prune(), params, accuracy(x, way), LEVELS, signed=True).metric.values,
            prune(), params, x, LEVELS, most_ties=0.2,
        )  # fmt: skip


def test_an_equinox_module():
    x = images("frame")
    nets = [eqx.nn.MLP(COLUMNS, CLASSES, 8, 1, key=jax.random.key(n)) for n in range(2)]
    y = jnp.asarray(labels(x))
    metric = lambda net: (jax.vmap(net)(jnp.asarray(x)).argmax(-1) == y).mean()  # noqa: E731
    found = jp.sweep(prune(), jp.stack(*nets), metric, LEVELS, signed=True).metric
    with engine.only():
        plain = jp.sweep(prune(), jp.stack(*nets), metric, LEVELS, signed=True).metric
    assert np.abs(found.values - plain.values).max() <= 2.01 / EXAMPLES
    assert (found != plain).mean() < 0.2


# What data are like.


@given(
    st.integers(0, 2**32 - 1), st.integers(2, 40), st.integers(1, 80), st.floats(0, 1), st.integers(1, 255),
    st.floats(1e-3, 1e3), st.floats(-1e3, 1e3),
)  # fmt: skip
def test_data_are_what_their_description_says(seed, examples, columns, constant, largest, scale, offset):
    rng = np.random.default_rng(seed)
    n = rng.integers(0, largest + 1, (examples, columns))
    n[:, rng.random(columns) < constant] = rng.integers(0, largest + 1)
    x = (n * np.float32(scale) + np.float32(offset)).astype(np.float32)
    found = data.describe(x)
    moving = np.flatnonzero((x != x[:1]).any(0))
    again = np.broadcast_to(np.asarray(found.held), x.shape).copy()
    places = np.arange(columns) if found.varying is None else np.asarray(found.varying)
    if found.varying is not None:
        assert places[: len(moving)].tolist() == moving.tolist()
        assert (places[len(moving) :] == columns).all()
    real = places < columns
    again[:, places[real]] += np.asarray(found.values)[:, real]
    np.testing.assert_array_equal(again, x)
    if found.integers is not None:
        whole = np.asarray(found.integers, np.float64)
        assert (whole == np.rint(whole)).all()
        assert whole.min() >= 0
        assert whole.max() <= 255
        made = whole * float(found.scale) + float(found.offset)
        limit = 8 * np.finfo(np.float32).eps * np.abs(x).max()
        np.testing.assert_allclose(made[:, real], np.asarray(found.values)[:, real], rtol=0, atol=limit)
    rows = walking.by_column(found)
    w = rng.normal(size=(columns, 3))
    sums = np.asarray(rows.rows, np.float64)[real].T @ w[places[real]]
    product = float(rows.scale) * sums + np.asarray(rows.base, np.float64) @ w
    size = np.abs(x).max() * np.abs(w).sum() + 1e-30
    np.testing.assert_allclose(product / size, x.astype(float) @ w / size, atol=1e-5)


def test_8_bit_pixels_are_integers_however_they_are_scaled():
    n = np.random.default_rng(0).integers(0, 256, (50, 64)).astype(np.float32)
    for x in (n, n / 255, n / 127.5 - 1, (n / 255 - 0.1307) / 0.3081, -n, n * 0 + n[:1]):
        found = data.describe(x.astype(np.float32))
        assert found.integers is not None or (x == x[:1]).all()
    for x in (n / 255 + 1e-3 * np.random.default_rng(1).normal(size=n.shape), n**2):
        assert data.describe(x.astype(np.float32)).integers is None


def test_columns_that_nearly_all_vary_are_left_alone():
    x = np.random.default_rng(0).normal(size=(9, 64)).astype(np.float32)
    assert data.describe(x).varying is None
    x[:, 20:] = 3
    assert data.describe(x).varying.shape == (32,)
    assert data.describe(x, fold=False).varying is None


# What is compiled.


def measured_on(platform, signs):
    """The lowered program that measures perturbed weights, or their signs."""
    params, x = networks(), images("frame")
    net = jax.tree.map(lambda w: w[0], params)
    parts = hoist(capture_exactly(accuracy(x), net), [True] * 4)
    found = products.find(parts)
    chosen = products.shortened(found, [signs] * 4)
    run = evaluation.measured(parts.rest, found.products, chosen, (0,) * 4, (None,) * 4, None)
    leaves = [w[:, None] for w in jax.tree.leaves(params)]
    traced = run.trace(parts.fixed, found.data, [], leaves)
    return traced.lower(lowering_platforms=(platform,)).as_text()


def capture_exactly(metric, net):
    with jax.default_matmul_precision("float32"):
        return capture(metric, net)


@pytest.mark.parametrize("platform", ["cpu", "cuda", "tpu"])
def test_products_are_exact_on_every_machine(platform):
    """bfloat16 where that is exact, and nowhere a float32 that a GPU might round to TF32, or a TPU to bfloat16."""
    for signs in (False, True):
        lines = [line for line in measured_on(platform, signs).splitlines() if "dot_general" in line]
        halves = [line for line in lines if "bf16" in line]
        assert len(halves) == signs
        assert all("-> tensor<" in line and line.rstrip().endswith("xf32>") for line in halves)
        assert all("HIGHEST" in line for line in lines if "bf16" not in line)
        assert len(lines) - len(halves) >= 2


def test_a_sweep_keeps_to_the_precision_that_its_caller_chose():
    params, seen = networks(), []

    def metric(net):
        seen.append(jax.config.jax_default_matmul_precision)
        return net["a"]["kernel"].sum()

    jp.sweep(noise(), params, metric, [0.1])
    with jax.default_matmul_precision("tensorfloat32"):
        jp.sweep(noise(), params, metric, [0.1])
    assert seen == ["float32", "tensorfloat32"]


def test_tasks_filled_up_alike_share_what_they_compile(compilations):
    params = jax.tree.map(lambda w: w + 0, networks(seed=3))
    x = images("frame")
    tasks = [jp.data.Task(x, labels(x), x[:size], labels(x)[:size], num_classes=CLASSES) for size in (650, 600)]
    forward = lambda weights, inputs: run(weights, inputs)  # noqa: E731
    names = ("init_probe", "perturb_network", "measure_network", "walk_levels")
    for probe, compiled in ((noise(), names[1:3]), (flip("largest"), names[3:])):
        first, again = ([compilations(name) for name in names] for _ in range(2))
        alike, other = (jp.metrics.accuracy(forward, task, pad_to=660) for task in tasks)
        with contextlib_all(first) as counts:
            one = jp.sweep(probe, params, alike, LEVELS[:12], signed=True).accuracy
        assert all(counts[name]() > 0 for name in compiled)
        with contextlib_all(again) as counts:
            two = jp.sweep(probe, params, other, LEVELS[:12], signed=True).accuracy
        assert [counts[name]() for name in names] == [0, 0, 0, 0]
        for task, found in zip(tasks, (one, two), strict=True):
            alone = jp.sweep(probe, params, jp.metrics.accuracy(forward, task), LEVELS[:12], signed=True).accuracy
            assert np.abs(alone.values - found.values).max() <= 1.01 / len(task.y_test)
    with pytest.raises(jp.errors.ArgumentError, match="650 examples; it cannot be filled up to 600"):
        jp.metrics.accuracy(forward, tasks[0], pad_to=600)


class contextlib_all:
    """Several counters at once, by name."""

    def __init__(self, counters):
        self.counters = counters

    def __enter__(self):
        names = ("init_probe", "perturb_network", "measure_network", "walk_levels")
        return {name: counter.__enter__() for name, counter in zip(names, self.counters, strict=True)}

    def __exit__(self, *args):
        for counter in self.counters:
            counter.__exit__(*args)


def jaxpr(fn, *args):
    return jax.make_jaxpr(fn)(*args).jaxpr


def test_programs_are_equal_by_what_they_say():
    x = jnp.ones(3)
    same = [jaxpr(lambda x: jnp.sin(x) * 2, x), jaxpr(lambda y: jnp.sin(y) * 2, x)]
    assert Written(*same[:1], 1) == Written(*same[1:], 1)
    assert hash(Written(same[0])) == hash(Written(same[1]))
    others = [
        jaxpr(lambda x: jnp.cos(x) * 2, x), jaxpr(lambda x: jnp.sin(x) * 3, x), jaxpr(lambda x: jnp.sin(x) * 2, jnp.ones(4)),
        jaxpr(lambda x: 2 * jnp.sin(x) * 1, x), jaxpr(lambda x: jnp.sin(x * 2), x),
    ]  # fmt: skip
    assert all(Written(same[0]) != Written(other) for other in others)
    assert Written(jaxpr(lambda x: x * 0.0, x)) != Written(jaxpr(lambda x: x * -0.0, x))
    assert Written(1) != Written(True)
    assert Written((1, 2)) != Written([1, 2])
    loops = [jaxpr(lambda x, n=n: jax.lax.fori_loop(0, n, lambda _, y: y * 2, x), x) for n in (3, 3, 4)]
    assert Written(loops[0]) == Written(loops[1]) != Written(loops[2])
    with jax.threefry_partitionable(False):
        drawn = [jaxpr(lambda x: x + jax.random.uniform(jax.random.key(0)), 1.0)]
    drawn += [jaxpr(lambda x: x + jax.random.uniform(jax.random.key(0)), 1.0) for _ in range(2)]
    assert Written(drawn[0]) != Written(drawn[1]) == Written(drawn[2])
    swapped = [jaxpr(lambda a, b: a - b, 1.0, 1.0), jaxpr(lambda a, b: b - a, 1.0, 1.0)]
    assert Written(swapped[0]) != Written(swapped[1])


def test_programs_that_call_other_functions_are_never_taken_for_equal():
    def calling(value):
        def fn(x):
            return jax.pure_callback(lambda x: np.float32(value), jax.ShapeDtypeStruct((), jnp.float32), x)

        return jaxpr(fn, 1.0)

    assert Written(calling(1)) != Written(calling(2))
    sweeps = [
        jp.sweep(
            prune(), networks(), lambda net, v=value: jax.pure_callback(
                lambda w: np.float32(v), jax.ShapeDtypeStruct((), jnp.float32), net["a"]["bias"][0], vmap_method="sequential"
            ), [0.5],
        ).metric.values.ravel()
        for value in (1, 2)
    ]  # fmt: skip
    assert [found.tolist() for found in sweeps] == [[1, 1], [2, 2]]


def test_large_constants_inside_a_program_are_not_compared():
    large = np.arange(10_000.0, dtype=np.float32)
    made = []
    for n in range(2):
        closed = jax.make_jaxpr(lambda x, n=n: x + (large + n))(1.0)
        made.append(shared(lambda closed: closed.consts[0][0].item(), closed))
    assert made == [0, 1]


# Matrices on their side.


def chain_of(fn, *shapes):
    args = [np.random.default_rng(n).normal(size=shape).astype(np.float32) for n, shape in enumerate(shapes)]
    return jax.make_jaxpr(fn)(*map(jnp.asarray, args)), args


@pytest.mark.parametrize(
    ("fn", "turns"),
    [
        (lambda h, b, w: jnp.argmax(jnp.tanh(h + b) @ w, -1), 1),
        (lambda h, b, w: (jax.nn.gelu(h * 2 - b) @ w).sum(), 1),
        (lambda h, b, w: jnp.where(h > b, h, 0.1 * h) @ w @ w.T, 1),
        (lambda h, b, w: jax.nn.softmax(h @ w, -1), 1),
        (lambda h, b, w: w.T @ h.T, 1),
        (lambda h, b, w: h.reshape(5, 2, 4).sum(1) @ w, 1),
        (lambda h, b, w: (h - h.mean(0)) / h.std(0), 1),
        (lambda h, b, w: (h[:, :, None] * w[None]).sum(1), 1),
        (lambda h, b, w: jax.lax.scan(lambda c, row: (c + row, c), b, h)[1], 1),
    ],
)
def test_a_matrix_on_its_side_gives_the_same(fn, turns):
    closed, (h, b, w) = chain_of(lambda h, b, w: fn(h + 0, b, w), (10, 4), (4,), (4, 3))
    assert closed.jaxpr.eqns[0].outvars[0].aval.shape == (10, 4)
    rule = sideways({0: Sideways(jnp.asarray(h.T))}, bind)
    out = evaluate(closed.jaxpr, closed.consts, [h, b, w], rule)
    out = [each.upright if isinstance(each, Sideways) else each for each in out]
    np.testing.assert_allclose(out[0], fn(h, b, w), rtol=2e-5, atol=2e-6)


def test_a_perceptron_never_turns_its_matrix():
    params, x = networks(), images("frame")
    net = jax.tree.map(lambda w: w[0], params)
    parts = hoist(capture(accuracy(x), net), [True] * 4)
    place = products.find(parts).products[0].place
    args = jax.tree.leaves(net)
    fn = lambda turned, *args: evaluate(  # noqa: E731
        parts.rest, parts.fixed, args, sideways({place: Sideways(turned)}, bind)
    )
    turns = [
        eqn for eqn in jax.make_jaxpr(fn)(jnp.ones((NODES, EXAMPLES)), *args).jaxpr.eqns
        if eqn.primitive.name == "transpose" and eqn.invars[0].aval.size == NODES * EXAMPLES
    ]  # fmt: skip
    # The bias beside it, broadcast, is turned, which XLA does for nothing; the product with the last layer is not.
    assert all(not isinstance(eqn.invars[0], core.Literal) for eqn in turns)
    assert len(turns) <= 1


def test_networks_on_threads_are_those_of_one(monkeypatch):
    params, metric = networks(seeds=2), accuracy(images("frame"))
    together = jp.sweep(prune(), params, metric, LEVELS, signed=True).metric
    for n in range(2):
        alone = jp.sweep(prune(), jax.tree.map(lambda w, n=n: w[n : n + 1], params), metric, LEVELS, signed=True).metric
        np.testing.assert_array_equal(together[n], alone[0])


def test_progress_of_a_walk_rises_to_one():
    done = []
    jp.sweep(prune(), networks(4), accuracy(images("frame")), LEVELS, progress=done.append)
    assert done == [0.25, 0.5, 0.75, 1]


def test_only_cpus_walk(monkeypatch):
    monkeypatch.setattr(nested.jax, "default_backend", lambda: "gpu")
    assert planned(prune(), networks(), accuracy(images("frame"))).walk is None
