"""Runs side by side: what is compared is what the runs' own files say, and what cannot be compared is refused."""

import json
import os
import re
import shutil
import webbrowser

import numpy as np
import pytest
import xarray as xr
from matplotlib.figure import Figure

from jprobe import cli, studies
from jprobe.errors import ArgumentError, DamagedFileError, MissingFileError
from jprobe.figures.comparison import overlaid
from jprobe.report import comparison_page
from jprobe.results import load, save
from jprobe.studies import compare, probes
from jprobe.studies.command import command_of, taking_up

pytestmark = pytest.mark.quick


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two finished runs, of two activations."""
    out = tmp_path_factory.mktemp("runs")
    for activation in ("relu", "tanh"):
        config = probes.Config(seeds=2, epochs=1, probes=("flip",), activation=activation, out=out / activation)
        studies.run(probes.STUDY, config, command=command_of(config, probes.Config()))
    return out


def as_of_old(folder):
    """A run as versions left it that kept no checksums of its small files: a test may change them."""
    provenance = json.loads((folder / "provenance.json").read_text())
    del provenance["files"], provenance["sha256"]
    (folder / "provenance.json").write_text(json.dumps(provenance))
    return folder


@pytest.fixture
def two(runs, tmp_path):
    """A run of two datasets, the second of which has one half of the first's numbers."""
    folder = shutil.copytree(runs / "relu", tmp_path / "two")
    first = load(folder / "results.nc")
    numbers = [
        name for name, values in first.data_vars.items() if values.dtype.kind == "f" and "dataset" in values.dims
    ]
    second = first.assign({name: first[name] / 2 for name in numbers}).assign_coords(dataset=["kmnist"])
    save(folder / "results.nc", xr.concat([first, second], "dataset", data_vars="minimal"))
    summary = json.loads((folder / "summary.json").read_text())
    more = {key.replace("mnist.", "kmnist."): value / 2 for key, value in summary.items()}
    as_of_old(folder)
    (folder / "summary.json").write_text(json.dumps(summary | more | {"kmnist.alone": 1.0}))
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"dataset": ["mnist", "kmnist"]}))
    return folder


def summary_of(folder):
    return json.loads((folder / "summary.json").read_text())


def test_what_differs_and_the_numbers_that_runs_share_are_those_of_their_files(runs):
    found = compare([runs / "relu", runs / "tanh"])
    assert found.options == [("activation", ["relu", "tanh"])]
    assert found.columns == [run.label for run in found.runs] == ["relu", "tanh"]
    files = [summary_of(runs / name) for name in ("relu", "tanh")]
    assert [key for key, _ in found.numbers] == [key.removeprefix("mnist.") for key in files[0] if key in files[1]]
    for key, values in found.numbers:
        np.testing.assert_equal(values, [file[f"mnist.{key}"] for file in files])
    assert found.runs[1].command.startswith("jprobe run probes --preset quick --activation tanh")


def test_findings_stand_claim_by_claim(runs):
    found = compare([runs / "relu", runs / "tanh"])
    for n, name in enumerate(("relu", "tanh")):
        alone = probes.findings(load(runs / name / "results.nc"))
        here = [finding for _, of_runs in found.claims for finding in of_runs[n]]
        assert [str(finding) for finding in here] == [str(finding) for finding in alone]


def test_a_run_of_several_datasets_has_a_column_for_each(runs, two):
    found = compare([two, runs / "tanh"])
    assert found.columns == ["mnist, kmnist, relu: mnist", "mnist, kmnist, relu: kmnist", "mnist, tanh"]
    numbers = dict(found.numbers)
    assert "alone" not in numbers  # the other dataset has none
    whole = summary_of(two)
    base = "easy.base"
    assert (
        numbers[base][:2]
        == [whole[f"mnist.{base}"], whole[f"kmnist.{base}"]]
        == [numbers[base][0], numbers[base][0] / 2]
    )
    # A claim is held against both datasets of the one run, and once against the other run.
    claims = dict(found.claims)
    assert [finding.remark.partition(";")[0] for finding in claims["The signed easy model stays high."][0]] == [
        "MNIST",
        "KMNIST",
    ]
    assert len(claims["The signed easy model stays high."][1]) == 1
    assert "difference" not in found.table()[0]


def test_runs_of_one_configuration_are_told_apart_by_their_folders(runs, tmp_path):
    for name in ("a", "b"):
        shutil.copytree(runs / "relu", tmp_path / name / "run")
    as_of_old(shutil.copytree(runs / "relu", tmp_path / "other"))
    found = compare([tmp_path / "a" / "run", tmp_path / "other"])
    assert [run.label for run in found.runs] == ["run", "other"]
    assert found.options == []
    found = compare([tmp_path / "a" / "run", tmp_path / "b" / "run"])
    assert [run.label for run in found.runs] == [str(tmp_path / name / "run") for name in "ab"]
    # An option that an older version did not have tells nothing.
    config = json.loads((tmp_path / "other" / "config.json").read_text())
    del config["activations"]
    (tmp_path / "other" / "config.json").write_text(json.dumps(config))
    found = compare([tmp_path / "a" / "run", tmp_path / "other"])
    assert found.options == [("activations", ["none", "not recorded"])]
    assert [run.label for run in found.runs] == ["run", "other"]


def test_the_overlaid_curve_is_the_median_of_each_run(runs):
    found = compare([runs / "relu", runs / "tanh"])
    (panel,) = found.panels
    axes = {axes.get_title("left"): axes for axes in panel.figure.axes}
    assert set(axes) == {"easy", "hard"}
    for task, drawn in axes.items():
        lines = {line.get_label(): line for line in drawn.get_lines()}
        assert set(lines) == {"relu", "relu, signed", "tanh", "tanh, signed"}
        for label, line in lines.items():
            name, _, signed = label.partition(", ")
            values = load(runs / name / "results.nc").flip.sel(dataset="mnist", task=task, signed=bool(signed))
            np.testing.assert_allclose(line.get_ydata(), 100 * values.median(["seed", "repeat"]), atol=1e-4)
            assert (line.get_linestyle() == "--") == bool(signed)
        assert len({line.get_color() for line in lines.values()}) == 2


def test_a_run_is_left_out_of_the_panels_that_it_has_no_numbers_for():
    both = xr.DataArray(np.ones((2, 3, 4)), {"task": ["easy", "3-5"], "x": [0, 1, 2]}, ("task", "x", "seed"))
    figure = overlaid({"both": both, "one": both.sel(task=["easy"]), "none": both * np.nan}, "x", "task", "x", "y")
    assert isinstance(figure, Figure)
    labels = {axes.get_title("left"): [line.get_label() for line in axes.get_lines()] for axes in figure.axes}
    assert labels == {"easy": ["both", "one"], "3-5": ["both"]}


def test_the_page_is_self_contained_and_says_everything(runs):
    found = compare([runs / "relu", runs / "tanh"])
    page = comparison_page(found)
    assert not re.search(r"(src|href)=\"(?!data:|#)", page)
    assert page.count("<figure ") == len(found.panels) == 1
    for key, _ in found.numbers:
        assert f"<code>{key}</code>" in page
    for claim, _ in found.claims:
        assert claim.split("'")[0] in page
    assert page == comparison_page(compare([runs / "relu", runs / "tanh"]))


def test_the_page_escapes_what_runs_say(runs, tmp_path):
    for name in ("<b>a", "b"):
        shutil.copytree(runs / "relu", tmp_path / name)
    assert "<b>a" not in comparison_page(compare([tmp_path / "<b>a", tmp_path / "b"]))


def refused(folders, error, says):
    with pytest.raises(error, match=says) as caught:
        compare(folders)
    assert len(str(caught.value).splitlines()) <= 2


def test_what_cannot_be_compared_is_refused_with_what_to_do(runs, tmp_path):
    relu = runs / "relu"
    refused([relu], ArgumentError, "two runs or more")
    refused([relu, runs], MissingFileError, "config.json does not exist")
    refused([relu, runs / "tanh", runs / "tanh" / ".." / "relu"], ArgumentError, "named twice")
    refused([relu, tmp_path / "nowhere"], MissingFileError, "Name the folders of finished runs")
    other = as_of_old(shutil.copytree(relu, tmp_path / "other"))
    (other / "results.nc").unlink()
    refused([relu, other], MissingFileError, f"takes it up: jprobe run probes .*--seeds 2 .*--out {other}")
    (other / "config.json").write_text(json.dumps({"study": "collapse"}))
    shutil.copy(relu / "results.nc", other)
    refused([relu, other], ArgumentError, r"different studies \(probes, collapse\)")
    (other / "config.json").write_text("{")
    refused([relu, other], DamagedFileError, "config.json is damaged")
    shutil.copy(relu / "config.json", other)
    (other / "summary.json").write_text("[]")
    refused([relu, other], DamagedFileError, "summary.json is damaged")
    shutil.copy(relu / "summary.json", other)
    save(other / "results.nc", xr.Dataset({"x": 1.0}))
    refused([relu, other], DamagedFileError, "another version wrote its numbers")
    (other / "results.nc").write_bytes(b"no numbers")
    refused([relu, other], DamagedFileError, "results.nc is damaged")
    many = [shutil.copytree(relu, tmp_path / f"run{n}") for n in range(9)]
    refused(many, ArgumentError, "At most 8 columns")


def test_the_command_prints_the_table_and_writes_the_page(runs, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    cli.main(["compare", str(runs / "relu"), str(runs / "tanh")])
    out = capsys.readouterr().out
    assert re.search(r"activation +relu +tanh", out)
    base = [summary_of(runs / name)["mnist.easy.base"] for name in ("relu", "tanh")]
    row = next(line.split() for line in out.splitlines() if line.startswith("easy.base "))
    assert row == ["easy.base", *(f"{value:.4f}" for value in base), f"{base[1] - base[0]:.4f}"]
    assert (tmp_path / "comparison.html").read_text() == comparison_page(compare([runs / "relu", runs / "tanh"]))
    cli.main(["compare", "--out=mine/page.html", str(runs / "relu"), str(runs / "tanh")])
    assert (tmp_path / "mine" / "page.html").is_file()


@pytest.mark.parametrize("words", [["a"], ["a", "b", "--out"], ["a", "b", "--bogus"], ["--out", "x", "a"]])
def test_a_wrong_call_of_compare_is_answered_with_the_right_one(words, capsys):
    with pytest.raises(SystemExit) as stopped:
        cli.main(["compare", *words])
    assert stopped.value.code == 2
    assert "jprobe compare DIR DIR..." in capsys.readouterr().err


@pytest.fixture
def opened(monkeypatch):
    """Addresses that the browser was asked to show."""
    seen = []
    monkeypatch.setattr(webbrowser, "open", lambda address: seen.append(address) or True)
    return seen


def test_open_shows_the_report_and_prints_where_it_is(runs, opened, capsys):
    cli.main(["open", str(runs / "relu")])
    report = (runs / "relu" / "report.html").resolve()
    assert opened == [report.as_uri()]
    assert capsys.readouterr().out.strip() == str(report)


def test_open_without_a_browser_prints_the_path(runs, monkeypatch, capsys):
    def none(address):
        raise webbrowser.Error("could not locate runnable browser")

    monkeypatch.setattr(webbrowser, "open", none)
    cli.main(["open", str(runs / "relu")])
    assert capsys.readouterr().out.strip().endswith("report.html")


def test_open_without_a_folder_shows_the_newest_run(runs, opened, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for n, name in enumerate(("second", "third", "first")):
        shutil.copytree(runs / "relu", tmp_path / "runs" / name)
        for file in (tmp_path / "runs" / name).glob("*"):
            age = [2000, 3000, 1000][n]
            os.utime(file, (age, age))
    cli.main(["open"])
    assert opened[-1].endswith("runs/third/report.html")


def test_open_says_what_to_do_where_there_is_no_report(runs, opened, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    unfinished = shutil.copytree(runs / "tanh", tmp_path / "unfinished")
    (unfinished / "report.html").unlink()
    empty = tmp_path / "empty"
    empty.mkdir()
    for words, says in [
        ([], "jprobe run probes"),
        ([str(unfinished)], f"takes it up: {taking_up(unfinished)}"),
        ([str(tmp_path / "nowhere")], "nowhere does not exist"),
        ([str(empty)], "Name the folder of a run"),
    ]:
        with pytest.raises(SystemExit) as stopped:
            cli.main(["open", *words])
        assert stopped.value.code == 1
        err = capsys.readouterr().err
        assert says in err
        assert len(err.splitlines()) == 1
    assert opened == []


def test_the_command_that_takes_up_a_run_makes_its_configuration_again(runs, tmp_path):
    configs = {
        "a": probes.Config(seeds=3, widths=(8, 16), probes=("flip",)),
        "b": probes.PRESETS["paper"],
        "c": probes.Config(pair=(3, 5), hidden=(4, 4)),
    }
    for name, config in configs.items():
        folder = tmp_path / name
        folder.mkdir()
        (folder / "config.json").write_text(json.dumps(config.numbers()))
        words = taking_up(folder).split()
        assert words[:3] == ["jprobe", "run", "probes"]
        assert words[4] == config.preset
        again = []
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(studies, "run", lambda study, config, again=again, **_: again.append(config) or 1 / 0)
            with pytest.raises(ZeroDivisionError):
                cli.main(words[1:])
        assert again[0].numbers() == config.numbers()
        assert again[0].out == folder
    assert taking_up(tmp_path / "b") == f"jprobe run probes --preset paper --out {tmp_path / 'b'}"


def test_what_only_one_run_has_is_not_drawn(runs, tmp_path):
    other = shutil.copytree(runs / "tanh", tmp_path / "other")
    ds = load(other / "results.nc")
    save(other / "results.nc", ds.assign_coords(task=["easy", "3-5"]))
    (panel,) = compare([runs / "relu", other]).panels
    assert [axes.get_title("left") for axes in panel.figure.axes] == ["easy"]
    save(other / "results.nc", ds.drop_vars("flip"))
    assert compare([runs / "relu", other]).panels == []
