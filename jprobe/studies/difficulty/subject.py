"""The paper's easy and hard task of each dataset."""

from jprobe import data
from jprobe.errors import ArgumentError
from jprobe.studies.difficulty.config import Config
from jprobe.studies.subject import Subject


def subject(config: Config) -> Subject:
    """Dataset -> task -> data; a subject of one's own has such ``inputs``.

    Raises:
        ArgumentError: the paper names no pairs of a dataset.
        JprobeError: what :func:`jprobe.data.load` raises.

    Example:
        >>> list(subject(Config()).inputs["mnist"])
        ['easy', 'hard']
    """
    inputs, sums = dict[str, dict[str, data.Task]](), dict[str, str]()
    for name in dict.fromkeys(config.dataset):
        if name not in data.TASKS:
            raise ArgumentError(
                f"The paper names no easy and hard pair of {name!r}; it does of {', '.join(data.TASKS)}."
            )
        loaded = data.load(name)
        sums |= loaded.checksums
        inputs[name] = {task: data.pair(loaded, pair) for task, pair in data.TASKS[name].items()}
    return Subject(name=", ".join(inputs), inputs=inputs, checksums=sums)
