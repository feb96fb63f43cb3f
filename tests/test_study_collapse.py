"""The study of the collapse: a scaled-down run, each reading against NumPy, and its findings in both directions."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
import xarray as xr

import jprobe as jp
from jprobe import cli, data, train
from jprobe.errors import ArgumentError
from jprobe.report import Verdict
from jprobe.results import load
from jprobe.studies import Subject, compute
from jprobe.studies import collapse as study
from jprobe.studies.collapse import parts as PARTS
from jprobe.studies.collapse.summary import READINGS, gaps

pytestmark = pytest.mark.quick

SMALL = "run collapse --seeds 2 --epochs 3 --hidden 32 --refit 1 --pixels signed unit"
CONFIG = study.Config(seeds=2, epochs=3, hidden=(32,), refit=1, pixels=("signed", "unit"))


@pytest.fixture(scope="module")
def ds(few_digits):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(data, "load", lambda name: few_digits)
        return compute(study.STUDY, CONFIG)


@pytest.mark.end_to_end
def test_a_run_from_the_command_line(tmp_path, few_digits, monkeypatch, ds):
    monkeypatch.setattr(data, "load", lambda name: few_digits)
    out = tmp_path / "out"
    cli.main([*SMALL.split(), "--out", str(out)])
    found = json.loads((out / "summary.json").read_text())
    assert found["mnist.hard.unit.signs.threshold"] == pytest.approx(
        float(
            load(out / "results.nc")
            .value.sel(task="hard", pixels="unit", weights="signs", measure="threshold")
            .median()
        ),
        abs=1e-6,
    )
    np.testing.assert_allclose(load(out / "results.nc").value, ds.value, atol=1e-6)
    page = (out / "report.html").read_text()
    assert "Why signed networks collapse to chance" in page
    assert sorted(path.name for path in (out / "figures").glob("*.png")) == ["signed_accuracy.png", "what_is_left.png"]


@pytest.mark.end_to_end
def test_readings_are_numpys(ds, few_digits):
    task = data.pair(few_digits, (7, 9))
    model = jp.models.MLP((32,), 2)
    params = train.fit(model, task, 2, epochs=3).params["params"]
    x = {"test": task.x_test.reshape(len(task.x_test), -1), "train": task.x_train.reshape(len(task.x_train), -1)}
    here = ds.value.sel(dataset="mnist", task="hard", pixels="signed")
    for n in range(2):
        first, second = (jax.tree.map(lambda w, n=n: w[n].astype(np.float64), params[f"Dense_{i}"]) for i in (0, 1))

        def values(k0, b0, k1, b1):
            d = {split: (np.maximum(v @ k0 + b0, 0) @ k1 + b1) @ [-1, 1] for split, v in x.items()}
            zero, one = (d["test"][task.y_test == c] for c in (0, 1))
            area = scipy.stats.mannwhitneyu(one, zero).statistic / (len(zero) * len(one))
            below = (task.y_train == 0).sum()
            threshold = np.sort(d["train"])[[below - 1, below]].mean()
            return [((d["test"] > t) == task.y_test).mean() for t in (0, threshold)] + [area]

        tensors = first["kernel"], first["bias"], second["kernel"], second["bias"]
        inked = (x["train"] != np.median(x["train"], 0)).mean(0) > 0.01
        signs = [np.sign(w) for w in tensors]
        expected = {
            "original": tensors,
            "signs": signs,
            "scales": [s * abs(w).mean() for s, w in zip(signs, tensors, strict=True)],
            "biases_kept": [s if s.ndim > 1 else w for s, w in zip(signs, tensors, strict=True)],
            "inked": [signs[0] * inked[:, None], *signs[1:]],
        }
        for weights, made in expected.items():
            np.testing.assert_allclose(
                here.sel(weights=weights).isel(seed=n), values(*made), atol=0.006, err_msg=weights
            )


@pytest.mark.end_to_end
def test_only_biases_are_refitted(few_digits):
    task = data.pair(few_digits, (7, 9))
    model = jp.models.MLP((32,), 2)
    params = train.fit(model, task, 2, epochs=1).params
    context = jp.studies.Context(checkpoints=None, mesh=None, progress=lambda done: None, needed={})
    after = PARTS._refitted(CONFIG, model, task, params, context)["params"]
    for name, layer in params["params"].items():
        magnitude = np.abs(layer["kernel"]).mean((1, 2), keepdims=True)
        np.testing.assert_allclose(after[name]["kernel"], np.sign(layer["kernel"]) * magnitude, rtol=1e-5)
        assert not np.allclose(after[name]["bias"], np.sign(layer["bias"]) * np.abs(layer["bias"]).mean())


def test_pixels_of_one_value_shift_outputs_past_the_threshold():
    """A cause that is known: weights of constant inputs that training hardly moved, and one input that tells the classes."""
    rng = np.random.default_rng(0)
    y = np.arange(400) % 2
    x = np.concatenate([-np.ones((400, 300)), (2 * y - 1)[:, None] + 0.1 * rng.normal(size=(400, 1))], 1).astype(
        np.float32
    )
    kernel = np.concatenate([1e-3 * np.abs(rng.normal(size=(300, 1))), [[1.0]]]).astype(np.float32)
    params = {"params": {"Dense_0": {"kernel": np.concatenate([-kernel, kernel], 1)[None]}}}
    task = jp.data.Task(x, y, x, y, num_classes=2)
    run = lambda p, x: x @ p["params"]["Dense_0"]["kernel"]  # noqa: E731
    signs = jax.tree.map(jnp.sign, params)
    one = lambda tree: jax.tree.map(lambda w: w[0], tree)  # noqa: E731
    assert jp.metrics.accuracy(run, task)(one(params)) == 1
    assert jp.metrics.accuracy(run, task)(one(signs)) == 0.5
    assert jp.metrics.recalibrated_accuracy(run, task)(one(signs)) == 1
    inked = PARTS._inked(task.x_train)
    assert inked.tolist() == [False] * 300 + [True]
    assert jp.metrics.accuracy(run, task)(one(PARTS._rows(signs, inked))) == 1


def known(seeds=20):
    """A Dataset in which every claim holds, but that the collapse is at every scale."""
    table = {"original": (0.99, 0.99, 1.0), "signs": (0.5, 0.85, 0.9), "scales": (0.5, 0.85, 0.9), "biases_kept": (0.5, 0.85, 0.9),
             "biases_refitted": (0.9, 0.9, 0.95), "inked": (0.9, 0.9, 0.95)}  # fmt: skip
    hard = np.array(list(table.values()))
    easy = np.array([[0.99, 0.99, 1.0]] + [[0.95, 0.98, 0.99]] * 5)
    value = np.broadcast_to(np.stack([easy, hard])[None, :, None, :, :, None], (1, 2, 2, 6, 3, seeds)).copy()
    over = ("dataset", "task", "pixels")
    return xr.Dataset(
        {"value": ((*over, "weights", "measure", "seed"), value), "dead": ((*over, "seed"), np.zeros((1, 2, 2, seeds))), "chance": (over, np.full((1, 2, 2), 0.5))},
        {"dataset": ["mnist"], "task": ["easy", "hard"], "pixels": ["signed", "unit"], "weights": list(table), "measure": ["accuracy", "threshold", "auc"], "seed": np.arange(seeds)},
    )  # fmt: skip


def put(ds, value, **where):
    ds["value"].loc[where] = value


def test_every_finding_holds_where_it_should():
    found = study.findings(known())
    assert len(found) == 8
    assert all(f.verdict is Verdict.HOLDS for f in found), [f.seen for f in found]
    assert gaps(known()).sel(dataset="mnist", task="hard", pixels="signed").values == pytest.approx(
        [0.49, 0.14, 0.49, 0.49, 0.09, 0.09, 0.09, 0.1]
    )
    assert list(READINGS) == gaps(known()).reading.values.tolist()


@pytest.mark.parametrize(
    ("word", "value", "where"),
    [
        ("collapses", 0.94, {"task": "hard", "pixels": "unit", "weights": "signs", "measure": "accuracy"}),
        ("Moving the decision", 0.6, {"task": "hard", "weights": "signs", "measure": "threshold"}),
        ("hardly ever change", 0.5, {"task": "hard", "weights": "inked"}),
        ("Training the biases", 0.6, {"task": "hard", "weights": "biases_refitted"}),
        ("A scale", 0.9, {"task": "hard", "weights": "scales"}),
        ("trained biases", 0.9, {"task": "hard", "weights": "biases_kept"}),
        (
            "with the threshold moved",
            0.5,
            {"task": "easy", "pixels": "unit", "weights": "signs", "measure": "threshold"},
        ),
        ("area under", 0.5, {"task": "easy", "weights": "signs", "measure": "auc"}),
    ],
)
def test_a_finding_differs_when_its_numbers_do(word, value, where):
    broken = known()
    put(broken, value, **where)
    found = study.findings(broken)
    (finding,) = [f for f in found if word in f.claim]
    assert finding.verdict is Verdict.DIFFERS, finding.seen
    assert all(f.verdict is Verdict.HOLDS for f in found if word not in f.claim)


def test_dead_networks_and_few_networks():
    dead = known()
    dead["dead"].loc[{"task": "hard", "seed": 0}] = 1
    put(dead, 0.0, task="hard", seed=0)
    assert all(f.verdict is Verdict.HOLDS for f in study.findings(dead))
    assert all(f.verdict is Verdict.INCONCLUSIVE for f in study.findings(known(seeds=3)))


def test_data_without_pairs_are_refused():
    with pytest.raises(ArgumentError, match="No easy and hard pair"):
        study.subject(study.Config(dataset=("imagenette",)))
    x, y = np.eye(3, dtype=np.float32), np.arange(3)
    three = jp.data.Task(x, y, x, y, num_classes=3)
    with pytest.raises(ArgumentError, match="two classes"):
        compute(study.STUDY, CONFIG, of=Subject("mine", inputs={"mine": {"easy": {"unit": three}}}))
