"""Networks whose frustration is measured: a published one, a perceptron trained here, or your own."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
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

    Example:
        >>> Network("mine", lambda w, x: x @ w, jnp.ones((4, 2)), jnp.ones((3, 4))).shape
        (1, 4)
    """

    unit: float = 1.0
    classifies: bool = True

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one input, with the leading 1."""
        return (1, *self.inputs.shape[1:])

    def calls(self) -> Mapping[str, tuple[Callable[..., Any], tuple[Any, ...]]]:
        """The network on one input."""
        return {"function": (self.fn, (self.params, jax.ShapeDtypeStruct(self.shape, jnp.float32)))} if self.fn else {}


def subject(config: Config) -> Network:
    """The network that a configuration names, and its images.

    Args:
        config: ``network``, ``photos`` and ``images`` are read.

    Raises:
        UnknownNameError: no network of that name.
        MissingWeightsError: its weights are not on this machine.
        JprobeError: what :func:`jprobe.data.load_photos` raises.

    Example:
        >>> subject(Config(network="mnist", images=2)).classifies
        True
    """
    name = config.chosen()
    if name == "mnist":
        return _perceptron(config)
    weights.architecture(name)  # refuses names of no network of photos
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
