"""A graph while it is put together: blocks and links by number, and what a sum makes of them."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

from jprobe.graph.graph import Block, Graph, Layout, Link
from jprobe.graph.steps import Move, Place, Pool, Scale, Step, reversed_steps, reversible, then
from jprobe.graph.views import Known, Piece, Value, View

Residual = Literal["identity", "paper"]


class Builder:
    """Blocks and links, and the arrays they read.

    Args:
        residual: what a sum of two values is: "identity", the main branch's block with edges of weight
            1 from the others; or "paper", see :func:`jprobe.graph.trace`.
    """

    def __init__(self, residual: Residual) -> None:
        self.residual = residual
        self.blocks: dict[int, Block] = {}
        self.links: list[Link] = []
        self.depth: dict[int, int] = {}
        self.weights: list[Any] = []
        self.names: list[str] = []
        self.trained: list[bool] = []
        self._known: dict[Any, int] = {}
        self._used: dict[str, int] = {}
        self.states: dict[int, Any] = {}
        self.windows: dict[int, tuple[Any, Any]] = {}
        self._readers: dict[int, set[int]] = defaultdict(set)  # the layers that read a block, rows taken over apart
        self._count = 0

    def weight(self, known: Known, trained: bool) -> int:
        """Number of an array that links read; the same parameter has one number."""
        if known.key is not None and (known.key, trained) in self._known:
            return self._known[known.key, trained]
        number = len(self.weights)
        if known.key is not None:
            self._known[known.key, trained] = number
        self.weights.append(known.value)
        self.names.append(known.name)
        self.trained.append(trained)
        return number

    def block(self, name: str, kind: str, shape: tuple[int, ...], links: Sequence[tuple[int, tuple[Step, ...]]]) -> int:
        """A new block, and the links (source, steps) that enter it."""
        number, self._count = self._count, self._count + 1
        seen = self._used.get(name, 0)
        self._used[name] = seen + 1
        self.blocks[number] = Block(f"{name}.{seen}" if seen else name, kind, shape)
        self.depth[number] = 1 + max((self.depth[source] for source, _ in links), default=-1)
        self.links += [Link(source, number, steps) for source, steps in links]
        return number

    def read(self, view: View, step: Step, name: str, kind: str, shape: tuple[int, ...]) -> View:
        """A new block that reads a value through a step with weights."""
        number = self.block(name, kind, shape, [(p.block, then(p.steps, step)) for p in view.pieces])
        for piece in view.pieces:
            self._readers[piece.block].add(number)
        return View(shape, (Piece(number, ()),), frozenset({number}))

    def scale(self, view: View, factors: Known, axes: frozenset[int]) -> View:
        """A value times constants: folded into the edges of its block, if this is all that reads it."""
        step = Scale(self.weight(factors, trained=False))
        if view.fresh is None or self.blocks[view.fresh].kind == "input":
            return view.step(step, view.shape, view.scaled | axes)
        around = view.pieces[0].steps if axes else ()
        folded = (*around, step, *reversed_steps(around))
        self.links = [k._replace(steps=k.steps + folded) if k.target == view.fresh else k for k in self.links]
        return view

    def add(self, views: list[View], name: str, shape: tuple[int, ...]) -> View:
        """The sum of two values: the block of the main branch's layer, or a new one where no branch ends in a layer."""
        ends = {v.fresh: v.pieces[0].steps for v in views if v.fresh is not None}
        ends = {n: steps for n, steps in ends.items() if self.blocks[n].kind in ("conv", "dense", "add")}
        # The main branch is the longest; a shortcut's own layer is no deeper.
        main = max(ends, key=lambda number: self.depth[number]) if ends else self.block(name, "add", shape, [])
        shaped = ends.get(main, ())
        for view in views:
            for piece in view.pieces if view.fresh != main else ():
                moved = Piece(piece.block, piece.steps + reversed_steps(shaped))
                if self.residual == "paper" and self.blocks[piece.block].kind != "input":
                    self._take_rows(main, moved, alone=view.fresh is not None)
                else:
                    self.links.append(Link(piece.block, main, moved.steps))
                self.depth[main] = max(self.depth[main], self.depth[piece.block] + 1)
        return View(shape, (Piece(main, shaped),), frozenset({main}))

    def saw(self, view: View) -> None:
        """Remember the numbers of blocks that nothing else has read: the last ones seen are what the nodes hold."""
        for piece in view.pieces:
            if piece.block in view.sole:
                self.states[piece.block] = self._undone(piece, view.value)

    def saw_window(self, source: Value, result: Value) -> None:
        """Remember what a block of maxima was taken of."""
        if isinstance(source, View) and isinstance(result, View):
            block = result.pieces[0].block
            if block not in {piece.block for piece in source.pieces}:
                self.windows[block] = (source.value, result.value.reshape(self.blocks[block].shape))

    def _undone(self, piece: Piece, value: Any) -> Any:
        if not piece.steps:
            return value
        shape = jax.ShapeDtypeStruct(self.blocks[piece.block].shape, value.dtype)
        # Moves put every element in one place at most, so their transpose brings it back; factors are left out.
        moves = [step for step in piece.steps if isinstance(step, Move | Place)]

        def moved(x: jax.Array) -> jax.Array:
            for step in moves:
                x = step(x, ())
            return x

        back = jax.linear_transpose(moved, shape)
        if reversible([step for step in moves if not isinstance(step, Place)]):
            return back(value)[0]
        return jnp.where(back(jnp.ones_like(value))[0] > 0, back(value)[0], self.states[piece.block])

    def _take_rows(self, main: int, piece: Piece, alone: bool) -> None:
        for row in [k for k in self.links if k.target == piece.block]:
            # A shortcut's own layer has no nodes; the tensor it reads stands a second time, read by nothing else.
            source = self._again(row.source) if alone else row.source
            self.links.append(Link(source, main, row.steps + piece.steps))
        if alone:
            self._remove(piece.block)

    def _again(self, number: int) -> int:
        rows = [(k.source, k.steps) for k in self.links if k.target == number]
        again = self.block(self.blocks[number].name, self.blocks[number].kind, self.blocks[number].shape, rows)
        for seen in (self.states, self.windows):
            if number in seen:
                seen[again] = seen[number]
        return again

    def _double_pooled_shortcuts(self) -> None:
        """A tensor that feeds a strided pool beside a layer (ShuffleNet's shortcut) stands a second time for the pool."""
        for n, link in enumerate(list(self.links)):
            shared = len(self._readers[link.source]) > 1 and link.target in self._readers[link.source]
            if shared and isinstance(link.op, Pool) and max(link.op.strides) > 1:
                self.links[n] = link._replace(source=self._again(link.source))

    def _remove(self, number: int) -> None:
        del self.blocks[number]
        self.links = [k for k in self.links if k.target != number]

    def order(self, output: Sequence[View]) -> list[int]:
        """Numbers of the blocks in topological order, without those that lead nowhere; ends the building."""
        if self.residual == "paper":
            self._double_pooled_shortcuts()
        wanted = {piece.block for view in output for piece in view.pieces}
        pending = list(wanted)
        while pending:
            number = pending.pop()
            new = {k.source for k in self.links if k.target == number} - wanted
            wanted |= new
            pending += new
        return _topological([n for n in self.blocks if n in wanted], self.links)

    def graph(self, output: Sequence[View], params: int) -> Graph:
        """The finished graph."""
        order = self.order(output)
        place = {number: n for n, number in enumerate(order)}
        layout = Layout(
            blocks=tuple(self.blocks[n] for n in order),
            links=tuple(
                Link(place[k.source], place[k.target], k.steps)
                for k in sorted(self.links, key=lambda k: (place.get(k.target, -1), place.get(k.source, -1)))
                if k.target in place
            ),
            outputs=tuple(sorted({place[piece.block] for view in output for piece in view.pieces})),
            names=tuple(self.names),
            trained=tuple(self.trained),
            params=params,
        )
        return Graph(tuple(map(_array, self.weights)), layout)


def _topological(numbers: list[int], links: Sequence[Link]) -> list[int]:
    """Blocks after all those they read; in the order they were made where that leaves a choice."""
    sources = {n: {k.source for k in links if k.target == n} for n in numbers}
    out: list[int] = []
    waiting = sorted(numbers)
    while waiting:
        ready = next(n for n in waiting if sources[n] <= set(out))
        waiting.remove(ready)
        out.append(ready)
    return out


def _array(value: Any) -> Any:
    """Weights as float32: half precision holds them exactly, but sums of them do not fit it."""
    if isinstance(value, jax.ShapeDtypeStruct):
        return jax.ShapeDtypeStruct(value.shape, np.float32)
    return jnp.asarray(value, jnp.float32)
