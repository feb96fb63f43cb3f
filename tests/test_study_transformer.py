"""Layer robustness: against probing by hand, and the study end to end on a perceptron and on a tiny transformer."""

import importlib
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from test_weights import folder  # noqa: F401

import jprobe as jp
from jprobe import cli, metrics
from jprobe.errors import ArgumentError, ConfigMismatchError, UnknownLayerError
from jprobe.results import load
from jprobe.robustness import Grids, cka_by_layer, probe_layer
from jprobe.studies import transformer as study
from jprobe.studies.transformer.run import matrices_of
from jprobe.tracing import split, trace

X = np.random.default_rng(0).normal(size=(50, 6)).astype(np.float32)
PARAMS = {
    f"layer_{n}": {"kernel": jax.random.normal(jax.random.key(n), (6, 6)), "bias": jnp.ones(6) * n} for n in range(3)
}
GRIDS = Grids(kept=(1, 0.5, 0.1), amplitudes=(0.1, 1.0), flipped=(0.5,), repeats=2)


def network(params):
    x = jnp.asarray(X)
    for n in range(3):
        x = jnp.tanh(x @ params[f"layer_{n}"]["kernel"] + params[f"layer_{n}"]["bias"])
    return x


def measure(params):
    return network(params).sum()


def test_a_layer_is_probed_and_the_others_are_not():
    found = probe_layer(measure, PARAMS, "layer_1/kernel", GRIDS)
    kernel = np.asarray(PARAMS["layer_1"]["kernel"])

    def with_kernel(w):
        return float(measure(PARAMS | {"layer_1": {"kernel": jnp.asarray(w), "bias": PARAMS["layer_1"]["bias"]}}))

    for kept in GRIDS.kept:
        smallest = np.sort(np.abs(kernel).ravel())[::-1][int(kept * 36) - 1]
        pruned = np.where(np.abs(kernel) >= smallest, kernel, 0)
        assert found.original.sel(kept=kept).values == pytest.approx(with_kernel(pruned), rel=1e-5)
        assert found.signed.sel(kept=kept).values == pytest.approx(with_kernel(np.sign(pruned)), rel=1e-5)
    order = np.abs(kernel).ravel().argsort()[:18]
    flipped = kernel.copy().ravel()
    flipped[order] *= -1
    assert found.flip.sel(flipped=0.5).values == pytest.approx(with_kernel(flipped.reshape(6, 6)), rel=1e-5)
    # Draws of what is random differ; what is not is the same for all draws.
    for name in ("A", "B", "noise"):
        assert found[name].isel(repeat=0).values.tolist() != found[name].isel(repeat=1).values.tolist()
    assert dict(found.A.sizes) == {"kept": 3, "repeat": 2}
    assert float(found.seconds) > 0


def test_what_comes_before_the_layer_is_computed_once():
    runs = dict.fromkeys(range(3), 0)

    def count(n):
        runs[n] += 1

    def metric(params):
        x = jnp.asarray(X)
        for n in range(3):
            x = jnp.tanh(x @ params[f"layer_{n}"]["kernel"])
            jax.debug.callback(lambda _, n=n: count(n), x[0, 0])
        return x.sum()

    # Two networks, three levels; a chunk holds one evaluation.
    jp.sweep(jp.probes.prune(select="layer_1/kernel"), jp.stack(PARAMS, PARAMS), [0.0, 0.3, 0.6], metric, memory=1)
    jax.effects_barrier()
    assert runs == {0: 2, 1: 6, 2: 6}


@pytest.mark.parametrize("select", ["layer_0/kernel", "layer_1/kernel", "layer_2/bias"])
def test_a_split_function_gives_the_same(select):
    traced = trace(measure, PARAMS)
    varying = jp.probes.select.selected(PARAMS, select)
    parts = split(traced, varying)
    ran = parts.before(traced.consts, PARAMS)
    other = jax.tree.map(lambda w, v: w + v, PARAMS, jax.tree.unflatten(jax.tree.structure(PARAMS), varying))
    np.testing.assert_allclose(parts.after(traced.consts, ran, other), measure(other), rtol=1e-6)
    # The larger the part that is hoisted, the less is left to hold.
    assert parts.peak <= split(traced, [True] * len(varying)).peak


def test_cka_of_a_pruned_layer_is_that_of_its_activations():
    def activations(params, n):
        return {"out": network(params)[25 * n : 25 * n + 25]}, jnp.ones(25)

    found = cka_by_layer(activations, 2, PARAMS, "layer_2/kernel", [0.0, 0.5])
    prune = jp.probes.prune(select="layer_2/kernel")
    pruned = prune.apply(jax.random.key(0), PARAMS, prune.init(PARAMS), 0.5)
    expected = metrics.linear_cka(network(PARAMS), network(pruned))
    np.testing.assert_allclose(found.cka.sel(seen="out"), [1, expected], atol=1e-4)


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    """Every layer of a perceptron: the study without a transformer."""
    path = tmp_path_factory.mktemp("run") / "out"
    cli.main([*SMALL, "--out", str(path)])
    return path


SMALL = [
    "run",
    "transformer",
    "--checkpoint",
    "mlp",
    "--kept",
    "1",
    "0.5",
    "0.1",
    "--amplitudes",
    "0.1",
    "--flipped",
    "0.5",
    "1",
    "--cka-removed",
    "0",
    "0.5",
    "--repeats",
    "2",
]


def test_summary_has_the_promised_keys(out):
    found = json.loads((out / "summary.json").read_text())
    names = ["base_accuracy", "tokens", "tokens_per_second", "checkpoint", "scaled_down"]
    for layer in ("Dense_0", "Dense_1", "Dense_2"):
        names += [f"{layer}.{what}.{kept}" for what in ("signed", "original", "A", "B") for kept in ("1", "0.5", "0.1")]
        names += [f"{layer}.flip.0.5", f"{layer}.flip.1", f"{layer}.noise.0.1"]
    assert sorted(found) == sorted(names)
    assert found["scaled_down"] is True
    assert found["checkpoint"] == "mlp"
    assert found["Dense_1.original.1"] == found["base_accuracy"] > 0.97
    # A network of two classes with the signs of its last layer flipped says the opposite.
    assert found["Dense_2.flip.1"] < 0.1


def test_the_report_tells_what_it_is(out):
    page = (out / "report.html").read_text()
    for name in ("figure_5_layers", "figure_9_noise_and_flips", "figure_20_cka"):
        assert f'id="{name}"' in page
    assert "This is not the paper&#39;s network" in page
    assert "Scaled down" in page
    assert load(out / "results.nc").cka.sel(removed=0).values == pytest.approx(1, abs=1e-4)


def test_a_finished_run_computes_nothing_again(out, monkeypatch):
    # The package's function "run" hides its module of that name.
    module = importlib.import_module("jprobe.studies.transformer.run")
    monkeypatch.setattr(module, "probe_layer", None)
    monkeypatch.setattr(module, "cka_by_layer", None)
    cli.main([*SMALL, "--out", str(out)])
    with pytest.raises(SystemExit):
        cli.main([*SMALL, "--repeats", "3", "--out", str(out)])
    with pytest.raises(ConfigMismatchError):
        jp.results.RunFolder(out, {})


def test_a_tagger_of_named_entities_end_to_end(folder, tmp_path, monkeypatch):  # noqa: F811
    monkeypatch.setenv("JPROBE_CACHE", str(tmp_path / "cache"))
    (tmp_path / "test.txt").write_text("Paris B-LOC\nrains O\n\nin O\nParis B-LOC\n. O\n")
    jp.data.import_files("conll2003", tmp_path)
    jp.weights.import_weights("distilbert-ner", folder)
    config = study.Config(kept=(1, 0.5), amplitudes=(0.1,), flipped=(0.0, 1.0), cka_removed=(0.0,))
    subject = study.subject(config)
    assert (subject.measure, subject.examples, subject.full) == ("span F1", 10, False)
    assert list(subject.layers) == ["positions", "L0.lin1", "L0.lin2", "L1.lin1", "L1.lin2", "classifier"]
    ds = study.run(config)
    assert ds.original.sel(kept=1).values == pytest.approx(float(ds.base), abs=1e-6)
    assert ds.flip.sel(flipped=0).values == pytest.approx(float(ds.base), abs=1e-6)
    found = study.summary(ds, config)
    assert "base_f1" in found
    assert found["tokens"] == 10
    assert len(study.findings(ds)) == 4
    told = study.outcome(ds, config)
    assert [panel.name for panel in told.panels] == ["figure_5_layers", "figure_9_noise_and_flips", "figure_20_cka"]


def test_findings_of_layers_like_the_papers():
    names = ["positions", "L0.lin1", "L0.lin2", "L5.lin1", "L5.lin2", "classifier"]
    xr = pytest.importorskip("xarray")
    grid = {"layer": names, "kept": [0.999], "repeat": [0], "flipped": [0.0, 0.5, 1.0]}
    # The paper's published numbers, see the docstring of Config.
    signed, b = [0, 0, 0.009, 0.860, 0.881, 0.887], [0.886, 0.810, 0.628, 0.867, 0.884, 0.886]
    flip = [[0.885, 0.1, 0.7]] * 6

    def dataset(signed, b, flip):
        over = ("layer", "kept", "repeat")
        columns = {"signed": signed, "B": b, "A": b}
        data = {name: (over, np.array(v, float)[:, None, None]) for name, v in columns.items()}
        return xr.Dataset(
            data | {"flip": (("layer", "flipped", "repeat"), np.array(flip)[..., None]), "base": 0.885}, grid
        )

    assert [f.holds for f in study.findings(dataset(signed, b, flip))] == [True] * 4
    assert [f.holds for f in study.findings(dataset(b[::-1], signed[::-1], [[0.885, 0.5, 0.1]] * 6))] == [False] * 4


def test_layers_that_do_not_exist_and_other_mistakes():
    with pytest.raises(UnknownLayerError, match=r"'Dense_9'\. Its leaves are: Dense_0/kernel"):
        study.run(study.Config(checkpoint="mlp", layers=("Dense_9",)))
    for wrong in (
        {"repeats": 0},
        {"sentences": 0},
        {"kept": ()},
        {"kept": (1.5,)},
        {"kept": (0.0,)},
        {"flipped": (-0.1,)},
    ):
        with pytest.raises(ArgumentError):
            study.Config(**wrong)
    params = {"a": {"b": {"kernel": np.ones((2, 2)), "bias": np.ones(2)}, "bc": {"kernel": np.ones((2, 2))}}}
    assert matrices_of(params, "a/b") == ["a/b/kernel"]
    assert matrices_of(params, "a") == ["a/b/kernel", "a/bc/kernel"]
    assert matrices_of(params, "a/bc/kernel") == ["a/bc/kernel"]
