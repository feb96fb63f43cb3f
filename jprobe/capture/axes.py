"""Which axes of a rearranged array count a layer's neurons, and which its samples."""

from typing import NamedTuple


class Piece(NamedTuple):
    """A factor of an axis: so many ``size`` neurons, or samples."""

    size: int
    neuron: bool


# Of each axis of an array, the factors that it consists of, the slowest first.
Axes = tuple[tuple[Piece, ...], ...]


def reshaped(axes: Axes, shape: tuple[int, ...]) -> Axes | None:
    """The axes of the array in another shape; None where a new axis takes part of an old one that does not divide.

    Example:
        >>> tokens, heads = Piece(6, False), Piece(8, True)
        >>> reshaped(((tokens,), (heads,)), (2, 3, 8)) == (((2, False),), ((3, False),), ((8, True),))
        True
        >>> [sum(piece.neuron for piece in axis) for axis in reshaped(((tokens,), (heads,)), (48,))]
        [1]
    """
    left = [piece for axis in axes for piece in axis if piece.size > 1]
    made = []
    for size in shape:
        axis: list[Piece] = []
        while size > 1:
            piece = left.pop(0)
            if size % piece.size == 0:
                axis.append(piece)
                size //= piece.size
            elif piece.size % size == 0:
                axis.append(Piece(size, piece.neuron))
                left.insert(0, Piece(piece.size // size, piece.neuron))
                size = 1
            else:
                return None
        made.append(tuple(axis))
    return tuple(made)


def sampled(axes: Axes) -> frozenset[int]:
    """The axes that count samples, alone or with neurons.

    Example:
        >>> sorted(sampled(((Piece(5, False),), (), (Piece(3, False), Piece(8, True)), (Piece(8, True),))))
        [0, 2]
    """
    return frozenset(n for n, axis in enumerate(axes) if any(not piece.neuron for piece in axis))
