"""The script that measures how costs grow: what it makes of times, not the times."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

spec = importlib.util.spec_from_file_location(
    "benchmark_scaling", Path(__file__).parent.parent / "scripts" / "benchmark_scaling.py"
)
scaling = importlib.util.module_from_spec(spec)
sys.modules["benchmark_scaling"] = scaling
spec.loader.exec_module(scaling)


def line(factor, work, x, seconds):
    return scaling.Line(factor, work, tuple(x), tuple(seconds))


@pytest.mark.parametrize("power", [0.0, 1.0, 2.0])
def test_the_exponent_is_that_of_the_larger_half(power):
    x = np.array([1, 2, 4, 100, 200, 400])
    seconds = np.where(x < 100, 5.0, 1e-3 * x**power)
    assert line("seeds", "noise", x, seconds).exponent == pytest.approx(power)
    assert line("devices", "noise", (1, 2), (3.0, 3.0 * 2**power)).exponent == pytest.approx(power)


def test_a_median_is_of_nine_short_calls_but_quick_of_one():
    calls = []
    for quick, count in ((True, 1), (False, 9)):
        calls.clear()
        assert scaling.median(lambda: calls.append(1), quick) < 1
        assert len(calls) == count


def test_the_figure_has_a_panel_a_factor_and_a_colour_for_each_work():
    found = [
        line("seeds", "training", (1, 2, 4, 8, 16), (1, 2, 4, 8, 16)), line("seeds", "noise", (1, 2), (1, 1)),
        line("edges", "annealing", (1000, 20_000), (1, 3)),
    ]  # fmt: skip
    figure = scaling.drawn(found)
    shown = [panel for panel in figure.axes if panel.get_title("left")]
    assert [panel.get_title("left") for panel in shown] == ["seeds", "edges"]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["training", "noise", "annealing"]
    assert [text.get_text() for text in shown[1].get_xticklabels()] == ["1k", "20k"]
    assert scaling.picture(figure)[:4] == b"\x89PNG"


def test_inputs_are_repeated_where_there_are_no_more():
    task = scaling.task(12_300)
    assert len(task.x_train) == len(task.y_test) == 12_300
    np.testing.assert_array_equal(task.x_train[:10], task.x_train[12_214:12_224])
