"""The easy and the hard task of each dataset, at each scale of its pixels."""

from jprobe import data
from jprobe.errors import ArgumentError
from jprobe.studies.collapse.config import Config
from jprobe.studies.subject import Subject

# Where the paper names no pairs: those that a linear classifier tells apart best and worst. KMNIST: 97.9% and 82.0% of the
# test images (logistic regression on every sixth image); CIFAR-10: frog and ship, cat and dog.
TASKS = {**data.TASKS, "kmnist": {"easy": (0, 1), "hard": (4, 7)}, "cifar10": {"easy": (6, 8), "hard": (3, 5)}}


def subject(config: Config) -> Subject:
    """Dataset -> task -> scale of the pixels -> data; a subject of one's own has such ``inputs``.

    Args:
        config: ``dataset`` and ``pixels`` are read.

    Raises:
        ArgumentError: no easy and hard pair is named for a dataset.
        JprobeError: what :func:`jprobe.data.load` raises.

    Example:
        >>> found = subject(Config(pixels=("unit",)))
        >>> float(found.inputs["mnist"]["easy"]["unit"].x_train.min())
        0.0
    """
    inputs: dict[str, dict[str, dict[str, data.Task]]] = {}
    sums: dict[str, str] = {}
    for name in dict.fromkeys(config.dataset):
        if name not in TASKS:
            raise ArgumentError(f"No easy and hard pair is named for {name!r}; there are pairs of {', '.join(TASKS)}.")
        loaded = data.load(name)
        sums |= loaded.checksums
        inputs[name] = {
            task: {scale: data.pair(loaded, pair, pixels=scale) for scale in dict.fromkeys(config.pixels)}
            for task, pair in TASKS[name].items()
        }
    return Subject(name=", ".join(inputs), inputs=inputs, checksums=sums)
