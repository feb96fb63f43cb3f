"""The study of learned connectivity: its findings on runs that were made to hold and to break them, and a run of its own."""

import functools
import json

import numpy as np
import pytest
import xarray as xr

from jprobe import connectivity as cn
from jprobe import data, studies
from jprobe.errors import ArgumentError
from jprobe.models.dag import stage_of
from jprobe.report import Verdict
from jprobe.studies.connectivity import PRESETS, STUDY, Config, material, parts, reading, summary
from jprobe.studies.connectivity.again import KINDS
from jprobe.studies.connectivity.findings import numbered
from jprobe.studies.connectivity.headline import headline
from jprobe.studies.connectivity.training import Clock, blocks, regime

pytestmark = pytest.mark.quick

TAU, NETWORKS, EPOCHS = 0.006, 6, 5
STAGES = stage_of((5, 5, 5))
POSSIBLE = np.triu(np.ones((15, 15), bool), 1)


def chain(extra, seed, *, through=range(15)):
    """A path through some nodes, and other edges at random between those that are near on it."""
    rng, own = np.random.default_rng(seed), np.array(through)
    weights = np.zeros((15, 15))
    weights[own[:-1], own[1:]] = 0.5
    others = [(own[i], own[i + gap]) for gap in (2, 3, 4) for i in range(len(own) - gap)]
    for n in rng.permutation(len(others))[:extra]:
        weights[others[n]] = rng.uniform(0.1, 0.9)
    return weights


# Nodes that a path runs through and edges beside it, from easy to hard.
HOLDING = {
    "cmnist": ((0, 1, 5, 6, 10, 14), 1),
    "ckmnist": ((0, 1, 5, 10, 11, 12, 14), 5),
    "cfashion": ((0, 1, 2, 5, 6, 7, 10, 11, 12, 14), 11),
    "cifar10": ((0, 1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 12, 14), 19),
    "cifar10_t8": ((0, 1, 2, 3, 4, 5, 6, 7, 10, 11, 12, 13, 14), 27),
}


@functools.cache
def features_of(weights):
    """Of a wiring by its bytes: most runs below have the same ones."""
    matrix = np.frombuffer(weights, np.float64).reshape(15, 15)
    return parts._features(cn.wiring(matrix, STAGES), np.array([0.0, TAU]), TAU)


def made(
    rows=HOLDING, *, lost=0.001, dead=0.01, gain=0.02, ratio=2.0, early=False, back=True, elongated=None, mixed=False
):
    """A run's Dataset, with such differences between its accuracies."""
    rng, out = np.random.default_rng(0), []
    recipes = list(rows.values())
    for number in range(len(recipes)):
        networks = []
        for seed in range(NETWORKS):
            through, extra = recipes[(number + seed) % len(recipes) if mixed else number]
            weights = (
                chain(extra + seed % 2, 100 * len(out) + seed, through=through)
                if elongated is None
                else elongated(seed)
            )
            ends = np.where(weights[POSSIBLE] > 0, weights[POSSIBLE], 0.001)
            history = np.tile(ends, (EPOCHS, 1))
            if back:
                history[2] = 0.001
            first = weights + 0.01 * POSSIBLE if early else rng.uniform(0.01, 1, (15, 15)) * POSSIBLE
            noise = 0.0005 * rng.normal()
            full = 0.9 + noise
            again = np.full(len(KINDS), full + gain)
            base = xr.Dataset(
                {
                    "weights": (("source", "target"), weights), "possible": (("source", "target"), POSSIBLE),
                    "stage": ("source", STAGES), "first": (("source", "target"), first), "history": (("epoch", "edge"), history),
                    "accuracy_full": full, "accuracy_thresholded": full - lost + 0.0002 * rng.normal(),
                    "accuracy_live": full - lost - dead, "accuracy_relative": full - lost, "dice_relative": 0.8,
                    "test_accuracy": ("epoch", np.linspace(0.5, full, EPOCHS)), "seconds_per_epoch": 1.0,
                    "sweep_accuracy": ("threshold", [full, full - lost]), "sweep_sparsity": ("threshold", [0.0, 0.5]),
                    "sweep_live_edges": ("threshold", [105.0, 20.0]), "sweep_edges_relative": ("threshold", [105.0, 21.0]),
                    "sweep_live_accuracy": ("threshold", [full, full - lost]), "sweep_accuracy_relative": ("threshold", [full, full - lost]),
                    "again_accuracy": ("kind", again), "again_edges": ("kind", np.full(len(KINDS), 20.0)),
                    "again_parameters": ("kind", np.full(len(KINDS), 1e4)), "step_ratio": ratio * (1 + 0.01 * rng.normal()),
                },
                {"threshold": [0.0, TAU], "kind": list(KINDS), "epoch": np.arange(1, EPOCHS + 1)},
            )  # fmt: skip
            networks.append(base.merge(features_of(weights.tobytes())))
        out.append(xr.concat(networks, "network"))
    return xr.concat(out, xr.DataArray(list(rows), dims="dataset", name="dataset"))


@pytest.fixture(scope="module")
def holding():
    return made()


def verdicts(ds):
    return {claim: finding.verdict for claim, finding in numbered(ds)}


def test_all_claims_hold_of_a_run_made_for_them(holding):
    found = verdicts(holding)
    assert list(found) == [f"L{n}" for n in range(1, 11)]
    # Removing dead paths changes the accuracy, so that claim differs wherever it is looked at.
    assert {claim for claim, verdict in found.items() if verdict is not Verdict.HOLDS} == {"L10"}
    assert found["L10"] is Verdict.DIFFERS


def round_one(seed):
    return POSSIBLE * np.random.default_rng(seed).uniform(0.1, 0.9, (15, 15))


@pytest.mark.parametrize(
    ("claim", "change"),
    [
        ("L1", {"lost": 0.02}),
        ("L2", {"rows": dict(zip(HOLDING, reversed(HOLDING.values()), strict=True))}),
        ("L3", {"rows": HOLDING | {"cifar10": HOLDING["cifar10_t8"], "cifar10_t8": HOLDING["cifar10"]}}),
        ("L4", {"rows": HOLDING | {"ckmnist": HOLDING["cmnist"], "cmnist": HOLDING["ckmnist"]}}),
        ("L5", {"elongated": round_one}),
        ("L6", {"mixed": True}),
        ("L7", {"gain": -0.02}),
        ("L7", {"ratio": 0.9}),
        ("L8", {"early": True}),
        ("L9", {"back": False}),
    ],
)
def test_each_claim_is_broken_by_a_run_that_lacks_it(claim, change):
    assert verdicts(made(**change))[claim] is Verdict.DIFFERS


def test_wirings_that_are_as_alike_everywhere_decide_nothing():
    assert verdicts(made(dict.fromkeys(HOLDING, HOLDING["cfashion"])))["L6"] is Verdict.INCONCLUSIVE


def test_dead_paths_without_effect_make_their_claim_hold():
    assert (
        verdicts(made(dead=0.0, lost=0.0).assign(accuracy_live=lambda ds: ds.accuracy_thresholded))["L10"]
        is Verdict.HOLDS
    )


def test_claims_about_datasets_that_a_run_has_not_are_left_out():
    some = made({name: HOLDING[name] for name in ("cmnist", "cfashion")})
    found = verdicts(some)
    assert not {"L3", "L4"} & set(found)
    assert "L2" not in found  # no pair whose order the paper gives


def test_shares_of_the_first_epoch_are_counted_edge_by_edge(holding):
    for value, chance, (_, _, one) in zip(*reading.from_the_first(holding), reading.each(holding), strict=True):
        final = {tuple(e) for e in np.argwhere(one.weights.values >= TAU)}
        places = sorted(np.argwhere(POSSIBLE).tolist(), key=lambda e: -one["first"].values[tuple(e)])
        assert value == pytest.approx(len(final & set(map(tuple, places[: len(final)]))) / len(final))
        assert chance == pytest.approx(len(final) / 105)


def test_counts_that_agree_in_few_networks_decide_nothing():
    """Two networks of as many nodes each have no variance, which is no proof that all have as many."""
    ds = made(dict.fromkeys(("cmnist", "ckmnist"), HOLDING["cmnist"])).isel(network=[0, 2])
    found = dict(numbered(ds))["L4"]
    assert found.checks[0].found.value == 0
    assert found.verdict is Verdict.INCONCLUSIVE


def test_summary_and_figures_tell_the_run(holding):
    config = Config(networks=NETWORKS, epochs=EPOCHS, baselines=1)
    found = summary(holding, config)
    assert found["cmnist.edges"] < found["cfashion.edges"] < found["cifar10_t8.edges"]
    assert found["cmnist.accuracy.full"] == pytest.approx(0.9, abs=0.01)
    assert found["similarity.within"] > found["similarity.between"]
    assert found["scaled_down"] is True
    assert found["claims.L1"] == "holds"
    assert {
        f"cmnist.{key}"
        for key in ("nodes.stage_2", "log_paths", "pca_elongation.sd", "accuracy.retrained", "parameters")
    } <= set(found)
    shown = STUDY.panels(holding, config)
    names = [panel.name for panel in shown]
    assert len(set(names)) == len(shown) == 10
    assert names[0] == "figure_3_wirings"
    assert [panel.name for panel in shown if panel.diagnostic] == names[-1:] == ["training"]
    findings = STUDY.findings(holding)
    assert all([name for name in names if name.endswith(finding.figure)] for finding in findings)
    assert all(finding.figure for finding in findings)
    header, rows = STUDY.table(holding)
    assert [row[0] for row in rows] == ["CMNIST", "CKMNIST", "CFashionMNIST", "CIFAR-10", "CIFAR-10 T8"]
    assert {len(row) for row in rows} == {len(header)}
    # Datasets in the paper's order, whatever theirs in the run.
    assert reading.datasets(holding.isel(dataset=[3, 0, 2])) == ["cmnist", "cfashion", "cifar10"]


def test_the_headline_follows_the_verdict(holding):
    config = Config(networks=NETWORKS)
    told = STUDY.about(holding, config)
    assert told.headline.startswith("Of 105 connections networks keep, in the mean, 6.5 for CMNIST, ")
    assert (
        "cutting the others changes accuracy by -0.1 points; as the paper says, edges, nodes and paths grow"
        in told.headline
    )
    assert [(n.label, n.value) for n in told.numbers[:2]] == [
        ("edges kept, CMNIST", "6.5"),
        ("edges kept, CIFAR-10 T8", "39.5"),
    ]
    assert len(told.numbers) == 5
    turned = made(dict(zip(HOLDING, reversed(HOLDING.values()), strict=True)))
    assert "edges, nodes and paths do not all grow" in headline(turned)
    few = made(dict.fromkeys(("cmnist", "ckmnist"), HOLDING["cmnist"])).isel(network=[0])
    assert "is open at this scale" in headline(few)
    # No pair of datasets whose order the paper gives.
    assert headline(holding.isel(dataset=[0, 2])).endswith("accuracy by -0.1 points.")


def test_a_wiring_without_a_path_is_told_and_left_out():
    ds = made({name: HOLDING[name] for name in ("cmnist", "ckmnist")})
    ds = ds.copy(deep=True)
    ds.weights[0, 0] = 0.0
    gone = parts._features(cn.wiring(np.zeros((15, 15)), STAGES), np.array([0.0, TAU]), TAU)
    ds.features[0, 0] = gone.features.values
    ds.place[0, 0] = np.nan
    ds.again_accuracy[0, 0] = np.nan
    notes = STUDY.about(ds, Config(networks=NETWORKS)).notes
    assert any("No path" in note and "CMNIST, network 0" in note for note in notes)
    assert STUDY.panels(ds, Config(networks=NETWORKS))
    assert "cmnist.edges" in summary(ds, Config(networks=NETWORKS))


def test_tasks_are_cut_before_they_are_coloured_and_pooled():
    config = Config(dataset=("cmnist", "cmnist_two_t8"), images=50, test_images=20, size=8)
    tasks = material.subject(config).inputs
    assert {name: task.x_train.shape for name, task in tasks.items()} == dict.fromkeys(config.dataset, (50, 8, 8, 3))
    whole = data.load("mnist")
    rows = np.sort(np.random.default_rng(0).permutation(60_000)[:50])
    assert (tasks["cmnist"].y_train == whole.y_train[rows]).all()
    full = material.subject(Config(dataset=("cmnist",), images=50, test_images=20, size=32)).inputs["cmnist"]
    np.testing.assert_allclose(
        tasks["cmnist"].x_train[7, 3, 4], full.x_train[7, 12:16, 16:20].reshape(16, 3).mean(0), rtol=1e-4, atol=1e-5
    )
    # Black pixels of a coloured digit, standardised as photos are.
    np.testing.assert_allclose(full.x_train[0, 0, 0], [-0.485 / 0.229, -0.456 / 0.224, -0.406 / 0.225], rtol=1e-4)


def test_without_the_papers_datasets_mnist_stands_in_and_it_is_said(tmp_path, monkeypatch):
    monkeypatch.setenv("JPROBE_CACHE", str(tmp_path))
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "none"))
    found = material.subject(Config(images=10, test_images=10))
    assert list(found.inputs) == list(material.ALONE)
    assert "not all at hand" in found.notes[0]


def test_the_regime_and_the_clock():
    assert regime(PRESETS["paper"]).drops == (79, 89)
    assert regime(PRESETS["paper"]).epochs == 100
    assert regime(Config(epochs=18)).drops == (14, 16)
    clock = Clock(lambda fraction: None, 1)
    clock(0.5)
    assert np.isnan(clock.seconds())
    clock(1.0)
    assert clock.seconds() >= 0
    assert blocks(Config(networks=3)) == {"0": range(1), "1": range(1, 2), "2": range(2, 3)}
    assert blocks(PRESETS["paper"]) == {"0": range(10)}
    # Networks 8 to 11 are of two blocks of seeds, which do not train at once.
    assert list(blocks(Config(networks=12, together=4)).values()) == [
        range(4),
        range(4, 8),
        range(8, 10),
        range(10, 12),
    ]
    assert list(blocks(Config(networks=12, together=20)).values()) == [range(10), range(10, 12)]
    with pytest.raises(ArgumentError, match="--nodes must be 2 or more"):
        Config(nodes=1)


@pytest.mark.end_to_end
def test_a_run_is_computed_killed_taken_up_and_told(tmp_path):
    config = Config(
        dataset=("cmnist", "cmnist_two"), nodes=2, channels=2, images=96, test_images=50, epochs=3, batch=32, penalty=0.1,
        networks=3, together=2, out=tmp_path / "run",
    )  # fmt: skip
    calls = []

    def kill(label, fraction):
        calls.append(label)
        if "found" in label:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        studies.run(STUDY, config, progress=kill)
    assert list((tmp_path / "run" / "parts").glob("learn.*"))
    result = studies.run(STUDY, config)
    found = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert 0 <= found["cmnist.accuracy.full"] <= 1
    assert found["cmnist.nodes"] <= 6
    assert (tmp_path / "run" / "figures" / "figure_3_wirings.pdf").exists() or found["cmnist.nodes"] == 0
    ds = result.dataset.sel(dataset="cmnist").isel(network=0)
    # What is kept of a network is what its history ends in.
    weighted = np.abs(ds.weights.values)[(ds.weights.values != 0) & (ds.weights.values != 1)]
    np.testing.assert_allclose(np.sort(weighted), np.sort(ds.history.values[-1])[-weighted.size :], rtol=1e-5)
