"""Probe trained neural networks as signed, weighted graphs, on JAX.

The rooms: ``jp.data`` (arrays), ``jp.models`` (Flax Linen modules), ``jp.train`` (many seeds in one compiled
scan), ``jp.probes`` (perturbations), ``jp.metrics`` (what is measured), ``jp.sweep`` (seeds x levels x repeats
in one compiled call), ``jp.complexity`` (how hard a task is, by what networks lose under a probe),
``jp.connectivity`` (which connections stay where they cost),
``jp.robustness`` (one layer at a time), ``jp.graph`` (any network as a signed DAG), ``jp.frustration`` (how far that
is from balance), ``jp.weights`` (published checkpoints), ``jp.figures`` (curves of sweeps, and what the studies draw),
``jp.studies`` (a paper each, with a report).

Example:
    >>> import jprobe as jp
    >>> task = jp.data.pair(jp.data.load("mnist"), (7, 9))
    >>> model = jp.models.MLP(hidden=(64,), features=2)
    >>> fit = jp.train.fit(model, task, seeds=2, epochs=1)
    >>> curve = jp.sweep(jp.probes.prune(), fit.params, jp.metrics.accuracy(model, task), [0.0, 0.6], signed=True)
    >>> dict(curve.sizes)
    {'seed': 2, 'level': 2, 'repeat': 1, 'signed': 2}
"""

from typing import TYPE_CHECKING

import lazy_loader

__version__ = "0.1.0"

__all__ = [
    "complexity",
    "connectivity",
    "data",
    "errors",
    "figures",
    "frustration",
    "graph",
    "metrics",
    "models",
    "probes",
    "robustness",
    "stack",
    "studies",
    "sweep",
    "train",
    "unstack",
    "weights",
]

if TYPE_CHECKING:  # what editors and type checkers see
    from jprobe import (
        complexity,
        connectivity,
        data,
        errors,
        figures,
        frustration,
        graph,
        metrics,
        models,
        probes,
        robustness,
        studies,
        train,
        weights,
    )
    from jprobe.networks import stack, unstack
    from jprobe.sweeping import sweep
else:
    # What Python sees: `import jprobe` takes milliseconds, and JAX comes with the first room that needs it.
    # No function may have the name of a module: importing that module would put it in the function's place.
    __getattr__, __dir__, _ = lazy_loader.attach(
        __name__,
        submodules=set(__all__) - {"stack", "unstack", "sweep"},
        submod_attrs={"networks": ["stack", "unstack"], "sweeping": ["sweep"]},
    )
