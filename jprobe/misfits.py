"""What keeps named arrays from being those of a network: one line for each."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

# A network of another kind misfits in hundreds of places; these are enough to see it.
SHOWN = 12


def misfits(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    """Arrays that are missing, left over, or of another shape or dtype.

    Args:
        found: name -> array, or anything with a shape and a dtype.
        wanted: name -> array or ``jax.ShapeDtypeStruct`` of the network.

    Returns:
        A line for each, sorted by what is wrong and then by name; none if everything fits.

    Example:
        >>> misfits({"bias": np.ones(3), "scale": np.ones(3)}, {"bias": np.ones(4), "kernel": np.ones((4, 4))})
        ['left over: scale', 'missing: kernel', 'bias is float64[3], not float64[4]']
    """
    out = [f"left over: {name}" for name in sorted(found.keys() - wanted.keys())]
    out += [f"missing: {name}" for name in sorted(wanted.keys() - found.keys())]
    for name in sorted(found.keys() & wanted.keys()):
        here, there = _described(found[name]), _described(wanted[name])
        out += [f"{name} is {here}, not {there}"] if here != there else []
    return out


def not_finite(found: Mapping[str, np.ndarray]) -> list[str]:
    """Arrays that hold NaN or infinity.

    Args:
        found: name -> floating-point array.

    Returns:
        A line for each, sorted by name.

    Example:
        >>> not_finite({"bias": np.array([1.0, np.nan])})
        ['bias holds NaN or infinity']
    """
    return [f"{name} holds NaN or infinity" for name, array in sorted(found.items()) if not np.isfinite(array).all()]


def listed(problems: Iterable[str]) -> str:
    """Lines for an error message: the first few, and how many more there are.

    Example:
        >>> print(listed(["left over: scale"]))
          left over: scale
    """
    lines = list(problems)
    more = [f"... and {len(lines) - SHOWN} more"] if len(lines) > SHOWN else []
    return "\n".join(f"  {line}" for line in lines[:SHOWN] + more)


def _described(array: Any) -> str:
    return f"{array.dtype}{list(array.shape)}"
