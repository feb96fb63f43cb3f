"""Networks whose frustration is measured: a published one, a perceptron trained here, or your own."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jprobe import data, models, train, weights
from jprobe.data import imagenette
from jprobe.studies.frustration.config import Config
from jprobe.studies.subject import Subject


@dataclass(frozen=True)
class Network(Subject):
    """A network as a signed graph: ``fn`` takes (params, x [B, ...]), ``inputs`` are images [I, ...]; I may be 0.

    Attributes:
        unit: what a pixel's range from 0 to 1 is at the network's input.
        classifies: whether the outputs are classes.
        trained: whether ``params`` are a trained network's; if not, only freshly initialised null models are measured.

    Example:
        >>> Network("mine", lambda w, x: x @ w, jnp.ones((4, 2)), jnp.ones((3, 4))).shape
        (1, 4)
    """

    unit: float = 1.0
    classifies: bool = True
    trained: bool = True

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one input, with the leading 1."""
        return (1, *self.inputs.shape[1:])

    @property
    def members(self) -> Mapping[str, "Network"]:
        """The networks of a run by the words that their parts and numbers begin with; of one network: none."""
        return {"": self}

    def calls(self) -> Mapping[str, tuple[Callable[..., Any], tuple[Any, ...]]]:
        """The network on one input."""
        return {"function": (self.fn, (self.params, jax.ShapeDtypeStruct(self.shape, jnp.float32)))} if self.fn else {}


@dataclass(frozen=True)
class Networks(Subject):
    """Several networks, one run: each keeps the parts and numbers that a run of it alone would have.

    Attributes:
        members: the networks by short names.

    Example:
        >>> mine = Network("mine", lambda w, x: x @ w, jnp.ones((4, 2)), jnp.ones((3, 4)))
        >>> together({"a": mine, "b": mine}).name
        'a, b'
    """

    members: Mapping[str, Network] = field(default_factory=dict)

    def calls(self) -> Mapping[str, tuple[Callable[..., Any], tuple[Any, ...]]]:
        """Each network on one input."""
        return {f"{what} of {name}": call for name, of in self.members.items() for what, call in of.calls().items()}


def together(members: Mapping[str, Network]) -> Networks:
    """Several networks as what one run is of.

    Args:
        members: the networks by short names.

    Example:
        >>> mine = Network("mine", lambda w, x: x @ w, jnp.ones((4, 2)), jnp.ones((3, 4)))
        >>> together({"first": mine, "second": mine}).members["second"].name
        'mine'
    """
    return Networks(
        ", ".join(members),
        params={name: of.params for name, of in members.items()},
        inputs={name: of.inputs for name, of in members.items()},
        notes=[f"{name}: {note}" for name, of in members.items() for note in of.notes],
        checksums={file: sum_ for of in members.values() for file, sum_ in of.checksums.items()},
        members=members,
    )


def subject(config: Config) -> Network | Networks:
    """The networks that a configuration names, and their images.

    Args:
        config: ``network``, ``photos`` and ``images`` are read.

    Raises:
        UnknownNameError: no network of that name.
        MissingWeightsError: one network is asked for, and its weights are not on this machine.
        JprobeError: what :func:`jprobe.data.load_photos` raises.

    Example:
        >>> subject(Config(network="mnist", images=2)).classifies
        True
    """
    names = config.chosen()
    for name in names:
        if name != "mnist":
            weights.architecture(name)  # refuses names of no network of photos, before anything is loaded
    if len(names) == 1:
        return _network(config, names[0])
    here = {name: name == "mnist" or weights.is_here(name) for name in names}
    return together({name: _network(config, name) if here[name] else _untrained(name) for name in names})


def _network(config: Config, name: str) -> Network:
    if name == "mnist":
        return _perceptron(config)
    found = weights.load(name)
    folder = config.photos or imagenette.imported()
    notes, inputs, unit = [], jnp.zeros((0, *found.size, 3)), 1.0
    if found.lacks:
        notes.append(
            f"The checkpoint lacks {' and '.join(found.lacks)}: this is the frustration of what is there. Its outputs are "
            "features after ReLU, of which any that stay 0 count as moving with every order, so lambda says less here."
        )
    if folder is None:
        notes.append(
            "No photos: active subnetworks and monotonicity are left out. Bring a folder of photos with --photos, or "
            "run: jprobe data import imagenette DIR"
        )
    else:
        photos = data.load_photos(folder)
        pick = np.linspace(0, len(photos.images) - 1, min(config.images, len(photos.images))).round().astype(int)
        inputs = jnp.asarray(found.prepare(photos.images[pick]))
        black = found.prepare(np.zeros((1, *found.size, 3), np.uint8))
        unit = float((found.prepare(np.full((1, *found.size, 3), 255, np.uint8)) - black).mean())
        notes.append(f"{len(pick)} of {len(photos.images)} photos of {folder}.")
    label = name + (f" without {' and '.join(found.lacks)}" if found.lacks else "")
    checksums = {found.source: found.checksum}
    return Network(
        label,
        found.model.apply,
        found.params,
        inputs,
        notes=notes,
        checksums=checksums,
        unit=unit,
        classifies=not found.lacks,
    )


def _untrained(name: str) -> Network:
    """A network whose weights are not here, as its architecture alone."""
    model, shape = weights.architecture(name)
    note = (
        "its weights are not on this machine, so only freshly initialised null models of its architecture (N3) are measured. "
        f"Bring them with: jprobe weights import {name} FILE"
    )
    # N3 redraws every weight, and reads no more of these than their shapes.
    params = jax.tree.map(
        lambda leaf: jnp.ones(leaf.shape, leaf.dtype), jax.eval_shape(model.init, jax.random.key(0), jnp.zeros(shape))
    )
    return Network(f"{name} (no weights)", model.apply, params, jnp.zeros((0, *shape[1:])), notes=[note], trained=False)


def _perceptron(config: Config) -> Network:
    mnist = data.load("mnist")
    pixels = {f"x_{split}": getattr(mnist, f"x_{split}") / np.float32(127.5) - 1 for split in ("train", "test")}
    task = data.Task(y_train=mnist.y_train, y_test=mnist.y_test, num_classes=10, name="mnist", **pixels)
    model = models.MLP(hidden=(64, 64), features=10)
    fit = train.fit(model, task, seeds=1, epochs=5)
    params = jax.tree.map(lambda leaf: leaf[0], fit.params)
    pick = np.linspace(0, len(task.x_test) - 1, config.images).round().astype(int)
    images = jnp.asarray(task.x_test[pick]).reshape(config.images, -1)
    note = (
        f"A perceptron with 64-64 hidden nodes, trained here on MNIST's ten digits (test accuracy {float(fit.test_accuracy[0, -1]):.1%}); "
        "no published network's weights are on this machine, or this one was asked for."
    )
    fn = models.forward(model)
    # Pixels run from -1 to 1.
    return Network("perceptron on MNIST", fn, params, images, notes=[note], checksums=mnist.checksums, unit=2.0)
