"""``jprobe plan``: what it predicts and from what, what it calls an extrapolation, and that it leaves nothing behind."""

import importlib
import re

import pytest
import xarray as xr

from jprobe import cli
from jprobe.errors import UnknownNameError
from jprobe.studies import Part, RunFolder
from jprobe.studies.runner import planning
from jprobe.studies.runner.devices import DEVICES, device, extrapolated
from jprobe.studies.runner.planning import DECLARED, EARLIER, peaks, remember_peak, rows, total
from jprobe.studies.runner.speed import Speed

pytestmark = pytest.mark.quick

SPEED = Speed(training=2.0, sweeps=4.0, product=1e11, seconds=3.0)
OPTIONS = ["--seeds", "2", "--epochs", "1", "--probes", "flip"]


def part(name, cost, kind):
    return Part(name, "", lambda context: None, cost, kind)


PARTS = [part("a", 10, "fits"), part("b", 30, "sweeps"), part("c", 30, "fits")]


def test_without_earlier_runs_declared_costs_and_the_machine_tell():
    fits, sweeps = rows(PARTS, (), {}, SPEED)
    assert (fits.kind, fits.parts, fits.source) == ("fits", 2, "declared costs")
    assert fits.seconds == pytest.approx((40 * 2 / DECLARED, 40 * 4 * DECLARED))
    assert total([fits, sweeps]) == pytest.approx((70 * 2 / DECLARED, 70 * 4 * DECLARED))


@pytest.mark.parametrize(
    ("declared", "low", "high", "source"),
    [
        (10.0, 3 / EARLIER, 3 * EARLIER, "earlier runs here"),
        (9.9, 3 / DECLARED, 3 * EARLIER, "shorter runs here"),
        (0.8, 2 / DECLARED, 4 * DECLARED, "declared costs"),
    ],
)
def test_an_earlier_run_tells_the_more_the_longer_it_was(declared, low, high, source):
    fits, _ = rows(PARTS, (), {"fits": (declared, 3 * declared)}, SPEED)
    assert fits.source == source
    assert fits.seconds == pytest.approx((40 * low, 40 * high))


def test_what_is_finished_is_not_counted_and_parts_at_a_time_share_the_time():
    earlier = {"fits": (40.0, 40.0), "sweeps": (30.0, 30.0)}
    fits, sweeps = rows(PARTS, {"a"}, earlier, SPEED, width=2)
    assert (fits.finished, sweeps.finished) == (1, 0)
    assert fits.seconds == sweeps.seconds  # one part of 30 s is left of each: there is none beside it
    fits, _ = rows(PARTS, (), earlier, SPEED, width=2)
    assert fits.seconds == pytest.approx((40 / 2 / EARLIER, 40 / 2 * EARLIER))
    assert total(rows(PARTS, "abc", {}, SPEED)) == (0, 0)


def test_an_extrapolation_is_no_faster_than_the_peak_and_no_slower_than_here():
    for other in DEVICES.values():
        low, high = extrapolated((100, 200), 1e11, other)
        assert low * other.product == pytest.approx(100 * 1e11)
        assert low < high <= 200
    assert extrapolated((100, 200), 1e15, device("T4"))[1] == 200
    with pytest.raises(UnknownNameError, match="Did you mean 'H200'"):
        device("H2000")


def test_peaks_of_runs_are_kept(tmp_path, monkeypatch):
    monkeypatch.setenv("JPROBE_CACHE", str(tmp_path))
    assert peaks("probes") == {}
    for size in (5, 9, 7):  # a run that was taken up has less to do
        remember_peak("probes", "mnist", size)
    remember_peak("probes", "kmnist", 3)
    assert peaks("probes") == {"mnist": 9, "kmnist": 3}
    (tmp_path / "peaks" / "probes.json").write_text("[1]")
    assert peaks("probes") == {}


@pytest.fixture
def told(tmp_path, monkeypatch, capsys):
    """What ``jprobe plan`` prints, in a folder and with a cache of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("JPROBE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("jprobe.studies.runner.speed.measured", lambda: SPEED)

    def plan(*words):
        cli.main(["plan", *words])
        return capsys.readouterr().out

    return plan


def test_a_plan_of_a_study(told, tmp_path):
    out = told("probes", "--devices", "h200", "v5e", *OPTIONS)
    assert re.search(r"^training +2 +0 .*declared costs$", out, re.MULTILINE)
    assert re.search(r"^in all +4 +0 ", out, re.MULTILINE)
    assert "Extrapolated from data sheets, measured on none of these" in out
    assert re.search(r"^H200 +141 GB .* to ", out, re.MULTILINE)
    assert out.endswith("This starts it: jprobe run probes --preset quick --seeds 2 --probes flip --epochs 1\n")
    assert [path.name for path in tmp_path.iterdir()] == ["cache"]
    assert "Extrapolated" not in told("probes", *OPTIONS)


def test_a_plan_sees_what_is_finished(told, tmp_path):
    package = importlib.import_module("jprobe.studies.probes")
    config = package.Config(seeds=2, epochs=1, probes=("flip",), out=tmp_path / "out")
    subject = package.STUDY.subject(config)
    folder = RunFolder(config.out, config.numbers(), subject.digests())
    first = next(iter(package.STUDY.parts(config, subject)))
    folder.part(first.name, lambda: xr.Dataset({"x": 1.0}))
    before = sorted(tmp_path.rglob("*.nc"))
    remember_peak("probes", "such a run", 3 * 10**9)
    out = told("probes", *OPTIONS, "--out", str(config.out), "--memory", "2GB")
    assert re.search(r"^in all +4 +1 ", out, re.MULTILINE)
    assert "keep to 2.0 GB a device" in out
    assert "such a run held 3.0 GB" in out
    assert sorted(tmp_path.rglob("*.nc")) == before


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["plan"], 2, "needs the name of a study first"),
        (["plan", "prboes"], 1, "Did you mean 'probes'"),
        (["plan", "probes", "--seeds", "0"], 2, "--seeds must be 1 or more"),
        (["plan", "probes", "--devices"], 1, "--devices needs names"),
        (["plan", "probes", "--devices", "H2000"], 1, "no device named 'H2000'"),
        (["plan", "probes", "--memory", "much"], 2, "such as 8GB"),
        (["plan", "frustration", "--table", "sizes"], 1, "nothing to plan"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_a_wrong_plan_is_answered_with_the_right_one(words, code, says, capsys, monkeypatch):
    monkeypatch.setattr("jprobe.studies.runner.speed.measured", lambda: pytest.fail("it measured before it looked"))
    with pytest.raises(SystemExit) as stopped:
        cli.main(words)
    assert stopped.value.code == code
    err = " ".join(capsys.readouterr().err.replace("│", " ").split())
    assert says in err


def test_a_run_remembers_its_peak(tmp_path, monkeypatch, capsys):
    from jprobe.cli import running

    monkeypatch.setenv("JPROBE_CACHE", str(tmp_path))
    running._remember_peak("probes", "this process")
    assert planning.peaks("probes")["this process"] > 10**7
