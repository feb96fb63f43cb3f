"""How much faster what was found trains: gradients of both networks in turn, so that other work of the machine weighs on both."""

import statistics
import time
from collections.abc import Callable
from typing import Any

import jax

from jprobe import connectivity as wirings
from jprobe.connectivity import Wiring
from jprobe.data import Task
from jprobe.models import DAG
from jprobe.studies.connectivity.config import Config
from jprobe.studies.connectivity.training import STAGES, regime
from jprobe.typing import Params

_ROUNDS = 15


def step_ratio(config: Config, task: Task, found: Wiring) -> float:
    """Time of a gradient of the whole network over that of what is alive of a wiring alone, medians of steps taken in turn."""
    features, x, y = task.num_classes or 0, task.x_train[: config.batch], task.y_train[: config.batch]
    whole = DAG((config.nodes,) * STAGES, config.channels, features, dtype=config.dtype)
    small = wirings.compact([found], config.channels, features)
    own = jax.tree.map(lambda leaf: leaf[0], small.start(x[:1], [0]))
    steps = (
        _step(whole, jax.jit(whole.init)(jax.random.key(0), x[:1]), config, x, y),
        _step(small.model.clone(dtype=config.dtype), own, config, x, y),
    )
    taken = [[_seconds(step) for step in steps] for _ in range(_ROUNDS)]
    slow, fast = (statistics.median(times) for times in zip(*taken, strict=True))
    return slow / fast


def _step(model: DAG, variables: Params, config: Config, x: Any, y: Any) -> Callable[[], Any]:
    loss, rest = regime(config).loss, {name: variables[name] for name in ("batch_stats", "wiring")}

    def value(params: Params, rest: Params, x: jax.Array, y: jax.Array) -> jax.Array:
        own = {"params": params, **rest}
        return loss(model.apply(own, x, True, mutable=["batch_stats"])[0], y, own).mean()

    gradient = jax.jit(jax.grad(value)).lower(variables["params"], rest, x, y).compile()
    return lambda: gradient(variables["params"], rest, x, y)


def _seconds(step: Callable[[], Any]) -> float:
    start = time.perf_counter()
    jax.block_until_ready(step())
    return time.perf_counter() - start
