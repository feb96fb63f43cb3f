"""The study of complex-network metrics: its numbers on small images, and claims that its findings must not confirm."""

import json
from functools import partial

import jax
import numpy as np
import pytest
import xarray as xr

import jprobe as jp
from jprobe import studies
from jprobe.errors import ArgumentError
from jprobe.report.verdict import Verdict
from jprobe.studies.cnt import STUDY, Config
from jprobe.studies.cnt.densities import density
from jprobe.studies.cnt.findings import CLAIMS, numbered
from jprobe.studies.cnt.headline import headline
from jprobe.studies.cnt.measuring import QUANTITIES, described, kept, layers, links
from jprobe.studies.cnt.panels import _architectures, _depths
from jprobe.studies.cnt.parts import _of_finite, kinds, parts
from jprobe.studies.cnt.pruning import ORDERS, REMOVED, _output_kernel, _scores, pruned
from jprobe.studies.cnt.reading import found_in, pools

pytestmark = pytest.mark.quick


@pytest.mark.end_to_end
def test_a_run_tells_every_pool(few_digits, tmp_path, unpainted):
    subject = studies.Subject("digits", inputs={"mnist": few_digits}, checksums={})
    config = Config(activations=("sigmoid",), networks=2, samples=20, out=tmp_path / "run")
    told = studies.run(STUDY, config, of=subject).outcome
    names = [panel.name for panel in told.panels]
    assert names[0] == "figure_2_densities_mnist_sigmoid"
    assert [panel.name for panel in told.panels if panel.diagnostic] == names[-1:] == ["training_mnist_sigmoid"]
    named = [[name for name in names if name.endswith(finding.figure)] for finding in told.findings]
    assert all(len(ends) == 1 for ends in named)
    assert told.about.headline.startswith(f"Of {len(told.findings)} published claims ")
    assert [number.paper for number in told.about.numbers] == [
        "most",
        "localised by training",
        "most",
        "none",
        "weak neurons may go",
    ]
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    for name in ("fc", "cnn", "rnn", "ae"):
        key = f"mnist.{name}.3.sigmoid"
        # Autoencoders learn nothing but the mean image from so few images.
        assert summary[f"{key}.dead"] == (2 if name == "ae" else 0)
        for layer in (2, 3):
            for word in ("fluctuation", "neuron_strength.skew", "node_strength_in.mean", "strength_correlation"):
                assert np.isfinite(summary[f"{key}.layer_{layer}.{word}"])
                assert np.isfinite(summary[f"untrained.{key}.layer_{layer}.{word}"])
        assert f"{key}.layer_1.node_strength_in.mean" not in summary  # nothing enters the input
        assert f"{key}.layer_3.node_strength_out.mean" not in summary
    assert summary["mnist.fc.3.sigmoid.performance"] > 0.6
    assert 0 < summary["mnist.ae.3.sigmoid.performance"] < 0.2
    assert summary["mnist.fc.3.sigmoid.parameters"] == (14 * 14 + 1) * 32 + 33 * 10
    assert summary["mnist.rnn.sigmoid.centre_ratio.untrained"] > 0
    assert (
        summary["mnist.rnn.sigmoid.centre_ratio.trained"] == summary["mnist.rnn.sigmoid.variance.centre_ratio.trained"]
    )
    assert summary["mnist.rnn.sigmoid.sd.centre_ratio.trained"] > 0
    assert summary["mnist.fc.3.sigmoid.Dense_0/kernel.stable_rank"] >= 1
    assert summary["mnist.fc.3.sigmoid.pruned_80.magnitude"] <= 1
    # Claims on linear networks and on depth have nothing to be told by.
    told = {key for key in summary if key.startswith("claims.")}
    assert told == {f"claims.C{n}" for n in (1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 14)} | {"claims.pruning"}
    assert {"results.nc", "report.html", "config.json"} <= {path.name for path in (tmp_path / "run").iterdir()}


def test_depths_that_an_architecture_has_not_are_left_out():
    found = list(kinds(Config(depths=(3, 5, 9), activations=("relu",), dataset=("mnist", "cifar10"))))
    assert [(p.architecture, p.depth) for p in found if p.dataset == "mnist"] == [
        ("fc", 3), ("fc", 5), ("fc", 9), ("cnn", 3), ("cnn", 5), ("rnn", 3), ("ae", 3), ("ae", 5), ("ae", 9),
    ]  # fmt: skip
    assert len(found) == 18
    with pytest.raises(ArgumentError, match="None of rnn"):
        list(parts(Config(architectures=("rnn",), depths=(5,)), studies.Subject("none", inputs={}, checksums={})))
    with pytest.raises(ArgumentError, match="--networks must be 2 or more"):
        Config(networks=1)


@pytest.fixture(scope="module")
def perceptrons():
    """Three networks and their inputs."""
    model, x = jp.models.MLP((5,), 3, kernel_sd=0.5), np.random.default_rng(0).normal(size=(7, 4)).astype(np.float32)
    params = jax.vmap(lambda key: model.init(key, x))(jax.random.split(jax.random.key(0), 3))
    return model, jax.tree.map(lambda w: w + 0.1, params), x


def test_what_is_kept_of_networks_is_what_neurons_have(perceptrons):
    model, params, x = perceptrons
    kept = described(model, params, x, jax.nn.softmax)
    whole = jp.metrics.neurons(model, params, x, output=jax.nn.softmax, stacked=True)
    signed = whole.sel(weights="signed")
    values = {
        "node_strength_in": signed.strength_in,
        "node_strength_out": signed.strength_out,
        "neuron_strength": whole.neuron_strength,
        "neuron_activation": whole.neuron_activation,
    }
    for layer, name in enumerate(("input", "Dense_0", "Dense_1"), start=1):
        here = kept.sel(layer=layer)
        for quantity, all_of in values.items():
            mine = all_of.sel(neuron=whole.of == name).values
            one = here.sel(quantity=quantity)
            if np.isnan(mine).all():
                assert one.sums.isnull().all()
            else:
                np.testing.assert_allclose(one.center, mine.mean(), rtol=1e-5, atol=1e-6)
                np.testing.assert_allclose(one.scale, mine.std(), rtol=1e-5)
        for ours, theirs in (
            ("fluctuation", "fluctuation"),
            ("link_mean", "link_mean"),
            ("link_variance", "link_variance"),
        ):
            np.testing.assert_allclose(here[ours], whole.sel(layer=name)[theirs], rtol=1e-4, atol=1e-6)
        if layer > 1:
            inward, mean = values["node_strength_in"], whole.neuron_strength.mean("sample")
            place = whole.of == name
            pairs = zip(inward.sel(neuron=place).values, mean.sel(neuron=place).values, strict=True)
            exact = [np.corrcoef(a, b)[0, 1] for a, b in pairs]
            np.testing.assert_allclose(here.correlation.sel(against="neuron_strength"), exact, rtol=1e-4)
    along = jax.vmap(lambda one: links(model, one, (4,)))(params)
    for name, ours in (("mean", "link_mean"), ("variance", "link_variance"), ("fluctuation", "fluctuation")):
        np.testing.assert_allclose(along[name], kept[ours].sel(layer=[2, 3]).T, rtol=1e-4, atol=1e-6)


def test_networks_whose_numbers_are_not_finite_are_left_out_by_name(perceptrons):
    """NaN weights, and finite ones whose products overflow."""
    model, params, x = perceptrons
    broken = jax.tree.map(np.array, params)
    broken["params"]["Dense_0"]["kernel"][0] = np.nan
    broken["params"]["Dense_1"]["kernel"][2] *= 1e38
    found = _of_finite(lambda some: described(model, some, x, jax.nn.softmax), broken)
    alone = described(model, jax.tree.map(lambda w: w[1:2], params), x, jax.nn.softmax)
    assert found.network.values.tolist() == [0, 1, 2]
    lost = found.sums.sel(layer=2, quantity="neuron_strength").isnull().all("power")
    assert lost.values.tolist() == [True, False, True]
    np.testing.assert_allclose(found.link_mean.sel(network=1), alone.link_mean.isel(network=0), rtol=1e-5)
    none = _of_finite(lambda some: described(model, some, x), jax.tree.map(lambda w: np.full_like(w, np.inf), broken))
    assert none.sizes["network"] == 3


def by_hand(model, params, task, score, removed):
    """Accuracy of one perceptron without the weakest weights of its first kernel."""
    kernel = np.array(params["params"]["Dense_0"]["kernel"])
    gone = np.argsort(score.ravel(), kind="stable")[: kernel.size - int((1 - removed) * kernel.size)]
    kernel.ravel()[gone] = 0
    without = jax.tree.map(np.array, params)
    without["params"]["Dense_0"]["kernel"] = kernel
    return (np.argmax(model.apply(without, task.x_test), -1) == task.y_test).mean()


def test_pruning_by_strength_is_pruning_by_hand():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(60, 6)).astype(np.float32), rng.integers(3, size=60)
    task, model = jp.data.Task(x, y, x, y, num_classes=3), jp.models.MLP((5,), 3, kernel_sd=1.0)
    params = jax.vmap(lambda key: model.init(key, x))(jax.random.split(jax.random.key(0), 2))
    found = pruned(model, params, task, x[:20])
    for n, one in enumerate(jp.unstack(params)):
        kernel = np.asarray(one["params"]["Dense_0"]["kernel"])
        driven = np.abs(x[:20]).mean(0)[:, None] * abs(kernel)
        scores = {
            "magnitude": abs(kernel),
            "edge": driven,
            "neuron": driven.sum(0) + 0 * kernel,
            "node": abs(kernel.sum(0)) + 0 * kernel,
        }
        for order, score in scores.items():
            for removed in (0.0, 0.3, 0.5):
                exact = by_hand(model, one, task, score, removed)
                assert found.pruned.sel(network=n, order=order, removed=removed) == pytest.approx(exact), (
                    order,
                    removed,
                )


def test_random_neurons_lose_all_their_weights(perceptrons):
    model, params, x = perceptrons
    scores = np.asarray(_scores(model, params, x)["params"]["Dense_0"]["kernel"])[:, ORDERS.index("random_neuron")]
    assert (scores == scores[:, :1]).all()
    assert len(np.unique(scores)) == scores.shape[0] * scores.shape[2]


@pytest.mark.parametrize(
    ("kind", "last"),
    [("FC", "Dense_1/kernel"), ("CNN", "Dense_0/kernel"), ("RNN", "output/kernel"), ("AE", "Dense_1/kernel")],
)
def test_the_outputs_kernel_is_not_pruned(kind, last):
    model, x = jp.models.architecture(kind, 3, "mnist"), np.zeros((2, 28, 28, 1), np.float32)
    params = jax.tree.map(lambda w: w[None], model.init(jax.random.key(0), x))
    assert _output_kernel(model, params, x) == last


def test_steps_of_a_recurrent_network_are_one_layer():
    assert [layer.blocks for layer in layers(5, recurrent=True)] == [(0,), (1, 2, 3), (4,)]
    assert [layer.blocks for layer in layers(3, recurrent=False)] == [(0,), (1,), (2,)]


NETWORKS = 6


def pool(name, values, *, untrained=None, correlation=0.0, modes=1, ratios=(1.0, 1.0), gains=0.0, depth=3):
    """A pool whose layers after the input have such values: quantity -> [networks, ...], or for each layer one."""
    rng = np.random.default_rng(0)
    default = {quantity: rng.normal(size=(NETWORKS, 50)) for quantity in QUANTITIES}
    states = []
    for given in (untrained or {}, values):
        rows = []
        for layer in range(1, depth + 1):
            here = {**default, **given, **given.get(layer, {})}
            one = xr.concat(
                [kept(here[q]) for q in QUANTITIES], xr.DataArray(list(QUANTITIES), dims="quantity", name="quantity")
            )
            one["modes"] = ("quantity", "network"), np.full((len(QUANTITIES), NETWORKS), float(modes))
            one["width"] = 16.0 if layer == 2 else 784.0
            one["correlation"] = ("against", "network"), np.broadcast_to(correlation, (2, NETWORKS))
            rows.append(one.assign_coords(against=["neuron_strength", "neuron_activation"]))
        states.append(xr.concat(rows, xr.DataArray(range(1, depth + 1), dims="layer", name="layer")))
    ds = xr.concat(states, xr.DataArray(["untrained", "trained"], dims="state", name="state"))
    noise = rng.normal(scale=0.01, size=(2, NETWORKS))
    ds["never_on"] = ("state", "layer", "network"), np.zeros((2, depth, NETWORKS))
    ds["centre_ratio_by_init"] = ("init", "state", "network"), np.stack([np.array(ratios)[::-1, None] + noise] * 2)
    ds["pixel_centre_ratio_by_init"] = ("init", "state"), np.full((2, 2), 3.0)
    ds["performance_by_init"] = ("init", "network"), np.full((2, NETWORKS), 0.9)
    ds["dead"] = "network", np.zeros(NETWORKS)
    ds["performance"], ds["explained"] = ("network", np.full(NETWORKS, 0.04)), ("network", np.full(NETWORKS, 0.6))
    kept_weights = 0.5 + np.where(np.isin(ORDERS, ("neuron", "node")), gains, 0.0)[:, None] + np.zeros(len(REMOVED))
    ds["pruned"] = (
        ("network", "order", "removed"),
        kept_weights + rng.normal(scale=0.001, size=(NETWORKS, len(ORDERS), len(REMOVED))),
    )
    ds = ds.assign_coords(init=["variance", "sd"], order=list(ORDERS), removed=list(REMOVED))
    return ds.expand_dims(pool=[name])


def normal(mean=0.0, sd=1.0):
    return mean + sd * np.random.default_rng(1).normal(size=(NETWORKS, 400))


def between(*ends):
    """Activations in these intervals, as many in each."""
    rng = np.random.default_rng(2)
    return np.concatenate([rng.uniform(*end, size=(NETWORKS, 100)) for end in ends], 1)


HEAVY = np.random.default_rng(3).standard_t(5, size=(NETWORKS, 20_000)) ** 3
SKEWED = 1.0 - np.random.default_rng(4).exponential(size=(NETWORKS, 4000)) * 3
FLAT, ENDS, MIDDLE = (
    between(*((n / 10, n / 10 + 0.1) for n in range(10))),
    between((0, 0.05), (0.95, 1)),
    between((0.4, 0.6)),
)

# Claim -> (pools by which it holds, pools by which it does not).
CASES = {
    "C1": (
        [partial(pool, "mnist.fc.3.sigmoid", {"node_strength_in": normal(-2), "neuron_strength": normal(-2)})],
        [partial(pool, "mnist.fc.3.sigmoid", {"node_strength_in": normal(2), "neuron_strength": normal(-2)})],
    ),
    "C2": (
        [partial(pool, "mnist.ae.3.sigmoid", {"neuron_strength": normal(-2), "neuron_activation": between((0, 0.1), (0, 0.1), (0.5, 1))})],
        [partial(pool, "mnist.ae.3.sigmoid", {"neuron_strength": normal(-2), "neuron_activation": FLAT})],
    ),
    "C4": ([partial(pool, "mnist.cnn.3.sigmoid", {}, modes=3)], [partial(pool, "mnist.cnn.3.sigmoid", {}, modes=1)]),
    "C5": (
        [partial(pool, "mnist.cnn.3.sigmoid", {"node_strength_in": normal(-2), "neuron_strength": normal(-2)})],
        [partial(pool, "mnist.cnn.3.sigmoid", {"node_strength_in": normal(-2), "neuron_strength": normal(2)})],
    ),
    "C6": (
        [partial(pool, "mnist.rnn.3.sigmoid", {"neuron_strength": HEAVY})],
        [partial(pool, "mnist.rnn.3.sigmoid", {"neuron_strength": HEAVY, "node_strength_in": HEAVY})],
    ),
    "C7": (
        [partial(pool, "mnist.rnn.3.sigmoid", {"neuron_activation": MIDDLE}), partial(pool, "mnist.fc.3.sigmoid", {"neuron_activation": FLAT})],
        [partial(pool, "mnist.rnn.3.sigmoid", {"neuron_activation": FLAT}), partial(pool, "mnist.fc.3.sigmoid", {"neuron_activation": FLAT})],
    ),
    "C8": ([partial(pool, "mnist.rnn.3.sigmoid", {}, ratios=(2.0, 1.0))], [partial(pool, "mnist.rnn.3.sigmoid", {}, ratios=(1.0, 1.0))]),
    "C9": (
        [partial(pool, "mnist.fc.3.linear", {"neuron_strength": normal()})],
        [partial(pool, "mnist.fc.3.linear", {"neuron_strength": normal(1)})],
    ),
    "C10": (
        [partial(pool, "mnist.fc.3.relu", {"neuron_strength": SKEWED}), partial(pool, "mnist.fc.3.sigmoid", {"neuron_strength": normal(-1)})],
        [partial(pool, "mnist.fc.3.relu", {"neuron_strength": normal(-1)}), partial(pool, "mnist.fc.3.sigmoid", {"neuron_strength": SKEWED})],
    ),
    "C11": (
        [partial(pool, "mnist.ae.5.sigmoid", {"neuron_activation": FLAT}, depth=5)],
        [partial(pool, "mnist.ae.5.sigmoid", {"neuron_activation": FLAT, 3: {"neuron_activation": ENDS}}, depth=5)],
    ),
    "C12": (
        [partial(pool, "mnist.fc.3.sigmoid", {"neuron_activation": ENDS}), partial(pool, "mnist.cnn.3.sigmoid", {"neuron_activation": MIDDLE})],
        [partial(pool, "mnist.fc.3.sigmoid", {"neuron_activation": ENDS}), partial(pool, "mnist.cnn.3.sigmoid", {"neuron_activation": ENDS})],
    ),
    "C13": (
        [partial(pool, "mnist.fc.3.relu", {"neuron_strength": normal()}), partial(pool, "mnist.fc.7.relu", {"neuron_strength": normal(3)}, depth=7)],
        [partial(pool, "mnist.fc.3.relu", {"neuron_strength": normal()}), partial(pool, "mnist.fc.7.relu", {"neuron_strength": ENDS}, depth=7)],
    ),
    "C14": (
        [partial(pool, "mnist.fc.3.sigmoid", {}, correlation=-0.1)],
        [partial(pool, "mnist.fc.3.sigmoid", {}, correlation=-0.6)],
    ),
    "pruning": ([partial(pool, "mnist.fc.3.sigmoid", {}, gains=0.2)], [partial(pool, "mnist.fc.3.sigmoid", {}, gains=-0.2)]),
}  # fmt: skip


@pytest.mark.parametrize("claim", CASES)
def test_a_finding_holds_and_breaks(claim):
    for some, verdict in zip(CASES[claim], (Verdict.HOLDS, Verdict.DIFFERS), strict=True):
        ds = xr.concat([make() for make in some], "pool", join="outer")
        (finding,) = [found for name, found in numbered(ds) if name == claim]
        assert finding.verdict == verdict, str(finding.seen)


@pytest.mark.parametrize("claim", ["C9", "C10", "C13"])
def test_findings_of_other_activations_and_depths_name_their_densities(claim):
    ds = xr.concat([make() for make in CASES[claim][0]], "pool", join="outer")
    (finding,) = [found for name, found in numbered(ds) if name == claim]
    mine = dict(pools(ds))
    made = [panel.name for make in (_architectures, _depths) for panel in make("mnist", mine)]
    assert [name for name in made if name.endswith(finding.figure)] == {
        "C9": ["figure_4_densities_mnist_linear"], "C10": ["figure_4_densities_mnist_relu"], "C13": ["figure_5_densities_mnist_fc_7"],
    }[claim]  # fmt: skip


def test_the_headline_counts_verdicts_and_reads_the_hidden_layers():
    ds = xr.concat([make() for claim in ("C1", "C4") for make in CASES[claim][0]], "pool", join="outer")
    verdicts = [finding.verdict for _, finding in numbered(ds)]
    told = headline(ds)
    holds, differs = verdicts.count(Verdict.HOLDS), verdicts.count(Verdict.DIFFERS)
    assert told.startswith(f"Of {len(verdicts)} published claims {holds} hold, {differs} differ and")
    # Of two kinds of networks (fifty values each) one has strengths around -2, the other around 0; both begin around 0.
    assert "52% to 98% of the neuron strengths are below 0, before training 52%" in told
    assert told.endswith("correlate with r of 0.00.")
    assert not headline(ds.isel(pool=[]))


def test_a_density_is_that_of_its_values():
    rng = np.random.default_rng(0)
    one = pool("mnist.fc.3.sigmoid", {"neuron_strength": rng.normal(3, 2, size=(NETWORKS, 5000))}).isel(pool=0)
    curve = density(found_in(one, state="trained", layer=2, quantity="neuron_strength"))
    assert curve.height.max() == 1
    assert curve.at[curve.height.argmax()] == pytest.approx(3, abs=0.5)
    # A normal density is at exp(-1/2) of its peak one deviation off.
    assert np.interp([1, 5], curve.at, curve.height) == pytest.approx(np.exp(-0.5), abs=0.05)
    assert (curve.low, curve.high) == pytest.approx((3 - 2.576 * 2, 3 + 2.576 * 2), abs=0.3)


def test_the_bottleneck_is_where_the_layer_is_narrowest():
    """In the paper's third layer, which of three layers is the output: the claim is of a slip."""
    deeper = pool("mnist.fc.5.sigmoid", {}, depth=5)  # whose layers 4 and 5 the autoencoder has not
    for ds in (
        pool("mnist.ae.3.sigmoid", {}),
        xr.concat([pool("mnist.ae.3.sigmoid", {}), deeper], "pool", join="outer"),
    ):
        (finding,) = [found for name, found in numbered(ds) if name == "C3"]
        assert finding.verdict == Verdict.DIFFERS
        assert finding.checks[0].found.value == 2


def test_every_claim_has_a_case_that_breaks_it():
    assert set(CASES) | {"C3"} == set(CLAIMS)


def test_what_untrained_networks_show_stands_beside_a_claim():
    """A mode for each filter is there before any training."""
    (finding,) = [found for name, found in numbered(pool("mnist.cnn.3.sigmoid", {}, modes=4)) if name == "C4"]
    assert "untrained: CNN-3 sigmoid 4 and 4 modes" in finding.remark


def test_correlations_by_chance_are_none():
    """Among ten outputs r is 0.3 this way or that in every network."""
    chance = pool("mnist.fc.3.sigmoid", {}, correlation=np.array([0.3, -0.3, 0.2, -0.2, 0.25, -0.25]))
    (finding,) = [found for name, found in numbered(chance) if name == "C14"]
    assert all(check.found.value < 0.01 for check in finding.checks)


def test_dead_networks_are_named_beside_a_claim():
    """ReLU networks that learnt nothing have skewed strengths, too."""
    one = pool("cifar10.fc.3.relu", {"neuron_strength": SKEWED})
    one["dead"] = one.dead + 1
    (finding,) = [found for name, found in numbered(one) if name == "C10"]
    assert "6 of 6 networks of FC-3 relu are dead" in finding.remark


def test_layers_of_deeper_networks_are_counted_beside_a_claim():
    some = [pool("mnist.fc.3.sigmoid", {}, correlation=0.1), pool("mnist.fc.5.sigmoid", {}, correlation=0.6, depth=5)]
    (finding,) = [found for name, found in numbered(xr.concat(some, "pool", join="outer")) if name == "C14"]
    assert finding.verdict == Verdict.HOLDS  # of figure 6, whose networks have three layers
    assert "0 of 4 layers of deeper networks are below 0.2 (from 0.6 to 0.6, neuron strength)" in finding.remark


def test_few_networks_decide_nothing():
    one = pool("mnist.fc.3.sigmoid", {}, correlation=-0.1).isel(network=slice(0, 3))
    (finding,) = [found for name, found in numbered(one) if name == "C14"]
    assert finding.verdict == Verdict.INCONCLUSIVE
