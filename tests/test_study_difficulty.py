"""The study of known difficulties: how tasks are made harder, a scaled-down run, and its findings in both directions."""

import numpy as np
import pytest
import xarray as xr

import jprobe as jp
from jprobe import train
from jprobe.complexity import gap
from jprobe.errors import ArgumentError
from jprobe.report import Verdict
from jprobe.studies import Subject, compute
from jprobe.studies import difficulty as study
from jprobe.studies.difficulty.settings import BATCH, LEVELS, settings
from jprobe.studies.difficulty.summary import GAPS, series

pytestmark = pytest.mark.quick

SMALL = study.Config(seeds=2, epochs=1, hidden=8, lens=("label_noise", "depth", "classes"))


@pytest.fixture(scope="module")
def task(few_digits):
    return jp.data.pair(few_digits, (4, 9))


def at(task, name, config=None):
    """One setting by name."""
    (found,) = [setting for setting in settings(config or study.Config(), task) if setting.name == name]
    return found


def test_labels_are_wrong_in_the_share_that_was_asked_for_and_others_for_each_network(task):
    setting = at(task, "label_noise 0.3")
    one, two = setting.task(0), setting.task(1)
    assert setting.drawn
    assert (one.y_train != task.y_train).mean() == pytest.approx(0.3, abs=0.05)
    assert (one.y_train != two.y_train).any()
    np.testing.assert_array_equal(one.y_train, setting.task(0).y_train)
    np.testing.assert_array_equal(one.y_test, task.y_test)
    np.testing.assert_array_equal(one.x_train, task.x_train)


def test_overlapping_images_are_mixtures_with_the_other_class(task):
    found = at(task, "overlap 0.4").task(0)
    for split in ("train", "test"):
        x, y = getattr(task, f"x_{split}"), getattr(task, f"y_{split}")
        rest = (getattr(found, f"x_{split}")[:5] - 0.6 * x[:5]) / 0.4
        for image, label in zip(rest, y[:5], strict=True):
            others = x[y != label]
            assert abs(others - image).reshape(len(others), -1).max(1).min() < 1e-4
        np.testing.assert_array_equal(getattr(found, f"y_{split}"), y)


def test_fewer_images_are_seen_more_often_and_fewer_steps_see_new_ones(task):
    few, short = at(task, "images 300"), at(task, "steps 5")
    assert len(few.task(0).y_train) == 300
    steps = [-(-len(t.y_train) // BATCH) * epochs for t, epochs in ((task, 10), (few.task(0), few.epochs))]
    assert steps[0] == pytest.approx(steps[1], rel=0.05)
    assert (len(short.task(0).y_train), short.epochs) == (5 * BATCH, 1)
    images = {image.tobytes() for image in task.x_train}
    assert {image.tobytes() for image in few.task(3).x_train} <= images
    # A task with fewer images than a level asks for is what it is.
    assert (len(at(task, "images 3000").task(0).y_train), at(task, "images 3000").epochs) == (len(task.y_train), 10)


@pytest.mark.end_to_end
def test_a_scaled_down_run(few_digits):
    tasks = {
        "easy": jp.data.pair(few_digits, (0, 7)), "hard": jp.data.pair(few_digits, (4, 9)), "all": jp.data.task(few_digits),
    }  # fmt: skip
    ds = compute(study.STUDY, SMALL, of=Subject("mnist", inputs={"mnist": tasks}))
    assert ds.setting.values.tolist() == [s.name for s in settings(SMALL, tasks["hard"])]
    assert np.isfinite(ds.gap_signed.sel(task=["easy", "hard"])).all()
    assert series(ds, "depth") == ["as it is", "depth 2", "depth 3", "depth 4"]
    assert series(ds, "overlap") == []
    # The networks are those that fit and gap give.
    model = jp.models.MLP((8, 8), 2)
    alone = train.fit(model, tasks["hard"], 2, epochs=1)
    here = ds.sel(dataset="mnist", task="hard", setting="depth 2")
    np.testing.assert_allclose(here.error, 1 - alone.accuracy, atol=6e-3)
    np.testing.assert_allclose(here.gap_signed, gap(model, alone.params, tasks["hard"]).gap, atol=1e-2)
    noisy = [at(tasks["easy"], "label_noise 0.2", SMALL).task(n) for n in range(2)]
    alone = train.fit(jp.models.MLP((8,), 2), noisy, 2, epochs=1)
    here = ds.sel(dataset="mnist", task="easy", setting="label_noise 0.2")
    np.testing.assert_allclose(here.error, 1 - alone.accuracy, atol=6e-3)
    for n in range(2):
        one = gap(jp.models.MLP((8,), 2), {"params": {k: {a: w[n : n + 1] for a, w in v.items()} for k, v in alone.params["params"].items()}}, noisy[n], recalibrate=True)  # fmt: skip
        assert float(here.gap_threshold[n]) == pytest.approx(float(one.gap[0]), abs=1e-2)
    assert study.summary(ds, SMALL)["mnist.hard.depth_2.error"] == pytest.approx(float(here_median(ds)), abs=1e-5)
    every = ds.sel(dataset="mnist", task="all")
    assert np.isfinite(every.gap_signed.values).sum(1).tolist() == [2] + [0] * (ds.sizes["setting"] - 1)
    ten = jp.models.MLP((8,), 10)
    alone = gap(ten, train.fit(ten, tasks["all"], 2, epochs=1).params, tasks["all"])
    np.testing.assert_allclose(every.sel(setting="as it is").gap_signed, alone.gap, atol=1e-2)
    assert float(every.chance.sel(setting="as it is", seed=0)) == pytest.approx(0.1, abs=0.05)
    assert np.isnan(every.gap_threshold).all()
    (panel,) = study.STUDY.panels(ds, SMALL)
    assert panel.name == "settings_mnist"


def here_median(ds):
    return ds.error.sel(dataset="mnist", task="hard", setting="depth 2").median()


def growing(seeds=20):
    """A Dataset in which every claim holds: what is lost grows with each difficulty but depth."""
    names, lost = ["as it is"], [0.05]
    for lens, levels in LEVELS.items():
        for n, level in enumerate(levels, start=1):
            names.append(f"{lens} {level}")
            lost.append(0.05 if lens == "depth" else 0.05 + 0.04 * n)
    rng = np.random.default_rng(0)
    shape = (1, 2, len(names), seeds)
    hard = np.array([0.0, 0.2])[None, :, None, None]
    over = ("dataset", "task", "setting", "seed")
    columns = {gap: np.array(lost)[None, None, :, None] + hard + 1e-3 * rng.random(shape) for gap in GAPS}
    columns |= {"error": columns["gap_signed"] / 10, "dead": np.zeros(shape), "chance": np.full(shape, 0.5)}
    return xr.Dataset({k: (over, v) for k, v in columns.items()}, {"dataset": ["mnist"], "task": ["easy", "hard"], "setting": names, "seed": np.arange(seeds)})  # fmt: skip


def test_every_finding_holds_where_gaps_grow():
    found = study.findings(growing())
    assert len(found) == 15
    assert all(f.verdict is Verdict.HOLDS for f in found), [f.seen for f in found]


def test_the_share_lost_of_all_classes_is_of_what_is_above_chance():
    ten = growing()
    ten = xr.concat([ten, ten.sel(task=["hard"]).assign_coords(task=["all"])], "task")
    name = "Telling all classes apart, networks lose a larger share to signs than on the hard pair."
    ten["chance"].loc[{"task": "all"}] = 0.1
    # The same points are a smaller share of what is above a lower chance.
    assert {f.claim: f.verdict for f in study.findings(ten)}[name] is Verdict.DIFFERS
    ten["gap_signed"].loc[{"task": "all"}] = 0.85
    assert {f.claim: f.verdict for f in study.findings(ten)}[name] is Verdict.HOLDS


@pytest.mark.parametrize(
    ("word", "where"),
    [
        ("labels are wrong", "label_noise"),
        ("classes overlap", "overlap"),
        ("fewer images", "images"),
    ],
)
def test_a_gap_that_falls_with_a_difficulty_differs(word, where):
    broken = growing()
    names = series(broken, where)
    falling = np.linspace(0.05, 0.01, len(names))
    broken["gap_signed"].loc[{"task": "hard", "setting": names}] = 0.2 + np.broadcast_to(
        falling[:, None], (1, len(names), 20)
    )
    for finding in study.findings(broken):
        if word in finding.claim:
            assert finding.verdict is (Verdict.HOLDS if "threshold" in finding.claim else Verdict.DIFFERS), finding.seen


def test_other_findings_differ_when_their_numbers_do():
    deep, equal, flat, fixed = growing(), growing(), growing(), growing()
    deep["gap_signed"].loc[{"task": "easy", "setting": "depth 4"}] = 0.5
    equal["gap_signed"].loc[{"task": "hard", "setting": "as it is"}] = 0.0
    flat["gap_signed"].loc[{"task": "hard", "setting": "network cnn"}] = 0.0
    fixed["gap_auc"][:] = -fixed["error"]
    for broken, word in (
        (deep, "Deeper networks of an easy task lose no more to signs."),
        (equal, "At equal accuracy the hard task loses more than the easy one."),
        (flat, "A convolutional network loses more on the hard task than on the easy one."),
        (fixed, "Over all settings, what is lost to signs, area under ROC"),
    ):
        (finding,) = [f for f in study.findings(broken) if f.claim.startswith(word)]
        assert finding.verdict is Verdict.DIFFERS, finding.seen


def test_a_gap_that_never_changes_follows_nothing():
    still = growing()
    still["gap_signed"].loc[{"setting": series(still, "overlap")}] = 0.3
    (finding,) = [
        f for f in study.findings(still) if f.claim == "Networks lose more to signs the more the classes overlap."
    ]
    assert finding.verdict is Verdict.DIFFERS


def test_data_without_named_pairs_are_refused():
    with pytest.raises(ArgumentError, match="No easy and hard pair is named"):
        study.subject(study.Config(dataset=("imagenette",)))
