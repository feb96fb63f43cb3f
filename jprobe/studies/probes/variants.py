"""Networks beside the study's own: other widths, other activations, shorter trainings."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import xarray as xr

from jprobe.studies.probes.config import Config

# Figure 19's peak at 2 or 3 singular values depends on how far the networks are trained, so shorter trainings
# are truncated beside the full one.
EARLY_EPOCHS = (1, 3)

# The paper has 20 networks behind each of these curves, and 100 behind the randomizations, whatever their width.
SEEDS = 20

CURVES = ("prune_smallest", "noise", "flip")
RANDOMIZED = ("randomize_B_pruned", "randomize_E_pruned", "randomize_F_pruned")


class Variant(NamedTuple):
    """Networks beside the study's own.

    Attributes:
        suffix: of their variables in the results.
        config: how they are trained, and how many.
        sweeps: names of what is done to them.
    """

    suffix: str
    config: Config
    sweeps: tuple[str, ...]


def variants(config: Config, label: str) -> Iterator[Variant]:
    """The variants of a task.

    Args:
        config: of the study.
        label: name of the task.

    Example:
        >>> [variant.suffix for variant in variants(Config(widths=(32,), activations=("tanh",)), "easy")]
        ['_hidden_32', '_activation_tanh']
    """
    few = replace(config, seeds=min(config.seeds, SEEDS))
    for width in config.widths:
        yield Variant(f"_hidden_{width}", replace(config, hidden=(width,)), CURVES + RANDOMIZED)
    for activation in config.activations:
        yield Variant(f"_activation_{activation}", replace(few, activation=activation), CURVES)
    # The claim is of the hard task.
    for epochs in EARLY_EPOCHS if label != "easy" and "spectral" in config.probes else ():
        if epochs < config.epochs:
            yield Variant(f"_epochs_{epochs}", replace(few, epochs=epochs), ("spectral_sign_first",))


def suffix_of(name: str) -> str:
    """Which networks a variable is of: '' the study's own, or the suffix of a variant.

    Example:
        >>> suffix_of("noise_hidden_32"), suffix_of("noise")
        ('_hidden_32', '')
    """
    found = re.search(r"_(hidden_\d+|epochs_\d+|activation_[a-z_]+)$", name)
    return found.group() if found else ""


def suffixes(ds: xr.Dataset, *kinds: str) -> list[str]:
    """Suffixes of a run's variants of these kinds: hidden, activation, epochs."""
    found = [str(name).removeprefix("dead") for name in ds.data_vars if str(name).startswith("dead_")]
    return [suffix for suffix in found if suffix.split("_")[1] in kinds]


def words(suffix: str) -> str:
    """What a variant is, in words.

    Example:
        >>> words("_hidden_32"), words("_activation_hard_sigmoid"), words("_epochs_1")
        ('32 hidden nodes', 'hard_sigmoid', '1 epoch')
    """
    _, kind, value = suffix.split("_", 2)
    units = {"hidden": " hidden nodes", "epochs": " epoch" if value == "1" else " epochs"}
    return value + units.get(kind, "")


def of_variant(ds: xr.Dataset, suffix: str) -> xr.Dataset:
    """A variant's numbers under the names that the study's own have.

    Example:
        >>> ds = xr.Dataset({"noise": 1, "noise_hidden_32": 2})
        >>> of_variant(ds, "_hidden_32").noise.item()
        2
    """
    names = {str(name): str(name).removesuffix(suffix) for name in ds.data_vars if suffix_of(str(name)) == suffix}
    return ds[list(names)].rename(names)
