"""Curves and dots of anybody's sweeps: what is drawn is what NumPy says of the numbers."""

import matplotlib.colors
import numpy as np
import pytest
import xarray as xr

import jprobe as jp
from jprobe.errors import ArgumentError
from jprobe.figures import style

LEVELS = np.array([0.0, 0.3, 0.9])


def sweep(seed=0, signed=True, networks=7):
    """What a sweep returns, of numbers drawn at random."""
    flags = [False, True] if signed else [False]
    values = np.random.default_rng(seed).random((networks, len(LEVELS), 2, len(flags)))
    coords = {"level": ("level", LEVELS, {"long_name": "fraction removed"}), "signed": flags}
    named = xr.DataArray(values, coords, ("seed", "level", "repeat", "signed"), attrs={"long_name": "accuracy"})
    return xr.Dataset({"accuracy": named})


def lines(panel):
    return {line.get_label(): line for line in panel.lines if len(line.get_xdata()) == len(LEVELS)}


def numpy_median(found, signed):
    return 100 * np.median(found.accuracy.sel(signed=signed).values, axis=(0, 2))


def test_lines_are_medians_over_networks_and_draws():
    found = {"easy": sweep(0), "hard": sweep(1)}
    (panel,) = jp.figures.curves(found).axes
    drawn = lines(panel)
    assert set(drawn) == {f"{name}, {words}" for name in found for words in ("as trained", "signs only")}
    for name in found:
        for words, signed in (("as trained", False), ("signs only", True)):
            line = drawn[f"{name}, {words}"]
            np.testing.assert_array_equal(line.get_xdata(), LEVELS)
            np.testing.assert_allclose(line.get_ydata(), numpy_median(found[name], signed))
            assert line.get_linestyle() == ("--" if signed else "-")
            assert line.get_color() == style.color(name)
    assert panel.get_xlabel() == "fraction removed"
    assert panel.get_ylabel() == "accuracy (%)"


def test_bands_are_the_middle_half():
    found = sweep(2, signed=False)
    (panel,) = jp.figures.curves(found).axes
    low, high = np.quantile(100 * found.accuracy.isel(signed=0).values, [0.25, 0.75], axis=(0, 2))
    corners = panel.collections[0].get_paths()[0].vertices
    for level, bottom, top in zip(LEVELS, low, high, strict=True):
        here = corners[corners[:, 0] == level, 1]
        np.testing.assert_allclose([here.min(), here.max()], [bottom, top])


def test_panels_have_titles_and_one_colour_a_name():
    figure = jp.figures.curves(
        {"one": {"a": sweep(0, False), "b": sweep(1, False)}, "two": {"b": sweep(2, False), "c": sweep(3, False)}}
    )
    first, second = figure.axes
    assert [panel.get_title("left") for panel in (first, second)] == ["one", "two"]
    one, two = lines(first), lines(second)
    hues = [one["a"], one["b"], two["c"]]  # nothing is signed, so nothing says that it is not
    assert len({line.get_color() for line in hues}) == 3
    assert one["b"].get_color() == two["b"].get_color()


def test_other_units_are_left_as_they_are():
    margin = sweep(0, False).accuracy.isel(signed=0, drop=True).rename("margin").drop_attrs() * 40 - 3
    figure = jp.figures.curves(margin, xlabel="removed", percent=False, chance=1.5)
    (panel,) = figure.axes
    median, level = panel.lines
    np.testing.assert_allclose(median.get_ydata(), np.median(margin.values, axis=(0, 2)))
    np.testing.assert_allclose(level.get_ydata(), 1.5)
    assert (panel.get_xlabel(), panel.get_ylabel()) == ("removed", "margin")
    assert not figure.legends


def test_chance_is_in_the_unit_of_the_values():
    (panel,) = jp.figures.curves(sweep(), chance=0.5).axes
    assert 50 in {float(line.get_ydata()[0]) for line in panel.lines if len(line.get_xdata()) == 2}


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ({}, "nothing to draw"),
        (xr.Dataset({"a": ("level", LEVELS), "b": ("level", LEVELS)}), r"Which of \['a', 'b'\]"),
        (xr.DataArray(LEVELS, dims="kept"), "'level' is none of them"),
    ],
)
def test_what_cannot_be_drawn_is_named(found, words):
    with pytest.raises(ArgumentError, match=words):
        jp.figures.curves(found)


def test_points_show_each_network_and_the_median():
    rng = np.random.default_rng(0)
    found = {name: {group: rng.random(5) for group in ("a", "b")} for name in ("easy", "hard")}
    found["hard"]["c"] = rng.random(3)
    (panel,) = jp.figures.points(found, percent=True).axes
    dots = [line for line in panel.lines if line.get_marker() == "."]
    bars = [line for line in panel.lines if line.get_marker() != "."]
    assert len(dots) == len(bars) == 5
    expected = [(name, group, values) for name, some in found.items() for group, values in some.items()]
    for (name, group, values), dot, bar in zip(expected, dots, bars, strict=True):
        np.testing.assert_allclose(dot.get_ydata(), 100 * values)
        np.testing.assert_allclose(bar.get_ydata(), 100 * np.median(values))
        assert round(float(np.mean(bar.get_xdata()))) == "abc".index(group)
        assert matplotlib.colors.same_color(dot.get_color(), style.color(name))
    with pytest.raises(ArgumentError, match="nothing to draw"):
        jp.figures.points({"easy": {}})


def test_the_room_names_what_is_in_it():
    assert {"curves", "points", "layers", "probes"} <= set(dir(jp.figures))
    assert callable(jp.figures.layers.layer_curves)
    with pytest.raises(AttributeError, match="curve"):
        _ = jp.figures.curve
