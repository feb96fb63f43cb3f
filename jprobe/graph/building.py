"""A graph while it is put together: blocks and links by number, and what a sum makes of them."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jprobe.choices import Residual
from jprobe.graph.block import Block
from jprobe.graph.checks import check_finite
from jprobe.graph.graph import Graph
from jprobe.graph.layout import Layout
from jprobe.graph.link import Link
from jprobe.graph.operators import Chain, Layer, Pool, Scale
from jprobe.graph.operators.chain import reversed_chain, then
from jprobe.graph.views import Known, Piece, View


class Builder:
    """Blocks and links, and the arrays they read.

    Args:
        residual: what a sum of two values is: "identity", the main branch's block with edges of weight
            1 from the others; "paper" or "merged", see :func:`jprobe.graph.trace`.
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
        self.copies: dict[int, int] = {}  # blocks that stand a second time, and which they are
        self._readers: dict[int, set[int]] = defaultdict(set)  # the layers that read a block, rows taken over apart
        self._settled: dict[tuple[Piece, ...], int] = {}  # parts of layers that have nodes of their own
        self._count = 0
        self._maxima = 0

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

    def block(self, name: str, kind: str, shape: tuple[int, ...], links: Sequence[tuple[int, Chain]]) -> int:
        """A new block, and the links (source, operators) that enter it."""
        number, self._count = self._count, self._count + 1
        seen = self._used.get(name, 0)
        self._used[name] = seen + 1
        self.blocks[number] = Block(f"{name}.{seen}" if seen else name, kind, shape)
        self.depth[number] = 1 + max((self.depth[source] for source, _ in links), default=-1)
        self.links += [Link(source, number, operators) for source, operators in links]
        return number

    def maximum(self) -> int:
        """Number of a new maximum."""
        self._maxima += 1
        return self._maxima - 1

    def read(self, view: View, layer: Layer, name: str, kind: str, shape: tuple[int, ...]) -> View:
        """A new block that reads a value through a layer."""
        number = self.block(name, kind, shape, [(p.block, then(p.operators, layer)) for p in view.pieces])
        for piece in view.pieces:
            self._readers[piece.block].add(number)
        return View(shape, (Piece(number, ()),), frozenset({number}))

    def scale(self, view: View, factors: Known, axes: frozenset[int]) -> View:
        """A value times constants: folded into the edges of its block, if this is all that reads it."""
        scale = Scale(self.weight(factors, trained=False))
        if view.fresh is None or self.blocks[view.fresh].kind == "input":
            return view.then(scale, view.shape, view.scaled | axes)
        around = view.pieces[0].operators if axes else ()
        folded = (*around, scale, *reversed_chain(around))
        self.links = [k._replace(operators=k.operators + folded) if k.target == view.fresh else k for k in self.links]
        return view

    def is_increasing(self, scale: Scale) -> bool:
        """Whether factors are known not to be negative; of shapes alone no sign is asked."""
        factors = self.weights[scale.weight]
        if isinstance(factors, jax.core.Tracer):
            return False
        return isinstance(factors, jax.ShapeDtypeStruct) or bool((np.asarray(factors) >= 0).all())

    def average(self, view: View) -> View:
        """A sum over windows that is a mean, as what divides it shows."""

        def averaged(chain: Chain) -> Chain:
            return tuple(replace(o, plain=False) if isinstance(o, Pool) else o for o in chain)

        self.links = [k._replace(operators=averaged(k.operators)) if k.target == view.fresh else k for k in self.links]
        return view.changed()

    def add(self, views: list[View], name: str, shape: tuple[int, ...]) -> View:
        """The sum of two values: the block of the main branch's layer, or a new one where no branch ends in a layer."""
        ends = {v.fresh: v.pieces[0].operators for v in views if v.fresh is not None}
        ends = {n: chain for n, chain in ends.items() if self.blocks[n].kind in ("conv", "dense", "add")}
        if self.residual == "merged":
            bent = {view.fresh for view in views if not view.affine}
            ends = {n: chain for n, chain in ends.items() if n not in bent}
        # The main branch is the longest; a shortcut's own layer is no deeper.
        main = max(ends, key=lambda number: self.depth[number]) if ends else self.block(name, "add", shape, [])
        shaped = ends.get(main, ())
        for view in views:
            for piece in view.pieces if view.fresh != main else ():
                moved = Piece(piece.block, piece.operators + reversed_chain(shaped))
                kind = self.blocks[piece.block].kind
                if self.residual == "paper" and kind != "input":
                    self._take_rows(main, moved, alone=view.fresh is not None)
                elif self.residual == "merged" and view.affine and kind in ("conv", "dense", "add"):
                    self._merge_rows(main, moved)
                else:
                    self.links.append(Link(piece.block, main, moved.operators))
                self.depth[main] = max(self.depth[main], self.depth[piece.block] + 1)
        return View(shape, (Piece(main, shaped),), frozenset({main}))

    def _take_rows(self, main: int, piece: Piece, alone: bool) -> None:
        for row in [k for k in self.links if k.target == piece.block]:
            # A shortcut's own layer has no nodes; the tensor it reads stands a second time, read by nothing else.
            source = self._again(row.source) if alone else row.source
            self.links.append(Link(source, main, row.operators + piece.operators))
        if alone:
            self._remove(piece.block)

    def settled(self, view: View) -> View:
        """Part of a layer, or a layer that others read too, as nodes of its own: it is about to be bent, or read."""
        kinds = {self.blocks[piece.block].kind for piece in view.pieces}
        if not view.affine or view.fresh is not None or not kinds <= {"conv", "dense", "add"}:
            return view
        if view.pieces not in self._settled:
            first = self.blocks[view.pieces[0].block]
            number = self.block(first.name, first.kind, view.shape, [])
            for piece in view.pieces:
                self._merge_rows(number, piece)
                self.depth[number] = max(self.depth[number], self.depth[piece.block])
            self._settled[view.pieces] = number
        number = self._settled[view.pieces]
        return View(view.shape, (Piece(number, ()),), frozenset({number}), value=view.value)

    def _merge_rows(self, main: int, piece: Piece) -> None:
        """The edges into a layer that is a summand are edges into the sum; what nothing else reads has no nodes."""
        rows = [k for k in self.links if k.target == piece.block]
        self.links += [Link(row.source, main, row.operators + piece.operators) for row in rows]

    def _again(self, number: int) -> int:
        rows = [(k.source, k.operators) for k in self.links if k.target == number]
        again = self.block(self.blocks[number].name, self.blocks[number].kind, self.blocks[number].shape, rows)
        self.copies[again] = self.copies.get(number, number)
        return again

    def _double_pooled_shortcuts(self) -> None:
        """A tensor that feeds a strided pool beside a layer (ShuffleNet's shortcut) stands a second time for the pool."""
        for n, link in enumerate(list(self.links)):
            shared = len(self._readers[link.source]) > 1 and link.target in self._readers[link.source]
            if shared and isinstance(link.layer, Pool) and max(link.layer.strides) > 1:
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

    def graph(self, output: Sequence[View], params: int, *, local: bool = False) -> Graph:
        """The finished graph."""
        order = self.order(output)
        place = {number: n for n, number in enumerate(order)}
        layout = Layout(
            blocks=tuple(self.blocks[n] for n in order),
            links=tuple(
                Link(place[k.source], place[k.target], k.operators)
                for k in sorted(self.links, key=lambda k: (place.get(k.target, -1), place.get(k.source, -1)))
                if k.target in place
            ),
            outputs=tuple(sorted({place[piece.block] for view in output for piece in view.pieces})),
            names=tuple(self.names),
            trained=tuple(self.trained),
            params=params,
            local=local,
        )
        return Graph(tuple(map(_array, self.weights, self.names)), layout)


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


def _array(value: Any, name: str) -> Any:
    """Weights as float32: half precision holds them exactly, but sums of them do not fit it."""
    if isinstance(value, jax.ShapeDtypeStruct):
        return jax.ShapeDtypeStruct(value.shape, np.float32)
    if not isinstance(value, jax.core.Tracer):
        check_finite(value, name or "a constant")
    return jnp.asarray(value, jnp.float32)
