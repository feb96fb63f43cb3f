"""Accelerators by name: what their data sheets say, for extrapolations that are called so."""

from collections.abc import Mapping
from typing import NamedTuple

from jprobe.errors import UnknownNameError


class Device(NamedTuple):
    """One accelerator.

    Attributes:
        name: as people call it.
        product: float32 operations a second at its peak, as jprobe multiplies: on a GPU those of its ordinary cores, for TF32
            is no float32; on a TPU a sixth of the bfloat16 operations, which is what a float32 product is made of there.
        memory: bytes.

    Example:
        >>> DEVICES["A100"].product / 1e12
        19.5
    """

    name: str
    product: float
    memory: float


def _gpu(name: str, tera: float, giga: float) -> Device:
    return Device(name, tera * 1e12, giga * 1e9)


def _tpu(name: str, tera: float, giga: float) -> Device:
    return Device(name, tera * 1e12 / 6, giga * 1e9)


# NVIDIA's data sheets, of the SXM versions where there are several ("FP32"); Google's pages of TPU versions, of one chip
# ("peak compute per chip (bf16)").
DEVICES: Mapping[str, Device] = {
    device.name: device
    for device in (
        _gpu("T4", 8.1, 16),
        _gpu("V100", 15.7, 32),
        _gpu("A100", 19.5, 80),
        _gpu("L4", 30.3, 24),
        _gpu("RTX4090", 82.6, 24),
        _gpu("H100", 67, 80),
        _gpu("H200", 67, 141),
        _tpu("v4", 275, 32),
        _tpu("v5e", 197, 16),
        _tpu("v5p", 459, 95),
        _tpu("v6e", 918, 32),
    )
}

# A device does so much of its peak on networks as small as the studies' own, or more: assumed, not measured.
LEAST = 0.02


def device(name: str) -> Device:
    """The device of that name, in whatever case.

    Raises:
        UnknownNameError: it is none of these.

    Example:
        >>> device("h200").name
        'H200'
    """
    by_name = {known.lower(): known for known in DEVICES}
    if name.lower() not in by_name:
        raise UnknownNameError("device", name, DEVICES)
    return DEVICES[by_name[name.lower()]]


def extrapolated(seconds: tuple[float, float], product: float, other: Device) -> tuple[float, float]:
    """How long work would take on another device if it were float32 products and nothing else.

    Args:
        seconds: least and most that it takes here.
        product: float32 operations a second here, as measured.
        other: the device.

    Returns:
        The least at the device's peak, and the most at :data:`LEAST` of it, but no more than here.

    Example:
        >>> extrapolated((100, 200), 1e11, device("A100"))
        (0.512..., 51.2...)
    """
    low, high = seconds
    ratio = product / other.product
    return low * ratio, min(high * ratio / LEAST, high)
