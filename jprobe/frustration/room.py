"""Whether one device has room for a graph and a replica of its spins; if not, the graph is spread over all of them."""

from jax.sharding import Mesh

from jprobe import memory
from jprobe.errors import ArgumentError
from jprobe.frustration.passes import COPIES
from jprobe.graph import Graph

# A graph's weights, and their absolute values.
_WEIGHTS = 2


def has_room(graph: Graph, vectors: int = 1) -> bool:
    """Whether one device has room for a graph while it is minimised.

    Args:
        graph: the graph.
        vectors: numbers a node that are held at once.

    Example:
        >>> from jprobe.graph import bipartite
        >>> import jax.numpy as jnp
        >>> graph = bipartite(jnp.ones((100, 100)))
        >>> with memory.within(100_000):
        ...     has_room(graph), has_room(graph, vectors=32)
        (True, False)
    """
    return _WEIGHTS * graph.nbytes + COPIES * vectors * graph.num_nodes <= memory.limit()


def with_room(graph: Graph, mesh: Mesh | None, vectors: int = 1) -> tuple[Graph, Mesh | None]:
    """The graph, and the devices to spread its replicas over: all of them, or none where they have to share the graph.

    Args:
        graph: the graph.
        mesh: devices for replicas, which each need room for one; None: one device.
        vectors: numbers a node that each device holds at once.

    Raises:
        ArgumentError: the graph is spread already, and a mesh is given.
    """
    if graph.mesh is not None and mesh is not None:
        raise ArgumentError("The graph is spread over devices already, which then share each replica: leave mesh out.")
    if mesh is None or mesh.size == 1 or has_room(graph, vectors):
        return graph, mesh
    return graph.spread(mesh), None
