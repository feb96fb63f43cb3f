"""What a run of the study ``frustration`` found, in one sentence, and the numbers to take away."""

import math
from collections.abc import Iterator, Mapping

import xarray as xr

from jprobe.intervals import difference, exact, share
from jprobe.report import KeyNumber, key_number
from jprobe.report.verdict import four, number, percent
from jprobe.studies.frustration.claims_order import NETWORKS, lambda_estimate
from jprobe.studies.frustration.reading import NULLS, coins, energies, ground, student
from jprobe.studies.frustration.several import apart


def headline(ds: xr.Dataset) -> str:
    """What the run says of the ranking of networks and their null models; "" where no network is trained.

    Args:
        ds: the study's numbers.
    """
    trained = {name: one for name, one in apart(ds).items() if "energy" in one}
    if len(trained) > 1:
        return _of_several(trained)
    return next((_of_one(one) for one in trained.values()), "")


def numbers(ds: xr.Dataset) -> list[KeyNumber]:
    """Four to six numbers at the head of the report; of several networks, the distance to N1 and lambda of up to three."""
    found = apart(ds)
    if len(found) == 1:
        return list(_numbers_of_one(ds))
    trained = {name: one for name, one in found.items() if "energy" in one}
    return [row for name, one in list(trained.items())[:3] for row in _numbers_of_each(name, one)]


def _sides(ds: xr.Dataset) -> dict[str, str]:
    """Null model -> whether the network is "less" or "more" frustrated, or "open"."""
    found, out = energies(ds, ds.attrs["minimiser"]), {}
    for kind in NULLS:
        gap = difference(found["real"], found[kind])
        out[kind] = "less" if gap.low > 0 else "more" if gap.high < 0 else "open"
    return out


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _ranking(ds: xr.Dataset) -> str:
    """How the network compares with its null models, in words."""
    sides = _sides(ds)
    if set(sides.values()) == {"less"}:
        return "less frustrated than every null model"
    words = {"less": "less frustrated than", "more": "more frustrated than", "open": "not told apart from"}
    parts = {side: [NULLS[kind] for kind, found in sides.items() if found == side] for side in words}
    return ", ".join(f"{words[side]} {_listed(some)}" for side, some in parts.items() if some)


def _of_one(ds: xr.Dataset) -> str:
    found, name = energies(ds, ds.attrs["minimiser"]), ds.attrs["network"]
    against = _listed([f"{found[kind].mean():.3f} for {words}" for kind, words in NULLS.items()])
    told = f"{name[0].upper()}{name[1:]}: the trained network is {_ranking(ds)}, {found['real'].mean():.3f} against {against}"
    for real in ground(ds, "real"):
        told += f"; a certificate shows that none of its spins go below {_floored(real.low)}"
        nulls = ground(ds, "n1")
        if nulls and (low := min(one.low for one in nulls)) > real.high:
            told += f", and none of N1's below {_floored(low)}, under which it has some"
    return f"{told}."


def _floored(bound: float) -> str:
    """A certificate with three digits, which it must not be rounded up to."""
    return f"{math.floor(1000 * bound) / 1000:.3f}"


def _of_several(trained: Mapping[str, xr.Dataset]) -> str:
    others = {name: _ranking(one) for name, one in trained.items() if set(_sides(one).values()) != {"less"}}
    told = f"{len(trained) - len(others)} of {len(trained)} networks are less frustrated than every null model"
    if others:
        told += f" ({'; '.join(f'{name} is {words}' for name, words in others.items())})"
    certified = [(ground(one, "real")[0], ground(one, "n1")) for one in trained.values() if ground(one, "n1")]
    if certified:
        proven = sum(min(null.low for null in nulls) > real.high for real, nulls in certified)
        told += f"; for {proven} of {len(certified)} a certificate shows that the ground state lies below N1's"
    return f"{told}."


def _numbers_of_one(ds: xr.Dataset) -> Iterator[KeyNumber]:
    found = energies(ds, ds.attrs["minimiser"])
    for real in [found["real"]] if "real" in found else []:
        yield key_number("frustration of the trained network", student(real), four)
        yield key_number("of N1, weights shuffled in layers", student(found["n1"]), four)
    for one in ground(ds, "real"):
        yield key_number("least found for the network", exact(one.high), four)
        yield key_number("no spins below (certificate)", exact(one.low), four)
    if "real" not in found:
        yield from (
            key_number(f"frustration of {NULLS[kind]}", student(found[kind]), four, "about 0.5")
            for kind in ("n3_xavier", "n3_he")
        )
    if "active_energy" in ds and "real" in found:
        below = share(ds.active_energy.values < found["real"].mean())
        yield key_number("active parts that are less frustrated", below, percent, "nearly all")
    if "omega" in ds:
        flips = f"coin flips of {ds.attrs['outputs']} outputs: {coins(ds):.3f}"
        yield key_number(
            f"λ along its own order ({flips})", lambda_estimate(ds, "real"), number, f"{NETWORKS:g} to 0.25"
        )


def _numbers_of_each(name: str, ds: xr.Dataset) -> Iterator[KeyNumber]:
    found = energies(ds, ds.attrs["minimiser"])
    yield key_number(f"{name}: N1 less the network", difference(found["real"], found["n1"]), four, "above 0")
    if "omega" in ds:
        yield key_number(f"{name}: λ", lambda_estimate(ds, "real"), number, f"{NETWORKS:g} to 0.25")
