"""Node strength, neuron strength and neuron activation of a whole network, labelled by layer."""

from typing import Any, Literal, get_args

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

from jprobe.errors import ShapeError, UnknownNameError
from jprobe.graph import Graph
from jprobe.graph.checks import check_finite
from jprobe.metrics.measuring import Measured, Output, layers_of, link_weights, measure
from jprobe.models import Model
from jprobe.paths import leaves_by_path
from jprobe.selection import Layers, selected_layers
from jprobe.typing import Params

# How often a bias counts in a node's in-strength: once, as in the pre-activation; once for each edge that enters, as in
# the paper's eq. (3) read literally; or never.
Bias = Literal["once", "each", "none"]

WEIGHTS = ("signed", "absolute", "positive", "negative")


def neurons(
    model: Model,
    params: Params,
    x: Any,
    *,
    bias: Bias = "once",
    output: Output | None = None,
    select: Layers | None = None,
    stacked: bool = False,
) -> xr.Dataset:
    """Strengths and activations of every neuron, as one labelled table.

    A neuron is an element of a layer's output: of a convolution each place of each filter, of a recurrent network each
    unit at each step. With weights w, biases b and what the neurons before hand on, z:

    - node strength: s_in,k = sum_i w_ik + b_k, s_out,k = sum_j w_kj; their sum is the total.
    - neuron strength: sum_i z_i w_ik + b_k, for each input of x; the pre-activation.
    - neuron activation: what the neuron hands on, f of that.
    - driven strength: sum_i E|z_i| |w_ik|, E over x.
    - layer fluctuation: standard deviation over a layer's neurons of the total strength, and of s_in and s_out alone.
    - link weights: mean and variance, over the edges into a layer, of w_ik + b_k and of w_ik.

    Normalisations with fixed statistics are part of w and b. The network is read as :func:`jprobe.graph.trace` reads it
    with ``residual="merged", fold_bn=True``, so its convolutions need no matrix, and what trace refuses is refused; :func:`jprobe.metrics.captured` reads that, too.

    Args:
        model: Flax Linen module, a function of a key that makes an NNX or Equinox module, or a function (params, x) ->
            outputs; see :func:`jprobe.models.network`.
        params: the variables, as trained.
        x: inputs [B, ...], a sample of those that the network was trained on.
        bias: whether b_k counts in s_in "once", "each" (for each edge that enters), or "none".
        output: function of the network's outputs that makes them activations, such as ``jax.nn.softmax``.
        select: layers, by name or glob ("Dense_*"), several of these, or a function of the name. Default: the input, and
            every layer that has weights.
        stacked: whether params are those of S networks, every leaf [S, ...], as of :func:`jprobe.train.fit`.

    Returns:
        Dataset of ``strength_in``, ``strength_out`` and ``strength`` [weights, neuron], where ``weights`` counts them
        "signed", by "absolute" value, or "positive" and "negative" apart (the bias counts among the signed alone);
        ``driven_strength`` and ``bias`` [neuron]; ``neuron_strength`` and ``neuron_activation`` [sample, neuron];
        ``fluctuation``, ``fluctuation_in``, ``fluctuation_out``, ``link_mean``, ``link_variance``, ``weight_mean``,
        ``weight_variance`` [layer]. The coordinate ``of`` names each neuron's layer, ``place`` counts it there. NaN where
        there is no such thing: nothing enters the input, nothing leaves the output. With ``stacked``, [network, ...].

    Raises:
        UnsupportedOperationError: the network has no such graph, see :func:`jprobe.graph.trace`.
        UnknownLayerError: no layer of that name.
        UnknownNameError: another ``bias``.
        ShapeError: no input.
        WeightsError: weights that are NaN or infinite.

    Source:
        Paper 3, eqs. (1) to (7). Its indices run to the wrong layer in places; here all sums run over the edges.

    Example:
        >>> import jprobe as jp
        >>> model, x = jp.models.MLP((4,), 2), jnp.ones((5, 3))
        >>> found = neurons(model, model.init(jax.random.key(0), x), x, output=jax.nn.softmax)
        >>> dict(found.sizes)
        {'weights': 4, 'neuron': 9, 'sample': 5, 'layer': 3}
        >>> found.sel(neuron=found.of == "Dense_1").neuron_activation.sum("neuron").values.round(3).tolist()
        [1.0, 1.0, 1.0, 1.0, 1.0]
    """
    if bias not in get_args(Bias):
        raise UnknownNameError("bias", bias, get_args(Bias))
    x = jnp.asarray(x)
    if x.ndim < 1 or not len(x):
        raise ShapeError("x holds no input: give one or more, [B, ...].")
    for path, _, leaf in leaves_by_path(params):
        check_finite(leaf, path)  # of one network trace would; of many it sees shapes alone
    one = jax.tree.map(lambda w: jax.ShapeDtypeStruct(w.shape[1:], w.dtype), params) if stacked else params
    graph = layers_of(model, one, x)
    run = lambda params: measure(model, params, x, output)  # noqa: E731
    found = jax.jit(jax.vmap(run) if stacked else run)(params)
    if not stacked:
        found = jax.tree.map(lambda a: a[None], found)
    ds = _table(graph, jax.tree.map(np.asarray, found), _chosen(graph, select), bias)
    return ds if stacked else ds.isel(network=0)


def _chosen(graph: Graph, select: Layers | None) -> list[int]:
    """Numbers of the blocks that are asked for."""
    names = [block.name for block in graph.blocks]
    if select is None:
        return [n for n, block in enumerate(graph.blocks) if block.kind != "pool"]
    return selected_layers(names, select)


def _table(graph: Graph, found: Measured, chosen: list[int], bias: Bias) -> xr.Dataset:
    blocks = [graph.blocks[n] for n in chosen]
    columns = [_of_layer(graph, found, n, bias) for n in chosen]
    by_neuron = {
        name: (dims, np.concatenate([column[name] for column in columns], -1)) for name, dims in _BY_NEURON.items()
    }
    by_layer = {
        name: (("network", "layer"), np.stack([column[name] for column in columns], -1))
        for name in columns[0].keys() - _BY_NEURON.keys()
    }
    coords = {
        "weights": list(WEIGHTS),
        "layer": [block.name for block in blocks],
        "of": ("neuron", np.repeat([block.name for block in blocks], [block.size for block in blocks])),
        "place": ("neuron", np.concatenate([np.arange(block.size) for block in blocks])),
    }
    return xr.Dataset({**by_neuron, **dict(sorted(by_layer.items()))}, coords)


_BY_NEURON = {
    "strength_in": ("network", "weights", "neuron"),
    "strength_out": ("network", "weights", "neuron"),
    "strength": ("network", "weights", "neuron"),
    "driven_strength": ("network", "neuron"),
    "bias": ("network", "neuron"),
    "neuron_strength": ("network", "sample", "neuron"),
    "neuron_activation": ("network", "sample", "neuron"),
}


def _of_layer(graph: Graph, found: Measured, n: int, convention: Bias) -> dict[str, np.ndarray]:
    """The numbers of one block, [S, ..., nodes], and of the layer that it is, [S]."""
    flat = lambda a, lead: a[n].reshape(*a[n].shape[:lead], -1).astype(np.float64)  # noqa: E731
    strength, absolute = flat(found.strength, 2), flat(found.absolute, 2)
    bias, edges, squares = (flat(a, 1) for a in (found.bias, found.edges, found.squares))
    first, last = graph.blocks[n].kind == "input", n in graph.layout.outputs
    if first:
        bias = np.full_like(bias, np.nan)
    counted = {"once": bias, "each": edges * bias, "none": 0.0}[convention]
    parts = np.stack([strength, absolute, (absolute + strength) / 2, (strength - absolute) / 2], 1)  # [S, 4, 2, nodes]
    inward, outward = parts[:, :, 0], parts[:, :, 1]
    inward[:, 0] += counted
    inward, outward = (np.where(none, np.nan, s) for none, s in ((first, inward), (last, outward)))
    total = np.where(np.isnan(inward), 0, inward) + np.where(np.isnan(outward), 0, outward)
    none = np.where(first, np.nan, 1.0)
    # Nothing enters the input: no edges, and no mean over them.
    of_edges = strength[:, 0], squares, np.where(first, np.nan, edges)
    linked, alone = link_weights(*of_edges, bias), link_weights(*of_edges, np.zeros_like(bias))
    return {
        "strength_in": inward,
        "strength_out": outward,
        "strength": total,
        "driven_strength": flat(found.driven, 1) * none,
        "bias": bias,
        "neuron_strength": flat(found.neuron_strength, 2) * none,
        "neuron_activation": flat(found.neuron_activation, 2),
        "fluctuation": total[:, 0].std(-1),
        "fluctuation_in": inward[:, 0].std(-1),
        "fluctuation_out": outward[:, 0].std(-1),
        "link_mean": linked[0],
        "link_variance": linked[1],
        "weight_mean": alone[0],
        "weight_variance": alone[1],
    }
