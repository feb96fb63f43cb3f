"""Neuron strength, activation and node strength of every weight layer of any function, transformers too."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jprobe.capture import Layer, Stage, layers_of_function, rearranged, sampled
from jprobe.typing import Params


class Captured(NamedTuple):
    """What :func:`captured` finds of one layer; its neurons [*neurons] count the last axes.

    Attributes:
        neuron_strength: sum_i z_i w_ik + b_k, [*samples, *neurons].
        neuron_activation: what elementwise functions make of that until something else reads it, [*samples, *neurons].
        strength_in: sum_i w_ik + b_k, [*neurons].
        strength_out: sum_j w_kj of all kernels that read the activation, [*neurons]; NaN where something else reads it.

    Example:
        >>> x, w = jnp.array([[1.0, 2.0]]), {"in": jnp.eye(2), "out": jnp.ones((2, 3))}
        >>> Captured(*captured(lambda w, x: -(x @ w["in"]) @ w["out"], w, x)["in"]).neuron_activation.tolist()
        [[-1.0, -2.0]]
    """

    neuron_strength: jax.Array
    neuron_activation: jax.Array
    strength_in: jax.Array
    strength_out: jax.Array


def captured(fn: Callable[..., Any], params: Params, *inputs: Any) -> dict[str, Captured]:
    """Neuron strength, neuron activation and node strength of each weight layer of a function of (params, *inputs).

    A layer is a product or a convolution whose kernel is a leaf of params, at most cut, rearranged or changed element by
    element (a mask, a cast). It goes by the path of that leaf. What parameters alone add and multiply right after it
    (a bias, a normalisation with fixed statistics) is part of it, as in :func:`jprobe.metrics.neurons`. Its samples are
    the axes that the kernel knows nothing of (examples, tokens), its neurons the others (of a convolution, each place of
    each filter).

    This is the way in for networks that :func:`jprobe.graph.trace` refuses: attention, gates and layer norms only end what
    is a layer's own. A sum of layers does so too, where the graph calls it one layer: here each summand is one.
    The function is traced, so this may stand under jit, which computes only what is used, under grad and under vmap over
    networks.

    Args:
        fn: function of (params, *inputs): ``model.apply`` of a Flax Linen module, or one that merges an NNX state or calls an
            Equinox module.
        params: its variables.
        inputs: the rest of its arguments, pytrees of arrays, batches first.

    Returns:
        {path of the kernel: Captured} in the order in which the layers are run (under jit, JAX sorts it). A kernel that is read several times, in a
        loop or by tied layers, is several layers: "cell/kernel[0]", ...

    Raises:
        ArgumentError: no such layer; or layers in a loop or branch whose course hangs on the inputs.

    Source:
        Paper 3, eqs. (3), (5) to (7).

    Example:
        >>> from jprobe.models import DistilBert
        >>> model = DistilBert(vocabulary=50, positions=16, width=8, heads=2, layers=1, hidden=16, labels=3)
        >>> ids = jnp.array([[2, 7, 9, 0]])
        >>> found = captured(model.apply, model.init(jax.random.key(0), ids), ids)
        >>> [path.removeprefix("layer_0/") for path in found][3:5]
        ['attention/out_lin/kernel', 'ffn/lin1/kernel']
        >>> found["layer_0/ffn/lin1/kernel"].neuron_activation.shape, found["layer_0/ffn/lin1/kernel"].strength_out.shape
        ((1, 4, 16), (16,))
    """
    layers = layers_of_function(fn, params, *inputs)
    return {path: Captured(*signals_of(layer), *strengths_of(layer)) for path, layer in layers}


def signals_of(layer: Layer) -> tuple[jax.Array, jax.Array]:
    """Neuron strength and activation of a layer, [*samples, *neurons]."""
    before, after = layer.stages[layer.affine], layer.stages[layer.activation[-1]]
    return _by_sample(layer, before, before.value), _by_sample(layer, after, after.value)


def strengths_of(layer: Layer) -> tuple[jax.Array, jax.Array]:
    """In-strength and out-strength of a layer's neurons, [*neurons]."""
    before, after = layer.stages[layer.affine], layer.stages[layer.activation[-1]]
    assert before.affine is not None
    ones = before.affine(layer.apply(jnp.ones_like(layer.inputs), layer.kernel))
    return _of_one(layer, before, ones), _of_one(layer, after, _outward(layer, after))


def _by_sample(layer: Layer, stage: Stage, value: jax.Array) -> jax.Array:
    """An array of a stage, its samples before its neurons."""
    for move in reversed(stage.moves):
        value = move.undo(value)
    samples = sorted(sampled(layer.axes))
    return jnp.moveaxis(value, samples, range(len(samples)))


def _of_one(layer: Layer, stage: Stage, value: jax.Array) -> jax.Array:
    """The numbers of one sample, where those of all are the same."""
    return _by_sample(layer, stage, value)[(0,) * len(sampled(layer.axes))]


def _outward(layer: Layer, stage: Stage) -> jax.Array:
    """Sums of the weights that leave each element of an activation, [like the activation]."""
    total = jnp.zeros(np.shape(stage.value), jnp.result_type(layer.kernel))
    for read in layer.reads:
        reader = read.by
        if reader is None or read.chain != layer.activation:
            return jnp.full_like(total, jnp.nan)

        def onward(v: jax.Array, read: Any = read, reader: Layer = reader) -> jax.Array:
            last = reader.stages[reader.affine].affine
            assert last is not None
            return last(reader.apply(rearranged(v, read.moves), reader.kernel))

        made, back = jax.vjp(onward, jnp.zeros_like(stage.value))
        total += back(jnp.ones_like(made))[0]
    return total
