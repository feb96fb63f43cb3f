import subprocess
import sys

import pytest

from jprobe import cli
from jprobe.errors import ArgumentError


def failing(capsys, *words):
    with pytest.raises(SystemExit) as stopped:
        cli.main(list(words))
    assert stopped.value.code == 1
    err = capsys.readouterr().err
    assert err.startswith("jprobe: ")
    assert "Traceback" not in err
    return err


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


def test_nonsense_is_a_usage_error(capsys):
    with pytest.raises(SystemExit) as stopped:
        cli.main(["frobnicate"])
    assert stopped.value.code == 2
    assert "jprobe run STUDY" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("run prbes", "Did you mean 'probes'"),
        ("run probes --preset papr", "Did you mean 'paper'"),
        ("run probes --dataset mnits", "mnist"),
        ("run probes --pair 7 7", "two different classes"),
        ("run probes --pair 7 12", "two different classes"),
        ("run probes --seeds 0", "--seeds must be 1 or more"),
        ("run probes --hidden 0", "one node or more"),
        ("run probes --mesh 99", "--mesh asks for 99 devices"),
        ("data import fashion_mnist nowhere", "nowhere"),
        ("data import mnits .", "mnist"),
    ],
)
def test_mistakes_get_one_clear_error(capsys, tmp_path, monkeypatch, words, says):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("JPROBE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    assert says in failing(capsys, *words.split())


def test_a_folder_with_another_configuration_is_refused(capsys, tmp_path):
    command = [
        "run",
        "probes",
        "--out",
        str(tmp_path),
        "--seeds",
        "2",
        "--epochs",
        "1",
        "--probes",
        "flip",
        "--pair",
        "0",
        "1",
    ]
    cli.main(command)
    capsys.readouterr()
    before = sorted(p.name for p in tmp_path.rglob("*"))
    err = failing(capsys, *command[:5], "3", *command[6:])
    assert "seeds: 2 there, 3 now" in err
    assert "--out" in err
    assert sorted(p.name for p in tmp_path.rglob("*")) == before


def test_bad_configuration_fails_before_any_work():
    from jprobe.studies.probes import Config

    with pytest.raises(ArgumentError):
        Config(repeats=0)


def test_the_installed_command_runs():
    done = subprocess.run([sys.executable, "-m", "jprobe", "list"], capture_output=True, text=True, check=True)
    assert "probes" in done.stdout
