"""Several networks in one run: their parts and numbers stand side by side, each under its network's name.

A run of one network has no such names, so that its folder, its Dataset and its summary stay as short as they are.
"""

import dataclasses
import json
from collections.abc import Mapping

import xarray as xr

from jprobe.studies.study import Context, Part, Parts


def named(network: str, part: Part) -> Part:
    """A part of one network among several; it computes what it would compute alone.

    Args:
        network: short name; "" where there is no other.
        part: as planned for the network alone.

    Example:
        >>> named("squeezenet", Part("real.0", "descending", lambda context: None)).name
        'squeezenet.real.0'
    """
    if not network:
        return part

    def compute(context: Context) -> xr.Dataset:
        needed = {name.removeprefix(f"{network}."): found for name, found in context.needed.items()}
        return part.compute(dataclasses.replace(context, needed=needed))

    needs = tuple(f"{network}.{name}" for name in part.needs)
    return part._replace(name=f"{network}.{part.name}", label=f"{network}: {part.label}", compute=compute, needs=needs)


def parts_of(network: str, done: Parts) -> Parts:
    """The results of one network's parts, by the names that they have alone.

    Example:
        >>> sorted(parts_of("a", {"a.speed": 1, "b.speed": 2}))
        ['speed']
    """
    start = f"{network}." if network else ""
    return {name.removeprefix(start): found for name, found in done.items() if name.startswith(start)}


def joined(found: Mapping[str, xr.Dataset]) -> xr.Dataset:
    """The Datasets of all networks as one: names of variables and dimensions begin with the network's.

    Example:
        >>> both = joined({"a": xr.Dataset({"energy": ("replica", [0.4])}), "b": xr.Dataset({"energy": ("replica", [0.3, 0.2])})})
        >>> sorted(both), {name: one.energy.values.tolist() for name, one in apart(both).items()}
        (['a.energy', 'b.energy'], {'a': [0.4], 'b': [0.3, 0.2]})
    """
    if list(found) == [""]:
        return found[""]
    renamed = [one.rename({word: f"{name}.{word}" for word in _words(one)}) for name, one in found.items()]
    attributes = {name: {key: str(value) for key, value in one.attrs.items()} for name, one in found.items()}
    return xr.merge(renamed, combine_attrs="drop").assign_attrs(networks=json.dumps(attributes))


def apart(ds: xr.Dataset) -> dict[str, xr.Dataset]:
    """Each network's Dataset by its name; of a run of one network: the Dataset itself, by ""."""
    if "networks" not in ds.attrs:
        return {"": ds}
    out = {}
    for name, attributes in json.loads(ds.attrs["networks"]).items():
        mine = ds[[word for word in ds.variables if str(word).startswith(f"{name}.")]]
        out[name] = mine.rename({word: str(word).removeprefix(f"{name}.") for word in _words(mine)}).assign_attrs(
            attributes
        )
    return out


def _words(ds: xr.Dataset) -> set[str]:
    return {str(word) for word in [*ds.variables, *ds.dims]}
