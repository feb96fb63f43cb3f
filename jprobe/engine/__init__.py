"""How a sweep computes: one evaluation of one network, traced once, and batched over everything that varies.

Read the modules in this order (``jprobe.programs`` has what they say of traced functions, such as how many bytes one holds):

1. ``arrays``: a network's arrays apart from its other leaves (functions, numbers, flags), which never vary.
2. ``hoisting``: a program in three parts: what never varies, what a network decides, and what level or draw decides.
3. ``perturbing``: a probe and the signs after it as one program.
4. ``data``, ``products``: products of fixed data with weights that vary, and how they are had for less work.
5. ``walking``, ``sideways``, ``nested``: all levels of a network in one go, each made from the level before.
6. ``evaluation``: all of this for a probe and a metric: ``plan`` makes the one :class:`Evaluation` that a sweep runs.
7. ``chunks``, ``draws``, ``running``: which evaluations come at a time, and a random key for each.

``paths`` closes short cuts, for those who measure them. :func:`jprobe.sweep` checks what it is given, makes a plan, runs it
and labels the result. The data flow of one chunk, in the four functions of an Evaluation::

    params [S, ...] -> init -> state ------+
           |                               v
           +---------------------------> perturb <- keys [S, L, R], levels [L]
           |                               |
           v                               v weights [S, L, R, ...], and their signs
        prepare -> hoisted ------------> measure -> values [S, L, R], F times
"""

from jprobe.engine.arrays import hide_static
from jprobe.engine.chunks import chunk_shape, default_budget, windows
from jprobe.engine.evaluation import Evaluation, plan
from jprobe.engine.paths import only
from jprobe.engine.running import by_network, in_chunks

__all__ = [
    "Evaluation", "by_network", "chunk_shape", "default_budget", "hide_static", "in_chunks", "only", "plan", "windows",
]  # fmt: skip
