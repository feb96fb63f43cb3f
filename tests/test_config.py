"""Ranges stand in a configuration's annotations and are checked there; and what else a configuration says of itself."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

import pytest
from annotated_types import Ge, Gt, Le, MinLen

from jprobe.errors import ArgumentError
from jprobe.studies import NOT_NUMBERS, Config


@dataclass(frozen=True)
class Mine(Config):
    """Options of many kinds."""

    study = "mine"
    kept: Annotated[tuple[Annotated[float, Gt(0), Le(1)], ...], MinLen(1)] = (1.0,)
    pair: tuple[Annotated[int, Ge(0)], Annotated[int, Ge(0)]] | None = None
    sentences: Annotated[int | None, Ge(1)] = None
    kind: Literal["a", "b"] | None = "a"
    shown: Annotated[bool, NOT_NUMBERS] = False
    file: Path | None = None


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"kept": (0.5, 0.0)}, "--kept must be above 0 and 1 or less, not 0.0"),
        ({"kept": (1.5,)}, "--kept must be above 0 and 1 or less, not 1.5"),
        ({"kept": ()}, "--kept needs one value or more"),
        ({"kept": (float("nan"),)}, "--kept must be a finite number, not nan"),
        ({"pair": (1, -1)}, "--pair must be 0 or more, not -1"),
        ({"sentences": 0}, "--sentences must be 1 or more, not 0"),
        ({"kind": "c"}, "--kind is one of 'a', 'b', not 'c'"),
        ({"preset": "papr"}, "--preset is one of 'quick', 'paper'"),
        ({"mesh": 0}, "--mesh must be 1 or more"),
        ({"out": Path("")}, "--out names a folder"),
    ],
)
def test_a_value_out_of_range_is_refused_by_its_option(wrong, says):
    with pytest.raises(ArgumentError, match=says.replace("(", r"\(")):
        Mine(**wrong)


def test_numbers_are_what_numbers_depend_on():
    assert Mine().numbers() == {
        "study": "mine", "kept": (1.0,), "pair": None, "sentences": None, "kind": "a", "file": None
    }  # fmt: skip
    assert Mine(shown=True, out=Path("x"), mesh=1, preset="paper").numbers() == Mine().numbers()
    assert Mine(file=Path("a/b")).numbers()["file"] == "a/b"


def test_a_configuration_cannot_be_changed():
    with pytest.raises(AttributeError):
        Mine().kind = "b"
    assert replace(Mine(), kind="b").kind == "b"
