"""The paper's networks, and how each is trained."""

import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import optax

from jprobe import models, train
from jprobe.metrics.measuring import Output
from jprobe.studies.cnt.measuring import links
from jprobe.studies.cnt.reading import Pool

# Widths of hidden layers, so that all networks have near 26,000 parameters on MNIST.
_DENSE = 32
_FILTERS = {("mnist", 3): (4,), ("mnist", 5): (5, 5, 5), ("cifar10", 3): (10,), ("cifar10", 5): (10, 10, 10)}
_CODES = {3: (16,), 5: (16, 8, 16), 7: (16, 12, 8, 12, 16), 9: (16, 14, 12, 8, 12, 14, 16)}
_UNITS = 64

# Of which kernels are drawn; whether it is a variance or a standard deviation the paper's text and code do not agree.
_SPREAD = {"mnist": 0.05, "cifar10": 0.5}

# Seconds for an image and epoch, measured on two cores, for the progress display only.
_SECONDS = {"fc": 5e-6, "cnn": 3e-5, "rnn": 4e-5, "ae": 6e-6}


class Kind(NamedTuple):
    """A network of the paper, and how it is trained.

    Attributes:
        model: Linen module.
        epochs: passes over the training set.
        batch: examples a step.
        optimizer: the same object for the same settings, so that nothing is compiled twice.
        loss: of outputs and targets.
        output: what makes outputs activations.
        together: networks that are trained at once; None: a block of them.
        record: what is kept of every epoch.
        seconds: of a training image and network, roughly.
    """

    model: Any
    epochs: int
    batch: int
    optimizer: optax.GradientTransformation
    loss: train.Loss
    output: Output | None
    together: int | None
    record: Callable[..., Any]
    seconds: float


def kind_of(pool: Pool, shape: tuple[int, ...], init: str) -> Kind:
    """The networks of a pool.

    Args:
        pool: which.
        shape: of an image, [H, W, C].
        init: "variance" or "sd": what the paper's 0.05 or 0.5 is.

    Source:
        Paper 3, section 4 and Table 1. Where it is silent: widths, epochs and rates that reach its accuracies, measured.

    Example:
        >>> kind = kind_of(Pool("mnist", "fc", 5, "relu"), (28, 28, 1), "sd")
        >>> kind.model.hidden, kind.model.kernel_sd, kind.epochs
        ((32, 32, 32), 0.05, 5)
    """
    spread = _SPREAD[pool.dataset]
    model = _model(pool, shape, math.sqrt(spread) if init == "variance" else spread)
    brief = pool.architecture == "rnn" or (pool.architecture, pool.depth) in (("cnn", 5), ("ae", 3))
    brief |= pool.architecture == "ae" and pool.activation != "sigmoid"
    epochs, rate = (3 if brief else 5), 1e-3
    # Sigmoids that learn nothing for a while at the rate of the others.
    if pool.activation == "sigmoid" and pool.architecture == "rnn":
        epochs, rate = 4, 5e-3
    if pool.activation == "sigmoid" and (pool.architecture, pool.depth) == ("fc", 9):
        epochs, rate = 10, 3e-3
    autoencoding = pool.architecture == "ae"
    alone = (pool.architecture, pool.depth) == ("cnn", 5) and jax.default_backend() == "cpu"
    return Kind(
        model=model,
        epochs=epochs,
        batch=128,
        optimizer=_adam(rate, pool.architecture == "rnn"),
        loss=train.squared_error if autoencoding else train.cross_entropy,
        output=None if autoencoding else jax.nn.softmax,
        together=1 if alone else None,
        record=_record(model, shape, pool.architecture == "rnn"),
        seconds=epochs * _SECONDS[pool.architecture],
    )


def _model(pool: Pool, shape: tuple[int, ...], kernel_sd: float) -> Any:
    hidden: Any = {"activation": pool.activation, "kernel_sd": kernel_sd}
    match pool.architecture:
        case "fc":
            return models.MLP((_DENSE,) * (pool.depth - 2), 10, **hidden)
        case "cnn":
            return models.CNN(_FILTERS[pool.dataset, pool.depth], 10, **hidden)
        case "rnn":
            return models.RNN(_UNITS, 10, **hidden)
        case _:
            return models.Autoencoder(_CODES[pool.depth], math.prod(shape), **hidden)


@functools.cache
def _adam(rate: float, clipped: bool) -> optax.GradientTransformation:
    adam = optax.adam(rate)
    return optax.chain(optax.clip_by_global_norm(1.0), adam) if clipped else adam


@functools.cache
def _record(model: Any, shape: tuple[int, ...], recurrent: bool) -> Callable[..., Any]:
    return lambda params, state: links(model, params, shape, recurrent=recurrent)
