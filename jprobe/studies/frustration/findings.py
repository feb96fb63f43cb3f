"""The paper's claims on frustration and monotonicity, held against a run of one network or of several."""

import xarray as xr

from jprobe.report import Finding
from jprobe.studies.frustration.claims_energy import about_energies
from jprobe.studies.frustration.claims_order import about_orders
from jprobe.studies.frustration.several import apart


def findings(ds: xr.Dataset) -> list[Finding]:
    """The paper's claims held against this run, and what a certificate adds.

    Of several networks a claim holds if it holds for each of them: the paper's are of all seven.

    Args:
        ds: the study's numbers.

    Example:
        >>> import numpy as np
        >>> rng, kinds = np.random.default_rng(0), ["n1", "n2", "n3_xavier", "n3_he"]
        >>> nulls = np.array([0.425, 0.446, 0.452, 0.444])[:, None, None] + 0.001 * rng.normal(size=(4, 20, 2))
        >>> ds = xr.Dataset({"energy": ("replica", 0.41 + 0.001 * rng.normal(size=20)),
        ...     "null_energy": (("kind", "null", "start"), nulls)}, {"kind": kinds}, {"minimiser": "descend"})
        >>> findings(ds)[0].verdict.value
        'holds'
    """
    found = {name: [*_of_energies(one), *about_orders(one)] for name, one in apart(ds).items()}
    if list(found) == [""]:
        return found[""]
    claims = dict.fromkeys(finding.claim for mine in found.values() for finding in mine)
    return [
        _over_networks(claim, {n: f for n, mine in found.items() for f in mine if f.claim == claim}) for claim in claims
    ]


def _of_energies(ds: xr.Dataset) -> list[Finding]:
    """Figure 2 shows what no other figure does."""
    return [finding._replace(figure=finding.figure or "figure_2_frustration") for finding in about_energies(ds)]


def _over_networks(claim: str, found: dict[str, Finding]) -> Finding:
    """One claim of several networks: every check names its network, and the remark tells the verdicts apart."""
    checks = tuple(check._replace(what=f"{name}: {check.what}") for name, one in found.items() for check in one.checks)
    verdicts = ", ".join(f"{name} {one.verdict.value}" for name, one in found.items())
    remarks = [f"{name}: {one.remark}" for name, one in found.items() if one.remark]
    return Finding(claim, checks, ". ".join([verdicts, *remarks]), next(iter(found.values())).figure)
