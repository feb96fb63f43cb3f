"""How a sweep computes: one evaluation of one network, traced once, and batched over everything that varies.

Read the modules in this order:

1. ``arrays``: a network's arrays apart from its other leaves (functions, numbers, flags), which never vary.
2. ``program``: a function after its one trace, with the arrays it closes over as arguments.
3. ``dependence``: which results of a program depend on which of its arguments.
4. ``hoisting``: a program in two parts: what does not depend on the level or a draw, and the rest.
5. ``memory``: how many bytes a program holds at once.
6. ``evaluation``: all of this for a probe and a metric: ``plan`` makes the one :class:`Evaluation` that a sweep runs.
7. ``chunks``: how many networks, levels and draws fit a budget, and which come in each chunk.
8. ``draws``: a random key for each evaluation.

:func:`jprobe.sweep` checks what it is given, makes a plan, walks the chunks and labels the result. The data flow of
one chunk, in the four functions of an Evaluation::

    params [S, ...] -> init -> state ------+
           |                               v
           +---------------------------> perturb <- keys [S, L, R], levels [L]
           |                               |
           v                               v weights [S, L, R, ...]
        prepare -> hoisted ------------> measure -> values [S, L, R, F]
"""

from jprobe.engine.arrays import hide_static, take
from jprobe.engine.chunks import chunk_shape, default_budget, windows
from jprobe.engine.draws import draw_keys
from jprobe.engine.evaluation import Evaluation, plan

__all__ = ["Evaluation", "chunk_shape", "default_budget", "draw_keys", "hide_static", "plan", "take", "windows"]
