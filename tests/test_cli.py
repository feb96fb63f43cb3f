import dataclasses
import importlib
import io
import re
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from jprobe import __version__, cli, data, weights
from jprobe.cli import findings, progress, running, showing
from jprobe.intervals import Estimate
from jprobe.report import Check, Finding
from jprobe.studies import NAMES
from jprobe.studies.runner.pace import Plan


def failing(capsys, *words, code=1):
    with pytest.raises(SystemExit) as stopped:
        cli.main(list(words))
    assert stopped.value.code == code
    err = capsys.readouterr().err
    assert "Traceback" not in err
    if code == 1:
        assert err.startswith("jprobe: ")
    return " ".join(err.replace("│", " ").split())


def test_help_explains_every_option_with_its_default(capsys):
    with pytest.raises(SystemExit) as stopped:
        cli.main(["run", "probes", "--help"])
    assert stopped.value.code == 0
    text = " ".join(capsys.readouterr().out.replace("│", " ").split())
    for option, default in {
        "preset": "quick", "dataset": "mnist", "pair": "None", "hidden": "64", "activation": "relu", "seeds": "20", "keep": "last",
        "probes": "prune noise flip", "out": "None", "mesh": "None", "epochs": "10", "repeats": "1", "widths": "",
    }.items():  # fmt: skip
        assert f"--{option} " in text
        assert f"(default: {default}" in text


def test_presets_set_the_defaults_of_the_other_options(capsys):
    with pytest.raises(SystemExit):
        cli.main(["run", "probes", "--preset", "paper", "--help"])
    text = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert "(default: 100)" in text
    assert "(default: mnist fashion_mnist)" in text


def test_usage_list_version_and_data(capsys):
    cli.main(["--help"])
    cli.main(["list"])
    cli.main(["--version"])
    cli.main(["data", "show"])
    text = capsys.readouterr().out
    for word in ("jprobe data import NAME DIR", "probes", __version__, "fashion_mnist", "CC BY-SA 3.0"):
        assert word in text


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("frobnicate", "jprobe run STUDY"),
        ("rnu probes", "Did you mean 'run'?"),
        ("run", "needs the name of a study first: probes, collapse, complexity"),
        ("data", "is not complete"),
        ("data import mnist", "jprobe data import NAME DIR"),
        ("data improt mnist x", "knows no 'improt'"),
        ("weights fetch a b", "a word too many"),
        ("run probes --bogus", "--bogus"),
        ("run probes --seeds 0", "--seeds must be 1 or more"),
        ("run probes --hidden 0", "--hidden must be 1 or more"),
        ("run probes --dataset", "dataset"),
        ("run transformer --kept 1.5", "--kept must be above 0 and 1 or less, not 1.5"),
    ],
)
def test_a_wrong_call_is_answered_with_the_right_one(capsys, words, says):
    assert says in failing(capsys, *words.split(), code=2)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("run prbes", "Did you mean 'probes'"),
        ("run probes --preset papr", "Did you mean 'paper'"),
        ("run probes --dataset mnits", "mnist"),
        ("run probes --dataset kmnist", "not on this machine"),
        ("run probes --pair 7 7", "two different classes"),
        ("run probes --pair 7 12", "two different classes"),
        ("run probes --mesh 99", "--mesh asks for 99 devices"),
        ("run transformer --checkpoint mlp --mesh 2", "this machine has 1"),
        ("run transformer --checkpoint mlp --layers Dense_9", "'Dense_9'"),
        ("run frustration --network squeezenett", "Did you mean 'squeezenet'"),
        ("data import fashion_mnist nowhere", "nowhere"),
        ("data import mnits .", "mnist"),
    ],
)
def test_a_mistake_gets_one_clear_error_and_leaves_no_folder(capsys, tmp_path, monkeypatch, words, says):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("JPROBE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    assert says in failing(capsys, *words.split())
    assert not (tmp_path / "runs").exists()


def test_empty_paths_are_refused(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "The path is empty" in failing(capsys, "data", "import", "fashion_mnist", "")
    assert "The path is empty" in failing(capsys, "weights", "import", "squeezenet", "")
    assert "--out names a folder" in failing(capsys, "run", "probes", "--out", "", code=2)
    (tmp_path / "file").write_text("mine")
    assert "it is a file" in failing(capsys, "run", "probes", "--pair", "0", "1", "--out", "file")
    assert (tmp_path / "file").read_text() == "mine"


def test_the_usage_fits_80_columns_and_names_every_command():
    lines = cli.USAGE.splitlines()
    assert max(map(len, lines)) <= 80
    assert {line.split()[1] for line in lines if line.startswith("  jprobe ")} == {*cli._WORDS, "--version"}


@pytest.mark.parametrize(
    ("words", "lines"),
    [("run --help", 1), ("open -h", 1), ("compare --help", 1), ("data --help", 3), ("weights -h", 3)],
)
def test_help_of_a_command_is_its_lines(capsys, words, lines):
    cli.main(words.split())
    out = capsys.readouterr().out.strip().splitlines()
    assert len(out) == lines
    assert all(f"jprobe {words.split()[0]}" in line for line in out)


HEAVY = ("jax", "flax", "scipy", "xarray", "pandas", "matplotlib", "optax", "orbax", "tensorflow_datasets")


@pytest.mark.parametrize(
    "words",
    [
        "--help",
        "rnu",
        "run probes --help",
        "run transformer --bogus",
        "run frustration --replicas 0",
        "run complexity --preset papr",
    ],
)
def test_help_and_mistakes_import_nothing_heavy(words):
    code = f"""
import sys
from jprobe import cli
try:
    cli.main({words.split()!r})
except SystemExit:
    pass
print("heavy:", sorted(set({HEAVY!r}) & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "heavy: []"


@pytest.mark.end_to_end
def test_a_mistyped_option_does_not_claim_the_folder_of_the_right_one(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    small = ["run", "probes", "--seeds", "2", "--epochs", "1", "--probes", "flip", "--pair", "0", "1"]
    failing(capsys, *small, "--dataset", "mnits")
    cli.main(small)
    (folder,) = (tmp_path / "runs").iterdir()
    assert folder.name == "probes-mnist-quick-pair-0+1-seeds-2-probes-flip-epochs-1"
    capsys.readouterr()
    before = sorted(p.name for p in folder.rglob("*"))
    err = failing(capsys, *small[:3], "3", *small[4:], "--out", str(folder))
    assert "seeds: 2 there, 3 now" in err
    assert "--out" in err
    assert sorted(p.name for p in folder.rglob("*")) == before


def screen_of(monkeypatch, width, terminal=True):
    """Where the command prints: a terminal of this width, or a file."""
    screen = io.StringIO()
    console = Console(file=screen, width=width, force_terminal=terminal, color_system=None, legacy_windows=False)
    for module in (progress, running, showing, findings):
        monkeypatch.setattr(module, "console", console)
    return screen


def lines_of(screen):
    """What was printed, without the terminal's codes."""
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", screen.getvalue())
    return text.replace("\r", "\n").splitlines()


PLAN = Plan(parts=43, finished=3, seconds=100.0)
LONG = "Fashion-MNIST hard, hard_sigmoid: pruning, smallest weights first [all of them]"


@pytest.mark.parametrize("width", [40, 80, 120])
def test_progress_fits_any_terminal(width, monkeypatch):
    screen = screen_of(monkeypatch, width)
    with progress.shown("probes, quick: mnist", Path("runs/x")) as show:
        show("finding data", 0.0)
        assert "runs/x" not in screen.getvalue()  # a mistake would be found here, and nothing is written
        show.plan(PLAN)
        show(LONG, 0.01)
    lines = lines_of(screen)
    assert "43 parts, 3 finished before; about 2 min, as earlier runs went here" in " ".join(" ".join(lines).split())
    assert max(map(len, lines)) <= width
    shown = " ".join(lines[-4:])
    assert "Fashion-MNIST hard, hard_" in shown
    # 99% of 100 s; a second may pass before the screen is drawn.
    assert re.search(r" 1% (100|99|98) s left| 1% 2 min left", shown)


def test_the_folder_stays_in_one_piece_and_so_does_a_log(monkeypatch):
    folder = Path("runs") / ("a" * 60)
    for terminal in (True, False):
        screen = screen_of(monkeypatch, 40, terminal)
        with progress.shown("probes " * 10, folder) as show:
            show.plan(PLAN)
        assert f"writes to {folder}" in lines_of(screen)
        assert ("probes " * 10 in lines_of(screen)) == (not terminal)


def test_the_label_is_above_the_bar_only_where_there_is_no_room_beside_it(monkeypatch):
    for width, beside in ((120, True), (80, False)):
        screen = screen_of(monkeypatch, width)
        with progress.shown("probes", Path("runs/x")) as show:
            show.plan(PLAN)
            show("training 20 networks", 0.42)
        assert any("training 20 networks" in line and "42%" in line for line in lines_of(screen)) == beside


def test_the_time_left_is_the_plan_s_at_first_and_then_the_run_s():
    now = [0.0]
    left = progress._Left(lambda: now[0])
    left.at(0.0)
    assert left.seconds() is None
    now[0] = 7.0  # finding the data is no part of the work
    left.plan(Plan(2, 0, 300.0))
    left.at(0.01)
    assert left.seconds() == pytest.approx(297)
    now[0] = 27.0
    left.at(0.2)
    assert left.seconds() == pytest.approx(80)
    now[0] = 30.0
    assert left.seconds() == pytest.approx(77)
    now[0] = 500.0
    assert left.seconds() == 0


@pytest.mark.parametrize(
    ("plan", "says"),
    [
        (Plan(1, 0, None), "1 part; 8 minutes"),
        (Plan(41, 41, None), "41 parts, all finished before"),
        (Plan(41, 40, 7200.0), "41 parts, 40 finished before; about 2 h, as earlier runs went here"),
    ],
)
def test_the_plan_in_words(plan, says):
    assert progress._said(plan, "8 minutes") == says


def test_a_log_gets_a_line_every_few_per_cent_and_not_one_for_each_part(monkeypatch, capsys):
    screen = screen_of(monkeypatch, 80, terminal=False)
    with progress.shown("probes", Path("runs/x")) as show:
        show("finding data", 0.0)
        show.plan(PLAN)
        for n in range(1001):
            show(f"part {n}", n / 1000)
        show("finished", 1.0)
    assert lines_of(screen)[0] == "probes"
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 21
    assert lines[0].split()[:2] == ["0%", "0"]
    assert lines[1].startswith("  5%")
    assert "part 50, " in lines[1]
    assert lines[-1].split() == ["100%", "0", "s", "finished"]


def test_a_slow_run_tells_in_a_log_that_it_lives(monkeypatch, capsys):
    screen_of(monkeypatch, 80, terminal=False)
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    with progress.shown("probes", Path("runs/x")) as show:
        show.plan(Plan(1, 0, None))
        for n in range(100):
            now[0] = 10.0 * n
            show("a long part", n / 10_000)
    lines = capsys.readouterr().out.splitlines()
    assert 10 <= len(lines) <= 17
    assert all("100%" not in line for line in lines)


def test_a_dumb_terminal_gets_lines(monkeypatch, capsys):
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setattr(progress, "console", Console(force_terminal=True))
    with progress.shown("probes, quick", Path("runs/x")) as show:
        show.plan(PLAN)
        for label, done in (("a", 0.0), ("a", 0.01), ("b", 0.5), ("finished", 1.0)):
            show(label, done)
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert [line.split()[3].rstrip(",") for line in out.splitlines()[-3:]] == ["a", "b", "finished"]


def finding(claim, *values, remark="", threshold=0.55):
    checks = [
        Check(f"{claim} number {n} [of the signed networks]", Estimate(v, v - 0.01, v + 0.01, 9), "at most", threshold)
        for n, v in enumerate(values)
    ]
    return Finding(claim, tuple(checks), remark)


@pytest.mark.parametrize("width", [40, 80, 120])
def test_findings_are_short_on_any_terminal(width, monkeypatch):
    screen = screen_of(monkeypatch, width)
    many = finding("It collapses [to chance].", *[0.5] * 9, 0.9, remark="mnist; " + "a long remark " * 30)
    findings.tell_findings([many])
    lines = lines_of(screen)
    assert max(map(len, lines)) <= width
    assert len(lines) <= (6 if width >= 80 else 9)
    text = " ".join(" ".join(lines).split())
    assert "differs" in text
    assert "[to chance]" in text
    # The number that decides is told, however many do not.
    assert "number 9 [of the signed networks] 0.9 [0.89, 0.91] (claim: at most 0.55)" in text
    assert "more numbers" in text


def test_a_claim_held_against_two_datasets_says_which(monkeypatch):
    screen = screen_of(monkeypatch, 80)
    findings.tell_findings(
        [finding("It falls.", 0.5, remark="mnist; much"), finding("It falls.", 0.55, remark="kmnist")]
    )
    text = "\n".join(lines_of(screen))
    assert "holds         mnist: It falls." in text
    assert "inconclusive  kmnist: It falls." in text
    assert text.count("at this scale") == 1


@pytest.mark.parametrize("terminal", [True, False])
def test_a_table_that_is_too_wide_is_told_row_by_row_and_in_a_file_as_it_is(terminal, monkeypatch):
    header = ("layer", *(f"probe [{n}]" for n in range(5)))
    rows = [("Dense_0", *(f"0.{n}" for n in range(5))), ("  paper", *("-" for _ in range(5)))]
    screen = screen_of(monkeypatch, 40, terminal)
    showing.numbers(header, rows)
    lines = lines_of(screen)
    text = " ".join(" ".join(lines).split())
    for word in (*header[1:], *rows[0]):
        assert word in text
    assert (max(map(len, lines)) <= 40) == terminal
    assert ("probe [3] 0.3; probe [4] 0.4" in text) == terminal


@pytest.mark.parametrize("width", [40, 80])
def test_the_list_of_studies_is_short(width, monkeypatch):
    screen = screen_of(monkeypatch, width)
    showing.studies()
    lines = lines_of(screen)
    assert max(map(len, lines)) <= width
    text = " ".join(lines)
    for name in NAMES:
        study = importlib.import_module(f"jprobe.studies.{name}").STUDY
        assert study.asks
        assert study.name in text
        assert study.asks in " ".join(text.split())
        assert text.count(study.reference) == 1
    if width == 80:
        assert len(lines) == len(NAMES) + 4 + 3 + 2  # references, blank lines between them, the last paragraph


@pytest.mark.parametrize("width", [40, 80])
def test_datasets_and_checkpoints_are_never_cut_off(width, monkeypatch):
    screen = screen_of(monkeypatch, width)
    showing.data()
    showing.weights()
    assert max(map(len, lines_of(screen))) <= width
    assert "…" not in screen.getvalue()
    words = "".join(screen.getvalue().split())
    for entry in (*map(dataclasses.astuple, data.catalogue()), *weights.catalogue()):
        assert all("".join(text.split()) in words for text in entry)


@pytest.mark.parametrize("name", NAMES)
def test_every_study_says_how_long_its_presets_take_and_what_runs(name):
    package = importlib.import_module(f"jprobe.studies.{name}")
    for preset, config in package.PRESETS.items():
        assert package.STUDY.cost_of(preset) != package.STUDY.cost
        assert "{" not in config.in_words()
        assert config.in_words()


@pytest.mark.end_to_end
def test_the_installed_command_runs():
    done = subprocess.run([sys.executable, "-m", "jprobe", "list"], capture_output=True, text=True, check=True)
    assert "probes" in done.stdout
