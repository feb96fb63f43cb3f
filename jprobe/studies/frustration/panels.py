"""What the study ``frustration`` shows: its figures, and a sentence on each from the run's own numbers."""

import json

import numpy as np
import xarray as xr

from jprobe.figures import frustration as draw
from jprobe.frustration import survival
from jprobe.report import About, Panel
from jprobe.studies.frustration.config import Config
from jprobe.studies.frustration.summary import (
    annealed,
    bound,
    lambda_of,
    least,
    majority,
    null_energies,
    one_sided,
)

# Lambdas at which the curves of figure 7 are drawn.
_AT = np.linspace(0, 0.5, 201)


def about(ds: xr.Dataset, config: Config) -> About:
    """Title, lead and notes of the report."""
    lead = (
        f"{int(ds.attrs['nodes']):,} nodes, {int(ds.attrs['edges']):,} edges, {int(ds.attrs['params']):,} parameters: the whole "
        f"network as a signed DAG, after the study of frustration and monotonicity in deep neural networks (paper 2). "
        f"A sweep over all edges and back takes {float(ds.seconds_per_sweep):.3g} s."
    )
    return About(f"Frustration of {ds.attrs['network']}", lead, _notes(ds, config))


def _notes(ds: xr.Dataset, config: Config) -> list[str]:
    out = [
        *json.loads(ds.attrs["notes"]),
        "The descent flips, block after block, every spin with a negative row sum, the largest first, where the paper flips the "
        f"most negative one at a time; every minimum is checked in double precision ({int(ds.is_local.sum())} of {ds.sizes['replica']} replicas are true "
        f"local minima). Starts: {min(config.flips, int(ds.attrs['nodes'])):,} random single flips from all ones, as in the paper.",
        "Sums of two branches: "
        + ("edges of weight 1 into the main branch's block." if config.residual == "identity" else "the paper's rows.")
        + (
            " Normalisations multiply the edges."
            if config.fold_bn
            else " Normalisations are left out, as in the paper."
        ),
    ]
    if "certified" in ds:
        out.append(
            f"A certified bound is wrong with a probability of at most {float(ds.bound_failure.max()):.0e}, over the random start "
            f"of Lanczos, which cost it {float(ds.bound_margin.max()):.4f} at most."
        )
    images = ds.sizes.get("image", 0)
    if config.replicas < 80 or config.nulls < 80 or images < 500:
        out.append(
            f"Scaled down: {config.replicas} replicas, {config.nulls} null models of each kind from two starts each and {images} "
            "images, where the paper has 80, 80 and about 500 (1000 perturbed)."
        )
    return out


def panels(ds: xr.Dataset, config: Config) -> list[Panel]:
    """The figures of a run, each with what it shows."""
    out = [
        Panel("figure_2_frustration", "Figure 2. Frustration of the network, its active parts and its null models", _says_energies(ds), draw.energies(ds)),
        *([Panel("intervals", "Between a certificate and spins: where the ground state lies", _says_intervals(ds), draw.intervals(ds))] if "certified" in ds and "annealed" in ds else []),
        Panel("by_block", "Where the frustration sits", _says_blocks(ds), draw.by_block(ds)),
        Panel("descent", "Energy by sweep", _says_descent(ds), draw.descent(ds)),
        Panel("figure_6_adjacency", "Figure 6. Layout of the adjacency matrix", "Rows receive, columns send; every shaded block is a layer. Edges off the band next to the diagonal skip layers.", draw.adjacency(ds)),
    ]  # fmt: skip
    if "omega" in ds:
        out += [
            Panel("figure_3_alignment", "Figure 3. Outputs that move with the order", _says_alignment(ds), draw.alignment(ds, {o: lambda_of(ds, o) or 0.0 for o in ds.order.values.tolist()})),
            Panel("figure_4_by_norm", "Figure 4. Alignment by the size of the perturbation", f"Each line is an image. Along the network's own order {one_sided(ds, 'real'):.0%} of the images stay on one side of 0.5 in nine of ten perturbations. {_says_class(ds)}", draw.by_norm(ds)),
            Panel("figure_5_summary", "Figure 5. Summary: frustration and monotonicity", "Left: means, with the least and the largest.", draw.overview(ds, {o: lambda_of(ds, o) or 0.0 for o in ds.order.values.tolist()})),
            Panel("figure_7_lambda", "Figure 7. How lambda is read off", "Share of perturbations with |Omega - 0.5| of lambda or more; lambda is where it meets 2 lambda.", draw.crossings(_AT, {o: survival(ds.omega.sel(order=o).values, _AT) for o in ds.order.values.tolist()}, {o: lambda_of(ds, o) or 0.0 for o in ds.order.values.tolist()})),
            Panel("figure_8_one_side", "Figure 8. Perturbations that most outputs follow", "At 0 and 1 all perturbations of an image agree.", draw.one_side({o: majority(ds, o) for o in ds.order.values.tolist()})),
        ]  # fmt: skip
    return out


def _says_energies(ds: xr.Dataset) -> str:
    parts = [f"Network {float(ds.energy.min()):.4f} at best, {float(ds.energy.mean()):.4f} in the mean"]
    if "active_energy" in ds:
        parts.append(f"active parts {float(ds.active_energy.mean()):.4f}")
    for kind, name in (("n1", "N1"), ("n2", "N2"), ("n3_xavier", "N3 Xavier"), ("n3_he", "N3 He")):
        parts.append(f"{name} {null_energies(ds, kind).mean():.4f}")
    return "Each dot is a local minimum. " + "; ".join(parts) + ". Spins at random would have 0.5."


def _says_intervals(ds: xr.Dataset) -> str:
    names = {"real": "The network", "n1": "N1", "n3_he": "N3 (He)"}
    parts = [
        f"{name}: {bound(ds, model):.4f} to {min(annealed(ds, model) or 1, least(ds) if model == 'real' else 1):.4f}"
        for model, name in names.items()
    ]
    return (
        "No spins go below the left end, and spins with the energy of the right end are known. "
        + "; ".join(parts)
        + ". Null models were annealed for a tenth of the network's sweeps: what counts is their left end."
    )


def _says_blocks(ds: xr.Dataset) -> str:
    best = int(np.argmin(ds.energy.values))
    shares = ds.annealed_frustrated.sel(model="real") if "annealed" in ds else ds.frustrated.isel(replica=best)
    order = np.argsort(shares.values)
    known = [n for n in order if not np.isnan(shares.values[n])]
    name = lambda n: f"{ds.block.values[n]} ({float(shares[n]):.2f})"  # noqa: E731
    return (
        f"Share of the weight entering each block that is frustrated. Least: {name(known[0])}, {name(known[1])}; most: "
        f"{name(known[-1])}, {name(known[-2])}."
    )


def _says_descent(ds: xr.Dataset) -> str:
    text = f"The best replica took {int(ds.sweeps[int(np.argmin(ds.energy.values))])} sweeps to {float(ds.energy.min()):.4f}"
    if "annealed" in ds:
        text += f"; annealing, {ds.sizes['anneal_sweep']} sweeps, reached {annealed(ds, 'real'):.4f}"
    return text + "."


def _says_alignment(ds: xr.Dataset) -> str:
    parts = [
        f"{name} {lambda_of(ds, order):.3f}"
        for order, name in (
            ("real", "the network along its own order"),
            ("n3", "fresh weights"),
            ("random", "a random order"),
        )
    ]
    return "Bars mark 0.5 - lambda and 0.5 + lambda: " + "; ".join(parts) + "."


def _says_class(ds: xr.Dataset) -> str:
    norms = ds.norm.values
    near = int(np.argmin(abs(norms - 4)))
    share = float(ds.same_class.sel(order="real").isel(norm=near).mean())
    return f"At a norm of {norms[near]:.1f} the predicted class stays in {share:.0%} of the images (paper: about 90% at 4)."
