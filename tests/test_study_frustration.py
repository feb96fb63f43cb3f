"""The study of frustration end to end: on a perceptron trained here, on one's own function, from the command line."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jprobe as jp
from jprobe import cli, report
from jprobe.errors import ArgumentError, ConfigMismatchError, MissingWeightsError, UnknownNameError
from jprobe.results import RunFolder, load
from jprobe.studies import frustration as study

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
        assert (ran / "figures" / f"{name}.png").stat().st_size > 5000
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


def test_a_run_is_taken_up_again_and_refuses_another_configuration(ran, monkeypatch):
    config = study.Config(**SMALL)
    before = load(ran / "results.nc")
    monkeypatch.setattr(jp.frustration, "descend", lambda *_, **__: pytest.fail("computed again"))
    again = study.run(config, RunFolder(ran, config.numbers()))
    np.testing.assert_array_equal(before.energy.values, again.energy.values)
    other = study.Config(**SMALL | {"nulls": 3})
    with pytest.raises(ConfigMismatchError, match="nulls: 2 there, 3 now"):
        RunFolder(ran, other.numbers())


def test_a_network_of_ones_own_in_three_lines(tmp_path):
    params = {"a": jax.random.normal(jax.random.key(0), (6, 8)), "b": jax.random.normal(jax.random.key(1), (8, 3))}

    def fn(p, x):
        return jax.nn.relu(x @ p["a"]) @ p["b"]

    images = jax.random.normal(jax.random.key(2), (3, 6))
    config = study.Config(network="mine", replicas=2, nulls=2, anneal=0, bound=0, images=3, sizes=4)
    ds = study.run(config, of=study.Subject("mine", fn, params, images))
    page = report.record(tmp_path, ds, study.outcome(ds, config), config.numbers()).read_text()
    assert "mine" in page
    assert "Repeat this run" not in page
    told = study.summary(ds)
    assert json.loads((tmp_path / "summary.json").read_text()) == told
    assert told["network"] == "mine"
    assert told["anneal.best"] is None
    assert told["real.lower_bound"] is None
    assert 0 <= told["lambda.random"] <= 0.5


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
    assert study.Config().folder().name == "frustration-mnist-quick"


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
    told = study.summary(study.run(config))
    assert 0.405 < told["real.best"] < 0.411
    assert told["real.mean"] < told["n1.mean"] < min(told["n2.mean"], told["n3.mean"])
    assert told["real.lower_bound"] > 0.365
    assert told["anneal.best"] < 0.402
    assert told["active.below_real"] == 1
