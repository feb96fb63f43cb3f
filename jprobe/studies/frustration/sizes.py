"""Paper 2's Table 1 beside our own counts."""

from collections.abc import Iterator

from jprobe.graph import network, published_sizes, size

HEADER = ("network", "nodes", "edges", "params", "edges/node", "edges/param")


def sizes() -> Iterator[tuple[str, ...]]:
    """Rows of the table: each network's exact numbers in the paper's way, and below them the paper's.

    Example:
        >>> rows = sizes()
        >>> next(rows)[:3], next(rows)[:3]
        (('shufflenet', '3,908,216', '282,618,384'), ('', '3.91e6', '0.28e9'))
    """
    for published in published_sizes():
        graph = network(published.network, residual="paper")
        ours = size(published.network, graph)
        exact = (f"{n:,}" for n in (graph.num_nodes, graph.num_edges, graph.num_params))
        yield published.network, *exact, f"{ours.edges_per_node:g}", f"{ours.edges_per_param:g}"
        rounded = (f"{published.nodes:.2f}e6", f"{published.edges:.2f}e9", f"{published.params:.1f}e6")
        yield "", *rounded, f"{published.edges_per_node:g}", f"{published.edges_per_param:g}"


TABLES = {"sizes": (HEADER, sizes)}
