"""What the study ``cnt`` shows: its figures, and a sentence on each from the run's own numbers."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import xarray as xr

from jprobe.figures import densities
from jprobe.figures import strengths as draw
from jprobe.figures.style import title
from jprobe.metrics import statistic
from jprobe.report import About, Panel
from jprobe.report.verdict import number, percent
from jprobe.studies.cnt.comparison import gaps
from jprobe.studies.cnt.config import Config
from jprobe.studies.cnt.densities import density
from jprobe.studies.cnt.headline import headline, numbers
from jprobe.studies.cnt.reading import (
    ARCHITECTURES,
    SPECTRAL,
    STATES,
    Pool,
    Pools,
    found_in,
    kept_by_order,
    layers,
    pools,
)

# Of a density; the table's networks and figures.
_SHOWN = ("node_strength_in", "neuron_strength", "neuron_activation")
_AGAINST = _SHOWN[1:]


def about(ds: xr.Dataset, config: Config) -> About:
    """Title, lead and notes of the report."""
    names = [pool for pool, _ in pools(ds)]
    datasets = ", ".join(title(name) for name in dict.fromkeys(pool.dataset for pool in names))
    lead = (
        f"{config.networks} networks of each of {len(names)} kinds, trained on {datasets}, after La Malfa et al., 'Deep neural networks "
        f"via complex network theory: a perspective'. Strengths and activations are measured on {config.samples} training images, of each "
        "network as trained and as it was before training."
    )
    return About("Strengths and activations of neurons", lead, list(_notes(ds, config)), headline(ds), numbers(ds))


def _notes(ds: xr.Dataset, config: Config) -> Iterator[str]:
    if config.networks < 30:
        yield f"Scaled down: {config.networks} networks of each kind, where the paper has 30."
    dead = {pool.title: int(one.dead.sum()) for pool, one in pools(ds) if float(one.dead.sum())}
    words = "; ".join(f"{count} of {name}" for name, count in dead.items())
    yield f"Networks at chance, or with one answer to everything: {words or 'none'}. They are in all figures and numbers."
    lost = {
        pool.title: int(
            one.sums.sel(state="trained", quantity="neuron_strength").isnull().all(("layer", "power")).sum()
        )
        for pool, one in pools(ds)
    }
    if any(lost.values()):
        words = "; ".join(f"{count} of {name}" for name, count in lost.items() if count)
        yield f"Diverged, with numbers beyond single precision: {words}. They have no strengths, and are in no density or correlation."
    yield from gaps(ds)
    yield (
        "A layer's in-strength counts the bias once, as the neuron strength does. Neurons of one network are not independent, so intervals are "
        "over networks drawn with replacement. Layers are counted from the input, which is layer 1."
    )
    if any(pool.architecture == "cnn" for pool, _ in pools(ds)):
        yield (
            "Where an image is black, neuron strengths of an untrained convolution are exactly 0, and so not below 0; trained ones have biases."
        )
    yield (
        "Of untrained first layers with many neurons, in-strengths and mean neuron strengths correlate as the mean image does with an image of "
        "ones: the cosine of their angle (MNIST 0.618 with pixels in [0, 1], 0 with standardised ones). So whether node strength correlates with "
        "neuron strength is first of all a matter of where the pixels' zero lies."
    )


def panels(ds: xr.Dataset, config: Config) -> list[Panel]:
    """The figures of a run, dataset by dataset, those of the sigmoids first, how networks were trained last."""
    found = dict(pools(ds))
    out = []
    for dataset in dict.fromkeys(pool.dataset for pool in found):
        mine = {pool: one for pool, one in found.items() if pool.dataset == dataset}
        out += [panel for make in _PANELS for panel in make(dataset, mine)]
    # Figure 2 is what most of the claims are about.
    return sorted(out, key=lambda panel: (panel.diagnostic, not panel.name.startswith("figure_2")))


def _architectures(dataset: str, found: Pools) -> Iterator[Panel]:
    """Figure 2: one activation, all architectures; figure 4: all activations."""
    for activation in dict.fromkeys(pool.activation for pool in found):
        some = {pool: one for pool, one in found.items() if pool.depth == 3 and pool.activation == activation}
        if some:
            figure = "Figure 2" if activation == "sigmoid" else "Figure 4"
            yield Panel(
                f"figure_{figure[-1]}_densities_{dataset}_{activation}",
                f"{figure}. {title(dataset)}, {activation}: architectures of three layers",
                _says_densities(some),
                densities.densities([_column(pool, one) for pool, one in some.items()]),
            )


def _depths(dataset: str, found: Pools) -> Iterator[Panel]:
    """Figures 5, 6 and 8: deeper networks, an architecture a figure."""
    for depth, architecture in dict.fromkeys((pool.depth, pool.architecture) for pool in found if pool.depth > 3):
        some = {pool: one for pool, one in found.items() if (pool.depth, pool.architecture) == (depth, architecture)}
        yield Panel(
            f"figure_5_densities_{dataset}_{architecture}_{depth}",
            f"Figures 5 and 8. {title(dataset)}, {ARCHITECTURES[architecture]}: {depth} layers",
            _says_densities(some),
            densities.densities([_column(pool, one) for pool, one in some.items()]),
        )


def _rows(dataset: str, found: Pools) -> Iterator[Panel]:
    some = {pool: one for pool, one in found.items() if pool.architecture == "rnn"}
    if some:
        ratios = [
            f"{pool.activation} {_ratio(one, 'trained')} (untrained {_ratio(one, 'untrained')})"
            for pool, one in some.items()
        ]
        yield Panel(
            f"figure_3_rows_{dataset}",
            f"Figure 3. {title(dataset)}: which rows drive a recurrent network",
            f"Mean |neuron strength| in the middle half of the rows over the rest: {'; '.join(ratios)}. Medians over networks and their quartiles; grey: the middle half. "
            "Pixels: mean |x| times mean |weight| of the first product; digits lie at the centre before anything is trained.",
            draw.rows_and_pixels(
                {pool.title: _by_state(one, "profile") for pool, one in some.items()},
                {pool.title: _by_state(one, "pixels") for pool, one in some.items()},
                {
                    pool.title: {s: float(one.centre_ratio.sel(state=s).mean()) for s in STATES}
                    for pool, one in some.items()
                },
            ),
        )


def _by_state(one: xr.Dataset, name: str) -> dict[str, np.ndarray]:
    return {state: one[name].sel(state=state).dropna("step", how="all").values for state in STATES}


def _ratio(one: xr.Dataset, state: str) -> str:
    return number(float(one.centre_ratio.sel(state=state).mean()))


def _scatter(dataset: str, found: Pools) -> Iterator[Panel]:
    some = {pool: one for pool, one in found.items() if pool.architecture in ("fc", "ae", "cnn") and pool.depth == 3}
    for activation in dict.fromkeys(pool.activation for pool in some):
        mine = {pool: one for pool, one in some.items() if pool.activation == activation}
        values = [
            abs(float(one.pooled.sel(state="trained", layer=layer, against=against)))
            for pool, one in mine.items()
            for layer in layers(pool)
            for against in _AGAINST
        ]
        kept = [value for value in values if not np.isnan(value)]
        yield Panel(
            f"figure_6_scatter_{dataset}_{activation}",
            f"Figures 6 and 7. {title(dataset)}, {activation}: node strength against neuron strength and activation",
            f"A point a neuron: its in-strength and its mean over the images. |r| runs from {min(kept):.2f} to {max(kept):.2f}."
            if kept
            else "A point a neuron. No layer varies enough for a correlation.",
            draw.scatters([_points(pool, one) for pool, one in mine.items()]),
        )


def _training(dataset: str, found: Pools) -> Iterator[Panel]:
    for activation in dict.fromkeys(pool.activation for pool in found):
        some = {pool: one for pool, one in found.items() if pool.depth == 3 and pool.activation == activation}
        curves = {
            pool.title: {
                name: one[f"history_{name}"].sel(layer=list(layers(pool))).dropna("epoch", how="all").values
                for name in ("mean", "variance", "fluctuation")
            }
            for pool, one in some.items()
        }
        if curves:
            yield Panel(
                f"training_{dataset}_{activation}",
                f"{title(dataset)}, {activation}: link weights and layer fluctuation along training",
                "Medians over networks and their quartiles, and where networks are few the medians' intervals; epoch 0 is before training (La Malfa et al., 2021).",
                draw.along_training(curves),
                diagnostic=True,
            )


def _pruning(dataset: str, found: Pools) -> Iterator[Panel]:
    for depth in sorted({pool.depth for pool in found}):
        some = {pool: one for pool, one in found.items() if pool.depth == depth}
        curves = {
            pool.title: {
                order: (one.removed.values, kept_by_order(pool, one).sel(order=order).values)
                for order in one.order.values.tolist()
            }
            for pool, one in some.items()
        }
        yield Panel(
            f"pruning_{dataset}_{depth}",
            f"{title(dataset)}, {depth} layers: which weights may go",
            "Weights of every kernel but the output's are removed, the weakest first: by their magnitude, by the signal that they carry, E|z w|, by that of "
            "the neuron that they enter, by the size of its in-strength, or at random, weight by weight or neuron by neuron. 100 is what the network can do at best: an "
            "autoencoder's is the share of the images' variance that it explains, cut off at 0. Medians over networks and their quartiles, and "
            "where networks are few the medians' intervals; dashed: weight by weight, solid: neuron by neuron. The paper suggests to prune neurons of weak signal, and prunes none.",
            draw.pruning_orders(curves),
        )


def _spectra(dataset: str, found: Pools) -> Iterator[Panel]:
    some = {pool: one for pool, one in found.items() if pool.depth == 3}
    if some:
        columns: dict[str, dict[str, xr.Dataset]] = {}
        for pool, one in some.items():
            columns.setdefault(ARCHITECTURES[pool.architecture], {})[pool.activation] = one[list(SPECTRAL)].dropna(
                "kernel", how="all"
            )
        yield Panel(
            f"spectra_{dataset}",
            f"{title(dataset)}: spectra of the kernels",
            "Exponent of the power law that the eigenvalues' tail follows, as WeightWatcher fits it (none below ten eigenvalues), stable rank and "
            "spectral norm. Filled: trained; open: untrained. Medians over networks, lines from the least to the largest.",
            draw.spectra(columns),
        )


_PANELS: Sequence[Callable[[str, Pools], Iterator[Panel]]] = (
    _architectures, _depths, _rows, _scatter, _training, _pruning, _spectra,
)  # fmt: skip


def _column(pool: Pool, ds: xr.Dataset) -> densities.Column:
    by_state = {
        state: {
            quantity: {
                layer: density(found_in(ds, state=state, layer=layer, quantity=quantity)) for layer in layers(pool)
            }
            for quantity in _SHOWN
        }
        for state in STATES
    }
    return densities.Column(pool.title, by_state["trained"], by_state["untrained"])


def _points(pool: Pool, ds: xr.Dataset) -> draw.Points:
    here = ds.sel(state="trained")
    by_layer = lambda name: {layer: here[name].sel(layer=layer).values for layer in layers(pool)}  # noqa: E731
    return draw.Points(
        pool.title,
        by_layer("point_node_strength_in"),
        {name: by_layer(f"point_{name}") for name in _AGAINST},
        {
            name: {layer: float(here.pooled.sel(layer=layer, against=name)) for layer in layers(pool)}
            for name in _AGAINST
        },
    )


def _says_densities(some: Pools) -> str:
    parts = []
    for pool, one in some.items():
        strength, before = (
            found_in(one, state=s, layer=2, quantity="neuron_strength") for s in ("trained", "untrained")
        )
        parts.append(
            f"{pool.title}: {percent(statistic(strength, 'below_0'))} of layer 2's neuron strengths are below 0 (untrained "
            f"{percent(statistic(before, 'below_0'))})"
        )
    return f"Solid: trained; dotted: the same networks untrained, cut off where they run far beyond, with how far. {'; '.join(parts)}."
