"""What a value inside a network is while its graph is traced: pieces of blocks, moved about."""

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from jprobe.graph.operators import Carrier, Chain, Place, Pool
from jprobe.graph.operators.chain import reversible, then


class Piece(NamedTuple):
    """A block as it appears in a value.

    Attributes:
        block: its number.
        operators: how it gets there; carriers alone.
    """

    block: int
    operators: Chain


@dataclass(frozen=True, eq=False)
class View:
    """A value that depends on the input: a sum of pieces that lie in different places.

    Attributes:
        shape: of the value.
        pieces: the blocks it consists of.
        sole: those of its blocks that nothing but this value has read.
        scaled: axes along which factors were applied since the blocks were made.
        summed: the sum over windows that made it, and the shape it was taken of, while it has only been moved since: the
            next number may make it a mean.
        normalised: the parameters whose root it was divided by, while it has only been moved since: gamma may be next.
        affine: whether nothing has bent it since its blocks were made: what was done to them since is affine.
        value: its numbers, where a network is run while it is traced.
    """

    shape: tuple[int, ...]
    pieces: tuple[Piece, ...]
    sole: frozenset[int] = frozenset()
    scaled: frozenset[int] = frozenset()
    summed: tuple[Pool, tuple[int, ...]] | None = None
    normalised: frozenset[int] = frozenset()
    affine: bool = True
    value: Any = None

    @property
    def fresh(self) -> int | None:
        """The block that this value is all of, at most rearranged, if nothing else has read it."""
        return self.pieces[0].block if self.whole and self.pieces[0].block in self.sole else None

    @property
    def whole(self) -> bool:
        """Whether this value is all of one block, at most rearranged."""
        return len(self.pieces) == 1 and reversible(self.pieces[0].operators)

    def then(self, carrier: Carrier, shape: tuple[int, ...], scaled: frozenset[int] = frozenset()) -> "View":
        """The value after one more carrier on each of its pieces."""
        pieces = tuple(Piece(p.block, then(p.operators, carrier)) for p in self.pieces)
        return replace(self, shape=shape, pieces=pieces, scaled=scaled, value=None)

    def changed(self) -> "View":
        """The same value after something else than a move: what was summed or normalised is a value like any other."""
        return replace(self, summed=None, normalised=frozenset())

    def read_again(self) -> "View":
        """The same value, of which others have read."""
        return replace(self, sole=frozenset())


class Known(NamedTuple):
    """A value that does not depend on the input.

    Attributes:
        value: an array, or a ``jax.ShapeDtypeStruct`` where only shapes were given.
        name: path of the parameter it was made from, or "".
        key: the same for the same parameter, so that shared weights are one array of the graph.
        trained: whether it was made from a trained parameter; constants of the network's code are not.
        made: numbers of the parameters that it was made from, those under a root apart.
        roots: numbers of the parameters whose roots it is a product or quotient of.
    """

    value: Any
    name: str = ""
    key: Any = None
    trained: bool = False
    made: frozenset[int] = frozenset()
    roots: frozenset[int] = frozenset()


class Compared(NamedTuple):
    """Which side of a bound a value lies on: it decides between elementwise branches of that value.

    Attributes:
        pieces: of the value.
        value: its numbers, where a network is run while it is traced.
    """

    pieces: tuple[Piece, ...]
    value: Any = None


Value = View | Known | Compared


def concatenated(views: list[View], axis: int, shape: tuple[int, ...]) -> View:
    """Views side by side along an axis."""
    pieces, start = [], 0
    for view in views:
        place = Place(axis, start, view.shape[axis], shape[axis])
        pieces += [Piece(p.block, then(p.operators, place)) for p in view.pieces]
        start += view.shape[axis]
    sole, scaled = (frozenset[int]().union(*sets) for sets in zip(*((v.sole, v.scaled) for v in views), strict=True))
    return View(shape, tuple(pieces), sole, scaled, affine=all(view.affine for view in views))
