"""Signed networks from text files: what is read is what was written, and what is not understood is refused by line."""

import gzip

import hypothesis
import hypothesis.strategies as st
import networkx as nx
import numpy as np
import pytest
from signed_graphs import all_spins, energies, seeds

from jprobe.errors import ArgumentError, DamagedFileError, MissingFileError, WeightsError
from jprobe.frustration import energy, exact
from jprobe.graph import edge_list, read_edges, to_networkx

FOLDER = hypothesis.settings(
    max_examples=30, suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture]
)  # a file is written anew by every example

# Relations of 16 tribes of the New Guinea highlands (Read 1954): friends and foes of each tribe among later ones.
TRIBES = {
    1: ([2, 15, 16], [3, 4, 5, 6, 12]), 2: ([15, 16], [3, 5, 6, 9, 10]), 3: ([4, 6, 7, 8], []), 4: ([8], []),
    5: ([7, 9, 14], [15, 16]), 6: ([7, 8, 11, 12], [9, 13, 16]), 7: ([8, 11, 12, 13], []), 8: ([11, 12], [14]),
    9: ([10, 13], [11, 15]), 10: ([13], [11, 15]), 11: ([12], [13, 15, 16]), 12: ([], [14, 15, 16]),
    13: ([14], [15, 16]), 14: ([], [16]), 15: ([16], []),
}  # fmt: skip


def listed(found):
    """The edges by label, parallel ones in order."""
    source, target, weight = edge_list(found.graph)
    return sorted(
        zip([found.labels[n] for n in source], [found.labels[n] for n in target], weight.tolist(), strict=True)
    )


@pytest.fixture
def write(tmp_path):
    """Function: text -> a file of it."""

    def to_file(text, name="edges.txt"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return to_file


FORMATS = {
    "snap": "# Directed graph\n# FromNodeId\tToNodeId\tSign\n7\t10\t-1\n10\t2\t1\n",
    "konect": "% asym signed\n% 2 11 11\n7 10 -1\n10 2 +1 1296000000\n",
    "windows": "\ufeff7 10 -1\r\n\r\n  10   2  1.0\r\n",
    "csv": "source,target,rating,time\n7,10,-1,1.5e9\n10,2,1,1.6e9\n",
    "quoted": '"7", "10", "-1"\n"10", "2", "1"\n',
    "semicolons": "7;10;-1\n10;2;1\n",
    "zipped": gzip.compress(b"7 10 -1\n10 2 1\n", mtime=0),
}


@pytest.mark.parametrize("text", FORMATS.values(), ids=FORMATS)
def test_the_usual_formats_say_the_same(text, write):
    found = read_edges(write(text))
    assert found.labels == (2, 7, 10)
    assert listed(found) == [(7, 10, -1.0), (10, 2, 1.0)]
    assert (found.repeated, found.loops) == (0, 0)


def test_labels_are_numbers_only_where_nothing_is_lost(write):
    assert read_edges(write("1 01 1\n2 1 1\n")).labels == ("01", "1", "2")
    assert read_edges(write("-3 10 1\n9 10 1\n")).labels == (-3, 9, 10)
    found = read_edges(write("New York\tSão Paulo\t-2.5\t2001\nKöln\tNew York\t1e-3\n"))
    assert listed(found) == [("Köln", "New York", np.float32(1e-3)), ("New York", "São Paulo", -2.5)]


def test_columns_and_delimiter_may_be_said(write):
    file = write("n,from,to,weight\n0,a,b,2\n1,b,c,-1\n")
    with pytest.raises(ArgumentError, match=r"line 1 names the columns.*columns=\(\.\.\., \.\.\., 3\)"):
        read_edges(file)  # not "from" as the target and "to" as the weight
    found = read_edges(file, columns=(1, 2, 3))
    assert (listed(found), found.header) == ([("a", "b", 2.0), ("b", "c", -1.0)], ("n", "from", "to", "weight"))
    spaces = write("Lee,A,C  Poe,B,D  1\nPoe,B,D  Ray,C,E  -1\n")
    assert read_edges(spaces, delimiter=" ").labels == ("Lee,A,C", "Poe,B,D", "Ray,C,E")


@pytest.mark.parametrize("undirected", [False, True])
def test_an_undirected_edge_may_be_listed_once_or_twice(write, undirected):
    once = "a b 1\nb c 1\na c -1\nc d -1\n"
    twice = once + "b a 1\nc b 1\nc a -1\nd c -1\n"
    one, two = (read_edges(write(text, name), undirected=undirected) for name, text in (("1", once), ("2", twice)))
    assert (one.repeated, two.repeated) == (0, 4)
    assert (one.graph.num_edges, two.graph.num_edges) == (4, 4 if undirected else 8)
    # Listed twice throughout, all weights double, and their shares and the ground states stay.
    spins = all_spins(4)
    np.testing.assert_allclose(energy(two.graph, spins), energy(one.graph, spins), atol=1e-15)
    # Listed twice in part, those edges weigh double, unless they are said to be the same.
    part = read_edges(write(once + "c a -1\n", "3"), undirected=undirected)
    frustrated = energy(part.graph, [1, 1, 1, -1])
    assert frustrated == pytest.approx(1 / 4 if undirected else 2 / 5)


def test_an_edge_with_two_signs_is_two_edges_or_an_error(write):
    file = write("a b 1\nc b 1\nb a -1\n")
    assert read_edges(file).repeated == 1
    with pytest.raises(ArgumentError, match=r"line 3: the edge between 'b' and 'a' has weight -1, and 1 in line 1"):
        read_edges(file, undirected=True)


@pytest.mark.parametrize(
    ("text", "error", "says"),
    [
        ("# c\n1 2 1\n2 3\n", ArgumentError, r"line 3 has the fields \['2', '3'\]; .*a sign or weight"),
        ("1,2,1\n2,,1\n", ArgumentError, r"line 2 has the fields \['2', '', '1'\]"),
        ("1 2 friend\n", ArgumentError, "line 1: the weight 'friend' is no number"),
        ("a b sign\nb c x\n", ArgumentError, "line 2: the weight 'x' is no number"),
        ("1 2 1\n2 3 nan\n", WeightsError, "line 2: the weight nan is not finite"),
        ("1 2 1\n2 3 -inf\n", WeightsError, "line 2: the weight -inf is not finite"),
        ("1 2 1\n2 3 1e39\n", WeightsError, "line 2: the weight 1e39 is not finite"),
        ("1 2 1\n\n2 3 0\n", ArgumentError, "line 3: an edge of weight 0 has no sign"),
        ("1 2 1\n2 3 1e-60\n", ArgumentError, "line 2: an edge of weight 1e-60 has no sign"),
        ("1 2 1\n3 3 1\n", ArgumentError, "line 2: node '3' has an edge to itself.*drop_loops=True"),
        ("# nothing\n\n", ArgumentError, "has no edges"),
        ("source target sign\n", ArgumentError, "has no edges"),
        (b"\xff\xfe1\x00 2", DamagedFileError, "not a text file"),
        (gzip.compress(b"1 2 1\n", mtime=0)[:-4], DamagedFileError, "not a text file"),
    ],
)
def test_what_is_not_understood_is_refused_by_line(write, text, error, says):
    with pytest.raises(error, match=says):
        read_edges(write(text))


def test_other_bad_input(write, tmp_path):
    with pytest.raises(MissingFileError, match="an edge a line"):
        read_edges(tmp_path / "none.txt")
    with pytest.raises(ArgumentError, match="three numbers"):
        read_edges(write("1 2 1\n"), columns=(0, 0, 1))
    loops = read_edges(write("1 1 1\n1 2 -1\n3 3 1\n"), drop_loops=True)
    assert (loops.loops, loops.labels, loops.graph.num_edges) == (2, (1, 2), 1)


@FOLDER
@hypothesis.given(
    st.lists(
        st.tuples(*[st.sampled_from(["Ann", "Bob the 2nd", "Cy,D", "4", "éé"])] * 2, st.integers(-9, 9)), min_size=1
    )
)
def test_what_networkx_writes_is_read_and_given_back(tmp_path, edges):
    graph = nx.DiGraph()
    graph.add_weighted_edges_from((a, b, w) for a, b, w in edges if a != b and w)
    hypothesis.assume(graph.size())
    nx.write_weighted_edgelist(graph, tmp_path / "edges.tsv", delimiter="\t")
    found = read_edges(tmp_path / "edges.tsv")
    back = nx.relabel_nodes(to_networkx(found.graph), dict(enumerate(map(str, found.labels))))
    assert nx.utils.graphs_equal(back, graph)


PAIRS = [(a, b) for a in range(7) for b in range(a)]


@FOLDER
@hypothesis.given(seeds, st.sampled_from([1, 2]), st.booleans())
def test_the_proven_ground_state_is_that_of_all_spins(tmp_path, seed, structure, signs):
    kept = np.random.default_rng(structure).permutation(PAIRS)[:13]
    rng = np.random.default_rng(seed)
    weights = rng.choice([-1.0, 1.0], 13) if signs else rng.normal(size=13)
    (tmp_path / "edges.csv").write_text(
        "".join(f"{a},{b},{w!r}\n" for (a, b), w in zip(kept, weights.tolist(), strict=True))
    )
    found = read_edges(tmp_path / "edges.csv")
    assert exact(found.graph).energy[0] == pytest.approx(energies(found.graph, all_spins(7)).min(), abs=1e-12)


def test_the_tribes_of_new_guinea_have_the_published_frustration_index(write):
    lines = [
        f"{a}\t{b}\t{sign}"
        for a, both in TRIBES.items()
        for sign, others in zip((1, -1), both, strict=True)
        for b in others
    ]
    tribes = read_edges(write("\n".join(lines)))
    assert (len(tribes.labels), tribes.graph.num_edges, np.sum(tribes.graph.weights[0] > 0)) == (16, 58, 29)
    found = exact(tribes.graph)
    # Aref and Wilson 2018: 7 of 58 edges; of 2^15 configurations one alone has so few.
    counts = np.round(energies(tribes.graph, all_spins(16)) * 58)
    assert (counts.min(), np.sum(counts == 7)) == (7, 1)
    assert found.energy[0] == pytest.approx(7 / 58, abs=1e-12)
    alone = found.spins[0] == -found.spins[0, 2]
    assert [tribes.labels[n] for n in np.flatnonzero(alone)] == [1, 2, 15, 16]
