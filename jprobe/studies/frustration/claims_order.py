"""Claims on nearness to monotone functions: lambda along several orders, against what coin flips give."""

from collections.abc import Iterator

import numpy as np
import xarray as xr

from jprobe.frustration import crossing
from jprobe.intervals import Estimate, bootstrap, proportion, share
from jprobe.report import Check, Finding
from jprobe.report.verdict import number, percent
from jprobe.studies.frustration.reading import coins, fair_lambda, lambda_of, omegas, one_sided, same_class, still

# "Almost never", "in about 90% of the cases", "nearly always".
MOST = 0.9

# The paper's lambdas: 0.1 to 0.25 of the networks, 0.05 at most of its null models.
NETWORKS, NULLS = 0.1, 0.05


def about_orders(ds: xr.Dataset) -> Iterator[Finding]:
    """What the paper claims of lambda, with images as the unit, and what lambda hangs on.

    Args:
        ds: the numbers of one network.
    """
    if "omega" not in ds:
        return
    flips = coins(ds) or 0.0
    chance = f"coin flips of {ds.attrs['outputs']} outputs give {flips:.3f}"
    most, own = max(NULLS, flips), lambda_estimate(ds, "real")
    yield Finding(
        "The network is nearer to monotone along its own order than coin flips would be (lambda 0.1 to 0.25).",
        (
            Check("lambda of the network", own, "at least", NETWORKS, number),
            Check("the same, against coin flips", own, "above", flips, number),
        ),
        chance,
        "alignment",
    )
    yield Finding(
        "Null models are not: fresh weights along their own order, and a random order (lambda 0.05 at most).",
        (
            Check("lambda of fresh weights (He)", lambda_estimate(ds, "n3_he"), "at most", most, number),
            Check("of fresh weights (Xavier)", lambda_estimate(ds, "n3_xavier"), "at most", most, number),
            Check("of a random order", lambda_estimate(ds, "random"), "at most", most, number),
        ),
        f"{chance}; {says_fresh(ds)}",
        "lambda_by_order",
    )
    yield Finding(
        "As soon as perturbations depart from the order at the inputs, monotonicity disappears (lambda 0.05 at most).",
        (
            Check(
                "lambda with random signs at the inputs, and the network's own at the outputs",
                lambda_estimate(ds, "outputs"),
                "at most",
                most,
                number,
            ),
        ),
        f"{chance}; the network's own order {lambda_of(ds, 'real'):.3f}, all ones {lambda_of(ds, 'ones'):.3f}, the order of its "
        f"mean gradient {lambda_of(ds, 'gradient'):.3f}",
        "lambda_by_order",
    )
    sided = one_sided(ds, "real")
    yield Finding(
        "All perturbations of one image move the outputs to one side.",
        (Check("images with nine in ten perturbations on one side", _proportion(sided), "at least", MOST, percent),),
        figure="one_side",
    )
    norm, stays = same_class(ds)
    yield Finding(
        "At a perturbation of norm 4 about 90% of the images keep their class.",
        (Check(f"images that do, at norm {norm:.1f}", share(stays), "at least", MOST, percent),),
    )


def says_fresh(ds: xr.Dataset) -> str:
    """What the lambda of fresh weights hangs on, in this run's numbers."""
    told = (
        f"fresh weights (He) have {lambda_of(ds, 'n3_he'):.3f} along their own order, and {lambda_of(ds, 'n3_outputs'):.3f} with "
        "random signs at the inputs and their own at the outputs"
    )
    stuck = still(ds, "n3_he")
    if stuck < 0.005:
        return told
    return (
        f"{told}; {stuck:.0%} of their outputs do not move, as behind a ReLU that is off, and count as risen: counted half, "
        f"{fair_lambda(ds, 'n3_he'):.3f} is left"
    )


def lambda_estimate(ds: xr.Dataset, order: str) -> Estimate:
    """The mean of the draws' lambdas, with images as the unit: perturbations of one image are not independent."""
    rows = omegas(ds, order).transpose(1, 0, 2)
    return bootstrap(rows, lambda some: crossing(some, axis=(1, 3)).mean(1))


def _proportion(shares: np.ndarray) -> Estimate:
    """A share of images, each of which may be a share of draws itself: Wilson's interval with images as the cases."""
    return proportion(float(shares.mean()), len(shares))
