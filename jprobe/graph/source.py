"""Where in the user's code an equation of a jaxpr comes from."""

import os
import sysconfig
from pathlib import Path
from typing import Any

# Nobody's own code: the standard library, installed packages, jprobe.
_FOREIGN = (
    *{sysconfig.get_path(name) + os.sep for name in ("stdlib", "platstdlib", "purelib", "platlib")},
    str(Path(__file__).parents[1]) + os.sep,
    "<frozen ",
)


def line_of(eqn: Any) -> str:
    """The innermost line of the user's code that an equation comes from, as file:line; "" where a library made it.

    Inside a function that JAX traces apart (jit, scan, checkpoint) only that function's lines are known: ask the call.

    Example:
        >>> import jax
        >>> eqn = jax.make_jaxpr(lambda x: jax.numpy.sin(x))(1.0).eqns[0]
        >>> line_of(eqn).rpartition(":")[2]
        '1'
    """
    found = eqn.source_info.traceback
    for frame in found.frames if found is not None else ():
        if not frame.file_name.startswith(_FOREIGN):
            return f"{frame.file_name}:{frame.line_num}"
    return ""
