"""Networks spread over the devices of a mesh."""

from collections.abc import Callable
from typing import Any

import jax
from jax.sharding import Mesh, NamedSharding, PartitionSpec


def compiled(
    fn: Callable[..., Any], by_seed: tuple[bool, ...], mesh: Mesh | None, everywhere: bool = False
) -> Callable[..., Any]:
    """Jit a function of many networks, each device of a mesh taking its share of them.

    Args:
        fn: all its results lead with the seed axis, and no network's depend on another's.
        by_seed: whether each argument's leaves lead with the seed axis; the others go to every device.
        mesh: any mesh, its axes taken together; None: one device.
        everywhere: whether every process of a pod gets all results, rather than its devices' share.

    Returns:
        The jitted function.
    """
    if mesh is None:
        return jax.jit(fn)
    # Explicit axes, the default of jax.make_mesh, would ask for arrays that are sharded already.
    mesh = Mesh(mesh.devices, mesh.axis_names)
    every, seeds = PartitionSpec(), PartitionSpec(mesh.axis_names)
    specs = tuple(seeds if leads else every for leads in by_seed)
    # Networks exchange nothing, so what varies over devices needs no tracking.
    spread = jax.shard_map(fn, mesh=mesh, in_specs=specs, out_specs=seeds, check_vma=False)
    return jax.jit(spread, out_shardings=NamedSharding(mesh, every) if everywhere else None)
