"""Nodes and weights of one graph spread over devices, for graphs that one device has no room for."""

import math
from typing import Any

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

# The one axis of the mesh of a graph that is spread.
AXIS = "node"


def nodes_mesh(mesh: Mesh) -> Mesh:
    """All devices of a mesh along one axis; what each does is left to XLA.

    Args:
        mesh: any mesh, its axes taken together.
    """
    return Mesh(mesh.devices.ravel(), (AXIS,), axis_types=(AxisType.Auto,))


def shares(shape: tuple[int, ...], mesh: Mesh, lead: int = 0) -> NamedSharding:
    """An array's longest axis that the devices can share evenly, spread over them; where there is none, all of it on each.

    Args:
        shape: of the array.
        mesh: from :func:`nodes_mesh`.
        lead: leading axes that stay whole.

    Example:
        >>> tuple(shares((1, 6, 6, 64), nodes_mesh(jax.make_mesh((1,), ("x",)))).spec)
        (None, None, None, 'node')
    """
    even = [axis for axis in range(lead, len(shape)) if shape[axis] % mesh.size == 0 and shape[axis] > 1]
    longest = max(even, key=lambda axis: shape[axis], default=None)
    spec = () if longest is None else (*[None] * longest, AXIS)
    return NamedSharding(mesh, PartitionSpec(*spec))


def kept_spread(x: jax.Array, mesh: Mesh | None, lead: int = 0) -> jax.Array:
    """The same numbers, spread over the devices of a mesh while they are computed with.

    Args:
        x: [*lead, *shape], numbers of a block's nodes.
        mesh: from :func:`nodes_mesh`; None: one device.
        lead: how many leading axes there are.
    """
    return x if mesh is None else jax.lax.with_sharding_constraint(x, shares(x.shape, mesh, lead))


def laid_out(x: Any, mesh: Mesh) -> Any:
    """An array on the devices of a mesh, a share on each; shapes alone stay as they are."""
    return x if isinstance(x, jax.ShapeDtypeStruct) else jax.device_put(x, shares(np.shape(x), mesh))


def size_of(arrays: Any) -> int:
    """Bytes of the arrays of a pytree, or of what they would be."""
    return sum(math.prod(x.shape) * np.dtype(x.dtype).itemsize for x in jax.tree.leaves(arrays))
