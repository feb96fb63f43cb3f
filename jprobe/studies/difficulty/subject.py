"""The easy and the hard task of each dataset, and all of its classes."""

from jprobe import data
from jprobe.studies.difficulty.config import Config
from jprobe.studies.easy_hard import easy_and_hard
from jprobe.studies.subject import Subject


def subject(config: Config) -> Subject:
    """Dataset -> task -> data; a subject of one's own has such ``inputs``.

    Raises:
        ArgumentError: no easy and hard pair is named for a dataset.
        JprobeError: what :func:`jprobe.data.load` raises.

    Example:
        >>> list(subject(Config()).inputs["mnist"])
        ['easy', 'hard', 'all']
    """
    inputs, sums = dict[str, dict[str, data.Task]](), dict[str, str]()
    for name in dict.fromkeys(config.dataset):
        pairs, loaded = easy_and_hard(name), data.load(name)
        sums |= loaded.checksums
        inputs[name] = {task: data.pair(loaded, pair) for task, pair in pairs.items()}
        if "classes" in config.lens:
            inputs[name]["all"] = data.task(loaded)
    return Subject(name=", ".join(inputs), inputs=inputs, checksums=sums)
