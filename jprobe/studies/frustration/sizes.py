"""Paper 2's Table 1 beside our own counts."""

from collections.abc import Iterator
from typing import NamedTuple

from jprobe.graph import Graph, network
from jprobe.graph.networks import NAMES

HEADER = ("network", "nodes", "edges", "params", "edges/node", "edges/param")


class Size(NamedTuple):
    """A row of paper 2's Table 1.

    Attributes:
        network: name.
        nodes: nodes / 10^6.
        edges: edges / 10^9.
        params: parameters / 10^6.
        edges_per_node: their ratio.
        edges_per_param: their ratio.

    Example:
        >>> next(published_sizes())
        Size(network='shufflenet', nodes=3.91, edges=0.28, params=1.4, edges_per_node=72.0, edges_per_param=200.9)
    """

    network: str
    nodes: float
    edges: float
    params: float
    edges_per_node: float
    edges_per_param: float


_TABLE_1 = (
    (3.91, 0.28, 1.4, 72.0, 200.9),
    (3.27, 0.38, 1.2, 116.0, 306.4),
    (3.01, 2.80, 11.7, 928.0, 239.3),
    (0.94, 0.67, 61.0, 718.0, 11.0),
    (0.73, 0.66, 61.1, 899.0, 10.8),
    (4.80, 1.52, 7.0, 316.0, 216.7),
    (4.80, 1.45, 6.6, 302.0, 218.1),
)


def published_sizes() -> Iterator[Size]:
    """The rows of Table 1, as published.

    Source:
        Paper 2, Table 1.

    Example:
        >>> len(list(published_sizes()))
        7
    """
    return (Size(name, *row) for name, row in zip(NAMES, _TABLE_1, strict=True))


def size(name: str, graph: Graph) -> Size:
    """A graph's sizes in the units and with the digits of Table 1.

    Example:
        >>> size("squeezenet", network("squeezenet", residual="paper")) == list(published_sizes())[1]
        True
    """
    nodes, edges, params = graph.num_nodes, graph.num_edges, graph.num_params
    return Size(
        name, round(nodes / 1e6, 2), round(edges / 1e9, 2), round(params / 1e6, 1), float(round(edges / nodes)), round(edges / params, 1)
    )  # fmt: skip


def sizes() -> Iterator[tuple[str, ...]]:
    """Rows of the table: each network's exact numbers in the paper's way, and below them the paper's.

    Example:
        >>> rows = sizes()
        >>> next(rows)[:3], next(rows)[:3]
        (('shufflenet', '3,908,216', '282,618,384'), ('  paper', '3.91e6', '0.28e9'))
    """
    for published in published_sizes():
        graph = network(published.network, residual="paper")
        ours = size(published.network, graph)
        exact = (f"{n:,}" for n in (graph.num_nodes, graph.num_edges, graph.num_params))
        yield published.network, *exact, f"{ours.edges_per_node:g}", f"{ours.edges_per_param:g}"
        rounded = (f"{published.nodes:.2f}e6", f"{published.edges:.2f}e9", f"{published.params:.1f}e6")
        yield "  paper", *rounded, f"{published.edges_per_node:g}", f"{published.edges_per_param:g}"


TABLES = {"sizes": (HEADER, sizes)}
