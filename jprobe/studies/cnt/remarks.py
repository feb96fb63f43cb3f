"""What stands beside a claim: the same networks untrained, or by another measure. What has training to do with it?"""

from collections.abc import Callable

from jprobe.metrics import statistic
from jprobe.report.verdict import number, percent
from jprobe.studies.cnt.reading import FIGURE_2, Pools, found_in, kept_by_order, layers, some

# |r| below which strengths do not correlate.
UNCORRELATED = 0.2


def _never_on(found: Pools) -> str:
    shares = [
        f"{pool.title} {percent(float(ds.never_on.sel(state='trained', layer=2).mean()))} (untrained "
        f"{percent(float(ds.never_on.sel(state='untrained', layer=2).mean()))})"
        for pool, ds in some(found, "", "relu")
    ]
    return f"hidden ReLU units that no image turns on: {', '.join(shares)}" if shares else ""


def _dead_networks(found: Pools) -> str:
    dead = [
        f"{int(ds.dead.sum())} of {ds.sizes['network']} networks of {pool.title} are dead"
        for pool, ds in some(found, "fc")
        if ds.dead.any()
    ]
    return f"{', '.join(dead)}: their strengths are in these numbers" if dead else ""


def _untrained_modes(found: Pools) -> str:
    counts = [
        f"{pool.title} {float(ds.modes.sel(state='untrained', layer=2, quantity='node_strength_in').median()):g} and "
        f"{float(ds.modes.sel(state='untrained', layer=2, quantity='neuron_strength').median()):g}"
        for pool, ds in some(found, "cnn", FIGURE_2)
    ]
    return f"a filter has one in-strength at all places, so modes of in-strength are construction; untrained: {', '.join(counts)} modes"


def _untrained_statistic(
    architecture: str, quantity: str, name: str, form: Callable[[float], str]
) -> Callable[[Pools], str]:
    def remark(found: Pools) -> str:
        values = [
            f"{pool.title} {form(statistic(found_in(ds, state='untrained', layer=2, quantity=quantity), name))}"
            for pool, ds in some(found, architecture, FIGURE_2)
        ]
        return f"untrained, layer 2: {', '.join(values)}"

    return remark


def _pixels(found: Pools) -> str:
    ratios = [
        f"{pool.title}, {init} {number(float(ds.pixel_centre_ratio_by_init.sel(state='trained', init=init)))} (untrained "
        f"{number(float(ds.pixel_centre_ratio_by_init.sel(state='untrained', init=init)))}, accuracy "
        f"{percent(float(ds.performance_by_init.sel(init=init).mean()))})"
        for pool, ds in some(found, "rnn", FIGURE_2)
        for init in ds.init.values.tolist()
    ]
    return f"of pixels, mean |x| times mean |weight|: {', '.join(ratios)}; digits lie at the centre before any training"


def _other_orders(found: Pools) -> str:
    words = {
        "magnitude": "magnitude",
        "edge": "signal of the weight",
        "random": "random weights",
        "neuron": "signal of the neuron",
        "random_neuron": "random neurons",
    }
    rows = []
    for pool, ds in some(found, "", FIGURE_2):
        left = kept_by_order(pool, ds).sel(removed=0.8).mean("network")
        rows.append(f"{pool.title} " + ", ".join(f"{percent(float(left.sel(order=o)))} {w}" for o, w in words.items()))
    return (
        f"accuracy (of autoencoders, variance explained) when 80% of the weights are gone: {'; '.join(rows)}"
        if rows
        else ""
    )


def _untrained_correlation(found: Pools) -> str:
    values = [
        f"{pool.title} {number(float(ds.correlation.sel(state='untrained', layer=2, against='neuron_strength').mean()))}"
        for pool, ds in some(found, "", FIGURE_2)
    ]
    sizes = [
        abs(float(ds.correlation.sel(state="trained", layer=layer, against="neuron_strength").mean()))
        for pool, ds in some(found, "", FIGURE_2, depth=0)
        for layer in (layers(pool) if pool.depth > 3 else ())
    ]
    deeper = (
        f"{sum(size < UNCORRELATED for size in sizes)} of {len(sizes)} layers of deeper networks are below {UNCORRELATED} "
        f"(from {number(min(sizes))} to {number(max(sizes))}, neuron strength); "
        if sizes
        else ""
    )
    return (
        f"{deeper}untrained, layer 2: {', '.join(values)}; of a wide untrained first layer it is the cosine of the mean image with ones, "
        "a matter of where the pixels' zero lies"
    )


REMARKS: dict[str, Callable[[Pools], str]] = {
    "C1": _never_on,
    "C4": _untrained_modes,
    "C5": _untrained_statistic("cnn", "neuron_strength", "below_0", percent),
    "C6": _untrained_statistic("rnn", "neuron_strength", "kurtosis", number),
    "C8": _pixels,
    "C10": _dead_networks,
    "C11": _untrained_statistic("ae", "neuron_activation", "largest_decile", percent),
    "C12": _untrained_statistic("", "neuron_activation", "share_ends", percent),
    "C14": _untrained_correlation,
    "pruning": _other_orders,
}
