"""Networks spread over the devices of a mesh."""

from collections.abc import Callable
from typing import Any

import jax
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from jprobe.errors import ArgumentError


def local_mesh(devices: int | None = None) -> Mesh | None:
    """A mesh of that many devices, all of them by default; None where there is one, which needs no mesh.

    Raises:
        ArgumentError: there are fewer devices than that.
    """
    available = jax.device_count()
    count = available if devices is None else devices
    if not 1 <= count <= available:
        raise ArgumentError(f"--mesh asks for {count} devices; this machine has {available}.")
    return None if count == 1 else jax.make_mesh((count,), ("seed",))


def compiled(
    fn: Callable[..., Any],
    by_seed: Any,
    mesh: Mesh | None,
    out_by_seed: Any = True,
    everywhere: bool = False,
    options: dict[str, Any] | None = None,
) -> Callable[..., Any]:
    """Jit a function of many networks, each device of a mesh taking its share of them.

    Args:
        fn: no network's results depend on another's.
        by_seed: whether each argument's leaves lead with the seed axis; the others go to every device. A tuple
            of bools, or of pytrees of bools where an argument's leaves differ.
        mesh: any mesh, its axes taken together; None: one device.
        out_by_seed: the same for the results.
        everywhere: whether every process of a pod gets all results, rather than its devices' share.
        options: of XLA's compiler.

    Returns:
        The jitted function.
    """
    if mesh is None:
        return jax.jit(fn, compiler_options=options)
    # Explicit axes, the default of jax.make_mesh, would ask for arrays that are sharded already.
    mesh = Mesh(mesh.devices, mesh.axis_names)
    every, seeds = PartitionSpec(), PartitionSpec(mesh.axis_names)
    into, out = (jax.tree.map(lambda leads: seeds if leads else every, which) for which in (by_seed, out_by_seed))
    # Networks exchange nothing, so what varies over devices needs no tracking.
    spread = jax.shard_map(fn, mesh=mesh, in_specs=into, out_specs=out, check_vma=False)
    shardings = NamedSharding(mesh, every) if everywhere else None
    return jax.jit(spread, out_shardings=shardings, compiler_options=options)
