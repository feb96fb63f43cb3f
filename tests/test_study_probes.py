import json
import math
import re

import numpy as np
import pytest
import xarray as xr

import jprobe as jp
from jprobe import cli
from jprobe.figures import probes as draw
from jprobe.figures.style import COLORS
from jprobe.report import Verdict
from jprobe.results import load
from jprobe.studies import compute
from jprobe.studies import probes as study
from jprobe.studies.probes import parts as PARTS
from jprobe.studies.probes.panels import panels
from jprobe.studies.probes.summary import best_level, living
from jprobe.studies.probes.variants import SEEDS, variants

pytestmark = [pytest.mark.quick, pytest.mark.end_to_end]

SMALL = "run probes --seeds 3 --epochs 3 --hidden 32 --widths 8 --activations tanh"


@pytest.fixture(scope="module")
def out(tmp_path_factory, few_digits):
    """Every probe on three networks trained briefly on few digits: a scaled-down run of the whole study."""
    folder = tmp_path_factory.mktemp("run") / "out"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jp.data, "load", lambda name: few_digits)
        cli.main([*SMALL.split(), "--out", str(folder)])
    return folder


@pytest.fixture(scope="module")
def ds(out):
    return load(out / "results.nc")


def expected_keys():
    """The keys that the issue of this study lists, for MNIST."""
    removed = ("0.2", "0.4", "0.5", "0.6", "0.7", "0.8", "0.9")
    for task in ("easy", "hard"):
        for name in ("base", "signed", "dead", "weight_std"):
            yield f"mnist.{task}.{name}"
        for r in removed:
            yield f"mnist.{task}.prune.original.{r}"
            yield f"mnist.{task}.prune.signed.{r}"
            for t in "BEF":
                yield f"mnist.{task}.randomize.{t}.pruned.{r}"
        for name in ("noise", "flip"):
            yield f"mnist.{task}.{name}.signed.best"
            yield f"mnist.{task}.{name}.signed.best_level"
        for amplitude in ("0.0625", "0.25", "1"):
            yield f"mnist.{task}.noise.original.{amplitude}"
        for t in "ABCDEFG":
            yield f"mnist.{task}.randomize.{t}"
        for k in (1, 2, 3, 8):
            yield f"mnist.{task}.spectral.original.{k}"
            yield f"mnist.{task}.spectral.signed.{k}"


def test_summary_has_exactly_the_promised_keys_and_ranges(out):
    summary = json.loads((out / "summary.json").read_text())
    assert set(summary) == set(expected_keys())
    counts = {k for k in summary if k.endswith(".dead")}
    assert all(0 <= v <= 1 for k, v in summary.items() if k not in counts)
    assert all(isinstance(summary[k], int) for k in counts)


def test_summary_is_medians_over_living_networks(out, ds):
    summary = json.loads((out / "summary.json").read_text())
    hard = ds.sel(dataset="mnist", task="hard")
    alive = hard.dead.values == 0
    curve = hard.prune_smallest.sel(signed=True).isel(repeat=0).transpose("seed", "removed").values[alive]
    for removed in (0.2, 0.6, 0.9):
        column = np.argmin(np.abs(hard.removed.values - removed))
        assert summary[f"mnist.hard.prune.signed.{removed}"] == pytest.approx(np.median(curve[:, column]), abs=1e-6)
    medians = np.median(hard.noise.sel(signed=True).isel(repeat=0).transpose("seed", "amplitude").values[alive], axis=0)
    assert summary["mnist.hard.noise.signed.best"] == pytest.approx(medians.max(), abs=1e-6)
    assert summary["mnist.hard.noise.signed.best_level"] == pytest.approx(
        hard.amplitude.values[medians.argmax()], abs=1e-6
    )


def test_sweeps_start_from_the_unperturbed_networks(ds):
    np.testing.assert_allclose(ds.prune_smallest.sel(signed=False).sel(removed=0).isel(repeat=0), ds.base, atol=1e-6)
    np.testing.assert_allclose(ds.prune_largest.sel(signed=True).sel(removed=0).isel(repeat=0), ds.binarized, atol=1e-6)
    np.testing.assert_allclose(ds.flip.sel(signed=True).sel(flipped=0).isel(repeat=0), ds.binarized, atol=1e-6)
    # Full rank: the signs before or after the truncation are the same signs.
    # Sums of signs tie, and rounding decides ties: two of 400 images may move.
    np.testing.assert_allclose(ds.spectral_sign_first.isel(rank=-1, repeat=0), ds.binarized, atol=6e-3)


def test_dead_networks_leave_the_summary_and_by_option_the_figures(ds):
    killed = ds.copy(deep=True)
    killed["dead"][{"dataset": 0, "task": 1, "seed": 0}] = True
    assert np.isnan(living(killed).base.values[0, 1, 0])
    assert np.isnan(living(killed).noise.values[0, 1, 0]).all()
    assert not np.isnan(living(killed).prune_smallest_hidden_8.values[0, 1, 0]).any()  # other networks
    kept = np.median(ds.base.values[0, 1, 1:])
    assert study.summary(killed, study.Config())["mnist.hard.base"] == pytest.approx(kept, abs=1e-6)
    assert study.summary(killed, study.Config())["mnist.hard.dead"] == 1


def many(ds):
    """The same networks four times over, so that intervals have networks enough."""
    return xr.concat([ds.assign_coords(seed=ds.seed + 10 * n) for n in range(4)], "seed", data_vars="minimal")


def paper_like(ds):
    """A Dataset with the curves of networks as the paper describes them."""
    out = many(ds).copy(deep=True)
    easy, hard = {"task": 0}, {"task": 1}
    order = out.task.values.tolist()
    assert order == ["easy", "hard"]
    out["dead"][:] = 0
    out["base"][:], out["binarized"][easy], out["binarized"][hard] = 0.99, 0.95, 0.495
    peak = 0.5 + 0.45 * np.exp(-(((out.removed.values - 0.6) / 0.1) ** 2))
    put(out, "prune_smallest", "hard", peak, signed=True)
    put(out, "prune_smallest", "hard", 0.5 + 0.49 * (out.removed.values < 0.6), signed=False)
    put(out, "prune_smallest", "easy", 0.5 + 0.49 * (out.removed.values < 0.9), signed=False)
    for order in ("random", "largest"):
        put(out, f"prune_{order}", "hard", 0.5, signed=True)
    for suffix in ("_hidden_8", "_activation_tanh"):
        out[f"dead{suffix}"][:] = 0
        out[f"binarized{suffix}"][easy], out[f"binarized{suffix}"][hard] = 0.95, 0.495
        put(out, f"prune_smallest{suffix}", "hard", peak, signed=True)
    for t in "BEF":
        put(out, f"randomize_{t}", "easy", 0.95)
        put(out, f"randomize_{t}", "hard", 0.6)
        put(out, f"randomize_{t}_pruned", "hard", peak)
    for t in "ACDG":
        put(out, f"randomize_{t}", "easy", 0.5)
    out["weight_std"][easy], out["weight_std"][hard] = 0.06, 0.07
    bumps = {"noise": out.amplitude.values == out.amplitude.values[np.argmin(abs(out.amplitude.values - 0.1))]}
    bumps["flip"] = np.arange(out.sizes["flipped"]) == 9
    for name, bump in bumps.items():
        put(out, name, "easy", 0.95 + 0.04 * bump, signed=True)
        put(out, name, "hard", 0.5 + 0.3 * bump, signed=True)
        half = len(bump) // 2
        put(out, name, "easy", 0.5 + 0.49 * (np.arange(len(bump)) <= half + 2), signed=False)
        put(out, name, "hard", 0.5 + 0.49 * (np.arange(len(bump)) <= half), signed=False)
    falling = np.linspace(0.3, 0.0, out.sizes["factor"])
    for name in ("multiplicative_30", "multiplicative_70", "multiplicative_90"):
        for task in ("easy", "hard"):
            put(out, name, task, 0.6 + falling, signed=False)
            put(out, name, task, (0.97 if name != "multiplicative_90" else 0.5) + falling, signed=True)
    put(out, "spectral", "easy", 0.98, signed=False)
    put(out, "spectral", "hard", 0.6 + 0.3 * (out["rank"].values > 2), signed=False)
    put(out, "spectral_sign_first", "easy", np.interp(out["rank"].values, [1, 32], [0.85, 0.95]))
    put(out, "spectral_sign_first", "hard", 0.5 + 0.2 * np.isin(out["rank"].values, (2, 3)))
    return out


def put(ds, name, task, values, signed=None):
    """Give every network of a task the same curve."""
    place = {"task": task} if signed is None else {"task": task, "signed": signed}
    here = ds[name].loc[place]
    along = [d for d in here.dims if d in ("removed", "amplitude", "flipped", "rank", "factor")]
    ds[name].loc[place] = (
        xr.DataArray(np.asarray(values, float), dims=along if np.ndim(values) else ())
        .broadcast_like(here)
        .transpose(*here.dims)
    )


def breaks():
    """(finding, what to do to a paper-like Dataset so that it no longer holds)."""
    yield "collapses", lambda d: d["binarized"].loc[{"task": "hard"}].__setitem__(..., 0.7)
    yield "sharp peak", lambda d: put(d, "prune_smallest", "hard", 0.5, signed=True)
    # As high as the paper's, but reached at once and never left.
    yield "sharp peak", lambda d: put(d, "prune_smallest", "hard", 0.5 + 0.45 * (d.removed.values > 0), signed=True)
    yield "easy model stays high", lambda d: d["binarized"].loc[{"task": "easy"}].__setitem__(..., 0.8)
    yield "Moderate noise", lambda d: put(d, "noise", "hard", 0.495, signed=True)
    yield (
        "Moderate noise",
        lambda d: put(d, "noise", "hard", 0.5 + 0.3 * (np.arange(d.sizes["amplitude"]) == 0), signed=True),
    )
    yield "weak signs", lambda d: put(d, "flip", "hard", 0.495, signed=True)
    yield "B, E, F", lambda d: put(d, "randomize_G", "easy", 0.95)
    yield "B, E, F", lambda d: put(d, "randomize_B", "easy", 0.5)
    yield "tanh", lambda d: put(d, "prune_smallest_activation_tanh", "hard", 0.5, signed=True)
    yield "8 hidden nodes", lambda d: d["binarized_hidden_8"].loc[{"task": "hard"}].__setitem__(..., 0.7)
    yield "transition", lambda d: put(d, "randomize_F_pruned", "hard", 0.6)
    yield "2 or 3 singular values", lambda d: put(d, "spectral_sign_first", "hard", 0.5)
    yield "surpasses", lambda d: put(d, "prune_smallest", "hard", 0.99 - 0.4 * (d.removed.values > 0.9), signed=False)
    yield (
        "smallest weights go first",
        lambda d: put(d, "prune_random", "hard", 0.5 + 0.2 * (d.removed.values > 0.5), signed=True),
    )
    yield "falls earlier", lambda d: put(d, "flip", "easy", 0.5 + 0.49 * (d.flipped.values < 0.1), signed=False)
    yield "30%", lambda d: put(d, "multiplicative_30", "hard", 0.9, signed=False)
    yield "30%", lambda d: put(d, "multiplicative_30", "easy", 0.9, signed=True)
    yield "70%", lambda d: put(d, "multiplicative_70", "hard", 0.49, signed=True)
    yield "90%", lambda d: put(d, "multiplicative_90", "hard", 0.5, signed=True)
    yield "B, E, F", lambda d: put(d, "randomize_E", "hard", 0.99)
    yield "Two singular values", lambda d: put(d, "spectral", "hard", 0.98, signed=False)
    yield "gradually", lambda d: put(d, "spectral_sign_first", "easy", 0.5 + 0.45 * (d["rank"].values > 2))
    yield "gradually", lambda d: put(d, "spectral_sign_first", "easy", 0.95)
    yield "weights spread", lambda d: d["weight_std"].loc[{"task": "easy"}].__setitem__(..., 0.08)


# Claims that read the numbers of another one, too.
SAME_NUMBERS = {
    "collapses": ("lift",),
    "sharp peak": ("surpasses", "smallest weights go first"),
    "surpasses": ("falls earlier",),
}


def test_all_findings_hold_for_networks_like_the_papers(ds):
    found = study.findings(paper_like(ds))
    assert len(found) == 19
    assert all(f.verdict is Verdict.HOLDS for f in found), [
        (f.claim, f.seen) for f in found if f.verdict is not Verdict.HOLDS
    ]


@pytest.mark.parametrize(("word", "change"), list(breaks()))
def test_a_finding_differs_when_its_numbers_do(ds, word, change):
    broken = paper_like(ds)
    change(broken)
    found = study.findings(broken)
    (finding,) = [f for f in found if word in f.claim]
    assert finding.verdict is Verdict.DIFFERS, finding.seen
    others = [f for f in found if not any(w in f.claim for w in (word, *SAME_NUMBERS.get(word, ())))]
    assert all(f.verdict is Verdict.HOLDS for f in others)


def test_findings_are_open_where_networks_disagree_or_are_few(ds):
    like = paper_like(ds)
    like["binarized"].loc[{"task": "hard"}] = np.resize([0.49, 0.5, 0.9], like.sizes["seed"])
    (finding,) = [f for f in study.findings(like) if "collapses" in f.claim]
    assert finding.verdict is Verdict.INCONCLUSIVE
    assert all(f.verdict is Verdict.INCONCLUSIVE for f in study.findings(paper_like(ds).isel(seed=slice(0, 3))))


def test_noise_alone_is_no_lift(ds):
    """A maximum over thirty levels of pure noise is high; a level chosen on other networks gains nothing."""
    like = paper_like(ds)
    rng = np.random.default_rng(0)
    like["noise"].loc[{"signed": True}] = 0.5 + 0.05 * rng.normal(size=like.noise.sel(signed=True).shape)
    like["binarized"].loc[{}] = 0.5
    (finding,) = [f for f in study.findings(like) if "Moderate noise" in f.claim]
    assert finding.verdict is not Verdict.HOLDS


def test_curves_in_the_figures_are_medians_with_quartile_bands(ds):
    figure = draw.perturbation_curves(ds)
    panel = figure.axes[0]
    line = next(line for line in panel.lines if line.get_label() == "Signed hard")
    values = 100 * ds.prune_smallest.sel(dataset="mnist", task="hard", signed=True).isel(repeat=0).transpose(
        "seed", "removed"
    )
    np.testing.assert_allclose(line.get_ydata(), np.median(values, axis=0), rtol=1e-6)
    assert line.get_linestyle() == "--"
    band = panel.collections[[p.get_label() for p in panel.lines].index("Signed hard")].get_paths()[0].vertices[:, 1]
    assert band.min() == pytest.approx(np.quantile(values, 0.25, axis=0).min(), rel=1e-5)
    assert band.max() == pytest.approx(np.quantile(values, 0.75, axis=0).max(), rel=1e-5)


def test_noise_panels_mark_the_mean_standard_deviation(ds):
    panel = draw.perturbation_curves(ds).axes[1]
    marks = {line.get_color(): line.get_xdata()[0] for line in panel.lines if len(set(line.get_xdata())) == 1}
    for task in ("easy", "hard"):
        expected = float(ds.weight_std.sel(dataset="mnist", task=task).mean())
        assert marks[COLORS[task]] == pytest.approx(expected, rel=1e-6)
    assert "spread of\nthe weights" in [text.get_text() for text in panel.texts]


@pytest.mark.parametrize(
    ("options", "numbers"),
    [({}, {1, 2, 3}), ({"hidden": (32,)}, {10, 2, 11}), ({"hidden": (128,)}, {12, 2, 13}), ({"activation": "tanh"}, {15, 2, 3}),
     ({"activation": "hard_sigmoid"}, {16, 2, 3})],
)  # fmt: skip
def test_figures_bear_the_papers_numbers(ds, options, numbers):
    config = study.Config(widths=(8,), activations=("tanh",), **options)
    found = {int(n) for p in panels(ds, config) for n in re.findall(r"Figure (\d+)\.", p.title)}
    assert found == numbers | {7, 14, 15, 17, 18, 19}


def test_figures_of_other_networks_show_those(ds):
    shown = {p.name: p for p in panels(ds, study.Config(widths=(8,), activations=("tanh",)))}
    assert {"perturbations_hidden_8", "randomized_pruning_hidden_8", "figure_15_perturbations_activation_tanh"} <= set(
        shown
    )
    for name, suffix in (
        ("perturbations_hidden_8", "_hidden_8"),
        ("figure_15_perturbations_activation_tanh", "_activation_tanh"),
    ):
        line = next(line for line in shown[name].figure.axes[1].lines if line.get_label() == "Signed easy")
        values = 100 * ds[f"noise{suffix}"].sel(dataset="mnist", task="easy", signed=True).isel(repeat=0)
        np.testing.assert_allclose(line.get_ydata(), values.transpose("seed", "amplitude").median("seed"), rtol=1e-6)
        assert (ds[f"noise{suffix}"].values != ds.noise.values).any()


def test_variants_are_the_networks_that_fit_trains(ds, few_digits):
    task = jp.data.pair(few_digits, (7, 9))
    fit = jp.train.fit(jp.models.MLP((32,), 2, "tanh"), task, 3, epochs=3)
    found = ds.base_activation_tanh.sel(dataset="mnist", task="hard")
    np.testing.assert_allclose(found, fit.accuracy, atol=6e-3)


def test_curves_of_variants_have_twenty_networks_and_their_randomizations_all():
    config = study.Config(seeds=30, widths=(32,), activations=("tanh",))
    wide, other = (v for v in variants(config, "easy"))
    assert (wide.config.seeds, wide.config.hidden, other.config.seeds, other.config.activation) == (
        30,
        (32,),
        SEEDS,
        "tanh",
    )


def test_report_stands_alone_and_says_how_to_repeat_it(out):
    page = (out / "report.html").read_text()
    # Nothing is fetched: addresses are inside the page, or files that the run left beside it.
    addresses = set(re.findall(r"""(?:src|href)=["']?([^"'> ]+)""", page))
    beside = {address for address in addresses if not address.startswith(("data:", "#"))}
    assert beside
    assert all((out / address).exists() for address in beside)
    inside = {address[1:] for address in addresses if address.startswith("#") and "{" not in address}
    assert inside <= set(re.findall(r""" id="([^"]+)\"""", page))
    assert not re.findall(r"url\((?!#)|@import|https?://(?!www\.w3\.org)", page)
    assert (
        "jprobe run probes --preset quick --hidden 32 --seeds 3 --widths 8 --activations tanh --epochs 3 --out" in page
    )
    assert "Scaled down: 3 networks a task" in page
    assert (
        page.count("<figure ")
        == len(list((out / "figures").glob("*.png")))
        == len(list((out / "figures").glob("*.pdf")))
        == 12
    )
    provenance = json.loads((out / "provenance.json").read_text())
    assert "md5:f68b3c2dcbeaaa9fbdd348bbdeb94873" in provenance["data"].values()


@pytest.mark.usefixtures("unpainted")
def test_the_run_can_be_taken_up_and_computes_nothing_twice(out, monkeypatch, capsys, few_digits):
    monkeypatch.setattr(jp.data, "load", lambda name: few_digits)

    def refuse(*args, **kwargs):
        raise AssertionError("computed again")

    monkeypatch.setattr(PARTS, "sweep", refuse)
    monkeypatch.setattr(jp.train, "fit", refuse)
    before = (out / "summary.json").read_bytes()
    cli.main([*SMALL.split(), "--out", str(out)])
    assert (out / "summary.json").read_bytes() == before
    assert "Report:" in capsys.readouterr().out


@pytest.mark.usefixtures("unpainted")
def test_interrupted_and_taken_up_gives_the_numbers_of_an_uninterrupted_run(tmp_path, monkeypatch, capsys, few_digits):
    monkeypatch.setattr(jp.data, "load", lambda name: few_digits)
    command = ["run", "probes", "--seeds", "2", "--epochs", "1", "--pair", "3", "5", "--probes", "noise", "flip"]
    cli.main([*command, "--out", str(tmp_path / "whole")])
    calls = []

    def stopping(*args, **kwargs):
        calls.append(1)
        if len(calls) == 5:  # three describe the networks, then come noise and flips
            raise KeyboardInterrupt
        return jp.sweep(*args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(PARTS, "sweep", stopping)
        with pytest.raises(SystemExit) as stopped:
            cli.main([*command, "--out", str(tmp_path / "parts")])
    assert stopped.value.code == 130
    assert "the same command takes it up again" in " ".join(capsys.readouterr().out.split())
    finished = len(list((tmp_path / "parts" / "parts").iterdir()))
    assert finished in (1, 2)  # the one beside it was finished, or given up with it
    cli.main([*command, "--out", str(tmp_path / "parts")])
    xr.testing.assert_identical(load(tmp_path / "parts" / "results.nc"), load(tmp_path / "whole" / "results.nc"))
    assert "mnist.3-5.flip.signed.best" in json.loads((tmp_path / "parts" / "summary.json").read_text())


def test_tasks_of_ones_own(tmp_path):
    x = np.random.default_rng(0).normal(size=(200, 6)).astype(np.float32)
    tasks = {
        name: jp.data.Task(x, y, x, y, num_classes=2)
        for name, y in (("easy", x[:, 0] > 0), ("hard", x[:, :3].prod(1) > 0))
    }
    config = study.Config(seeds=2, epochs=1, hidden=(4,), probes=("prune",))
    ds = compute(study.STUDY, config, of=jp.studies.Subject("mine", inputs={"mine": tasks}))
    assert ds.dataset.values.tolist() == ["mine"]
    assert study.STUDY.about(ds, config).lead.endswith("on mine, after Jankowski et al., arXiv:2508.05463.")
    assert len(study.findings(ds)) == 6


def test_a_task_whose_networks_are_all_dead_has_no_best_level():
    levels = xr.DataArray(
        [[0.5, 0.9, 0.7], [0.5, 0.7, 0.8]], {"seed": [0, 1], "flipped": [0, 0.5, 1]}, ("seed", "flipped")
    )
    assert best_level(levels, "flipped") == (0.8, 0.5)
    assert all(math.isnan(value) for value in best_level(levels * np.nan, "flipped"))
