"""The paper's claims on strengths and activations, held against a run."""

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import xarray as xr

from jprobe.intervals import Estimate, bootstrap, exact, median
from jprobe.metrics import Distribution, distance, estimate
from jprobe.report import Check, Finding
from jprobe.report.verdict import number, percent
from jprobe.studies.cnt.reading import FIGURE_2, STATES, Pools, found_in, kept_by_order, layers, pools, some
from jprobe.studies.cnt.remarks import REMARKS, UNCORRELATED

# The paper puts no numbers on its claims; these are what its words come to.
MOST, WIDE, NARROW = 0.5, 2.0, 1.0  # of neurons; excess kurtosis that is pronounced, or is not
CENTRED, SYMMETRIC = 0.25, 0.5  # |mean| in standard deviations, |skew|
EVEN, PILED, SPREAD = 0.3, 0.5, 0.3  # share of one tenth of the support; of both ends
ALIKE, LOCALISED = 0.15, 1.2


def findings(ds: xr.Dataset) -> list[Finding]:
    """Claims C1 to C14 and the remark on pruning for each dataset, by the pools that were trained; claims about others are left out.

    Example:
        >>> findings(xr.Dataset(coords={"pool": []}))
        []
    """
    return [finding for _, finding in numbered(ds)]


def numbered(ds: xr.Dataset) -> list[tuple[str, Finding]]:
    """The same, each with the number of its claim."""
    out = []
    by_dataset: dict[str, Pools] = {}
    for pool, one in pools(ds):
        by_dataset.setdefault(pool.dataset, {})[pool] = one
    for dataset, mine in by_dataset.items():
        for claim, (say, make) in CLAIMS.items():
            checks = tuple(make(mine))
            if checks:
                remark = REMARKS[claim](mine) if claim in REMARKS else ""
                out.append((claim, Finding(f"{dataset}: {say}", checks, remark, _figure(claim, dataset, mine))))
    return out


def _figure(claim: str, dataset: str, found: Pools) -> str:
    """End of the name of the panel that shows a claim."""
    if claim in ("C8",):
        return f"rows_{dataset}"
    if claim == "C13":
        return f"densities_{dataset}_fc_7"
    shallow = {pool.activation for pool in found if pool.depth == 3}
    activation = "linear" if claim == "C9" else "relu" if claim == "C10" and "relu" in shallow else FIGURE_2
    kinds = {pool.architecture for pool in found if pool.depth == 3 and pool.activation == activation}
    if claim == "pruning":
        return f"pruning_{dataset}_3"
    if claim == "C14":
        return f"scatter_{dataset}_{activation}" if kinds - {"rnn"} else ""
    return f"densities_{dataset}_{activation}" if kinds else ""


def _trained(ds: xr.Dataset, layer: int, quantity: str) -> Distribution:
    return found_in(ds, state="trained", layer=layer, quantity=quantity)


def _size(found: Distribution, statistic: str) -> Estimate:
    """The absolute value of a statistic."""
    value, low, high, size = estimate(found, statistic)
    if low < 0 < high:
        return Estimate(abs(value), 0.0, max(-low, high), size)
    return Estimate(abs(value), min(abs(low), abs(high)), max(abs(low), abs(high)), size)


def _dead_units(found: Pools) -> Iterator[Check]:
    for pool, ds in some(found, "", FIGURE_2):
        for layer in layers(pool):
            where = f"{pool.title}, layer {layer}"
            inward, strength = (_trained(ds, layer, q) for q in ("node_strength_in", "neuron_strength"))
            yield Check(f"{where}: median in-strength", estimate(inward, "median"), "at most", 0.0, number)
            yield Check(f"{where}: neuron strength below 0", estimate(strength, "below_0"), "above", MOST, percent)


def _extremes(found: Pools) -> Iterator[Check]:
    for pool, ds in some(found, "ae", "sigmoid"):
        last = pool.depth
        strength, activation = (_trained(ds, last, q) for q in ("neuron_strength", "neuron_activation"))
        yield Check(
            f"{pool.title}, output: neuron strength below 0", estimate(strength, "below_0"), "above", MOST, percent
        )
        yield Check(
            f"{pool.title}, output: activation below 0.1", estimate(activation, "share_00_10"), "above", MOST, percent
        )


def _bottleneck(found: Pools) -> Iterator[Check]:
    for pool, ds in some(found, "ae", "sigmoid"):
        # Layers that other, deeper pools have are NaN here.
        widths = ds.width.sel(state="trained", layer=slice(1, pool.depth))
        narrowest = int(widths.idxmin("layer"))
        yield Check(f"{pool.title}: number of its narrowest layer", exact(narrowest), "at least", 3, number)


def _multimodal(found: Pools) -> Iterator[Check]:
    for pool, ds in some(found, "cnn", FIGURE_2):
        for quantity, words in (("node_strength_in", "in-strength"), ("neuron_strength", "neuron strength")):
            counts = ds.modes.sel(state="trained", layer=2, quantity=quantity).values
            yield Check(f"{pool.title}, layer 2: modes of {words}", median(counts), "at least", 2, number)


def _negative(found: Pools) -> Iterator[Check]:
    for pool, ds in some(found, "cnn", FIGURE_2):
        for layer in layers(pool):
            inward, strength = (_trained(ds, layer, q) for q in ("node_strength_in", "neuron_strength"))
            where = f"{pool.title}, layer {layer}"
            yield Check(f"{where}: mean in-strength", estimate(inward, "mean"), "below", 0.0, number)
            yield Check(f"{where}: neuron strength below 0", estimate(strength, "below_0"), "above", MOST, percent)


def _kurtosis(found: Pools) -> Iterator[Check]:
    for pool, ds in some(found, "rnn", FIGURE_2):
        strength, inward = (_trained(ds, 2, q) for q in ("neuron_strength", "node_strength_in"))
        kurtosis = "excess kurtosis of"
        yield Check(f"{pool.title}: {kurtosis} neuron strength", estimate(strength, "kurtosis"), "above", WIDE, number)
        yield Check(f"{pool.title}: {kurtosis} in-strength", estimate(inward, "kurtosis"), "below", NARROW, number)


def _middle(found: Pools) -> Iterator[Check]:
    recurrent, connected = (list(some(found, name, "sigmoid")) for name in ("rnn", "fc"))
    if recurrent and connected:
        rows = [_trained(pool[0][1], 2, "neuron_activation") for pool in (recurrent, connected)]
        count = min(len(row.sums) for row in rows)
        shares = np.stack([(row.below[:, 6] - row.below[:, 4]) / row.sums[:, 0] for row in (r._replace(below=r.below[:count], sums=r.sums[:count]) for r in rows)], 1)  # fmt: skip
        ratio = bootstrap(shares, lambda some: some[:, :, 0].mean(1) / np.maximum(some[:, :, 1].mean(1), 1e-9))
        yield Check("activations in 0.4 to 0.6, RNN over FC (sigmoid, hidden)", ratio, "at least", 2, number)


def _localised(found: Pools) -> Iterator[Check]:
    for pool, ds in some(found, "rnn", FIGURE_2):
        for init, word in (("variance", "variance"), ("sd", "standard deviation")):
            trained, untrained = (ds.centre_ratio_by_init.sel(state=s, init=init).values for s in STATES)
            ratio = bootstrap(np.stack([trained, untrained], 1), lambda r: r[:, :, 0].mean(1) / r[:, :, 1].mean(1))
            where = f"{pool.title}, the start's scale read as a {word}"
            yield Check(f"{where}: centre ratio, trained over untrained", ratio, "at least", LOCALISED, number)


def _centred(found: Pools) -> Iterator[Check]:
    for pool, ds in some(found, "", "linear"):
        for layer in layers(pool, hidden=True):  # where activations are the neuron strengths themselves
            dist, where = _trained(ds, layer, "neuron_strength"), f"{pool.title}, layer {layer}"
            spread = bootstrap(dist.sums, partial(_offset, dist))
            yield Check(f"{where}: |mean| / standard deviation", spread, "below", CENTRED, number)
            yield Check(f"{where}: |skew|", _size(dist, "skew"), "below", SYMMETRIC, number)


def _offset(found: Distribution, rows: np.ndarray) -> np.ndarray:
    """|mean| in standard deviations [K], of resamples [K, S, 5] of the sums."""
    count, first, second = rows.sum(1).T[:3]
    deviation = np.sqrt(np.maximum(second / count - (first / count) ** 2, 1e-30))
    return np.abs(found.center / found.scale + first / count) / deviation


def _asymmetric(found: Pools) -> Iterator[Check]:
    skews = {}
    for activation in ("relu", "sigmoid"):
        for pool, ds in some(found, "fc", activation):
            strength = _trained(ds, 2, "neuron_strength")
            yield Check(
                f"{pool.title}, layer 2: median neuron strength", estimate(strength, "median"), "below", 0.0, number
            )
            skews[activation] = estimate(strength, "skew")
    if len(skews) == 2:
        (relu, low, high, size), sigmoid = skews["relu"], skews["sigmoid"]
        gap = Estimate(relu - sigmoid.value, low - sigmoid.high, high - sigmoid.low, size)
        yield Check("skew of neuron strength, ReLU less sigmoid (FC-3)", gap, "below", 0.0, number)


def _even(found: Pools) -> Iterator[Check]:
    for pool, ds in some(found, "ae", "sigmoid", depth=0):
        for layer in layers(pool, hidden=True):
            most = estimate(_trained(ds, layer, "neuron_activation"), "largest_decile")
            yield Check(f"{pool.title}, layer {layer}: most of a tenth of [0, 1]", most, "at most", EVEN, percent)


def _piled(found: Pools) -> Iterator[Check]:
    for architecture, side, limit in (("fc", "above", PILED), ("rnn", "above", PILED), ("cnn", "below", SPREAD)):
        for pool, ds in some(found, architecture, "sigmoid"):
            ends = estimate(_trained(ds, 2, "neuron_activation"), "share_ends")
            yield Check(f"{pool.title}, hidden: activation within 0.1 of 0 or 1", ends, side, limit, percent)  # type: ignore[arg-type]


def _blocks(found: Pools) -> Iterator[Check]:
    for activation in ("linear", "relu", "sigmoid"):
        shallow, deep = (list(some(found, "fc", activation, depth)) for depth in (3, 7))
        if shallow and deep:
            for few, many in ((2, 4), (3, 7)):
                one, other = (
                    _trained(p[0][1], layer, "neuron_strength") for p, layer in ((shallow, few), (deep, many))
                )
                value = distance(one, other)
                apart = Estimate(value, *_spread_of_distance(one, other), min(len(one.sums), len(other.sums)))
                yield Check(f"FC {activation}: layer {few} of 3 against {many} of 7", apart, "below", ALIKE, number)


def _spread_of_distance(one: Distribution, other: Distribution) -> tuple[float, float]:
    """Interval of the distance over networks drawn with replacement."""
    rng, draws = np.random.default_rng(0), []
    if min(len(one.sums), len(other.sums)) < 5:
        return float("nan"), float("nan")
    for _ in range(200):
        drawn = [d._replace(histogram=d.histogram[rng.integers(len(d.histogram), size=len(d.histogram))]) for d in (one, other)]  # fmt: skip
        draws.append(distance(*drawn))
    low, high = np.quantile(draws, [0.025, 0.975])
    return float(low), float(high)


def _uncorrelated(found: Pools) -> Iterator[Check]:
    for pool, ds in some(found, "", FIGURE_2):
        for layer in layers(pool):
            for against, words in (("neuron_strength", "neuron strength"), ("neuron_activation", "activation")):
                values = ds.correlation.sel(state="trained", layer=layer, against=against).values
                if not np.isnan(values).all():
                    where = f"{pool.title}, layer {layer}: |mean correlation| of in-strength with {words}"
                    # Not the mean of |r|: among ten outputs chance alone gives 0.27.
                    found_r = bootstrap(values, lambda rows: np.abs(rows.mean(1)))
                    yield Check(where, found_r, "below", UNCORRELATED, number)


def _prunable(found: Pools) -> Iterator[Check]:
    for pool, ds in some(found, "", FIGURE_2):
        kept = 100 * kept_by_order(pool, ds).sel(removed=ds.removed > 0).mean("removed")
        for order, word in (("node", "in-strength"), ("neuron", "signal of the neuron")):
            gain = bootstrap(
                (kept.sel(order=order) - kept.sel(order="random_neuron")).values, lambda rows: rows.mean(1)
            )
            yield Check(
                f"{pool.title}: points kept by pruning by {word}, over random neurons", gain, "above", 0.0, number
            )


Checks = Callable[[Pools], Iterator[Check]]

CLAIMS: dict[str, tuple[str, Checks]] = {
    "C1": ("Many units are dead: in-strengths and neuron strengths are near zero or negative.", _dead_units),
    "C2": ("Autoencoders have negative neuron strengths, and activations at the extremes.", _extremes),
    "C3": ("The bottleneck of an autoencoder shows in the third layer.", _bottleneck),
    "C4": ("Strengths of convolutional networks are multimodal.", _multimodal),
    "C5": ("Convolutional networks have a profusion of negative weights.", _negative),
    "C6": ("Neuron strengths of recurrent networks have a pronounced kurtosis, in-strengths have not.", _kurtosis),
    "C7": ("Activations of recurrent networks lie in the middle, too.", _middle),
    "C8": ("Training localises a recurrent network on the rows at the centre.", _localised),
    "C9": ("Strengths and activations of linear networks are centred.", _centred),
    "C10": ("ReLU and sigmoid give asymmetric strengths on the negative side, ReLU more so.", _asymmetric),
    "C11": ("Activations of sigmoid autoencoders spread evenly.", _even),
    "C12": ("Sigmoid activations of fully connected and recurrent networks pile up at 0 and 1, not those of convolutional ones.", _piled),
    "C13": ("Layers of shallow fully connected networks look like those of deep ones.", _blocks),
    "C14": ("Node strength does not correlate with neuron strength or activation.", _uncorrelated),
    "pruning": ("Neurons that transmit weak signals are candidates for pruning.", _prunable),
}  # fmt: skip
