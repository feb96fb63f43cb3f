"""Ranges stand in a configuration's annotations and are checked there; digests tell what numbers were computed from."""

import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from annotated_types import Ge, Gt, Le, MinLen

from jprobe.digest import digest, digest_function
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
        ({"kept": (float("nan"),)}, "--kept must be above 0"),
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


@dataclass
class Pair:
    """Two values."""

    a: object
    b: object


def test_a_digest_sees_every_difference():
    x = np.arange(6.0)
    values = [
        x, x.astype(np.float32), x.reshape(2, 3), x + 1e-12, -x, [x], (x, x), {"x": x}, {"y": x}, Pair(x, 1), Pair(x, 1.0),
        Pair(x, True), Pair(x, None), "x", b"x", None, 0, 0.0, False, {}, [], np.array(["a", "b"], object), np.zeros(0),
        jax.random.key(0), jax.random.key(1), {"a": [1], "b": []}, {"a": [], "b": [1]},
    ]  # fmt: skip
    assert len({digest(v) for v in values}) == len(values)
    assert digest(jnp.arange(3)) == digest(np.arange(3, dtype=np.int32))
    assert digest(x[::2]) == digest(x[::2].copy())
    with pytest.raises(ArgumentError, match="has no digest"):
        digest([lambda: 0])


def network(w, x):
    return jax.nn.relu(x @ w)


CODE = """
import jax, numpy as np
from jprobe.digest import digest_function
print(digest_function(lambda w, x: jax.nn.relu(x @ w), np.ones((3, 2), np.float32), np.ones((1, 3), np.float32)))
"""


def test_a_function_is_known_by_what_it_computes():
    args = np.ones((3, 2), np.float32), np.ones((1, 3), np.float32)
    found = digest_function(network, *args)
    assert found == digest_function(lambda a, b: network(a, b) if True else None, *args)
    table = np.arange(2.0, dtype=np.float32)
    others = [
        lambda w, x: jax.nn.gelu(x @ w), lambda w, x: x @ w, lambda w, x: network(w, x) * 2,
        lambda w, x: network(w, x) + table, lambda w, x: network(w, x) + (table + 1),
    ]  # fmt: skip
    assert len({found, *(digest_function(f, *args) for f in others)}) == 6
    # The name of a function, and where it lies in memory, are of one process only.
    other = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True).stdout.strip()
    assert other == digest_function(lambda w, x: jax.nn.relu(x @ w), *args)


def test_a_configuration_cannot_be_changed():
    with pytest.raises(AttributeError):
        Mine().kind = "b"
    assert replace(Mine(), kind="b").kind == "b"
