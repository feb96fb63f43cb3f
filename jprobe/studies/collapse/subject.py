"""The easy and the hard task of each dataset, at each scale of its pixels."""

from jprobe import data
from jprobe.studies.collapse.config import Config
from jprobe.studies.easy_hard import easy_and_hard
from jprobe.studies.subject import Subject


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
        pairs, loaded = easy_and_hard(name), data.load(name)
        sums |= loaded.checksums
        inputs[name] = {
            task: {scale: data.pair(loaded, pair, pixels=scale) for scale in dict.fromkeys(config.pixels)}
            for task, pair in pairs.items()
        }
    return Subject(name=", ".join(inputs), inputs=inputs, checksums=sums)
