"""Do strengths tell which weights may go? The paper's remark on pruning, by the probes that the other studies use."""

from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

from jprobe import data, metrics, probes
from jprobe.capture import layers_of_function
from jprobe.metrics import weight_scores
from jprobe.paths import leaves_by_path
from jprobe.sweeping import sweep
from jprobe.train import squared_error
from jprobe.typing import Metric, Params

# What ranks the weights: their own size, the signals that they or their neurons carry, their neurons' in-strengths, chance
# weight by weight, and chance neuron by neuron, which is what orders by neuron are to be held against.
ORDERS = ("magnitude", "edge", "neuron", "node", "random", "random_neuron")
REMOVED = (0.0, 0.3, 0.5, 0.7, 0.8, 0.9)

# Of the test set: six orders at six levels of every network.
_IMAGES = 1000


def pruned(model: Any, params: Params, task: data.Task, x: np.ndarray) -> xr.Dataset:
    """What networks still do when the weights that an order calls the weakest are gone, kernel by kernel.

    The kernel of the output is left alone: its neurons are the answers, and an order by neuron would remove answers.

    Args:
        model: the networks'.
        params: [S, ...], finite.
        task: its first 1,000 test images are measured on; of targets that are no labels the squared error.
        x: the sample of inputs that signals are measured on [B, ...].

    Returns:
        "pruned" [network, order, removed]: accuracy, or mean squared error.

    Source:
        Paper 3, section 3.3: a neuron that transmits a weak signal might be a candidate for pruning.
    """
    count = len(jax.tree.leaves(params)[0])
    # A network beside the scores that rank its weights: one compilation for all orders.
    many = {
        "weights": jax.tree.map(lambda w: np.repeat(np.asarray(w), len(ORDERS), 0), params),
        "scores": jax.tree.map(lambda w: np.asarray(w).reshape(-1, *w.shape[2:]), _scores(model, params, x)),
    }
    output = _output_kernel(model, params, x)
    probe = probes.prune(
        by=lambda one: {"weights": one["scores"], "scores": one["scores"]},
        select=lambda path, leaf: path.startswith("weights/") and leaf.ndim >= 2 and not path.endswith(f"/{output}"),
    )
    metric = _metric(model, task)
    found = sweep(probe, many, lambda one: metric(one["weights"]), REMOVED)
    values = next(iter(found.data_vars.values())).values.reshape(count, len(ORDERS), len(REMOVED))
    return xr.Dataset(
        {"pruned": (("network", "order", "removed"), values)}, {"order": list(ORDERS), "removed": list(REMOVED)}
    )


def _output_kernel(model: Any, params: Params, x: np.ndarray) -> str:
    """Path of the kernel whose neurons are the network's outputs."""
    one = jax.tree.map(lambda w: w[0], params)
    found: list[int] = []

    def run(one: Params, x: jax.Array) -> None:
        found.extend(layer.source.leaf for _, layer in layers_of_function(model.apply, one, x))

    jax.eval_shape(run, one, x[:1])
    return leaves_by_path(one)[found[-1]][0]


def _metric(model: Any, task: data.Task) -> Metric:
    few = replace(task, x_test=task.x_test[:_IMAGES], y_test=task.y_test[:_IMAGES])
    return metrics.accuracy(model, few) if task.num_classes else metrics.loss(model, few, each=squared_error)


def _scores(model: Any, params: Params, x: np.ndarray) -> Params:
    """Finite scores of every weight by every order, [S, orders, ...]."""

    def of_one(one: Params, key: jax.Array, x: jax.Array) -> Params:
        by_strength = [weight_scores(model.apply, one, x, of=of) for of in ("edge", "neuron", "node")]
        leaves, structure = jax.tree.flatten(one)
        keys = jax.random.split(key, len(leaves))
        by_weight = [jax.random.uniform(k, w.shape) for k, w in zip(keys, leaves, strict=True)]
        # Neurons are the last axis of every kernel.
        by_neuron = [
            jnp.broadcast_to(chance.reshape(-1, w.shape[-1])[0], w.shape)
            for chance, w in zip(by_weight, leaves, strict=True)
        ]
        chance = [jax.tree.unflatten(structure, some) for some in (by_weight, by_neuron)]
        # Biases have no scores, and are not pruned.
        return jax.tree.map(lambda *some: jnp.nan_to_num(jnp.stack(some)), one, *by_strength, *chance)

    count = len(jax.tree.leaves(params)[0])
    # The images are an argument: XLA would compute with constants while it compiles.
    run = jax.jit(lambda some, keys, x: jax.lax.map(lambda pair: of_one(pair[0], pair[1], x), (some, keys)))
    scores: Params = run(params, jax.random.split(jax.random.key(0), count), x)
    return scores
