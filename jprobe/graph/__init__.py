"""Any network as a signed DAG: blocks of nodes and linear maps between them, without a matrix."""

from jprobe.graph.as_graph import as_graph
from jprobe.graph.bipartite import bipartite
from jprobe.graph.block import Block
from jprobe.graph.edges import Edges
from jprobe.graph.explicit import edge_list, to_bcoo, to_networkx, to_scipy
from jprobe.graph.from_edges import from_edges
from jprobe.graph.from_matvec import from_matvec
from jprobe.graph.graph import Graph
from jprobe.graph.layout import Layout
from jprobe.graph.link import Bundle, Link
from jprobe.graph.networks import network
from jprobe.graph.read_edges import EdgeFile, read_edges
from jprobe.graph.rules import elementwise
from jprobe.graph.states import States, states
from jprobe.graph.trace import trace

__all__ = [
    "Block",
    "Bundle",
    "EdgeFile",
    "Edges",
    "Graph",
    "Layout",
    "Link",
    "States",
    "as_graph",
    "bipartite",
    "edge_list",
    "elementwise",
    "from_edges",
    "from_matvec",
    "network",
    "read_edges",
    "states",
    "to_bcoo",
    "to_networkx",
    "to_scipy",
    "trace",
]
