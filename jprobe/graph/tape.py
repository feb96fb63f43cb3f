"""A linear program written down step by step: what each step makes of those before it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from jprobe.graph.operators import Carrier, Layer

Kind = Literal["input", "layer", "sum", "beside", "move", "times"]


class Tangent(NamedTuple):
    """A value that is linear in the change of the input.

    Attributes:
        step: number of the step that makes it.
        shape: of the value.
    """

    step: int
    shape: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Step:
    """One step of a linear program.

    Attributes:
        kind: "input"; "layer", of many elements that meet in one; "sum"; "beside", a sum of values that lie beside each
            other; "move", by a carrier; "times", a number for each element.
        shape: of the result.
        sources: numbers of the steps that it reads.
        name: of the layer that it belongs to.
        block: kind of the block that a layer makes, see :class:`jprobe.graph.Block`.
        operator: of a layer or move.
        factor: of "times": an array of the result's shape, or a number; where it is bool, False means 0 whatever
            stands there.
    """

    kind: Kind
    shape: tuple[int, ...]
    sources: tuple[int, ...] = ()
    name: str = ""
    block: str = ""
    operator: Carrier | Layer | None = None
    factor: Any = None


@dataclass
class Tape:
    """The steps so far, and what the rules that write them share.

    Attributes:
        weight: Known -> its number among the graph's weights.
        steps: in order; each reads earlier ones.
    """

    weight: Callable[[Any], int]
    steps: list[Step] = field(default_factory=list)

    def write(self, step: Step) -> Tangent:
        """One more step.

        Example:
            >>> tape = Tape(weight=lambda known: 0)
            >>> x = tape.write(Step("input", (3,)))
            >>> tape.write(Step("sum", (3,), (x.step, x.step)))
            Tangent(step=1, shape=(3,))
        """
        self.steps.append(step)
        return Tangent(len(self.steps) - 1, step.shape)

    def layer(self, x: Tangent, operator: Carrier | Layer, shape: tuple[int, ...], name: str, block: str) -> Tangent:
        """A new block: what a layer, or a choice that makes nodes of its own, makes of a value."""
        return self.write(Step("layer", shape, (x.step,), name, block, operator))

    def move(self, x: Tangent, carrier: Carrier, shape: tuple[int, ...], name: str = "") -> Tangent:
        """A value's elements in other places."""
        return self.write(Step("move", shape, (x.step,), name, operator=carrier))

    def times(self, x: Tangent, factor: Any, name: str = "") -> Tangent:
        """A value times a number for each element, or one for all."""
        return self.write(Step("times", x.shape, (x.step,), name, factor=factor))

    def sum(self, xs: list[Tangent], name: str, *, beside: bool = False) -> Tangent:
        """The sum of values of one shape."""
        if len(xs) == 1:
            return xs[0]
        return self.write(Step("beside" if beside else "sum", xs[0].shape, tuple(x.step for x in xs), name))
