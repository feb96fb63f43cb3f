"""The study of layers end to end, on a perceptron and on a tiny transformer; and its findings in both directions."""

import json

import numpy as np
import pytest
import xarray as xr
from test_weights import folder  # noqa: F401

import jprobe as jp
from jprobe import cli
from jprobe.errors import ArgumentError, UnknownLayerError
from jprobe.report import Verdict
from jprobe.results import load
from jprobe.studies import compute, tell
from jprobe.studies import transformer as study
from jprobe.studies.transformer import parts as PARTS
from jprobe.studies.transformer.headline import headline, numbers
from jprobe.studies.transformer.parts import matrices_of
from jprobe.studies.transformer.summary import borne
from jprobe.studies.transformer.table import table

pytestmark = pytest.mark.quick

HOLDS, DIFFERS = Verdict.HOLDS, Verdict.DIFFERS


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    """Every layer of a perceptron: the study without a transformer."""
    path = tmp_path_factory.mktemp("run") / "out"
    cli.main([*SMALL, "--out", str(path)])
    return path


SMALL = [
    "run",
    "transformer",
    "--checkpoint",
    "mlp",
    "--kept",
    "1",
    "0.5",
    "0.1",
    "--amplitudes",
    "0.1",
    "--flipped",
    "0.5",
    "1",
    "--cka-removed",
    "0",
    "0.5",
    "--repeats",
    "2",
]


@pytest.mark.end_to_end
def test_summary_has_the_promised_keys(out):
    found = json.loads((out / "summary.json").read_text())
    names = ["base_accuracy", "tokens", "tokens_per_second", "checkpoint", "scaled_down"]
    for layer in ("Dense_0", "Dense_1", "Dense_2"):
        names += [f"{layer}.{what}.{kept}" for what in ("signed", "original", "A", "B") for kept in ("1", "0.5", "0.1")]
        names += [f"{layer}.flip.0.5", f"{layer}.flip.1", f"{layer}.noise.0.1"]
    assert sorted(found) == sorted(names)
    assert found["scaled_down"] is True
    assert found["checkpoint"] == "mlp"
    assert found["Dense_1.original.1"] == found["base_accuracy"] > 0.97
    # A network of two classes with the signs of its last layer flipped says the opposite.
    assert found["Dense_2.flip.1"] < 0.1


@pytest.mark.end_to_end
def test_the_report_tells_what_it_is(out):
    page = (out / "report.html").read_text()
    for name in ("layers_borne", "figure_5_layers", "figure_9_noise_and_flips", "figure_20_cka"):
        assert f'id="{name}"' in page
    assert "This is not the paper&#39;s network" in page
    assert "Scaled down" in page
    assert load(out / "results.nc").cka.sel(removed=0).values == pytest.approx(1, abs=1e-4)


@pytest.mark.end_to_end
@pytest.mark.usefixtures("unpainted")
def test_a_finished_run_computes_nothing_again(out, monkeypatch, capsys):
    monkeypatch.setattr(PARTS, "probe_layer", None)
    monkeypatch.setattr(PARTS, "cka_by_layer", None)
    capsys.readouterr()
    cli.main([*SMALL, "--out", str(out)])
    lines = capsys.readouterr().out.splitlines()
    # No findings of the paper are about a perceptron: a row a layer instead: base, half pruned, signs.
    row = next(line.split() for line in lines if line.startswith("Dense_0 "))
    ds = load(out / "results.nc")
    assert row[1] == f"{float(ds.base):.3f}"
    assert row[3] == f"{float(ds.signed.sel(layer='Dense_0', kept=1).mean()):.3f}"
    with pytest.raises(SystemExit) as stopped:
        cli.main([*SMALL, "--repeats", "3", "--out", str(out)])
    assert stopped.value.code == 1


@pytest.mark.end_to_end
def test_a_tagger_of_named_entities_end_to_end(folder, tmp_path, monkeypatch):  # noqa: F811
    monkeypatch.setenv("JPROBE_CACHE", str(tmp_path / "cache"))
    (tmp_path / "test.txt").write_text("Paris B-LOC\nrains O\n\nin O\nParis B-LOC\n. O\n")
    jp.data.import_files("conll2003", tmp_path)
    jp.weights.import_weights("distilbert-ner", folder)
    config = study.Config(kept=(1, 0.5), amplitudes=(0.1,), flipped=(0.0, 1.0), cka_removed=(0.0,))
    subject = study.subject(config)
    assert (subject.measure, subject.examples, subject.full) == ("span F1", 10, False)
    assert list(subject.layers) == ["positions", "L0.lin1", "L0.lin2", "L1.lin1", "L1.lin2", "classifier"]
    ds = compute(study.STUDY, config)
    assert ds.original.sel(kept=1).values == pytest.approx(float(ds.base), abs=1e-6)
    assert ds.flip.sel(flipped=0).values == pytest.approx(float(ds.base), abs=1e-6)
    found = study.summary(ds, config)
    assert "base_f1" in found
    assert found["tokens"] == 10
    assert len(study.findings(ds)) == 6
    told = tell(study.STUDY, ds, config)
    names = [panel.name for panel in told.panels]
    assert names == ["layers_borne", "figure_5_layers", "figure_9_noise_and_flips", "figure_20_cka"]
    assert {finding.figure for finding in told.findings} <= set(names)
    assert told.about.headline.startswith("With one layer's weights replaced by their signs, span F1 falls from")
    assert 4 <= len(told.about.numbers) <= 6


NAMES = ["positions", "L0.lin1", "L0.lin2", "L5.lin1", "L5.lin2", "classifier"]


def published(**changes):
    """The paper's published numbers, see the docstring of Config, on a whole test set of words; the rest as its figures show it."""
    columns = {"signed": [0, 0, 0.009, 0.860, 0.881, 0.887], "B": [0.886, 0.810, 0.628, 0.867, 0.884, 0.886]} | changes
    flip = np.array([columns.pop("flip", [0.885, 0.1, 0.7])] * 6)
    pruned = {
        "signed": columns.pop("signed_pruned", [0, 0, 0, 0.85, 0.87, 0.88]),
        "A": columns.pop("A_pruned", [0.8] * 6),
    }
    similar = columns.pop("cka", [0.95, 0.6])
    columns["A"] = [0.043, 0.392, 0, 0.570, 0.809, 0.753]
    over = ("layer", "kept", "repeat")
    data = {name: (over, np.array([v, pruned.get(name, v)], float).T[:, :, None]) for name, v in columns.items()}
    data |= {"flip": (("layer", "flipped", "repeat"), flip[..., None]), "base": 0.885, "cases": 46435}
    cka = np.full((6, 2, 6), 0.97)
    cka[0, 0], cka[0, 1], cka[0, 1, 0] = similar[0], 0.8, similar[1]
    data["original"] = (over, np.full((6, 2, 1), 0.8))
    data["cka"] = (("layer", "removed", "seen"), cka)
    grid = {
        "layer": NAMES,
        "kept": [0.999, 0.1],
        "repeat": [0],
        "flipped": [0.0, 0.5, 1.0],
        "removed": [0.4, 0.9],
        "seen": NAMES,
    }
    return xr.Dataset(data, grid)


def test_all_findings_hold_for_the_published_numbers():
    found = study.findings(published())
    assert [f.verdict for f in found] == [HOLDS] * 8, [f.seen for f in found]


BREAKS = [
    (0, {"signed": [0.86, 0, 0.009, 0.860, 0.2, 0.887]}),
    (1, {"B": [0.886, 0.810, 0.628, 0.7, 0.884, 0.886]}),
    (2, {"signed": [0, 0, 0.65, 0.860, 0.881, 0.887]}),
    (3, {"flip": [0.885, 0.5, 0.1]}),
    (4, {"signed_pruned": [0, 0, 0, 0.85, 0.4, 0.88]}),
    (5, {"A_pruned": [0.8, 0.8, 0.1, 0.8, 0.8, 0.8]}),
    (6, {"cka": [0.5, 0.6]}),
    (7, {"cka": [0.95, 0.9]}),
]


@pytest.mark.parametrize(("number", "change"), BREAKS)
def test_a_finding_differs_when_its_numbers_do(number, change):
    found = study.findings(published(**change))
    assert found[number].verdict is DIFFERS, found[number].seen
    assert all(f.verdict is HOLDS for n, f in enumerate(found) if n != number)


def test_the_headline_follows_the_finding():
    ds = published().assign_attrs(measure="span F1")
    assert headline(ds) == (
        "With one layer's weights replaced by their signs, span F1 falls from 0.885 to 0.000 in positions, and stays at 0.887 in classifier; "
        "every early layer loses more than every late one. Randomization B leaves 0.628 or more."
    )
    late = published(signed=[0.86, 0, 0.009, 0.860, 0.2, 0.887]).assign_attrs(measure="span F1")
    assert "early layers do not all lose more than late ones" in headline(late)
    close = published(signed=[0.1, 0, 0.009, 0.860, 0.101, 0.887]).assign_attrs(measure="span F1")
    assert "whether every early layer loses more than every late one is open" in headline(close)
    assert [(n.label, n.value) for n in numbers(ds)[1:3]] == [
        ("span F1, signs only, classifier", "0.887"),
        ("span F1, signs only, positions", "0.000"),
    ]


def test_what_layers_bear_are_means_over_draws():
    ds = published()
    ds = xr.concat([ds, ds], "repeat", data_vars="minimal").assign(
        signed=(ds.signed + xr.DataArray([0.0, 0.1], dims="more")).isel(repeat=0, drop=True).rename(more="repeat")
    )
    ds["noise"] = (("layer", "amplitude", "repeat"), np.full((6, 2, 2), 0.3))
    left = borne(ds.assign_coords(amplitude=[0.0, 0.05]))
    assert list(left) == [
        "signs\nonly",
        "randomized\n(B)",
        "randomized\n(A)",
        "pruned,\n90% gone",
        "noise,\nsd 0.05",
        "all signs\nflipped",
    ]
    assert [round(one.value, 3) for one in left["signs\nonly"]] == [0.05, 0.05, 0.059, 0.91, 0.931, 0.937]
    assert left["noise,\nsd 0.05"][0].value == pytest.approx(0.3)


def test_findings_are_open_on_a_few_words():
    few = published()
    few["cases"] = 10
    assert study.findings(few)[1].verdict is Verdict.INCONCLUSIVE


def test_layers_that_do_not_exist_and_other_mistakes():
    with pytest.raises(UnknownLayerError, match=r"'Dense_9'\. Its leaves are: Dense_0/kernel"):
        compute(study.STUDY, study.Config(checkpoint="mlp", layers=("Dense_9",)))
    for wrong in (
        {"repeats": 0},
        {"sentences": 0},
        {"kept": ()},
        {"kept": (1.5,)},
        {"kept": (0.0,)},
        {"flipped": (-0.1,)},
    ):
        with pytest.raises(ArgumentError):
            study.Config(**wrong)
    params = {"a": {"b": {"kernel": np.ones((2, 2)), "bias": np.ones(2)}, "bc": {"kernel": np.ones((2, 2))}}}
    assert matrices_of(params, "a/b") == ["a/b/kernel"]
    assert matrices_of(params, "a") == ["a/b/kernel", "a/bc/kernel"]
    assert matrices_of(params, "a/bc/kernel") == ["a/bc/kernel"]


def test_the_table_shows_each_probe_at_one_level():
    layers, kept, noise, flipped = ["a", "b"], [1.0, 0.6, 0.1], [0.0, 0.12, 1.0], [0.0, 1.0]
    rng = np.random.default_rng(0)
    over = {"kept": len(kept), "amplitude": len(noise), "flipped": len(flipped)}
    dims = dict.fromkeys(("original", "signed", "A", "B"), "kept") | {"noise": "amplitude", "flip": "flipped"}
    values = {name: rng.random((2, over[dim], 3)) for name, dim in dims.items()}
    ds = xr.Dataset(
        {name: (("layer", dims[name], "repeat"), found) for name, found in values.items()} | {"base": 0.9},
        {"layer": layers, "kept": kept, "amplitude": noise, "flipped": flipped},
    )
    header, rows = table(ds)
    assert header == ["layer", "base", "pruned 40%", "signs", "both", "A", "B", "noise 0.12", "flip 100%"]
    # Level by level as the header says, the mean over draws.
    where = {"original": 1, "signed": 0, "A": 0, "B": 0, "noise": 1, "flip": 1}
    for n, row in enumerate(rows):
        mean = {name: f"{values[name][n, at].mean():.3f}" for name, at in where.items()}
        both = f"{values['signed'][n, 1].mean():.3f}"
        assert row == [
            layers[n],
            "0.900",
            mean["original"],
            mean["signed"],
            both,
            *(mean[k] for k in ("A", "B", "noise", "flip")),
        ]
    # A whole layer that was never pruned has no columns of pruning; and no score is minus zero.
    header, rows = table(ds.sel(kept=[1.0]) * 0 - 1e-9)
    assert header == ["layer", "base", "signs", "A", "B", "noise 0.12", "flip 100%"]
    assert rows[0][1:] == ["0.000"] * 6
