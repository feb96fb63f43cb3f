"""The study of frustration end to end: on a perceptron trained here, on one's own function, from the command line."""

import dataclasses
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr

import jprobe as jp
from jprobe import cli
from jprobe.errors import ArgumentError, ConfigMismatchError, MissingWeightsError, UnknownNameError
from jprobe.report import Verdict
from jprobe.results import load
from jprobe.studies import compute, run
from jprobe.studies import frustration as study
from jprobe.studies.frustration.headline import headline
from jprobe.studies.frustration.reading import least_by_minimiser
from jprobe.studies.frustration.several import joined

pytestmark = pytest.mark.quick

SMALL = {
    "network": "mnist", "replicas": 3, "nulls": 2, "compare": 60, "anneal": 60, "bound": 20, "images": 4, "sizes": 5, "orders": 2,
}  # fmt: skip
KEYS = {
    "network", "nodes", "edges", "params", "real.best", "real.mean", "real.lower_bound", "n1.mean", "n2.mean", "n3.mean", "anneal.best",
    "active.mean", "active.below_real", "lambda.real", "lambda.n3", "lambda.random", "welch_p.n1", "seconds_per_sweep", "edges_per_second",
    "minimiser", "n1.greedy", "n1.lower_bound.min", "interval", "anneal.real", "anneal.n1", "n3_he.mean", "lambda.coins", "lambda.outputs",
}  # fmt: skip


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run") / "out"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JPROBE_CACHE", str(tmp_path_factory.mktemp("cache")))
        words = [word for key, value in SMALL.items() for word in (f"--{key}", str(value))]
        cli.main(["run", "frustration", *words, "--out", str(folder)])
    return folder


@pytest.mark.end_to_end
def test_a_run_writes_everything(ran):
    told = json.loads((ran / "summary.json").read_text())
    assert set(told) >= KEYS
    assert told["nodes"] == 784 + 64 + 64 + 10
    assert told["edges"] == 784 * 64 + 64 * 64 + 64 * 10
    assert 0 < told["real.lower_bound"] <= told["anneal.best"] <= 0.5
    assert told["real.best"] <= told["real.mean"] < told["n1.mean"] < told["n3.mean"]
    assert told["minimiser"] == "descend"
    assert told["anneal.real"] < told["anneal.n1"]
    # Shuffled perceptrons have one deep basin, which every minimiser finds.
    assert (
        told["n1.lower_bound.min"]
        <= told["n1.lower_bound"]
        < told["n1.greedy"]
        == pytest.approx(told["n1.mean"], rel=0.01)
    )
    assert (
        0
        < told["interval"]
        == pytest.approx(1 - told["real.lower_bound"] / min(told["anneal.best"], told["real.best"]), abs=0.02)
    )
    assert told["lambda.coins"] == pytest.approx(0.1719, abs=1e-4)
    for name in (
        "figure_2_frustration",
        "ground_states",
        "figure_3_alignment",
        "figure_6_adjacency",
        "figure_8_one_side",
    ):
        assert (ran / "figures" / f"{name}.pdf").read_bytes()[:5] == b"%PDF-"
    page = (ran / "report.html").read_text()
    assert "Scaled down: 3 replicas" in page
    assert "trained here on MNIST" in page
    assert "numerical certificate with a margin of +" in page
    assert "coin flips of 10 outputs" in page


def shown(findings, panels):
    """Every figure that a finding names is there, once."""
    names = [panel.name for panel in panels]
    named = {f.claim: [name for name in names if name.endswith(f.figure)] for f in findings if f.figure}
    return len(named) > len(findings) / 2 and all(len(ends) == 1 for ends in named.values())


@pytest.mark.end_to_end
def test_figures_of_a_run_stand_in_order_and_findings_name_them(ran):
    ds = load(ran / "results.nc")
    panels = study.STUDY.panels(ds, study.Config(**SMALL))
    assert [panel.name for panel in panels][:3] == ["figure_5_summary", "ground_states", "figure_2_frustration"]
    assert [panel.name for panel in panels if panel.diagnostic] == ["figure_7_lambda", "descent"]
    assert panels[-1].diagnostic
    assert not panels[-3].diagnostic
    assert shown(study.findings(ds), panels)
    about = study.STUDY.about(ds, study.Config(**SMALL))
    assert "less frustrated than every null model" in about.headline
    assert 4 <= len(about.numbers) <= 6


@pytest.fixture(scope="module")
def trained():
    # Training is repeated here: the same seed gives the same network.
    return study.subject(study.Config(**SMALL))


@pytest.mark.end_to_end
def test_energies_of_a_run_are_those_of_its_spins(ran, trained):
    ds, of = load(ran / "results.nc"), trained
    graph = jp.graph.trace(of.fn, of.params, jnp.zeros(of.shape))
    best = jp.frustration.energy(graph, ds.best_spins.values)
    assert best == pytest.approx(float(ds.energy.min()), abs=1e-6)
    assert bool(ds.is_local.all())


@pytest.mark.end_to_end
def test_a_run_is_taken_up_again_and_refuses_another_network(ran, trained, monkeypatch):
    config = study.Config(**SMALL, out=ran)
    before = load(ran / "results.nc")
    monkeypatch.setattr(jp.frustration, "descend", lambda *_, **__: pytest.fail("computed again"))
    of = trained
    again = compute(study.STUDY, config, of=of, folder=ran)
    np.testing.assert_array_equal(before.energy.values, again.energy.values)
    other = dataclasses.replace(of, params=jax.tree.map(lambda w: w * 2, of.params))
    with pytest.raises(ConfigMismatchError, match="the network's parameters"):
        compute(study.STUDY, config, of=other, folder=ran)
    with pytest.raises(ConfigMismatchError, match="nulls: 2 there, 3 now"):
        compute(study.STUDY, study.Config(**SMALL | {"nulls": 3}), of=of, folder=ran)


def two_layers(p, x):
    return jax.nn.relu(x @ p["a"]) @ p["b"]


@pytest.fixture(scope="module")
def mine():
    """A network of one's own, and its images."""
    sizes = {"a": (6, 8), "b": (8, 3)}
    params = {name: jax.random.normal(jax.random.key(n), size) for n, (name, size) in enumerate(sizes.items())}
    return study.Network("mine", two_layers, params, jax.random.normal(jax.random.key(2), (3, 6)))


TINY = {
    "network": "mine",
    "replicas": 2,
    "nulls": 2,
    "compare": 0,
    "anneal": 0,
    "bound": 0,
    "images": 3,
    "sizes": 4,
    "orders": 1,
}


@pytest.fixture(scope="module")
def alone(mine, tmp_path_factory):
    folder = tmp_path_factory.mktemp("alone")
    return folder, run(study.STUDY, study.Config(**TINY, out=folder), of=mine)


@pytest.mark.end_to_end
def test_a_network_of_ones_own_in_three_lines(alone):
    folder, found = alone
    page = found.report.read_text()
    assert "mine" in page
    assert "Repeat this run" not in page
    told = found.outcome.summary
    assert json.loads((folder / "summary.json").read_text()) == told
    assert told["network"] == "mine"
    for left_out in ("anneal.best", "anneal.n1", "real.lower_bound", "n1.lower_bound.min", "interval"):
        assert told[left_out] is None
    assert 0 <= told["lambda.random"] <= 0.5


@pytest.mark.end_to_end
def test_several_networks_are_one_page_and_each_is_as_alone(mine, alone, tmp_path):
    config = study.Config(**TINY | {"network": ("a", "b")}, out=tmp_path)
    untrained = dataclasses.replace(mine, name="no weights", inputs=jnp.zeros((0, 6)), trained=False)
    found = run(study.STUDY, config, of=study.together({"a": mine, "b": untrained}))
    told = found.outcome.summary
    apart = {key.removeprefix("a."): value for key, value in told.items() if key.startswith("a.")}
    timed = {"seconds_per_sweep", "edges_per_second"}
    expected = alone[1].outcome.summary
    assert {k: v for k, v in apart.items() if k not in timed} == {k: v for k, v in expected.items() if k not in timed}
    assert set(apart) >= KEYS
    # Of a network without weights there are fresh weights alone.
    assert told["b.real.mean"] is None is told["b.n1.mean"] is told["b.lambda.real"]
    assert told["b.n3_he.mean"] == told["a.n3_he.mean"]
    of = {f.claim: {check.what.partition(":")[0] for check in f.checks} for f in found.outcome.findings}
    assert {claim for claim, networks in of.items() if networks == {"a", "b"}} == {
        c for c in of if c.startswith("Fresh")
    }
    header, rows = study.STUDY.table(found.dataset)
    assert [row[0] for row in rows if row[0]] == ["mine", "no weights"]
    assert {len(row) for row in rows} == {len(header)}
    assert rows[0][2] == f"{told['a.real.mean']:.4f}"
    assert "figure_7_lambda" in {panel.name for panel in found.outcome.panels}
    assert shown(found.outcome.findings, found.outcome.panels)
    # A later start reads what is there.
    again = compute(study.STUDY, config, of=study.together({"a": mine, "b": untrained}), folder=tmp_path)
    assert study.summary(again, config) == told


@pytest.mark.end_to_end
def test_greedy_as_the_minimiser_is_algorithm_1(mine, monkeypatch):
    config = study.Config(**TINY | {"minimiser": "greedy", "nulls": 1})
    of = dataclasses.replace(mine, inputs=mine.inputs[:0])
    ds = compute(study.STUDY, config, of=of)
    told = study.summary(ds, config)
    graph = jp.graph.trace(of.fn, of.params, jnp.zeros(of.shape))
    one = jp.frustration.greedy(
        graph, key=jp.studies.Context(None, None, print, {}).key("real", 0), start=17, replicas=2
    )
    np.testing.assert_array_equal(ds.energy.values, one.energy)
    assert told["n1.greedy"] == told["n1.mean"]
    assert told["minimiser"] == "greedy"
    # What it is compared with has as many starts.
    assert ds.minimiser.values.tolist() == ["descend"]
    assert ds.compared.sel(model="real").notnull().sum() == 2
    monkeypatch.setattr("jprobe.studies.frustration.work.LARGEST", 10)
    with pytest.raises(ArgumentError, match="--minimiser greedy keeps every edge"):
        compute(study.STUDY, config, of=of)


def like_the_papers():
    """Energies, bounds and alignments as the paper describes them, with its 80 replicas and null models."""
    rng = np.random.default_rng(0)
    means = {"n1": 0.425, "n2": 0.456, "n3_xavier": 0.462, "n3_he": 0.454}
    energies = np.array(list(means.values()))[:, None, None] + 0.0005 * rng.normal(size=(4, 80, 2))
    annealed = np.array([0.40, *(mean - 0.01 for mean in means.values())])[:, None] + 0.0005 * rng.normal(size=(5, 80))
    sides = rng.choice([-1, 1], size=60)[:, None]
    spread = {
        "real": 0.3,
        "outputs": 0.01,
        "n3_he": 0.02,
        "n3_xavier": 0.02,
        "n3_outputs": 0.02,
        "random": 0.02,
        "ones": 0.02,
        "gradient": 0.4,
    }
    omega = [
        np.clip(0.5 + s * (sides if o == "real" else 1) * abs(rng.normal(1, 0.1, size=(60, 5))), 0, 1)
        for o, s in spread.items()
    ]
    over = ("order", "order_draw", "image", "norm")
    return xr.Dataset(
        {
            "energy": ("replica", 0.41 + 0.0005 * rng.normal(size=80)),
            "null_energy": (("kind", "null", "start"), energies),
            "compared": (("minimiser", "model", "draw"), annealed[None]),
            "certified": (("certified_model", "certificate"), [[0.375, np.nan], [0.405, 0.402], [0.417, np.nan]]),
            "bound_failure": (("certified_model", "certificate"), np.full((3, 2), 1e-6)),
            "bound_margin": (("certified_model", "certificate"), np.full((3, 2), 1e-4)),
            "annealed": 0.395,
            "active_energy": ("image", np.full(60, 0.38)),
            "omega": (over, np.array(omega)[:, None]),
            "still": (over, np.zeros((8, 1, 60, 5))),
            "same_class": (over, np.ones((8, 1, 60, 5))),
        },
        {
            "kind": list(means), "minimiser": ["anneal"], "model": ["real", *means], "certified_model": ["real", "n1", "n3_he"],
            "certificate": [0, 1], "order": list(spread), "order_draw": [0], "norm": np.linspace(1.6, 8, 5),
        },
        {"minimiser": "descend", "outputs": "1000"},
    )  # fmt: skip


def put(ds, name, value, **place):
    ds[name].loc[place] = value


def same(claim, shift):
    """All null models of a kind, by every minimiser, moved."""
    return lambda d: (
        put(d, "null_energy", d.null_energy.sel(kind=claim) + shift, kind=claim),
        put(d, "compared", d.compared.sel(model=claim) + shift, model=claim),
    )


BREAKS = [
    ("null models: real < N1 < N2 and N1 < N3 (by descend)", lambda d: put(d, "null_energy", d.null_energy.sel(kind="n1") + 0.033, kind="n1")),
    ("null models: real < N1 < N2 and N1 < N3 (by descend)", lambda d: put(d, "null_energy", d.null_energy.sel(kind="n3_he") - 0.033, kind="n3_he")),
    ("null models: real < N1 < N2 and N1 < N3 (by anneal)", lambda d: put(d, "compared", d.compared.sel(model="n2") - 0.04, model="n2")),
    ("same by every minimiser", lambda d: put(d, "compared", d.compared.sel(model="n1") - 0.03, model="n1")),
    ("Welch", lambda d: put(d, "null_energy", np.resize(d.energy.values, (80, 2)), kind="n1")),
    ("not rugged", lambda d: d["energy"].__setitem__(..., np.resize([0.38, 0.44], 80))),
    # Spins of a null model below the network's certificate refute the claim; a certificate that is too low leaves it open.
    ("freshly initialised", lambda d: (same("n3_he", -0.1)(d), put(d, "certified", 0.3, certified_model="n3_he"))),
    ("shuffled within layers", lambda d: (same("n1", -0.07)(d), put(d, "certified", 0.3, certified_model="n1"))),
    ("Fresh weights (N3)", lambda d: put(d, "null_energy", d.null_energy.sel(kind="n3_he") + 0.02, kind="n3_he")),
    ("Fresh weights (N3)", lambda d: put(d, "null_energy", d.null_energy.sel(kind="n3_he") - 0.02, kind="n3_he")),
    ("Active", lambda d: d["active_energy"].__setitem__(..., 0.42)),
    ("nearer to monotone", lambda d: put(d, "omega", 0.51, order="real")),
    # With three outputs coin flips have a lambda of 1/6, and a network of 0.15 is no nearer to monotone than they are.
    ("nearer to monotone", lambda d: (d.attrs.update(outputs="3"), put(d, "omega", 0.65, order="real"))),
    ("Null models are not", lambda d: put(d, "omega", d.omega.sel(order="real").values, order="random")),
    ("Null models are not", lambda d: put(d, "omega", d.omega.sel(order="real").values, order="n3_xavier")),
    ("Null models are not", lambda d: put(d, "omega", d.omega.sel(order="real").values, order="n3_he")),
    ("depart from the order", lambda d: put(d, "omega", d.omega.sel(order="real").values, order="outputs")),
    ("to one side", lambda d: put(d, "omega", np.resize([0.2, 0.8], (60, 5)), order="real")),
    ("keep their class", lambda d: put(d, "same_class", 0.0, order="real")),
]  # fmt: skip


def test_all_findings_hold_for_a_network_like_the_papers():
    found = study.findings(like_the_papers())
    assert len(found) == 14
    assert all(f.verdict is Verdict.HOLDS for f in found), [f.seen for f in found if f.verdict is not Verdict.HOLDS]
    (certificate,) = [f for f in found if "shuffled within layers" in f.claim]
    # The least of two N1 counts: 0.402 above spins of 0.395.
    assert "numerical certificate with a margin of +0.0070" in certificate.seen
    assert "float32" in certificate.seen
    assert "Lanczos" in certificate.seen


def test_the_headline_says_what_the_numbers_say():
    ds = like_the_papers().assign_attrs(network="the network")
    told = headline(ds)
    assert (
        "The network: the trained network is less frustrated than every null model, 0.410 against 0.425 for N1" in told
    )
    # Spins of 0.395 lie below the least of two certificates of N1, 0.402.
    assert told.endswith("none of its spins go below 0.375, and none of N1's below 0.402, under which it has some.")
    same("n1", -0.1)(ds)
    put(ds, "null_energy", np.resize([0.40, 0.42], (80, 2)) + np.resize([0.001, -0.001], (80, 1)), kind="n2")
    put(ds, "certified", 0.39, certified_model="n1")
    told = headline(ds)
    assert (
        "less frustrated than N3 (Xavier) and N3 (He), more frustrated than N1, not told apart from N2, 0.410" in told
    )
    assert "N1's" not in told
    assert headline(ds.isel(replica=[0])).count("not told apart from N1, N2, N3 (Xavier) and N3 (He)") == 1
    both = headline(joined({"good": like_the_papers(), "bad": ds}))
    assert both.startswith("1 of 2 networks are less frustrated than every null model (bad is less")
    assert both.endswith("for 1 of 2 a certificate shows that the ground state lies below N1's.")


def test_a_certificate_of_one_draw_is_not_held_against_another():
    """Of 80 null models two are certified, and a third may lie lower."""
    ds = like_the_papers()
    ds.null_energy.loc[{"kind": "n1", "null": 7}] = 0.3
    least = least_by_minimiser(ds, "n1")
    assert 0.402 < least["descend"] < 0.43
    assert least["anneal"] == pytest.approx(float(ds.compared.sel(model="n1").isel(draw=[0, 1]).min()))
    assert least_by_minimiser(ds, "n2")["descend"] == pytest.approx(float(ds.null_energy.sel(kind="n2").min()))
    assert least_by_minimiser(ds, "real")["anneal"] == 0.395


@pytest.mark.parametrize(("word", "change"), BREAKS)
def test_a_finding_differs_when_its_numbers_do(word, change):
    broken = like_the_papers()
    change(broken)
    (finding,) = [f for f in study.findings(broken) if word in f.claim]
    assert finding.verdict is Verdict.DIFFERS, finding.seen


def test_minimisers_that_disagree_are_named():
    broken = like_the_papers()
    put(broken, "compared", broken.compared.sel(model="n1") - 0.03, model="n1")
    (finding,) = [f for f in study.findings(broken) if "every minimiser" in f.claim]
    assert "descend, anneal disagree on N1 less the network: descend +0.0150, anneal -0.0150" in finding.seen


def test_findings_are_open_with_few_null_models_and_images():
    few = like_the_papers().isel(null=slice(0, 1), replica=slice(0, 2), draw=slice(0, 1), image=slice(0, 4))
    put(few, "certified", 0.39, certified_model="n1")
    put(few, "certified", 0.39, certified_model="n3_he")
    put(few, "energy", [0.41, 0.4115])
    found = {f.claim: f.verdict for f in study.findings(few)}
    open_ = [claim for claim, verdict in found.items() if verdict is Verdict.INCONCLUSIVE]
    for words in (
        "by descend", "by anneal", "same by every minimiser", "freshly initialised", "shuffled within", "Welch", "not rugged", "Fresh weights",
        "Active", "nearer to monotone", "Null models are not", "depart from", "to one side", "keep their class",
    ):  # fmt: skip
        assert any(words in claim for claim in open_), words


def test_a_claim_of_several_networks_holds_if_it_holds_for_each():
    broken = like_the_papers()
    put(broken, "same_class", 0.0, order="real")
    both = study.findings(joined({"good": like_the_papers(), "bad": broken}))
    verdicts = {f.claim: f.verdict for f in both}
    (changed,) = [claim for claim, verdict in verdicts.items() if verdict is not Verdict.HOLDS]
    (finding,) = [f for f in both if f.claim == changed]
    assert "keep their class" in changed
    assert finding.verdict is Verdict.DIFFERS
    assert "good holds, bad differs" in finding.seen


@pytest.mark.end_to_end
def test_table_1_on_the_command_line(capsys):
    cli.main(["run", "frustration", "--network", "mnist", "--table", "sizes"])
    text = capsys.readouterr().out
    for number in ("3,269,923", "378,577,376", "1,235,496", "2,797,981,184", "306.4"):
        assert number in text
    assert max(map(len, text.splitlines())) <= 80


def test_mistakes_are_explained(tmp_path, monkeypatch):
    monkeypatch.setenv("JPROBE_CACHE", str(tmp_path))
    with pytest.raises(UnknownNameError, match="Did you mean 'squeezenet'"):
        study.subject(study.Config(network="squeezenett"))
    with pytest.raises(MissingWeightsError, match="jprobe weights import resnet18"):
        study.subject(study.Config(network="resnet18"))
    with pytest.raises(ArgumentError, match="--replicas must be 1 or more"):
        study.Config(replicas=0)
    with pytest.raises(ArgumentError, match="--largest"):
        study.Config(largest=0)
    assert study.Config().folder(study.PRESETS).name == "frustration-mnist-quick"
    assert study.Config(network="mnist").numbers() == study.Config(network=("mnist",)).numbers()
    for names in ((), ("mnist", "mnist"), ""):
        with pytest.raises(ArgumentError, match="--network names one network or more"):
            study.Config(network=names)
    with pytest.raises(UnknownNameError, match="Did you mean 'resnet18'"):
        study.subject(study.Config(network=("squeezenet", "resnet81")))


def test_real_networks_without_heads_say_so(test_data, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("JPROBE_CACHE", str(tmp_path))
    file = test_data / "weights" / "alexnet-torchvision-conv.safetensors"
    cli.main(["weights", "import", "alexnet_torchvision", str(file)])
    assert "It lacks the three dense layers" in capsys.readouterr().out
    cli.main(["data", "import", "imagenette", str(test_data / "data" / "imagenette")])
    of = study.subject(study.Config(network="alexnet_torchvision", images=2))
    assert of.name == "alexnet_torchvision without the three dense layers (classifier)"
    assert of.inputs.shape == (2, 224, 224, 3)
    assert not of.classifies
    # A pixel's range from 0 to 1, over standard deviations near 0.225.
    assert 4.2 < of.unit < 4.6


@pytest.mark.slow
def test_the_real_squeezenet_is_as_published(test_data, tmp_path, monkeypatch):
    monkeypatch.setenv("JPROBE_CACHE", str(tmp_path))
    cli.main(["weights", "import", "squeezenet", str(test_data / "weights" / "squeezenet1_1-caffe-fp16.safetensors")])
    cli.main(["data", "import", "imagenette", str(test_data / "data" / "imagenette")])
    config = study.Config(replicas=2, nulls=1, anneal=100, bound=20, images=4, sizes=10)
    told = study.summary(compute(study.STUDY, config), config)
    assert 0.405 < told["real.best"] < 0.411
    assert told["real.mean"] < told["n1.mean"] < min(told["n2.mean"], told["n3.mean"])
    assert told["real.lower_bound"] > 0.365
    assert told["anneal.best"] < 0.402
    assert told["active.below_real"] == 1
