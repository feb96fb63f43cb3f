"""What the nodes of a network hold for one input, written down while its graph is read."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from jprobe.graph.block import Block
from jprobe.graph.operators.chain import carriers
from jprobe.graph.views import Piece, Value, View


class Activations:
    """The values of blocks, as far as the network has been read.

    Args:
        first: number of the input's block.
        value: the input.
    """

    def __init__(self, first: int, value: Any) -> None:
        self._values: dict[int, Any] = {first: value}
        self._windows: dict[int, tuple[Any, Any]] = {}
        self._sums: dict[int, Any] = {first: value}

    def saw(self, view: View, blocks: dict[int, Block]) -> None:
        """Remember the numbers of blocks that nothing else has read: the last ones seen are what the nodes hold."""
        for piece in view.pieces:
            if piece.block in view.sole:
                held = self._in_block(piece, view.value, blocks[piece.block].shape)
                self._values[piece.block] = held
                if view.affine:
                    self._sums[piece.block] = held

    def saw_window(self, source: Value, result: Value, blocks: dict[int, Block]) -> None:
        """Remember what a block of maxima was taken of."""
        if isinstance(source, View) and isinstance(result, View):
            block = result.pieces[0].block
            if block not in {piece.block for piece in source.pieces}:
                self._windows[block] = (source.value, result.value.reshape(blocks[block].shape))

    def values(self, numbers: Sequence[int]) -> tuple[Any, ...]:
        """Of each block, what its nodes hold."""
        return tuple(self._values[n] for n in numbers)

    def sums(self, numbers: Sequence[int]) -> tuple[Any, ...]:
        """Of each block, what its nodes held before anything bent it: weighted sums and biases."""
        return tuple(self._sums[n] for n in numbers)

    def windows(self, numbers: Sequence[int]) -> tuple[tuple[Any, Any] | None, ...]:
        """Of each block that is a maximum over windows, what it was taken of and its result."""
        return tuple(self._windows.get(n) for n in numbers)

    def _in_block(self, piece: Piece, value: Any, shape: tuple[int, ...]) -> Any:
        """The elements of a value that are a block's, in the block's shape."""
        chain = carriers(piece.operators)
        if not chain:
            return value

        # Carriers put every element in one place at most, so their transpose brings it back; factors are left out.
        def moved(x: jax.Array) -> jax.Array:
            for carrier in chain:
                x = carrier.move(x)
            return x

        back = jax.linear_transpose(moved, jax.ShapeDtypeStruct(shape, value.dtype))
        if all(carrier.keeps for carrier in chain):
            return back(value)[0]
        return jnp.where(back(jnp.ones_like(value))[0] > 0, back(value)[0], self._values[piece.block])
