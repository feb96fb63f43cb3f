"""What the study ``connectivity`` shows: its figures, and a sentence on each from the run's own numbers."""

from collections.abc import Iterator

import numpy as np
import xarray as xr

from jprobe import connectivity as wirings
from jprobe.figures import connectivity as draw
from jprobe.figures import wirings as pictures
from jprobe.report import About, Panel
from jprobe.report.verdict import number, percent, points
from jprobe.studies.connectivity.config import Config
from jprobe.studies.connectivity.headline import headline, numbers
from jprobe.studies.connectivity.reading import (
    COMPARED,
    compared,
    cut_wirings,
    datasets,
    each,
    feature,
    from_the_first,
    title,
)
from jprobe.studies.connectivity.remarks import pairs
from jprobe.studies.connectivity.summary import scaled_down

# Networks of a dataset that are drawn, and edges whose weights are.
_DRAWN, _EDGES = 3, 20

KINDS = {
    "retrained": "found, trained again",
    "fitted": "found, more channels",
    "rewound": "found, first weights",
    "rewired": "random, same degrees",
    "snip": "SNIP before training",
    "first": "largest after epoch 1",
}
_SHOWN = {
    "edges": "edges", "sparsity": "sparsity", "nodes": "nodes", "nodes.stage_0": "nodes, stage 0", "nodes.stage_1": "nodes, stage 1",
    "nodes.stage_2": "nodes, stage 2", "log_paths": "ln of the paths", "mean_path": "mean path", "max_path": "longest path",
    "ln_communicability": "ln communicability", "edge_connectivity": "edge connectivity", "pca_elongation": "elongation",
}  # fmt: skip


def about(ds: xr.Dataset, config: Config) -> About:
    """Title, lead and notes of the report."""
    names = ", ".join(map(title, datasets(ds)))
    lead = (
        f"{config.networks} networks of each of {ds.sizes['dataset']} datasets ({names}) learn which of their {int(ds.possible.isel(dataset=0, network=0).sum())} "
        "connections to keep while each of them costs, after Janik and Nowak, 'Connectivity properties of neural networks under "
        "performance-resources trade-off'."
    )
    return About("Wirings that networks learn", lead, list(_notes(ds, config)), headline(ds), numbers(ds))


def _notes(ds: xr.Dataset, config: Config) -> Iterator[str]:
    if scaled_down(config):
        yield (
            f"Scaled down: {3 * config.nodes} nodes, {config.channels} channels, images of {config.size} x {config.size}, {config.images:,} of them, "
            f"{config.epochs} epochs and a penalty of {config.penalty:g}, where the paper has 60 nodes, 11 channels, 32 x 32, all images, 100 epochs and 0.001."
        )
    lost = [
        f"{title(name)}, network {n}"
        for name, n, one in each(ds)
        if not one.features.isel(level=-1).sel(feature="edges")
    ]
    if lost:
        yield f"No path from input to output is left of {'; '.join(lost)}: paths, drawings and retrained networks leave them out."
    _, close = pairs(ds)
    if close:
        yield f"Pairs of datasets whose numbers of edges do not separate: {'; '.join(close)}."
    yield f"Normalisation makes a node blind to a common factor on its incoming weights, so |tanh w| alone is no importance: {_other_score(ds)}."
    some = min(config.retrained, config.networks)
    yield (
        f"What was found is trained again of {some} network{'s' * (some > 1)} of each dataset, under the same regime, its penalty included, from other "
        "seeds; images are the same."
    )


def panels(ds: xr.Dataset, config: Config) -> list[Panel]:
    """The figures of a run: the wirings first, how networks were trained last."""
    return sorted((panel for make in _PANELS for panel in make(ds, config)), key=lambda panel: panel.diagnostic)


def _by_dataset(ds: xr.Dataset, name: str) -> dict[str, np.ndarray]:
    return {title(one): ds[name].sel(dataset=one).values for one in datasets(ds)}


def _thresholds(ds: xr.Dataset, config: Config) -> Iterator[Panel]:
    lost = float((ds.accuracy_full - ds.accuracy_thresholded).mean())
    yield Panel(
        "figure_2_thresholds",
        "Figure 2. Accuracy and sparsity by threshold",
        f"Edges whose |tanh w| is below the threshold are cut, nothing is trained after that; sparsity counts live paths alone. At "
        f"τ = {config.tau:g} networks lose {points(lost).lstrip('+')} in the mean. Lines are medians over networks, bands their quartiles, and where networks are few the medians' intervals.",
        draw.thresholds(
            ds.threshold.values, _by_dataset(ds, "sweep_accuracy"), _by_dataset(ds, "sweep_sparsity"), config.tau
        ),
    )  # fmt: skip


def _scores(ds: xr.Dataset, config: Config) -> Iterator[Panel]:
    scores = {
        "by |tanh w|": ("sweep_live_edges", "sweep_live_accuracy"),
        "by contribution": ("sweep_edges_relative", "sweep_accuracy_relative"),
    }
    rows = {
        name: {words: (_by_dataset(ds, x)[name], _by_dataset(ds, y)[name]) for words, (x, y) in scores.items()}
        for name in map(title, datasets(ds))
    }
    yield Panel(
        "scores",
        "Which edges matter: cut by weight, or by contribution",
        "Edges are cut from the least |tanh w|, or from the least contribution to the sum of the target, |tanh w| sd(source) / sd(sum), which no rescaling "
        f"of the network changes; dead paths go. A line a network; dashed: by contribution. Dotted, upright: edges that are left in the mean by τ = {config.tau:g}; {_other_score(ds)}.",
        draw.by_score(rows, {title(name): float(feature(ds, "edges").sel(dataset=name).mean()) for name in datasets(ds)}),
    )  # fmt: skip


def _other_score(ds: xr.Dataset) -> str:
    change = float((ds.accuracy_relative - ds.accuracy_live).mean())
    return (
        f"cut by contribution so that as many are left, networks share {percent(float(ds.dice_relative.mean()))} of those edges (Dice), and their "
        f"accuracy differs by {points(change)}"
    )


def _drawings(ds: xr.Dataset, config: Config) -> Iterator[Panel]:
    _, cut = cut_wirings(ds)
    rows: dict[str, list[pictures.Drawing]] = {}
    for (name, _, one), wiring in zip(each(ds), cut, strict=True):
        some = rows.setdefault(title(name), [])
        if wiring.edges.any() and len(some) < _DRAWN:
            size = one.features.isel(level=-1).sel(feature=["nodes", "edges"]).values
            some.append(pictures.Drawing(wiring, one.place.values, f"{size[0]:g} nodes, {size[1]:g} edges"))
    rows = {name: some for name, some in rows.items() if some}
    if rows:
        yield Panel(
            "figure_3_wirings",
            "Figures 3 and 9. The wirings that are left",
            "Live nodes and edges, drawn so that distances are as near as can be to those in the graph (Kamada and Kawai), turned so that "
            "the input is on the left.",
            pictures.drawings(rows),
        )


def _features(ds: xr.Dataset, config: Config) -> Iterator[Panel]:
    yield Panel(
        "tables_1_2_features",
        "Tables 1 and 2. Features of the wirings",
        "Of live nodes and edges. A point a network, a line at the mean of each dataset, from easy to hard.",
        draw.strips({words: {title(one): feature(ds, name).sel(dataset=one).values for one in datasets(ds)} for name, words in _SHOWN.items()}),
    )  # fmt: skip


def _similar(ds: xr.Dataset, config: Config) -> Iterator[Panel]:
    names, cut = cut_wirings(ds)
    if len(names) > 2:
        yield Panel(
            "figure_4_similarity",
            "Figure 4. Which wirings are alike",
            f"By {len(COMPARED)} features (a Gaussian of their standardised distance), and by the edges that they share (Dice).",
            draw.similarities(
                {"Alike in features (RBF)": wirings.rbf(compared(ds)), "Alike in edges (Dice)": wirings.dice_matrix(cut)}, [title(n) for n in names]
            ),
        )  # fmt: skip


def _training(ds: xr.Dataset, config: Config) -> Iterator[Panel]:
    epochs = ds.epoch.values
    accuracy = {name: (epochs, 100 * values) for name, values in _by_dataset(ds, "test_accuracy").items()}
    edges = {name: (epochs, (values >= config.tau).sum(-1)) for name, values in _by_dataset(ds, "history").items()}
    yield Panel(
        "training",
        "Accuracy and edges along training",
        "Edges above the threshold after each epoch. Lines are medians over networks, bands their quartiles, and where networks are few the "
        "medians' intervals.",
        draw.along_training({"Test accuracy (%)": accuracy, f"Edges above {config.tau:g}": edges}),
        diagnostic=True,
    )
    rows = []
    for name in datasets(ds):
        history = ds.history.sel(dataset=name).isel(network=0).values
        stays, pick = history[-1] >= config.tau, np.random.default_rng(0)
        some = [pick.permutation(np.flatnonzero(yes))[:_EDGES] for yes in (stays, ~stays)]
        rows.append(draw.Paths(title(name), *(history[:, numbers].T for numbers in some)))
    shared, chance = from_the_first(ds)
    yield Panel(
        "figure_6_weights",
        "Figure 6. Edges that stay and edges that go",
        f"|tanh w| of up to {_EDGES} of each after every epoch, of the first network of each dataset; dotted: the threshold. "
        f"{percent(shared.mean())} of the final edges are among as many largest ones of the first epoch; at random {percent(chance.mean())} would be.",
        draw.weights(rows, config.tau),
    )


def _again(ds: xr.Dataset, config: Config) -> Iterator[Panel]:
    groups, plot = {}, {}
    for name in datasets(ds):
        one = ds.sel(dataset=name)
        whole = {"whole": one.accuracy_full, "cut": one.accuracy_thresholded, "without dead paths": one.accuracy_live}
        again = {KINDS[kind]: one.again_accuracy.sel(kind=kind) for kind in ("retrained", "fitted")}
        groups[title(name)] = {key: _known(values) for key, values in {**whole, **again}.items()}
        plot[title(name)] = {words: _trained(one.sel(kind=kind)) for kind, words in KINDS.items() if kind != "fitted"}
    yield Panel(
        "figure_5_retraining",
        "Figure 5. The whole network, what is left of it, and what is left trained again",
        f"Trained again from another start, the found wiring differs from the whole network by "
        f"{points(float((ds.again_accuracy.sel(kind='retrained') - ds.accuracy_full).mean()))} in the mean. More channels: as many parameters as the whole network. A point a network, a line and a number at the mean.",
        draw.bars({name: {key: v for key, v in rows.items() if v.size} for name, rows in groups.items()}),
    )  # fmt: skip
    if config.baselines:
        best = ds.again_accuracy.sel(kind="retrained")
        gaps = [
            f"{KINDS[kind]} {points(float((ds.again_accuracy.sel(kind=kind) - best).mean()))}"
            for kind in ("rewound", "rewired", "snip", "first")
        ]
        yield Panel(
            "baselines",
            "Is it the wiring? The one that was found against others of as many edges",
            f"Each trained by the same regime, with as many channels as give about as many parameters. Less the found one, in the mean: {'; '.join(gaps)}.",
            draw.by_edges(plot),
        )


def _trained(one: xr.Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Edges and accuracies of what was trained again."""
    there = ~np.isnan(one.again_accuracy.values)
    return one.again_edges.values[there], one.again_accuracy.values[there]


def _known(values: xr.DataArray) -> np.ndarray:
    found = values.values.ravel()
    return found[~np.isnan(found)]


def _plane(ds: xr.Dataset, config: Config) -> Iterator[Panel]:
    names, rows = [], []
    for name, _, one in each(ds):
        for level in range(one.sizes["level"]):
            names.append(title(name))
            rows.append(one.features.isel(level=level).sel(feature=list(COMPARED)).values)
    table = xr.Dataset({key: ("wiring", np.stack(rows)[:, n]) for n, key in enumerate(COMPARED)})
    places = wirings.embedding(table)
    yield Panel(
        "figure_8_plane",
        "Figure 8. Wirings by their features",
        f"Every network cut at thresholds up to {config.tau:g}, by the two directions in which the standardised features vary most "
        "(jprobe.connectivity.embedding draws it by umap, as the paper does).",
        draw.plane({name: places[[n == name for n in names]] for name in dict.fromkeys(names)}),
    )


_PANELS = (_drawings, _thresholds, _features, _similar, _again, _scores, _training, _plane)

# Tables 1 and 2 of the paper: edges follow from its sparsities.
_PAPER = {
    "cmnist": ("0.988", "12.5"), "ckmnist": ("0.982", "17.0"), "cfashion": ("0.935", "26.9"), "cifar10": ("0.831", "48.5"),
    "cifar10_t8": ("0.788", "48.2"),
}  # fmt: skip


def table(ds: xr.Dataset) -> tuple[list[str], list[list[str]]]:
    """Tables 1 and 5: sizes and accuracies, means over networks, beside the paper's sizes."""
    rows = []
    for name in datasets(ds):
        one = ds.sel(dataset=name)
        mean = lambda key, name=name: float(feature(ds, key).sel(dataset=name).mean())  # noqa: E731
        paper = _PAPER.get(name, ("", ""))
        accuracies = (one.accuracy_full, one.accuracy_thresholded, one.again_accuracy.sel(kind="retrained"))
        rows.append(
            [title(name), *(percent(float(values.mean())) for values in accuracies), f"{mean('edges'):.1f}", f"{mean('sparsity'):.3f}", paper[0],
             f"{mean('nodes'):.1f}", paper[1], number(mean("log_paths")), number(mean("pca_elongation"))]
        )  # fmt: skip
    return [
        "dataset", "accuracy, whole", "cut", "trained again", "edges", "sparsity, this run", "paper (60 nodes)", "nodes, this run", "paper (of 60)", "ln of the paths",
        "elongation",
    ], rows  # fmt: skip
