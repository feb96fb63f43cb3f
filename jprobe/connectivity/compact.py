"""Networks of what is alive of wirings alone: they train, and run, at their own cost."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jprobe.connectivity.network import wiring_of
from jprobe.connectivity.threshold import alive
from jprobe.connectivity.wiring import Wiring
from jprobe.errors import ArgumentError
from jprobe.models import DAG
from jprobe.models.dag import Reduce, Sizes, plan, sizes_of
from jprobe.typing import Params


class Compact(NamedTuple):
    """Networks of what is alive of some wirings, of one size, so that one compilation serves all.

    Attributes:
        model: with room for the largest.
        tables: the collection "wiring" of each.
        places: of each, the number in the model of every node of the wiring, -1 of dead ones.

    Example:
        >>> from jprobe.connectivity import wiring
        >>> compact([wiring([[0, 1.0, 0], [0, 0, 0], [0, 0, 0]]), wiring([[0, 1.0], [0, 0]])], 4, 10)
        Traceback (most recent call last):
        jprobe.errors.ArgumentError: No path leads from the input of this wiring to its output.
    """

    model: DAG
    tables: list[dict[str, np.ndarray]]
    places: list[np.ndarray]

    def start(self, x: Any, seeds: Sequence[int]) -> Params:
        """Untrained variables [S, ...], a seed for each wiring, for ``initial`` of :func:`jprobe.train.fit`."""
        params = jax.jit(jax.vmap(lambda key: self.model.init(key, x)))(jax.vmap(jax.random.key)(jnp.asarray(seeds)))
        stacked = {name: np.stack([one[name] for one in self.tables]) for name in self.tables[0]}
        return {**params, "wiring": stacked}

    def carried(self, number: int, model: DAG, variables: Params, x: Any) -> Params:
        """The weights of another network for one of the wirings, as far as they are alive.

        A node that is left with one input keeps its weight, as a number that is not trained.

        Args:
            number: of the wiring.
            model: the network whose nodes the wiring has.
            variables: its own.
            x: images of the right shape.

        Returns:
            Variables of ``self.model``.
        """
        table, place = self.tables[number], self.places[number]
        shapes = jax.eval_shape(self.model.init, jax.random.key(0), x)
        found = jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), shapes)
        theirs = jax.tree.map(np.asarray, variables)
        for name, rows in _rows(self.model, table, model, theirs["wiring"], place).items():
            for kind in ("params", "batch_stats"):
                for into, whole in zip(
                    jax.tree.leaves(found[kind].get(name)), jax.tree.leaves(theirs[kind].get(name)), strict=True
                ):
                    into[rows[0]] = whole[rows[1]]
        weights = wiring_of(model, variables).weights
        here = np.zeros((sum(self.model.nodes),) * 2)
        there = place >= 0
        here[np.ix_(place[there], place[there])] = weights[np.ix_(there, there)]
        edges = np.arctanh(here[table["sources"], table["targets"]]) * table["weighted"]
        found["params"]["edges"] = edges.astype(np.float32)
        found["wiring"] = {**table, "fixed": np.where(table["fixed"] != 0, here.T, 0).astype(np.float32)}
        return jax.tree.map(jnp.asarray, found)


def _rows(
    ours: DAG, table: dict[str, np.ndarray], theirs: DAG, whole: dict[str, np.ndarray], place: np.ndarray
) -> dict[str, tuple[Any, Any]]:
    """Name of a group of blocks -> rows of ours, and the rows of theirs that they are."""
    out: dict[str, tuple[Any, Any]] = {"input": (..., ...), "head": (..., ...)}
    new, old = (np.cumsum([0, *nodes]) for nodes in (ours.nodes, theirs.nodes))
    for stage in range(len(ours.nodes)):
        # The input node is a block of its own.
        skip = not stage
        before = np.arange(old[stage] + skip, old[stage + 1])
        before = before[place[before] >= 0]
        if len(before):
            out[f"stage_{stage}"] = place[before] - new[stage] - skip, before - old[stage] - skip
    for source, target, _ in ours.room.reduces:
        name = f"reduce_{source}_{target}"
        mine = {
            int(node): row
            for row, node in enumerate(table[f"{name}_nodes"] + new[source])
            if table[f"{name}_valid"][row]
        }
        valid = whole[f"{name}_valid"] > 0
        them = {int(place[node]): row for row, node in enumerate(whole[f"{name}_nodes"] + old[source]) if valid[row]}
        if mine:
            out[name] = np.array(list(mine.values())), np.array([them[node] for node in mine])
    return out


def compact(wirings: Sequence[Wiring], channels: int, features: int, *, multiple: int = 1) -> Compact:
    """Networks with the live nodes and edges of wirings alone, without their weights.

    Args:
        wirings: cut ones; dead paths are left out.
        channels: of the first stage.
        features: number of logits.
        multiple: nodes of each stage are filled up to a multiple of this, so that more wirings share a compilation.

    Raises:
        ArgumentError: a wiring without a path from input to output; none at all.

    Example:
        >>> from jprobe.connectivity import wiring
        >>> chain = wiring([[0, 1.0, 0], [0, 0, 1.0], [0, 0, 0]], [0, 0, 1])
        >>> compact([chain], channels=4, features=10).model.nodes
        (2, 1)
    """
    if not wirings:
        raise ArgumentError("There is no wiring to make a network of.")
    there = [_alive(one) for one in wirings]
    stages = max(int(one.stages.max()) for one in wirings) + 1
    counts = np.array(
        [np.bincount(one.stages[some], minlength=stages) for one, some in zip(wirings, there, strict=True)]
    )
    nodes = tuple(int(-(-most // multiple) * multiple) for most in counts.max(0))
    places = [_places(one.stages, some, nodes) for one, some in zip(wirings, there, strict=True)]
    edges = [_edges(one, place) for one, place in zip(wirings, places, strict=True)]
    each = [sizes_of(nodes, some) for some in edges]
    pairs = sorted({(r.source, r.target) for sizes in each for r in sizes.reduces})
    reduces = tuple(
        Reduce(*pair, max(r.room for sizes in each for r in sizes.reduces if (r.source, r.target) == pair))
        for pair in pairs
    )
    sizes = Sizes(max(one.edges for one in each), reduces)
    model = DAG(nodes, channels, features, sizes=sizes)
    return Compact(model, [plan(nodes, some, sizes) for some in edges], places)


def _alive(one: Wiring) -> np.ndarray:
    there = alive(one)
    if not there.any():
        raise ArgumentError("No path leads from the input of this wiring to its output.")
    return there


def _places(stages: np.ndarray, there: np.ndarray, nodes: tuple[int, ...]) -> np.ndarray:
    """Numbers of live nodes in larger stages; the last node of all stays the last, room is made before it."""
    first, place = np.cumsum([0, *nodes]), np.full(len(stages), -1)
    for stage in range(len(nodes)):
        here = np.flatnonzero(there & (stages == stage))
        place[here] = first[stage] + np.arange(len(here))
    place[-1] = sum(nodes) - 1
    return place


def _edges(one: Wiring, place: np.ndarray) -> list[tuple[int, int]]:
    pairs = np.argwhere(one.edges)
    pairs = place[pairs[(place[pairs] >= 0).all(1)]]
    return [(int(i), int(j)) for i, j in pairs]


def subnetwork(model: DAG, variables: Params, wiring: Wiring, x: Any) -> tuple[DAG, Params]:
    """What is alive of a network under a wiring, as a Flax module and variables of its own.

    It computes what the whole network does without all other edges. Write the variables with
    :func:`jprobe.checkpoint.save`.

    Args:
        model: the network.
        variables: of one network.
        wiring: of its nodes, such as ``cut(wiring_of(model, variables))``.
        x: images of the right shape.

    Raises:
        ArgumentError: no path from input to output is left.

    Example:
        >>> from jprobe.connectivity import cut
        >>> model, x = DAG((3, 2), channels=2), jnp.ones((1, 4, 4, 3))
        >>> variables = model.init(jax.random.key(0), x)
        >>> small, own = subnetwork(model, variables, cut(wiring_of(model, variables)), x)
        >>> bool(jnp.allclose(small.apply(own, x), model.apply(variables, x), atol=1e-6))
        True
    """
    one = compact([wiring], model.channels, model.features)
    return one.model, one.carried(0, model, variables, x)


def parameters(wiring: Wiring, channels: int, features: int, inputs: int = 3) -> int:
    """Trained numbers of a network of what is alive of a wiring.

    Args:
        wiring: whole or cut.
        channels: of the first stage.
        features: number of logits.
        inputs: channels of the images.

    Source:
        Paper 4, table 1: 863.3 thousand of the complete network.

    Example:
        >>> from jprobe.connectivity import wiring
        >>> parameters(wiring(np.triu(np.ones((60, 60)), 1), np.repeat([0, 1, 2], 20)), channels=11, features=10)
        863299
    """
    model = compact([wiring], channels, features).model
    wide = [channels * 2**stage for stage in range(len(model.nodes))]
    blocks = [(inputs, wide[0], 1), (wide[0], wide[0], -1)]  # the input node's, in the place of an inner one
    blocks += [(width, width, count) for width, count in zip(wide, model.nodes, strict=True)]
    blocks += [(wide[reduce.source], wide[reduce.target], reduce.room) for reduce in model.room.reduces]
    # Nine weights of the window, one of the place, two normalisations of a factor and a shift.
    return model.room.edges + sum((10 * a + 4) * b * count for a, b, count in blocks) + (wide[-1] + 1) * features


def fitted_channels(wiring: Wiring, count: int, features: int, inputs: int = 3) -> int:
    """The number of channels with which a network of a wiring has about so many parameters.

    Args:
        wiring: whole or cut.
        count: of parameters.
        features: number of logits.
        inputs: channels of the images.

    Source:
        Paper 4, section B ("fit C").

    Example:
        >>> from jprobe.connectivity import wiring
        >>> one = wiring([[0, 1.0, 1.0], [0, 0, 1.0], [0, 0, 0]])
        >>> fitted_channels(one, parameters(one, 7, 10), 10)
        7
    """
    low, high = 1, 2
    while parameters(wiring, high, features, inputs) < count:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if parameters(wiring, middle, features, inputs) > count else (middle, high)
    return min((low, high), key=lambda c: abs(parameters(wiring, c, features, inputs) - count))
