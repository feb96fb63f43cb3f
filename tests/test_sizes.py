"""Paper 2's Table 1: the sizes of the seven networks."""

import pytest

from jprobe.graph import network
from jprobe.studies.frustration.sizes import TABLES, published_sizes, size


@pytest.mark.parametrize("row", list(published_sizes()), ids=lambda row: row.network)
def test_sizes_are_the_papers(row):
    found = network(row.network, residual="paper")
    if row.network == "resnet18":
        # 928.9 edges a node, printed 928.
        assert (found.num_nodes, found.num_edges) == (3012072, 2797981184)
        assert size("resnet18", found) == row._replace(edges_per_node=929.0)
        natural = network("resnet18")
        assert (natural.num_nodes, natural.num_edges) == (2836456, 1682953536)
    else:
        assert size(row.network, found) == row


def test_a_table_has_a_column_for_each_word_of_its_header():
    header, rows = TABLES["sizes"]
    assert {len(row) for row in rows()} == {len(header)}
