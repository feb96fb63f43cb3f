"""The study of pairs of classes end to end, on a few hundred digits; and its findings in both directions."""

import itertools
import json

import numpy as np
import pytest
import scipy.stats
import xarray as xr

import jprobe as jp
from jprobe import cli
from jprobe.complexity import gap
from jprobe.errors import ArgumentError
from jprobe.report import Verdict
from jprobe.results import load
from jprobe.studies import complexity as study
from jprobe.studies import compute
from jprobe.studies.complexity.summary import gaps, stability
from jprobe.studies.pairs import pairs_of

pytestmark = pytest.mark.quick

SMALL = ["run", "complexity", "--seeds", "2", "--epochs", "2", "--hidden", "8", "--image-pairs", "20", "--out"]


@pytest.fixture(scope="module")
def out(tmp_path_factory, few_digits):
    """Two networks a pair, trained for two epochs: a scaled-down run of the whole study."""
    folder = tmp_path_factory.mktemp("run") / "out"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jp.data, "load", lambda name: few_digits)
        cli.main([*SMALL, str(folder)])
    return folder


@pytest.mark.end_to_end
def test_summary_has_the_promised_keys(out):
    found = json.loads((out / "summary.json").read_text())
    pairs = [f"{a}-{b}" for a, b in itertools.combinations(range(10), 2)]
    names = [
        f"mnist.{name}" for name in ("spearman", "spearman_low", "spearman_high", "ssim.min_pair", "ssim.max_pair")
    ]
    names += [f"mnist.{m}.{pair}" for m in ("gap_signed", "gap_randomized", "base", "ssim") for pair in pairs]
    assert sorted(found) == sorted(names)
    assert found["mnist.spearman_low"] <= found["mnist.spearman"] <= found["mnist.spearman_high"]
    assert found["mnist.ssim.min_pair"] in pairs


@pytest.mark.end_to_end
def test_summary_is_the_datasets_numbers(out):
    found, ds = json.loads((out / "summary.json").read_text()), load(out / "results.nc").isel(dataset=0)
    alive = ds.dead.values == 0
    row = ds.pair.values.tolist().index("0-7")
    expected = (ds.base - ds.signed).values[row][alive[row]].mean()
    assert found["mnist.gap_signed.0-7"] == pytest.approx(expected, abs=1e-6)
    means = gaps(ds)
    rho = scipy.stats.spearmanr(means.gap_signed, means.gap_randomized).statistic
    assert found["mnist.spearman"] == pytest.approx(rho, abs=1e-6)


@pytest.mark.end_to_end
def test_networks_are_those_of_a_single_pair(out, few_digits):
    ds = load(out / "results.nc").isel(dataset=0)
    task = jp.data.pair(few_digits, (4, 9))
    model = jp.models.MLP((8,))
    alone = jp.train.fit(model, task, seeds=2, epochs=2)
    found = gap(model, alone.params, task)
    np.testing.assert_allclose(ds.base.sel(pair="4-9"), alone.accuracy, atol=2e-3)
    np.testing.assert_allclose(ds.signed.sel(pair="4-9"), found.perturbed, atol=5e-3)


@pytest.mark.end_to_end
def test_the_report_holds_every_figure_and_says_that_it_is_scaled_down(out):
    page = (out / "report.html").read_text()
    for name in (
        "figure_4_gaps_mnist",
        "figure_6_ssim_mnist",
        "figure_8_base_mnist",
        "ssim_and_gaps_mnist",
    ):
        assert f'id="{name}"' in page
        assert (out / "figures" / f"{name}.pdf").read_bytes()[:5] == b"%PDF-"
    assert "Scaled down: 2 networks a pair" in page
    # Ranks over networks need two that live in every pair.
    ranked = stability(load(out / "results.nc").isel(dataset=0)) is not None
    assert ('id="rank_stability_mnist"' in page) == ranked


@pytest.mark.end_to_end
@pytest.mark.usefixtures("unpainted")
def test_a_finished_run_computes_nothing_again(out, monkeypatch, few_digits):
    monkeypatch.setattr(jp.data, "load", lambda name: few_digits)
    monkeypatch.setattr(jp.train, "fit", None)
    monkeypatch.setattr(jp.metrics, "ssim_distance", None)
    before = (out / "summary.json").read_bytes()
    cli.main([*SMALL, str(out)])
    assert (out / "summary.json").read_bytes() == before


@pytest.mark.end_to_end
def test_dead_networks_leave_means_and_ranks(out):
    ds = load(out / "results.nc").isel(dataset=0)
    ds["dead"][:] = 0
    assert stability(ds).ranks.shape == (2, 45)
    ds["dead"][{"pair": 3, "seed": 1}] = 1
    assert stability(ds) is None  # one network left that lives in every pair
    assert float(gaps(ds).base[3]) == pytest.approx(float(ds.base[3, 0]))


def paper_like():
    """A map of ten networks a pair whose gaps are as the paper describes them."""
    pairs = [f"{a}-{b}" for a, b in itertools.combinations(range(10), 2)]
    lost = np.linspace(0.01, 0.49, 45)[np.random.default_rng(0).permutation(45)]
    lost[[pairs.index(p) for p in ("0-3", "1-7", "0-7", "7-9")]] = 0.01, 0.49, 0.05, 0.485
    over = ("dataset", "pair", "seed")
    shape = (1, 45, 10)
    gap = np.broadcast_to(lost[None, :, None], shape)
    data = {"base": np.full(shape, 0.99), "signed": 0.99 - gap, "randomized": 0.99 - gap, "dead": np.zeros(shape)}
    ssim = {"ssim": (over[:2], np.full(shape[:2], 0.8)), "ssim_error": (over[:2], np.full(shape[:2], 0.001))}
    ds = xr.Dataset(
        {k: (over, v.copy()) for k, v in data.items()} | ssim, {"dataset": ["mnist"], "pair": pairs, "seed": range(10)}
    )
    put(ds, "ssim", "0-7", 0.9)
    put(ds, "ssim", "7-9", 0.7)
    return ds


def put(ds, name, pair, value):
    ds[name].loc[{"pair": pair}] = value


BREAKS = [
    (
        "rank the pairs alike",
        lambda d: d["randomized"].__setitem__(..., d.base.values - (d.base - d.signed).values[:, ::-1]),
    ),
    ("98%", lambda d: put(d, "base", "2-5", 0.97)),
    ("0 and 3", lambda d: put(d, "signed", "0-3", 0.92)),
    ("0 and 3", lambda d: put(d, "signed", "1-7", 0.6)),
    ("SSIM calls easy", lambda d: put(d, "signed", "0-7", 0.8)),
    ("SSIM calls easy", lambda d: put(d, "signed", "7-9", 0.6)),
    ("SSIM picks", lambda d: put(d, "ssim", "0-1", 0.91)),
    ("SSIM picks", lambda d: put(d, "ssim", "4-9", 0.69)),
]


def test_all_findings_hold_for_a_map_like_the_papers():
    found = study.findings(paper_like())
    assert [f.verdict for f in found] == [Verdict.HOLDS] * 5, [f.seen for f in found]


@pytest.mark.parametrize(("word", "change"), BREAKS)
def test_a_finding_differs_when_its_numbers_do(word, change):
    broken = paper_like()
    change(broken)
    found = study.findings(broken)
    (finding,) = [f for f in found if word in f.claim]
    assert finding.verdict is Verdict.DIFFERS, finding.seen
    assert all(f.verdict is Verdict.HOLDS for f in found if word not in f.claim)


def test_findings_are_open_where_networks_disagree_or_are_few():
    like = paper_like()
    put(like, "signed", "1-7", np.resize([0.4, 0.8], 10))
    assert [f.verdict for f in study.findings(like)][2] is Verdict.INCONCLUSIVE
    few = study.findings(paper_like().isel(seed=slice(0, 3)))
    # The correlation is over 45 pairs, and SSIM of images, whatever the number of networks.
    assert [f.verdict for f in few] == [Verdict.HOLDS, *[Verdict.INCONCLUSIVE] * 3, Verdict.HOLDS]


def test_a_dataset_of_two_classes_is_an_error(few_digits):
    images, labels = few_digits.x_test[:4], np.array([0, 1, 0, 1], np.int32)
    two = jp.data.Dataset("two", images, labels, images, labels, ("a", "b"), {}, "")
    with pytest.raises(ArgumentError, match="three classes"):
        compute(study.STUDY, of=jp.studies.Subject("two", inputs={"two": two}))
    assert pairs_of("mnist", few_digits).names[0] == "0-1"
