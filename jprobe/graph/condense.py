"""From a linear program to blocks of nodes: which of its values are nodes, and the links between those."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from jprobe.errors import WeightsError
from jprobe.graph.building import Builder
from jprobe.graph.operators import Broadcast, Carrier, Operator, Place, Reshape, Scale, Select
from jprobe.graph.operators.chain import Chain, origin, reversed_chain, reversible, then
from jprobe.graph.tape import Step
from jprobe.graph.views import Known, Piece, View

Factor = Any  # an array, a number, or None for 1


class Part(NamedTuple):
    """A block as it appears in a value.

    Attributes:
        block: its number.
        moves: how its elements get there.
        factor: what they are multiplied by there.
    """

    block: int
    moves: tuple[Carrier, ...] = ()
    factor: Factor = None


class Edge(NamedTuple):
    """The edges from one block to another: what its elements go through, and what they are multiplied by at the end."""

    source: int
    through: tuple[Operator, ...]
    factor: Factor


@dataclass
class Node:
    """A block while it is put together."""

    name: str
    kind: str
    shape: tuple[int, ...]
    edges: list[Edge]
    depth: int = 0


class Condenser:
    """Reads the steps in order and decides which are blocks.

    What reads many elements (a layer) makes a block. A sum is a block where a layer reads it, where it is the output, or
    where its readers go apart; it takes the place of its main branch's layer and of the products in it. A block that only
    one later elementwise step reads takes that step's numbers into its own edges.
    """

    def __init__(self, steps: list[Step], outputs: list[int], builder: Builder) -> None:
        self.steps, self.outputs, self.builder = steps, outputs, builder
        self.nodes: dict[int, Node] = {}
        self.parts: dict[int, list[Part]] = {}
        live = _live(steps, outputs)
        self.readers: dict[int, list[int]] = defaultdict(list)
        for n in live:
            for source in dict.fromkeys(steps[n].sources):
                self.readers[source].append(n)
        self.apart: set[int] = set()  # whose parts lie beside each other
        self.exits = self._exits(live)
        for n in live:
            self.parts[n] = self._read(n)

    def _read(self, n: int) -> list[Part]:
        step = self.steps[n]
        if step.kind == "beside" or (step.kind in ("move", "times") and step.sources[0] in self.apart):
            self.apart.add(n)
        if step.kind in ("input", "layer"):
            edges = [] if step.kind == "input" else [self._layered(part, step) for part in self.parts[step.sources[0]]]
            self._add(n, Node(step.name, step.block or "input", step.shape, edges))
            return [Part(n)]
        parts = _merged(self._made(step))
        if len(parts) == 1 and self._folds(n, parts[0]):
            block, moves, factor = parts[0]
            self._multiply(block, _moved_back(factor, moves))
            parts = [Part(block, moves)]
        if self._is_block(n, parts):
            self._sum(n, parts)
            return [Part(n)]
        return parts

    def _made(self, step: Step) -> Iterable[Part]:
        """What a step makes of the parts of what it reads."""
        parts = [part for source in step.sources for part in self.parts[source]]
        if step.kind == "times":
            return [part._replace(factor=_product(part.factor, step.factor, step.shape)) for part in parts]
        if step.kind == "move":
            assert isinstance(step.operator, Carrier)
            return [new for part in parts if (new := _moved(part, step.operator, self.nodes)) is not None]
        return parts

    def _layered(self, part: Part, step: Step) -> Edge:
        assert step.operator is not None
        return Edge(part.block, (*part.moves, *self._scale(part.factor, step.name), step.operator), None)

    def _scale(self, factor: Factor, name: str) -> tuple[Scale, ...]:
        if factor is None:
            return ()
        if not np.isfinite(factor).all():
            raise WeightsError(
                f"The derivative of {name} is NaN or infinite at this input, so there is no local graph."
            )
        return (Scale(self.builder.weight(Known(np.asarray(factor, np.float32)), False)),)

    def _folds(self, n: int, part: Part) -> bool:
        """Whether a block's edges may take a factor: it is a layer's, and all that reads it reads it through this step."""
        return (
            part.factor is not None
            and self.nodes[part.block].kind != "input"
            and reversible(part.moves)
            and self._passes(part.block, n)
        )

    def _passes(self, block: int, n: int) -> bool:
        """Whether every way from a block leads through step n."""
        pending, seen = [block], {block}
        while pending:
            at = pending.pop()
            if at in self.outputs:
                return False
            for reader in self.readers[at]:
                if reader > n or (reader != n and (reader in self.nodes or self.steps[reader].kind == "layer")):
                    return False
                if reader != n and reader not in seen:
                    seen.add(reader)
                    pending.append(reader)
        return True

    def _multiply(self, block: int, factor: Factor) -> None:
        node = self.nodes[block]
        node.edges = [e._replace(factor=_product(e.factor, factor, node.shape)) for e in node.edges]

    def _exits(self, live: list[int]) -> dict[int, set[int]]:
        """Of each step, the first steps after it that a layer reads; two of them are enough to know."""
        found: dict[int, set[int]] = {}
        for n in reversed(live):
            if self._hard(n):
                found[n] = {n}
            else:
                found[n] = set(sorted(set().union(*(found[r] for r in self.readers[n])))[:2])
        return found

    def _hard(self, n: int) -> bool:
        """Whether a value is read by what would read each of its parts in full."""
        return n in self.outputs or any(_whole(self.steps[r]) for r in self.readers[n])

    def _is_block(self, n: int, parts: list[Part]) -> bool:
        if n in self.outputs:
            return (
                len(parts) != 1
                or parts[0].factor is not None
                or not all(isinstance(m, Reshape) for m in parts[0].moves)
            )
        if any(isinstance(self.steps[r].operator, Place) for r in self.readers[n]) and len(parts) == 1:
            return parts[0].factor is not None
        if len(parts) < 2 or n in self.apart:
            return False
        return self._hard(n) or (len(self.readers[n]) > 1 and len(self.exits[n]) > 1)

    def _sum(self, n: int, parts: list[Part]) -> None:
        """A block for a value, in the place of the layers that end in it."""
        step = self.steps[n]
        ends = [p for p in parts if reversible(p.moves) and sum(q.block == p.block for q in parts) == 1]
        ends = [p for p in ends if self.nodes[p.block].kind in ("conv", "dense", "add", "product")]
        ends = [p for p in ends if self._passes(p.block, n)]
        taken = [p for p in ends if self.nodes[p.block].kind == "product"]
        if not taken and ends:
            taken = [max(ends, key=lambda p: self.nodes[p.block].depth)]
        node = Node(step.name or "add", "add", step.shape, [])
        if taken:
            node = replace(self.nodes[taken[0].block], shape=step.shape, edges=[])
        for part in parts:
            if part in taken:
                for edge in self.nodes.pop(part.block).edges:
                    before = edge.factor
                    for move in part.moves:
                        before = _carried(before, move)
                    through = (*edge.through, *part.moves)
                    node.edges.append(Edge(edge.source, through, _product(before, part.factor, step.shape)))
            else:
                node.edges.append(Edge(*part))
        self._add(n, node)

    def _add(self, n: int, node: Node) -> None:
        node.depth = 1 + max((self.nodes[edge.source].depth for edge in node.edges), default=-1)
        self.nodes[n] = node

    def _chain(self, edge: Edge, name: str) -> Chain:
        chain: Chain = ()
        for operator in (*edge.through, *self._scale(edge.factor, name)):
            chain = then(chain, operator)
        return chain

    def build(self) -> list[View]:
        """Give the builder its blocks and links, and say where the outputs are."""
        number: dict[int, int] = {}
        for n in sorted(self.nodes):
            node = self.nodes[n]
            links = [(number[e.source], self._chain(e, node.name)) for e in node.edges]
            number[n] = self.builder.block(node.name, node.kind, node.shape, links)
        return [
            View(self.steps[n].shape, tuple(Piece(number[p.block], p.moves) for p in self.parts[n]))
            for n in self.outputs
        ]


def _live(steps: list[Step], outputs: list[int]) -> list[int]:
    wanted = set(outputs)
    for n in reversed(range(len(steps))):
        if n in wanted:
            wanted.update(steps[n].sources)
    return sorted(wanted)


def _whole(step: Step) -> bool:
    if step.kind == "layer":
        return True
    moved = step.operator
    return isinstance(moved, Carrier) and not isinstance(moved, Broadcast) and not reversible((moved,))


def _merged(parts: Iterable[Part]) -> list[Part]:
    """Parts that lie in the same places of the same block are one."""
    found: dict[tuple[int, tuple[Carrier, ...]], Factor] = {}
    for block, moves, factor in parts:
        if (block, moves) in found:
            before = found[block, moves]
            factor = (1.0 if before is None else before) + (1.0 if factor is None else factor)
        found[block, moves] = factor
    return [Part(block, moves, factor) for (block, moves), factor in found.items()]


def _product(a: Factor, b: Factor, shape: tuple[int, ...]) -> Factor:
    if a is None or b is None:
        return _as_float(b if a is None else a)
    for mask, other in ((a, b), (b, a)):
        if np.asarray(mask).dtype == bool:
            return np.where(mask, np.float32(other), np.float32(0))
    return np.float32(a) * np.float32(b)


def _as_float(factor: Factor) -> Factor:
    return factor if factor is None else np.asarray(factor, np.float32)


def _carried(factor: Factor, move: Carrier) -> Factor:
    """A factor in its elements' new places."""
    return factor if factor is None or np.ndim(factor) == 0 else np.asarray(move.move(np.asarray(factor)))


def _moved_back(factor: Factor, moves: tuple[Carrier, ...]) -> Factor:
    for move in reversed_chain(moves):
        assert isinstance(move, Carrier)
        factor = _carried(factor, move)
    return factor


def _moved(part: Part, move: Carrier, nodes: dict[int, Node]) -> Part | None:
    """A part after one more move; None where nothing of it is left."""
    block, moves, factor = part
    last = moves[-1] if moves else None
    if isinstance(move, Reshape) and isinstance(last, Reshape):
        joined = () if last.before == move.after else (Reshape(last.before, move.after),)
        return Part(block, (*moves[:-1], *joined), _carried(factor, move))
    if isinstance(move, Select) and isinstance(last, Place):
        before, after = (origin(nodes[block].shape, chain) for chain in (moves[:-1], (*moves, move)))
        if not after.any():
            return None
        if np.array_equal(before, after):
            return Part(block, moves[:-1], _carried(factor, move))
    return Part(block, (*moves, move), _carried(factor, move))
