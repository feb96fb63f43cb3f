"""Signed networks as they are published: text files with an edge a line."""

import csv
import gzip
import io
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jprobe.errors import ArgumentError, WeightsError, quoted
from jprobe.files import decoding, named_file
from jprobe.graph.from_edges import from_edges
from jprobe.graph.graph import Graph

_MEND = "Name a text file with an edge a line: source, target, sign or weight."
# What files call the column of weights.
_WEIGHTS = ("sign", "weight", "rating", "value", "polarity")
# Weights are kept in single precision: what is smaller is 0 there, what is larger infinite.
_LONGEST = 2**20  # letters of a line, which is no edge if it has more
_DIGITS = 4000  # of a label that is a whole number; Python reads no more than 4300
_LEAST, _LARGEST = float(np.finfo(np.float32).tiny), float(np.finfo(np.float32).max)


class EdgeFile(NamedTuple):
    """A signed network read from a file.

    Attributes:
        graph: node n is the one labelled ``labels[n]``.
        labels: in ascending order; whole numbers if all of them are, else words.
        repeated: edges between two nodes that an earlier line joins, in either direction.
        loops: lines left out that join a node to itself.
        header: the fields of the first line, if it names the columns.

    Example:
        >>> _ = Path("club.txt").write_text("Ann Bob 1\\nBob Ann 1\\nBob Cleo -1\\n")
        >>> read_edges("club.txt")
        EdgeFile(Graph(3 nodes, 3 edges, 2 blocks), 1 edges repeated, 0 loops left out)
    """

    graph: Graph
    labels: tuple[str, ...] | tuple[int, ...]
    repeated: int
    loops: int
    header: tuple[str, ...]

    def __repr__(self) -> str:
        """Counts; no labels."""
        return f"EdgeFile({self.graph!r}, {self.repeated:,} edges repeated, {self.loops:,} loops left out)"


def read_edges(
    path: str | Path,
    *,
    columns: tuple[int, int, int] = (0, 1, 2),
    delimiter: str | None = None,
    undirected: bool = False,
    drop_loops: bool = False,
) -> EdgeFile:
    """A signed network from a text file with an edge a line, such as those of SNAP and KONECT.

    A line has a source, a target and a sign or weight; further fields (a date, say) are not read. Lines that begin
    with # or % and empty ones are comments. The first line may name the columns, in words alone. The file may be compressed
    by gzip.

    Each line is an edge of its own, which weighs in the energy. In A_u an edge and its reverse add up, so a network
    whose undirected edges are listed in both directions has the ground states and the frustration of one that lists
    them once. Where some are listed once and some twice, the latter weigh double, unless ``undirected`` says that they
    are the same edge.

    Args:
        path: of the file.
        columns: where source, target and weight stand, from 0.
        delimiter: between fields; " " is any white space. Default: a tab, comma or semicolon where the first line has
            two of them, else " ".
        undirected: whether (a, b) and (b, a) are one edge: lines that repeat it are left out.
        drop_loops: whether lines that join a node to itself are left out: no spin changes them.

    Returns:
        EdgeFile: the graph and the labels of its nodes.

    Raises:
        ArgumentError: a line with too few fields or a weight that is no number, an edge of weight 0, a node joined to
            itself, an undirected edge with two weights, or no edge at all. The message names the line.
        WeightsError: a weight that is NaN or infinite; the message names the line.
        DamagedFileError: no UTF-8 text, or a damaged gzip file.
        MissingFileError, UnreadableFileError: there is no such file, or it may not be read.

    Source:
        Formats: https://snap.stanford.edu/data/#signnets, http://konect.cc/networks.

    Example:
        >>> _ = Path("club.csv").write_text("who,whom,sign\\nAnn,Bob,1\\nBob,Cleo,-1\\nCleo,Ann,1\\n")
        >>> club = read_edges("club.csv")
        >>> club.labels, club.graph.num_edges
        (('Ann', 'Bob', 'Cleo'), 3)
    """
    if len(columns) != 3 or len(set(columns)) != 3 or not all(isinstance(n, int) and n >= 0 for n in columns):
        raise ArgumentError(
            f"columns are the places of source, target and weight, three numbers from 0, not {quoted(columns)}."
        )
    if delimiter is not None and (len(delimiter) != 1 or delimiter in '\r\n"'):
        raise ArgumentError(
            f"delimiter is one character, such as ',' or ' ' for any white space, not {quoted(delimiter)}."
        )
    path = named_file(path, _MEND)
    edges, loops, header = _listed(path, columns, delimiter, drop_loops)
    if not edges:
        raise ArgumentError(f"{path} has no edges. {_MEND}")
    labels, nodes = _numbered([edge.ends for edge in edges])
    kept = _first_of_pairs(nodes)
    repeated = len(edges) - np.unique(kept).size
    weight = np.array([edge.weight for edge in edges])
    if undirected:
        for n in np.flatnonzero(weight != weight[kept])[:1]:
            one, other = edges[n], edges[kept[n]]
            raise ArgumentError(
                f"{path}, line {one.line}: the edge between {quoted(one.ends[0])} and {quoted(one.ends[1])} has weight {one.weight:g}, "
                f"and {other.weight:g} in line {other.line}. Without undirected=True they are two edges."
            )
        kept = np.unique(kept)
        nodes, weight = nodes[kept], weight[kept]
    graph = from_edges(nodes[:, 0], nodes[:, 1], weight, len(labels))
    return EdgeFile(graph, labels, repeated, loops, header)


class _Edge(NamedTuple):
    """An edge as a line has it."""

    line: int
    ends: tuple[str, str]
    weight: float


def _listed(
    path: Path, columns: tuple[int, int, int], delimiter: str | None, drop_loops: bool
) -> tuple[list[_Edge], int, tuple[str, ...]]:
    """The edges, the number of loops left out, and the names of columns."""
    edges: list[_Edge] = []
    header: tuple[str, ...] = ()
    loops = 0
    for n, (line, fields) in enumerate(_rows(path, delimiter)):
        where = f"{path}, line {line}"
        if n == 0 and _names_columns(fields, columns):
            header = tuple(fields)
            _check_header(where, header, columns)
            continue
        source, target, weight = _read(where, fields, columns)
        if source != target:
            edges.append(_Edge(line, (source, target), weight))
        elif drop_loops:
            loops += 1
        else:
            raise ArgumentError(
                f"{where}: node {quoted(source)} has an edge to itself, which no spin can change; drop_loops=True leaves "
                "such lines out."
            )
    return edges, loops, header


def _rows(path: Path, delimiter: str | None) -> Iterator[tuple[int, list[str]]]:
    """(number, fields) of each line that is no comment."""
    for number, line in enumerate(_lines(path), 1):
        if not line.strip() or line.lstrip()[0] in "#%":
            continue
        if delimiter is None:
            delimiter = next((mark for mark in "\t,;" if line.count(mark) >= 2), " ")
        # One line at a time: a quote that nobody closed spoils one line, not all that follow.
        try:
            fields = (
                line.split()
                if delimiter == " "
                else next(csv.reader([line], delimiter=delimiter, skipinitialspace=True))
            )
        except csv.Error as error:  # such as a field of more than 131,072 letters
            raise ArgumentError(f"{path}, line {number} holds no edge ({error}): {quoted(line)}. {_MEND}") from error
        yield number, [field.strip() for field in fields]


def _lines(path: Path) -> Iterator[str]:
    """The lines, one at a time: a small gzip file may hold gigabytes."""
    with decoding(path, "a text file", _MEND):
        with path.open("rb") as file:
            zipped = file.read(2) == b"\x1f\x8b"
        with gzip.open(path, "rb") if zipped else path.open("rb") as file:
            text = io.TextIOWrapper(file, "utf-8-sig")
            while line := text.readline(_LONGEST):
                if len(line) == _LONGEST:
                    raise ValueError(f"a line has {_LONGEST:,} letters or more")
                yield line.rstrip("\r\n")


def _names_columns(fields: list[str], columns: tuple[int, int, int]) -> bool:
    """Whether a line is made of words alone, where a weight should be too."""
    return len(fields) > max(columns) and all(field[:1].isalpha() and not _is_number(field) for field in fields)


def _check_header(where: str, header: tuple[str, ...], columns: tuple[int, int, int]) -> None:
    """Refuse to read another column for weights than the one that is named so."""
    named = [n for n, name in enumerate(header) if name.lower() in _WEIGHTS]
    if named and columns[2] not in named:
        raise ArgumentError(
            f"{where} names the columns {quoted(list(header))}, and weights would be read from {quoted(header[columns[2]])}; say where "
            f"source, target and weight stand, columns=(..., ..., {named[0]})."
        )


def _is_number(field: str) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True


def _read(where: str, fields: list[str], columns: tuple[int, int, int]) -> tuple[str, str, float]:
    """Source, target and weight of a line."""
    if len(fields) <= max(columns) or not all(fields[column] for column in columns):
        raise ArgumentError(
            f"{where} has the fields {quoted(fields)}; an edge has a source, a target and a sign or weight, here in columns "
            f"{columns} from 0. Without signs nothing is frustrated."
        )
    source, target, written = (fields[column] for column in columns)
    if not _is_number(written):
        raise ArgumentError(f"{where}: the weight {quoted(written)} is no number.")
    weight = float(written)
    if not abs(weight) <= _LARGEST:
        raise WeightsError(f"{where}: the weight {written:.40} is not finite in single precision.")
    if abs(weight) < _LEAST:
        raise ArgumentError(f"{where}: an edge of weight {written:.40} has no sign; take the line out.")
    return source, target, weight


def _numbered(ends: list[tuple[str, str]]) -> tuple[tuple[str, ...] | tuple[int, ...], np.ndarray]:
    """The labels of nodes in ascending order, and each edge's two places among them [E, 2]."""
    words = sorted({label for pair in ends for label in pair})
    # "1" and "01" are two labels, and would be one number.
    whole = all(
        len(word) <= _DIGITS and word.removeprefix("-").isdecimal() and str(int(word)) == word for word in words
    )
    if whole:
        words.sort(key=int)
    place = {word: n for n, word in enumerate(words)}
    nodes = np.array([(place[a], place[b]) for a, b in ends], np.int64)
    return tuple(map(int, words)) if whole else tuple(words), nodes


def _first_of_pairs(nodes: np.ndarray) -> np.ndarray:
    """Of each edge, the first one between the same two nodes, in either direction [E]."""
    pairs = nodes.min(1) * (nodes.max() + 1) + nodes.max(1)
    _, first, which = np.unique(pairs, return_index=True, return_inverse=True)
    return first[which]
