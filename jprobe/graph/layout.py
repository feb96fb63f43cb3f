"""The structure of a graph: all of it but its weights."""

import functools
from dataclasses import dataclass, replace

import numpy as np

from jprobe.graph.block import Block
from jprobe.graph.constant import Constant
from jprobe.graph.link import Bundle
from jprobe.graph.tail import Tail


@dataclass(frozen=True, eq=False)
class Layout:
    """All of a graph but its weights; compiled code belongs to a layout, and weights pass through it.

    Layouts of one structure are equal, so a second checkpoint of a network compiles nothing again.

    Attributes:
        blocks: in topological order: links go from earlier to later blocks, and no edge runs within a block.
        links: the edges: links from block to block, or one list of edges between any blocks, or an operator that only
            multiplies.
        outputs: indices of the blocks that hold the network's output.
        names: of each weight, its path in the parameters.
        trained: of each weight, whether it is a layer's weights (null models shuffle these alone).
        params: number of parameters of the network.
        order: node number, in the caller's numbering, of each node in the order of blocks; None: the same.
        local: whether this is the graph of a derivative at one input.

    Example:
        >>> import jax.numpy as jnp
        >>> from jprobe.graph import bipartite
        >>> layout = bipartite(jnp.ones((3, 2))).layout
        >>> layout.offsets, layout.names, [len(links) for links in layout.into]
        ((0, 3, 5), ('kernel',), [0, 1])
        >>> layout == bipartite(jnp.zeros((3, 2))).layout
        True
    """

    blocks: tuple[Block, ...]
    links: tuple[Bundle, ...]
    outputs: tuple[int, ...]
    names: tuple[str, ...]
    trained: tuple[bool, ...]
    params: int
    order: Constant | None = None
    local: bool = False

    @functools.cached_property
    def _structure(self) -> tuple[object, ...]:
        return self.blocks, self.links, self.outputs, self.names, self.trained, self.params, self.order, self.local

    @functools.cached_property
    def _hash(self) -> int:
        return hash(self._structure)  # once: compiled code is looked up by it at every call

    def __eq__(self, other: object) -> bool:
        """Whether both are the same structure."""
        return self is other or (
            isinstance(other, Layout) and self._hash == other._hash and self._structure == other._structure
        )

    def __hash__(self) -> int:
        """The same for the same structure."""
        return self._hash

    def __repr__(self) -> str:
        """How large it is."""
        return f"Layout({len(self.blocks):,} blocks, {len(self.links):,} links)"

    @functools.cached_property
    def offsets(self) -> tuple[int, ...]:
        """Where each block begins among all nodes."""
        return tuple(np.cumsum([0, *(block.size for block in self.blocks)]).tolist())

    @functools.cached_property
    def into(self) -> tuple[tuple[Bundle, ...], ...]:
        """Of each block, the links that enter it."""
        return tuple(tuple(k for k in self.links if b in k.targets) for b in range(len(self.blocks)))

    @functools.cached_property
    def out_of(self) -> tuple[tuple[Bundle, ...], ...]:
        """Of each block, the links that leave it."""
        return tuple(tuple(k for k in self.links if b in k.sources) for b in range(len(self.blocks)))

    @functools.cached_property
    def around(self) -> tuple[tuple[Bundle, ...], ...]:
        """Of each block, the links that enter or leave it, once each."""
        return tuple(
            (*into, *(k for k in out_of if b not in k.targets))
            for b, (into, out_of) in enumerate(zip(self.into, self.out_of, strict=True))
        )

    @property
    def tail(self) -> Tail | None:
        """The last blocks as one table, where one bundle has all edges and they are many and of few nodes."""
        return self.links[0].tail if len(self.links) == 1 else None

    @functools.cached_property
    def merged(self) -> "Layout":
        """The same edges over one block of all nodes, if one bundle has them all; see :meth:`Graph.merged`."""
        whole = self.links[0].merged if len(self.links) == 1 else None
        if whole is None:
            return self
        return replace(self, blocks=(Block("nodes", "nodes", self.offsets[-1:]),), links=(whole,), outputs=())

    @functools.cached_property
    def absolute(self) -> "Layout":
        """The layout that reads the same weights without their signs."""
        links = tuple(link.absolute() for link in self.links)
        return replace(self, links=links)
