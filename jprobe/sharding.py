"""Networks spread over the devices of a mesh."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from jprobe.errors import ArgumentError


def local_mesh(devices: int | None = None) -> Mesh | None:
    """A mesh of that many devices of this process, all of them by default; None where there is one, which needs no mesh.

    Raises:
        ArgumentError: there are fewer devices than that.
    """
    here = jax.local_devices()
    available = len(here)
    count = available if devices is None else devices
    if not 1 <= count <= available:
        raise ArgumentError(f"--mesh asks for {count} devices; this machine has {available}.")
    return None if count == 1 else jax.make_mesh((count,), ("seed",), devices=here[:count])


def global_mesh() -> Mesh:
    """A mesh of all devices of all processes."""
    return jax.make_mesh((jax.device_count(),), ("seed",))


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


@functools.cache
def spread(fn: Callable[..., Any], leads: tuple[bool, ...], mesh: Mesh | None) -> Callable[..., Any]:
    """Jit a function of replicas, each device of a mesh taking its share of however many there are.

    Args:
        fn: no replica's results depend on another's; they all lead with the axis of replicas. It is told by identity, and
            compiled once for each mesh.
        leads: which arguments lead with it; the others go to every device.
        mesh: any mesh, its axes taken together; None: one device.

    Example:
        >>> spread(jnp.square, (True,), None)(jnp.arange(3.0)).tolist()
        [0.0, 1.0, 4.0]
    """
    run = compiled(fn, leads, mesh)
    if mesh is None:
        return run

    def of_any_number(*args: Any) -> Any:
        count = next(len(arg) for arg, lead in zip(args, leads, strict=True) if lead)
        # As many for each device: the last one is computed again, and left out.
        every = jnp.minimum(jnp.arange(-(-count // mesh.size) * mesh.size), count - 1)
        found = run(*(arg[every] if lead else arg for arg, lead in zip(args, leads, strict=True)))
        return jax.tree.map(lambda x: x[:count], found)

    return of_any_number


def shared(tree: Any, mesh: Mesh | None) -> Any:
    """The arrays of a pytree with their leading axis spread over all devices of a mesh, which share what is computed of them.

    Args:
        tree: arrays whose leading axis the devices can share evenly.
        mesh: any mesh, its axes taken together; None: the tree stays as it is.
    """
    if mesh is None:
        return tree
    mesh = Mesh(mesh.devices, mesh.axis_names)
    return jax.device_put(tree, NamedSharding(mesh, PartitionSpec(mesh.axis_names)))
