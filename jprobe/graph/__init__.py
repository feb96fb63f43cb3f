"""Any network as a signed DAG: blocks of nodes and linear maps between them, without a matrix."""

from jprobe.graph.bipartite import as_graph, bipartite, from_edges
from jprobe.graph.explicit import edge_list, to_bcoo, to_networkx, to_scipy
from jprobe.graph.graph import Block, Graph, Layout, Link
from jprobe.graph.networks import Size, network, published_sizes, size
from jprobe.graph.rules import elementwise
from jprobe.graph.trace import States, states, trace

__all__ = [
    "Block",
    "Graph",
    "Layout",
    "Link",
    "Size",
    "States",
    "as_graph",
    "bipartite",
    "edge_list",
    "elementwise",
    "from_edges",
    "network",
    "published_sizes",
    "size",
    "states",
    "to_bcoo",
    "to_networkx",
    "to_scipy",
    "trace",
]
