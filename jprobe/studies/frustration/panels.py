"""What the study ``frustration`` shows: its figures, and a sentence on each from the run's own numbers."""

import json
from collections.abc import Mapping

import numpy as np
import xarray as xr
from matplotlib.ticker import EngFormatter

from jprobe.figures import blocks as of_blocks
from jprobe.figures import frustration as draw
from jprobe.figures import monotone as drawn
from jprobe.frustration import crossing, survival
from jprobe.report import About, Panel
from jprobe.studies.frustration.claims_order import says_fresh
from jprobe.studies.frustration.config import Config
from jprobe.studies.frustration.headline import headline, numbers
from jprobe.studies.frustration.reading import (
    NULLS,
    coins,
    energies,
    ground,
    lambda_of,
    least_bound,
    least_by_minimiser,
    majority,
    mean_energy,
    minimisers,
    null_energies,
    omegas,
    one_sided,
    same_class,
)
from jprobe.studies.frustration.several import apart

_SECONDS = EngFormatter("s", places=1)

# Lambdas at which the curves of figure 7 are drawn.
_AT = np.linspace(0, 0.5, 201)

Networks = Mapping[str, xr.Dataset]


def about(ds: xr.Dataset, config: Config) -> About:
    """Title, lead and notes of the report."""
    networks = apart(ds)
    lead = "as a signed DAG, after the study of frustration and monotonicity in deep neural networks (paper 2)."
    if len(networks) > 1:
        lead = f"{len(networks)} networks, each whole network {lead} The table has their means; figures show them side by side."
        return About(
            f"Frustration of {', '.join(networks)}", lead, _notes(ds, networks, config), headline(ds), numbers(ds)
        )
    lead = (
        f"{int(ds.attrs['nodes']):,} nodes, {int(ds.attrs['edges']):,} edges, {int(ds.attrs['params']):,} parameters: the whole "
        f"network {lead} A sweep over all edges and back takes {_SECONDS(float(ds.seconds_per_sweep))}."
    )
    return About(f"Frustration of {ds.attrs['network']}", lead, _notes(ds, networks, config), headline(ds), numbers(ds))


_MEANS = {
    "descend": "descend moves block after block: sixteen passes of mean fields whose temperature falls, then every spin with a "
    "negative row sum flips, where the paper flips the most negative one at a time",
    "greedy": "greedy is the paper's Algorithm 1, the most negative row one at a time",
    "anneal": "anneal cools {compare:,} sweeps, then descends",
}

_SUMS = {
    "identity": "edges of weight 1 into the main branch's block",
    "paper": "the paper's rows",
    "merged": "one layer, where both branches end in layers",
}


def _notes(ds: xr.Dataset, networks: Networks, config: Config) -> list[str]:
    used = list(dict.fromkeys(name for one in networks.values() for name in minimisers(one)))
    trained = [one for one in networks.values() if "energy" in one]
    local, replicas = (
        sum(int(f(one)) for one in trained) for f in (lambda d: d.is_local.sum(), lambda d: d.sizes["replica"])
    )
    out = [
        *json.loads(ds.attrs["notes"]),
        f"Minimisers, each with one setting for the network and all null models: {'; '.join(_MEANS[name] for name in used)}.".format(
            compare=config.compare
        )
        + f" Every minimum is checked in double precision ({local} of {replicas} replicas are true local minima). "
        f"Starts: {config.flips:,} random single flips from all ones, as in the paper, or as many as there are nodes.",
        f"Sums of two branches: {_SUMS[config.residual]}."
        + (
            " Normalisations multiply the edges."
            if config.fold_bn
            else " Normalisations are left out, as in the paper."
        ),
    ]
    bounds = [one for one in networks.values() if "certified" in one]
    if bounds:
        out.append(
            f"A certified bound is wrong with a probability of at most {max(float(one.bound_failure.max()) for one in bounds):.0e}, "
            f"over the random start of Lanczos, which cost it {max(float(one.bound_margin.max()) for one in bounds):.4f} at most; that "
            "Lanczos in finite precision obeys the bound of exact arithmetic is assumed."
        )
    images = max(one.sizes.get("image", 0) for one in networks.values())
    if config.replicas < 80 or config.nulls < 80 or images < 500:
        out.append(
            f"Scaled down: {config.replicas} replicas, {config.nulls} null models of each kind from two starts each and {images} "
            "images, where the paper has 80, 80 and about 500 (1000 perturbed)."
        )
    return out


def panels(ds: xr.Dataset, config: Config) -> list[Panel]:
    """The figures of a run, each with what it shows: the summary first, how numbers came about last."""
    networks = apart(ds)
    found = {name: _by_minimiser(one) for name, one in networks.items()}
    bounded = {name: one for name, one in networks.items() if "certified" in one}
    moved = {name: one for name, one in networks.items() if "omega" in one}
    out = [
        Panel("figure_5_summary", "Figure 5. Summary: frustration and monotonicity", "Means of the minimiser that was asked for, from the least to the largest; lambda is the mean over draws of an order.", _summary(networks, moved)),
    ]  # fmt: skip
    if bounded:
        out.append(Panel("ground_states", "What is certain: no spins below the certificate, none needed above the best", _says_certain(bounded), draw.ground_states({name: _known(one) for name, one in bounded.items()})))  # fmt: skip
    out.append(Panel("figure_2_frustration", "Figure 2. Frustration of networks, their active parts and their null models", _says_energies(networks), draw.energies(found)))  # fmt: skip
    if moved:
        out += _monotone(moved)
    if len(networks) == 1:
        out += _structure(ds)
    return sorted(out, key=lambda panel: panel.diagnostic)


def _by_minimiser(ds: xr.Dataset) -> dict[str, dict[str, np.ndarray]]:
    """Energies by minimiser and model; of the minimiser that was asked for, both starts of a null model."""
    out = {name: energies(ds, name) for name in minimisers(ds)}
    first = minimisers(ds)[0]
    out[first] |= {kind: null_energies(ds, kind) for kind in ds.kind.values.tolist()}
    for name, active in ((first, "active_energy"), ("anneal", "active_annealed")):
        if active in ds:
            out[name] = {"active": ds[active].values, **out[name]}
    return out


def _known(ds: xr.Dataset) -> dict[str, draw.Known]:
    """What is known of each model's ground state."""
    out = {}
    for model in ("real", *NULLS):
        found, low = least_by_minimiser(ds, model) if model in _models(ds) else {}, least_bound(ds, model)
        if found:
            out[model] = draw.Known(np.nan if low is None else low, found)
    return out


def _models(ds: xr.Dataset) -> list[str]:
    return list(energies(ds, ds.attrs["minimiser"]))


def _summary(networks: Networks, moved: Networks) -> draw.Figure:
    first = {name: _by_minimiser(one)[minimisers(one)[0]] for name, one in networks.items()}
    return draw.overview(first, _lambdas(moved), {name: coins(one) or 0.0 for name, one in moved.items()})


def _lambdas(moved: Networks) -> dict[str, dict[str, float]]:
    return {
        name: {order: lambda_of(one, order) or 0.0 for order in one.order.values.tolist()}
        for name, one in moved.items()
    }


def _monotone(moved: Networks) -> list[Panel]:
    """Figures 3, 4, 7 and 8, and lambda along every order. Figures 3 and 8 pool an order's draws, 4 takes the first."""
    orders = next(iter(moved.values())).order.values.tolist()
    rows = {name: {order: omegas(one, order) for order in orders} for name, one in moved.items()}
    lambdas = _lambdas(moved)
    draws = {
        name: {order: crossing(found, axis=(1, 2)).tolist() for order, found in mine.items()}
        for name, mine in rows.items()
    }
    survivals = {name: {order: survival(mine[order], _AT) for order in drawn.LAMBDAS} for name, mine in rows.items()}
    norms = {name: one.norm.values for name, one in moved.items()}
    # Of all draws together, as the curves are: the mean over draws may lie beside them.
    met = {name: {order: float(crossing(mine[order])) for order in drawn.LAMBDAS} for name, mine in rows.items()}
    chance = {name: coins(one) or 0.0 for name, one in moved.items()}
    return [
        Panel("lambda_by_order", "What lambda hangs on", _says_orders(moved), drawn.by_order(draws, chance)),
        Panel("figure_3_alignment", "Figure 3. Outputs that move with the order", "Lines mark 0.5 - lambda and 0.5 + lambda; lambda is the mean over an order's draws, the histogram has all of them.", drawn.alignment(rows, lambdas, {name: int(one.attrs["outputs"]) for name, one in moved.items()})),
        Panel("figure_4_by_norm", "Figure 4. Alignment by the size of the perturbation", f"Each line is an image. {' '.join(_says_sides(name, one) for name, one in moved.items())}", drawn.by_norm({name: {o: mine[o][0] for o in mine} for name, mine in rows.items()}, norms)),
        Panel("figure_7_lambda", "Figure 7. How lambda is read off", "Share of perturbations with |Omega - 0.5| of lambda or more; lambda is where it meets 2 lambda; of all draws of an order together.", drawn.crossings(_AT, survivals, met), diagnostic=True),
        Panel("figure_8_one_side", "Figure 8. Perturbations that most outputs follow", "At 0 and 1 all perturbations of an image agree.", drawn.one_side({name: {o: majority(one, o) for o in drawn.PAPERS} for name, one in moved.items()}, {name: one.sizes["norm"] for name, one in moved.items()})),
    ]  # fmt: skip


def _structure(ds: xr.Dataset) -> list[Panel]:
    """What is of one network alone: its blocks, the descent, the adjacency."""
    out = [Panel("figure_6_adjacency", "Figure 6. Layout of the adjacency matrix", "Rows receive, columns send; every shaded block is a layer. Edges off the band next to the diagonal skip layers.", of_blocks.adjacency(ds))]  # fmt: skip
    if "energy" in ds:
        paths = {f"descent, to {float(ds.energy.min()):.4f}": ds.history.values[~np.isnan(ds.history.values)]}
        if "annealed" in ds:
            paths[f"annealing, descends to {float(ds.annealed):.4f}"] = ds.annealed_history.values
        curves = {name: (np.arange(1, len(path) + 1), path) for name, path in paths.items()}
        out = [
            Panel("by_block", "Where the frustration sits", _says_blocks(ds), of_blocks.by_block(_blocks(ds))),
            *out,
            Panel("descent", "Energy by sweep", _says_descent(ds), draw.descent(curves), diagnostic=True),
        ]
    return out


def _blocks(ds: xr.Dataset) -> of_blocks.Blocks:
    """Shares of the blocks that edges enter, of the least energy found."""
    shares = _frustrated(ds)
    keep = np.flatnonzero(~np.isnan(shares))
    whole = float(ds.annealed) if "annealed" in ds else float(ds.energy.min())
    return of_blocks.Blocks(ds.block.values[keep].tolist(), ds.block_kind.values[keep].tolist(), shares[keep], whole)


def _frustrated(ds: xr.Dataset) -> np.ndarray:
    """Of each block, of the long annealing, or else of the best replica."""
    if "annealed" in ds:
        return ds.annealed_frustrated.values
    return ds.frustrated.isel(replica=int(np.argmin(ds.energy.values))).values


def _says_energies(networks: Networks) -> str:
    told = "Each mark is a local minimum, its shape the minimiser; spins at random would have 0.5. "
    if len(networks) > 1:
        return told + "The means are in the table above."
    parts = []
    for ds in networks.values():
        for by in minimisers(ds):
            means = {model: mean_energy(ds, by, model) for model in ("real", *NULLS)}
            words = [f"{NULLS.get(m, 'network')} {value:.4f}" for m, value in means.items() if value is not None]
            parts.append(f"by {by} {', '.join(words)}")
    return f"{told}Means {'; '.join(parts)}."


def _says_certain(networks: Networks) -> str:
    parts = [
        f"{_of(name)}{'network' if model == 'real' else NULLS[model]} {min(one.low for one in found):.4f} to {min(one.high for one in found):.4f}"
        for name, ds in networks.items()
        for model in ("real", *NULLS)
        if (found := ground(ds, model))
    ]
    return (
        "Energies up to the certificate are impossible, whatever the minimiser; spins of the marked energies are known. Certificate and least "
        f"energy: {'; '.join(parts)}. A null model is proven to be more frustrated than the network if the dotted line, the network's best spins, "
        "crosses its hatched part. Of N1 the least of the certified null models counts."
    )


def _of(name: str) -> str:
    """The words that a sentence on one of several networks begins with."""
    return f"{name}: " if name else ""


def _says_blocks(ds: xr.Dataset) -> str:
    shares = _frustrated(ds)
    known = [n for n in np.argsort(shares) if not np.isnan(shares[n])]
    named = [f"{ds.block.values[n]} ({float(shares[n]):.2f})" for n in known]
    told = f"Least: {', '.join(named[:2])}; most: {', '.join(named[:-3:-1])}" if len(named) > 4 else ", ".join(named)
    return f"Share of the weight entering each block that is frustrated. {told}."


def _says_descent(ds: xr.Dataset) -> str:
    text = f"The best replica took {int(ds.sweeps[int(np.argmin(ds.energy.values))])} steps to {float(ds.energy.min()):.4f}"
    if "annealed" in ds:
        text += f"; annealing, {ds.sizes['anneal_sweep']} sweeps, reached {float(ds.annealed):.4f}"
    return text + "."


def _says_orders(moved: Networks) -> str:
    return " ".join(
        f"{_of(name)}lambda is {lambda_of(ds, 'real'):.3f} along the network's own order, {lambda_of(ds, 'outputs'):.3f} with random "
        f"signs at the inputs and its own at the outputs, {lambda_of(ds, 'random'):.3f} with random signs at both; coin flips have "
        f"{coins(ds):.3f}; {says_fresh(ds)}."
        for name, ds in moved.items()
    )


def _says_sides(name: str, ds: xr.Dataset) -> str:
    norm, stays = same_class(ds)
    return (
        f"{_of(name)}along the network's own order {float(one_sided(ds, 'real').mean()):.0%} of the images stay on one side of 0.5 in nine of ten "
        f"perturbations; at a norm of {norm:.1f} the class stays in {float(stays.mean()):.0%} (paper: about 90% at 4)."
    )
