"""The study of layers in one table: a row a layer, a column a probe at one level that tells."""

import numpy as np
import xarray as xr

# Where fewer levels were asked for, the nearest is shown, and its column says which.
_HALF, _NOISE, _ALL = 0.5, 0.1, 1.0


def table(ds: xr.Dataset) -> tuple[list[str], list[list[str]]]:
    """The metric under each probe, means over draws; that of the unperturbed network, base, first.

    Args:
        ds: the study's numbers.

    Returns:
        Header and rows: with half of the layer's weights pruned, with signs for its weights, both, after randomizations A
        and B, with noise, and with all signs flipped.

    Example:
        >>> curves = {name: (("layer", "kept", "repeat"), [[[0.5]]]) for name in ("original", "signed", "A", "B")}
        >>> curves |= {"noise": (("layer", "amplitude", "repeat"), [[[0.4]]]), "flip": (("layer", "flipped", "repeat"), [[[0.3]]])}
        >>> grid = {"layer": ["Dense_0"], "kept": [1.0], "repeat": [0], "amplitude": [0.1], "flipped": [0.5]}
        >>> header, rows = table(xr.Dataset(curves | {"base": 0.9}, grid))
        >>> header
        ['layer', 'base', 'signs', 'A', 'B', 'noise 0.1', 'flip 50%']
        >>> rows
        [['Dense_0', '0.900', '0.500', '0.500', '0.500', '0.400', '0.300']]
    """
    kept, noise, flipped = (
        _nearest(ds[dim], level) for dim, level in (("kept", _HALF), ("amplitude", _NOISE), ("flipped", _ALL))
    )
    whole = ds.sel(kept=ds.kept.max())
    columns = {"signs": whole.signed, "A": whole.A, "B": whole.B}
    if kept < float(ds.kept.max()):
        pruned = ds.sel(kept=kept)
        columns = {
            f"pruned {1 - kept:.0%}": pruned.original,
            "signs": whole.signed,
            "both": pruned.signed,
            "A": whole.A,
            "B": whole.B,
        }
    columns |= {f"noise {noise:g}": ds.noise.sel(amplitude=noise), f"flip {flipped:.0%}": ds.flip.sel(flipped=flipped)}
    means = {name: column.mean("repeat") for name, column in columns.items()}
    base = _cell(float(ds.base))
    return ["layer", "base", *columns], [
        [layer, base, *(_cell(float(column.sel(layer=layer))) for column in means.values())]
        for layer in ds.layer.values.tolist()
    ]


def _nearest(levels: xr.DataArray, wanted: float) -> float:
    return float(levels[int(np.argmin(abs(levels.values - wanted)))])


def _cell(value: float) -> str:
    """Three decimals; no minus before a zero."""
    return f"{round(value, 3) + 0.0:.3f}"
