"""Claims on frustration: the ranking of a network and its null models, by every minimiser and by certificates."""

from collections.abc import Iterator

import numpy as np
import scipy.stats
import xarray as xr

from jprobe.intervals import Estimate, difference, share
from jprobe.report import Check, Finding
from jprobe.report.verdict import Verdict, four, number, percent
from jprobe.studies.frustration.reading import (
    NULLS,
    energies,
    ground,
    minimisers,
    null_energies,
    student,
    welch,
)

# The paper's replicas and null models of each kind, and the p of its t-tests.
PAPER_SAMPLE, PAPER_LOG_P = 80, -50.0

# "Nearly always".
MOST = 0.9

# "Roughly" 0.5 is what rounds to it at one digit.
ROUGHLY_HALF = 0.45


def about_energies(ds: xr.Dataset) -> Iterator[Finding]:
    """What the paper claims of energies, and what minimisers and certificates add.

    Args:
        ds: the numbers of one network.
    """
    if "energy" in ds:
        rankings = {name: _ranking(ds, name) for name in minimisers(ds)}
        for name, checks in rankings.items():
            means = ", ".join(f"{_NAMES[model]} {found.mean():.4f}" for model, found in energies(ds, name).items())
            yield Finding(
                f"The trained network is less frustrated than its null models: real < N1 < N2 and N1 < N3 (by {name}).",
                checks,
                f"means: {means}",
            )
        if len(rankings) > 1:
            yield _agreement(rankings)
        yield from _certified(ds)
        yield from _spread(ds)
    yield _fresh(ds)
    if "active_energy" in ds:
        yield _active(ds)


_NAMES = {"real": "network", **NULLS}


def _ranking(ds: xr.Dataset, minimiser: str) -> tuple[Check, ...]:
    found = energies(ds, minimiser)
    pairs = [("real", "n1"), ("n1", "n2"), ("n1", "n3_xavier"), ("n1", "n3_he")]
    names = {**_NAMES, "real": "the network"}
    return tuple(
        Check(f"{names[high]} less {names[low]}", difference(found[low], found[high]), "above", 0.0, four)
        for low, high in pairs
    )


def _agreement(rankings: dict[str, tuple[Check, ...]]) -> Finding:
    """Whether minimisers rank alike; where an interval reaches over 0, they may or may not."""
    certain = possible = apparent = 0
    told = []
    for checks in zip(*rankings.values(), strict=True):
        verdicts = {name: check.verdict for name, check in zip(rankings, checks, strict=True)}
        sides = {check.found.value > 0 for check in checks}
        differ = {Verdict.HOLDS, Verdict.DIFFERS} <= set(verdicts.values())
        certain += differ
        possible += differ or Verdict.INCONCLUSIVE in verdicts.values()
        apparent += len(sides) > 1
        if len(sides) > 1:
            told.append(
                f"{checks[0].what}: "
                + ", ".join(f"{n} {c.found.value:+.4f}" for n, c in zip(rankings, checks, strict=True))
            )
    names = ", ".join(rankings)
    count = len(next(iter(rankings.values())))
    return Finding(
        "Beyond the paper: the ranking is the same by every minimiser.",
        (
            Check(
                "comparisons that minimisers rank differently",
                Estimate(apparent, certain, possible),
                "at most",
                0,
                number,
            ),
        ),
        f"{names} disagree on {'; '.join(told)}" if told else f"the means of {names} agree on all {count} comparisons",
    )


def _certified(ds: xr.Dataset) -> Iterator[Finding]:
    """The ranking of the ground states themselves, which no minimiser can fake."""
    (real,) = ground(ds, "real") or (None,)
    for model, name in (("n3_he", "freshly initialised (He)"), ("n1", "shuffled within layers (N1)")):
        nulls = ground(ds, model)
        if real is None or not nulls:
            continue
        # The least of the null models counts, on both ends of what is certain.
        low, high = min(null.low for null in nulls), min(null.high for null in nulls)
        margin, count = low - real.high, len(nulls)
        bounds, failure = ds.sel(certified_model=[model, "real"]), float(ds.bound_failure.max())
        yield Finding(
            f"Beyond the paper, by a numerical certificate: the ground state lies below that of the network {name}.",
            (
                Check(
                    f"ground state of {'the null model' if count == 1 else f'the least of {count} null models'} less the network's",
                    Estimate(high - real.high, margin, high - real.low),
                    "above",
                    0.0,
                    four,
                ),
            ),
            f"numerical certificate with a margin of {margin:+.4f}, the difference lies between that and {high - real.low:.4f}: spins of energy {real.high:.4f} exist for the network, and none "
            f"of {count} null model{'s' * (count > 1)} go below {low:.4f}. Assumed: products in float32 are off by at most 3e-7 of a "
            f"row's weight, and Lanczos obeys its bound in finite precision; it fails with a probability of {failure:.0e}, for which "
            f"the certificate gave up {float(bounds.bound_margin.max()):.4f}",
            "ground_states",
        )


def _spread(ds: xr.Dataset) -> Iterator[Finding]:
    real, n1 = ds.energy.values, null_energies(ds, "n1")
    p = {name: welch(ds, kind) for name, kind in (("N1", "n1"), ("N2", "n2"))}
    sizes = {"N1": min(len(real), len(n1)), "N2": min(len(real), null_energies(ds, "n2").size)}
    yield Finding(
        "The differences are significant by Welch's t-test (p below 1e-50 with 80 replicas).",
        tuple(
            Check(f"log10 p against {name}", _log_p(value, sizes[name]), "at most", PAPER_LOG_P, number)
            for name, value in p.items()
            if value is not None
        ),
        f"{len(real)} and {len(n1)} values",
    )
    # The distance to N1 is what makes a spread small or large.
    gap = difference(real, n1).value
    freedom = len(real) - 1
    low, high = (
        float(np.sqrt(freedom / scipy.stats.chi2.ppf(q, freedom))) if freedom else np.nan for q in (0.975, 0.025)
    )
    ratio = float(np.float64(real.std(ddof=1)) / max(abs(gap), 1e-12)) if freedom else np.nan
    relative = Estimate(ratio, low * ratio, high * ratio, len(real))
    yield Finding(
        "Local minima lie close together: the landscape is not rugged.",
        (Check("standard deviation of the minima, of the distance to N1", relative, "at most", 0.5, number),),
    )


def _log_p(p: float, count: int) -> Estimate:
    """log10 of a p-value; with fewer values than the paper's it can only be too large."""
    value = float(np.log10(max(p, 1e-300)))
    return Estimate(value, value if count >= PAPER_SAMPLE else -np.inf, value, count)


def _fresh(ds: xr.Dataset) -> Finding:
    found = energies(ds, ds.attrs["minimiser"])
    he, xavier = found["n3_he"], found["n3_xavier"]
    return Finding(
        "Fresh weights (N3) are roughly as frustrated as random spins, 0.5, and He's a little less than Xavier's.",
        (
            Check("N3 (He)", student(he), "at least", ROUGHLY_HALF, four),
            Check("N3 (Xavier)", student(xavier), "at least", ROUGHLY_HALF, four),
            Check("Xavier less He", difference(he, xavier), "above", 0.0, four),
        ),
    )


def _active(ds: xr.Dataset) -> Finding:
    """One start of each active subnetwork, so the network's mean over starts is what it is compared with."""
    pairs = {ds.attrs["minimiser"]: "active_energy"} | (
        {"anneal": "active_annealed"} if "active_annealed" in ds else {}
    )
    return Finding(
        "Active subnetworks are nearly always less frustrated still.",
        tuple(
            Check(
                f"images whose subnetwork is, by {name}",
                share(ds[energy].values < energies(ds, name)["real"].mean()),
                "at least",
                MOST,
                percent,
            )
            for name, energy in pairs.items()
        ),
        f"means {', '.join(f'{float(ds[energy].mean()):.4f}' for energy in pairs.values())}",
    )
