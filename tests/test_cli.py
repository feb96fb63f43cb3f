import re
import subprocess
import sys
from pathlib import Path

import pytest

from jprobe import cli


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
    for word in ("jprobe data import NAME DIR", "probes", "0.1.0", "fashion_mnist", "CC BY-SA 3.0"):
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
        ("run transformer --checkpoint mlp --mesh 2", "runs on one device"),
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


@pytest.mark.parametrize(("words", "lines"), [("run --help", 1), ("data --help", 3), ("weights -h", 3)])
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


@pytest.mark.parametrize("width", [40, 80, 120])
def test_progress_and_findings_fit_any_terminal(width, monkeypatch):
    import io

    from rich.console import Console

    from jprobe.cli import progress, running
    from jprobe.intervals import Estimate
    from jprobe.report import About, Check, Finding, Outcome

    screen = io.StringIO()
    console = Console(file=screen, width=width, force_terminal=True, color_system=None, legacy_windows=False)
    monkeypatch.setattr(progress, "console", console)
    monkeypatch.setattr(running, "console", console)
    with progress.shown("probes, quick", Path("runs/x")) as show:
        show("mnist hard: training 20 networks with a label that is long", 0.42)
    check = Check("signed hard [median]", Estimate(0.5, 0.4, 0.6, 9), "at most", 0.55)
    told = Outcome(About("t", "l"), [Finding("It collapses.", (check,))], [], {}, {})
    running._tell(None, type("R", (), {"outcome": told}))
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", screen.getvalue())
    assert "42%" in text
    assert "inconclusive" in text
    assert "[median]" in text
    assert max(len(line) for line in text.replace("\r", "\n").splitlines()) <= width


def test_a_dumb_terminal_gets_lines(monkeypatch, capsys):
    monkeypatch.setenv("TERM", "dumb")
    from jprobe.cli import progress

    with progress.shown("probes, quick", Path("runs/x")) as show:
        for label, done in (("a", 0.0), ("a", 0.1), ("b", 0.5), ("finished", 1.0)):
            show(label, done)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[-1] if "left" not in line else line.split()[3] for line in lines[1:]] == [
        "a",
        "b,",
        "finished",
    ]


@pytest.mark.end_to_end
def test_the_installed_command_runs():
    done = subprocess.run([sys.executable, "-m", "jprobe", "list"], capture_output=True, text=True, check=True)
    assert "probes" in done.stdout
