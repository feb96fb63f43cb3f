"""Where a traced graph comes from, so that the same network can be read again with other parameters."""

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import jax
import jax.numpy as jnp

from jprobe.errors import ArgumentError, CheckpointError
from jprobe.misfits import listed
from jprobe.paths import spelled
from jprobe.typing import Params

if TYPE_CHECKING:
    from jprobe.graph.graph import Graph


class Origin(NamedTuple):
    """The network that a graph was traced from.

    Attributes:
        read: parameters -> the graph of the same function at the same input, by the same conventions.
        shapes: of the parameters that the graph was traced with, in their tree.
    """

    read: Callable[[Params], "Graph"]
    shapes: Params

    def again(self, graph: "Graph", params: Params) -> "Graph":
        """The network read once more.

        Args:
            graph: of this origin; what is made must have its layout.
            params: other parameters, of the same tree and shapes.

        Raises:
            CheckpointError: other leaves, or leaves of other shapes.
            ArgumentError: a number among the parameters decides what the graph looks like, and is another one here.
        """
        wrong = _wrong(params, self.shapes)
        if wrong:
            raise CheckpointError("These are not parameters of the network that was traced:\n" + listed(wrong))
        made = self.read(params)
        if made.layout != graph.layout:
            raise ArgumentError(
                "With these parameters the network has another layout than this graph: a number among them (a negative "
                "scale, say) decides it and is another, or not known under jit and vmap; or the graph is a null model "
                "or an active subnetwork with edges of its own. Call jprobe.graph.trace with these parameters."
            )
        return made


def shapes_of(params: Params) -> Params:
    """The same tree with shapes in the place of arrays.

    Example:
        >>> shapes_of({"w": jnp.ones((2, 3))})["w"].shape
        (2, 3)
    """
    return jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(jnp.shape(leaf), jnp.result_type(leaf)), params)


def _wrong(found: Params, wanted: Params) -> list[str]:
    """A line for each leaf that is missing, left over or of another shape; precisions may differ."""
    here, there = (
        {spelled(keys): jnp.shape(leaf) for keys, leaf in jax.tree_util.tree_leaves_with_path(tree)}
        for tree in (found, wanted)
    )
    out = [f"left over: {name}" for name in sorted(here.keys() - there.keys())]
    out += [f"missing: {name}" for name in sorted(there.keys() - here.keys())]
    both = sorted(here.keys() & there.keys())
    out += [f"{name} has shape {here[name]}, not {there[name]}" for name in both if here[name] != there[name]]
    return out
