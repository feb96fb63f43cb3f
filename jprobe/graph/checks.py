"""What the weights of every graph must be."""

from typing import Any

import numpy as np

from jprobe.errors import WeightsError


def check_finite(weights: Any, name: str = "") -> None:
    """Refuse weights that no sign or size can be told of.

    Args:
        weights: an array.
        name: of the weights, for the message.

    Raises:
        WeightsError: they are complex, no numbers, NaN, or infinite in single precision.

    Example:
        >>> check_finite([1.0, -2.0])
    """
    which = f"The weights of {name}" if name else "The weights"
    array = np.asarray(weights)
    if array.dtype.kind in "cOSUMm":
        raise WeightsError(f"{which} are {array.dtype}; a signed graph has real numbers for weights.")
    with np.errstate(over="ignore"):
        if not np.isfinite(array.astype(np.float32)).all():
            raise WeightsError(f"{which} hold NaN or infinity; a graph's weights are finite.")
