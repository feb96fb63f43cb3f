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

pytestmark = pytest.mark.quick

SMALL = {"network": "mnist", "replicas": 3, "nulls": 2, "anneal": 60, "bound": 20, "images": 4, "sizes": 5}
KEYS = {
    "network", "nodes", "edges", "params", "real.best", "real.mean", "real.lower_bound", "n1.mean", "n2.mean", "n3.mean", "anneal.best",
    "active.mean", "active.below_real", "lambda.real", "lambda.n3", "lambda.random", "welch_p.n1", "seconds_per_sweep", "edges_per_second",
}  # fmt: skip


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run") / "out"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JPROBE_CACHE", str(tmp_path_factory.mktemp("cache")))
        words = [word for key, value in SMALL.items() for word in (f"--{key}", str(value))]
        cli.main(["run", "frustration", *words, "--out", str(folder)])
    return folder


def test_a_run_writes_everything(ran):
    told = json.loads((ran / "summary.json").read_text())
    assert set(told) >= KEYS
    assert told["nodes"] == 784 + 64 + 64 + 10
    assert told["edges"] == 784 * 64 + 64 * 64 + 64 * 10
    assert 0 < told["real.lower_bound"] <= told["anneal.best"] <= 0.5
    assert told["real.best"] <= told["real.mean"] < told["n1.mean"] < told["n3.mean"]
    for name in ("figure_2_frustration", "intervals", "figure_3_alignment", "figure_6_adjacency", "figure_8_one_side"):
        assert (ran / "figures" / f"{name}.pdf").read_bytes()[:5] == b"%PDF-"
    page = (ran / "report.html").read_text()
    assert "Scaled down: 3 replicas" in page
    assert "trained here on MNIST" in page


def test_energies_of_a_run_are_those_of_its_spins(ran):
    ds = load(ran / "results.nc")
    of = study.subject(study.Config(**SMALL))
    graph = jp.graph.trace(of.fn, of.params, jnp.zeros(of.shape))
    # Training is repeated here: the same seed gives the same network.
    best = jp.frustration.energy(graph, ds.best_spins.values)
    assert best == pytest.approx(float(ds.energy.min()), abs=1e-6)
    assert bool(ds.is_local.all())


def test_a_run_is_taken_up_again_and_refuses_another_network(ran, monkeypatch):
    config = study.Config(**SMALL, out=ran)
    before = load(ran / "results.nc")
    monkeypatch.setattr(jp.frustration, "descend", lambda *_, **__: pytest.fail("computed again"))
    of = study.subject(config)
    again = compute(study.STUDY, config, of=of, folder=ran)
    np.testing.assert_array_equal(before.energy.values, again.energy.values)
    other = dataclasses.replace(of, params=jax.tree.map(lambda w: w * 2, of.params))
    with pytest.raises(ConfigMismatchError, match="the network's parameters"):
        compute(study.STUDY, config, of=other, folder=ran)
    with pytest.raises(ConfigMismatchError, match="nulls: 2 there, 3 now"):
        compute(study.STUDY, study.Config(**SMALL | {"nulls": 3}), of=of, folder=ran)


def test_a_network_of_ones_own_in_three_lines(tmp_path):
    params = {"a": jax.random.normal(jax.random.key(0), (6, 8)), "b": jax.random.normal(jax.random.key(1), (8, 3))}

    def fn(p, x):
        return jax.nn.relu(x @ p["a"]) @ p["b"]

    images = jax.random.normal(jax.random.key(2), (3, 6))
    config = study.Config(network="mine", replicas=2, nulls=2, anneal=0, bound=0, images=3, sizes=4, out=tmp_path)
    found = run(study.STUDY, config, of=study.Network("mine", fn, params, images))
    page = found.report.read_text()
    assert "mine" in page
    assert "Repeat this run" not in page
    told = found.outcome.summary
    assert json.loads((tmp_path / "summary.json").read_text()) == told
    assert told["network"] == "mine"
    assert told["anneal.best"] is None
    assert told["real.lower_bound"] is None
    assert 0 <= told["lambda.random"] <= 0.5


def like_the_papers():
    """Energies, bounds and alignments as the paper describes them, with its 80 replicas and null models."""
    rng = np.random.default_rng(0)
    means = {"n1": 0.425, "n2": 0.446, "n3_xavier": 0.452, "n3_he": 0.444}
    kinds = list(means)
    energies = np.array(list(means.values()))[:, None, None] + 0.0005 * rng.normal(size=(4, 80, 2))
    sides = rng.choice([-1, 1], size=60)[:, None]
    spread = {"real": 0.3, "n3": 0.02, "random": 0.02}
    omega = [
        np.clip(0.5 + s * (sides if o == "real" else 1) * abs(rng.normal(1, 0.1, size=(60, 50))), 0, 1)
        for o, s in spread.items()
    ]
    return xr.Dataset(
        {
            "energy": ("replica", 0.41 + 0.0005 * rng.normal(size=80)),
            "null_energy": (("kind", "null", "start"), energies),
            "certified": ("model", [0.375, 0.4, 0.417]),
            "annealed": ("model", [0.395, 0.42, 0.44]),
            "active_energy": ("image", np.full(60, 0.38)),
            "omega": (("order", "image", "norm"), np.array(omega)),
            "same_class": (("order", "image", "norm"), np.ones((3, 60, 50))),
        },
        {"kind": kinds, "model": ["real", "n1", "n3_he"], "order": list(spread), "norm": np.linspace(0.16, 8, 50)},
    )


def put(ds, name, value, **place):
    ds[name].loc[place] = value


BREAKS = [
    (
        "less frustrated than its null models",
        lambda d: put(d, "null_energy", d.null_energy.sel(kind="n1") + 0.03, kind="n1"),
    ),
    (
        "less frustrated than its null models",
        lambda d: put(d, "null_energy", d.null_energy.sel(kind="n3_he") - 0.03, kind="n3_he"),
    ),
    ("Welch", lambda d: put(d, "null_energy", np.resize(d.energy.values, (80, 2)), kind="n1")),
    ("not rugged", lambda d: d["energy"].__setitem__(..., np.resize([0.38, 0.44], 80))),
    ("freshly initialised", lambda d: put(d, "certified", 0.39, model="n3_he")),
    ("shuffled within layers", lambda d: put(d, "certified", 0.39, model="n1")),
    ("Active", lambda d: d["active_energy"].__setitem__(..., 0.42)),
    ("nearer to monotone", lambda d: put(d, "omega", 0.51, order="real")),
    ("nearer to monotone", lambda d: put(d, "omega", d.omega.sel(order="real").values, order="random")),
    ("to one side", lambda d: put(d, "omega", np.resize([0.2, 0.8], (60, 50)), order="real")),
    ("keep their class", lambda d: put(d, "same_class", 0.0, order="real")),
]


def test_all_findings_hold_for_a_network_like_the_papers():
    found = study.findings(like_the_papers())
    assert len(found) == 9
    assert all(f.verdict is Verdict.HOLDS for f in found), [f.seen for f in found if f.verdict is not Verdict.HOLDS]


@pytest.mark.parametrize(("word", "change"), BREAKS)
def test_a_finding_differs_when_its_numbers_do(word, change):
    broken = like_the_papers()
    change(broken)
    (finding,) = [f for f in study.findings(broken) if word in f.claim]
    assert finding.verdict is Verdict.DIFFERS, finding.seen


def test_findings_are_open_with_few_null_models_and_images():
    few = like_the_papers().isel(null=slice(0, 1), replica=slice(0, 2), image=slice(0, 4))
    found = {f.claim: f.verdict for f in study.findings(few)}
    open_ = [claim for claim, verdict in found.items() if verdict is Verdict.INCONCLUSIVE]
    for word in ("Welch", "not rugged", "Active", "nearer to monotone", "to one side", "keep their class"):
        assert any(word in claim for claim in open_), word


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
