"""The study of all lenses: each against the functions that people call, a scaled-down run, and its findings in both directions."""

import dataclasses
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
import xarray as xr

import jprobe as jp
from jprobe import train
from jprobe.report import Verdict
from jprobe.studies import Subject, compute
from jprobe.studies import lenses as study
from jprobe.studies.lenses import measures
from jprobe.studies.lenses.dimension import intrinsic_dimension
from jprobe.studies.lenses.summary import LENSES, matrix, means
from jprobe.studies.two_classes import filled, gaps_of

pytestmark = pytest.mark.quick

CONFIG = study.Config(seeds=2, epochs=2, hidden=(6,), nulls=2, replicas=2, samples=20, image_pairs=20)
MODEL = jp.models.MLP((6,), 2)


@pytest.fixture(scope="module")
def task(few_digits):
    return jp.data.pair(few_digits, (4, 9))


@pytest.fixture(scope="module")
def params(task):
    return train.fit(MODEL, task, 3, epochs=2).params


def test_gaps_are_those_of_the_metrics(task, params):
    test, training = filled(task.x_test, task.y_test, 500), filled(task.x_train, task.y_train, 1500)
    found = gaps_of(MODEL)(params, test, training, jax.random.key(3))
    signs = jax.tree.map(jnp.sign, params)
    for name, metric in (("gap_signed", "accuracy"), ("gap_threshold", "recalibrated_accuracy"), ("gap_auc", "auc")):
        of = jax.vmap(getattr(jp.metrics, metric)(MODEL, task))
        np.testing.assert_allclose(found[name], of(params) - of(signs), atol=3e-6, err_msg=name)
    np.testing.assert_allclose(found["error"], 1 - jax.vmap(jp.metrics.accuracy(MODEL, task))(params), atol=1e-6)
    np.testing.assert_allclose(found["separation"], jax.vmap(jp.metrics.separation(MODEL, task))(params), rtol=1e-4)
    b = jp.probes.randomize("B")
    keys = jax.vmap(lambda n: jax.random.fold_in(jax.random.key(3), n))(jnp.arange(3))
    shuffled = jax.vmap(lambda key, one: b.apply(key, one, (), 0.0))(keys, params)
    of = jax.vmap(jp.metrics.accuracy(MODEL, task))
    np.testing.assert_allclose(found["gap_randomized"], of(params) - of(shuffled), atol=1e-6)


def test_strengths_are_those_of_neurons(task, params):
    x = task.x_test[:30]
    found = measures.strengths_of(MODEL)(params, x)
    table = jp.metrics.neurons(MODEL, params, x, select="Dense_0", stacked=True)
    inward = table.strength_in.sel(weights="signed").values
    received = table.neuron_strength.mean("sample").values
    expected = [np.corrcoef(a, b)[0, 1] for a, b in zip(inward, received, strict=True)]
    np.testing.assert_allclose(found["strength_correlation"], expected, atol=1e-3)
    np.testing.assert_allclose(found["fluctuation"], table.strength.sel(weights="signed").std("neuron"), rtol=1e-3)


def test_frustration_is_that_of_descend(params):
    few = measures.frustration_of(MODEL, (14, 14, 1), 2, 4)
    found = few(params, jax.random.key(0))
    for n, one in enumerate(jp.unstack(params)):
        graph = jp.graph.trace(MODEL.apply, one, jnp.zeros((1, 14, 14, 1)))
        again = jp.frustration.descend(graph, replicas=4).energy.min()
        assert float(found["frustration"][n]) == pytest.approx(float(again), abs=0.01)
        nulls = [jp.frustration.shuffle_layers(graph, key=jax.random.key(k)) for k in range(3)]
        of_nulls = np.mean([jp.frustration.descend(null, replicas=4).energy.min() for null in nulls])
        assert float(found["frustration_ratio"][n]) == pytest.approx(float(again / of_nulls), abs=0.06)


def test_a_balanced_network_has_no_frustration_and_its_null_has():
    rng = np.random.default_rng(0)
    sides = [rng.choice([-1.0, 1.0], size) for size in (9, 6, 2)]
    layers = {
        f"Dense_{n}": {"kernel": (abs(rng.normal(size=(len(a), len(b)))) * np.outer(a, b)).astype(np.float32)[None], "bias": np.zeros((1, len(b)), np.float32)}
        for n, (a, b) in enumerate(itertools.pairwise(sides))
    }  # fmt: skip
    found = measures.frustration_of(MODEL, (3, 3, 1), 4, 4)({"params": layers}, jax.random.key(0))
    assert float(found["frustration"][0]) == pytest.approx(0, abs=1e-6)
    assert float(found["frustration_ratio"][0]) == pytest.approx(0, abs=1e-5)
    shuffled = jp.frustration.shuffle_layers(
        jp.graph.trace(
            MODEL.apply, jax.tree.map(lambda w: jnp.asarray(w[0]), {"params": layers}), jnp.zeros((1, 3, 3, 1))
        )
    )
    assert jp.frustration.descend(shuffled).energy.min() > 0.05


def of_four(few_digits):
    """The digits 0 to 3."""
    kept = {
        f"{a}_{split}": getattr(few_digits, f"{a}_{split}")[getattr(few_digits, f"y_{split}") < 4]
        for split in ("train", "test")
        for a in "xy"
    }
    return dataclasses.replace(few_digits, **kept, class_names=few_digits.class_names[:4])


@pytest.fixture(scope="module")
def ds(few_digits):
    """Six pairs of four digits."""
    return compute(study.STUDY, CONFIG, of=Subject("mnist", inputs={"mnist": of_four(few_digits)}))


@pytest.mark.end_to_end
def test_a_scaled_down_run(ds):
    assert ds.pair.values.tolist() == ["0-1", "0-2", "0-3", "1-2", "1-3", "2-3"]
    assert set(LENSES) - {"dimension"} == set(LENSES) & set(ds.data_vars)
    assert all(np.isfinite(ds[lens]).all() for lens in LENSES if lens in ds)
    assert ((ds.frustration > 0) & (ds.frustration < 0.5)).all()
    table = means(ds.isel(dataset=0))
    rho = scipy.stats.spearmanr(table.gap_signed, table.linear_error).statistic
    summary = study.summary(ds, CONFIG)
    assert summary["mnist.rho.linear_error.gap_signed"] == pytest.approx(rho, abs=1e-4)
    assert summary["mnist.gap_auc.1-3"] == pytest.approx(float(table.gap_auc.sel(pair="1-3")), abs=1e-6)
    panels = study.STUDY.panels(ds, CONFIG)
    assert [panel.name for panel in panels] == ["difficulty_mnist", "agreement_mnist"]
    assert "Scaled down" in " ".join(study.STUDY.about(ds, CONFIG).notes)


@pytest.mark.end_to_end
def test_networks_do_not_depend_on_the_other_pairs(ds, few_digits):
    task = jp.data.pair(few_digits, (1, 3))
    alone = train.fit(jp.models.MLP((6,), 2), task, 2, epochs=2)
    np.testing.assert_allclose(ds.error.sel(dataset="mnist", pair="1-3"), 1 - alone.accuracy, atol=6e-3)


def test_intrinsic_dimension_is_that_of_the_surface_the_images_lie_on():
    pytest.importorskip("skdim")
    rng = np.random.default_rng(0)
    for dimension in (2, 6):
        flat = rng.uniform(size=(3000, dimension)) @ np.linalg.qr(rng.normal(size=(30, dimension)))[0].T
        assert intrinsic_dimension(flat.reshape(-1, 5, 6)) == pytest.approx(dimension, rel=0.15)


@pytest.mark.end_to_end
def test_intrinsic_dimension_is_a_lens_if_asked_for(few_digits):
    pytest.importorskip("skdim")
    config = dataclasses.replace(CONFIG, dimension=True, epochs=1)
    found = compute(study.STUDY, config, of=Subject("mnist", inputs={"mnist": of_four(few_digits)}))
    alone = intrinsic_dimension(jp.data.pair(few_digits, (0, 1)).x_train)
    assert float(found.dimension.sel(dataset="mnist", pair="0-1")) == pytest.approx(alone)
    assert "dimension" in matrix(means(found.isel(dataset=0))).a
    assert len(study.STUDY.panels(found, config)) == 2


def agreeing(pairs=45, seeds=4):
    """A Dataset in which harder pairs are harder through every lens."""
    hard = np.arange(pairs) + np.random.default_rng(0).normal(size=pairs)
    against = {"separation", "ssim", "fluctuation"}
    columns = {
        lens: (
            ("dataset", "pair", "seed"),
            np.broadcast_to((-hard if lens in against else hard)[None, :, None], (1, pairs, seeds)).copy(),
        )
        for lens in LENSES
    }
    columns["linear_error"] = (("dataset", "pair"), hard[None])
    columns["ssim"] = (("dataset", "pair"), -hard[None])
    columns["dimension"] = (("dataset", "pair"), hard[None])
    zeros = (("dataset", "pair", "seed"), np.zeros((1, pairs, seeds)))
    return xr.Dataset(columns | {"dead": zeros, "strength_correlation_untrained": zeros}, {"dataset": ["mnist"], "pair": [str(n) for n in range(pairs)]})  # fmt: skip


def test_every_finding_holds_where_all_lenses_agree():
    found = study.findings(agreeing())
    assert len(found) == 12
    assert all(f.verdict is Verdict.HOLDS for f in found), [f.seen for f in found]
    rho = matrix(means(agreeing().isel(dataset=0)))
    assert np.allclose(abs(rho), 1)


@pytest.mark.parametrize(
    "lens",
    [
        "gap_signed",
        "gap_randomized",
        "gap_threshold",
        "gap_auc",
        "frustration_ratio",
        "fluctuation",
        "strength_correlation",
    ],
)
def test_findings_about_a_lens_that_sees_something_else_differ(lens):
    broken = agreeing()
    broken[lens] = -broken[lens]
    words = LENSES[lens]
    for finding in study.findings(broken):
        about = f"of {words} and" in finding.seen or f"and {words} " in finding.seen
        assert finding.verdict is (Verdict.DIFFERS if about else Verdict.HOLDS), finding.seen


def test_dead_networks_are_left_out():
    dead = agreeing()
    dead["dead"].loc[{"seed": 0}] = 1
    dead["gap_signed"].loc[{"seed": 0}] = 0
    assert all(f.verdict is Verdict.HOLDS for f in study.findings(dead))
