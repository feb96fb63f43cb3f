"""The tasks that the study trains on: the paper's easy and hard pairs, or a person's own."""

from jprobe import data
from jprobe.errors import ArgumentError
from jprobe.studies.probes.config import Config
from jprobe.studies.subject import Subject


def subject(config: Config) -> Subject:
    """Dataset -> task -> data, for each task of the study.

    A subject of one's own has such ``inputs``, too: {"my data": {"easy": task, "hard": task}}.

    Args:
        config: ``dataset`` and ``pair`` are read.

    Raises:
        ArgumentError: the paper names no easy and hard pair of a dataset, and none was asked for.
        JprobeError: what :func:`jprobe.data.load` and :func:`jprobe.data.pair` raise.

    Example:
        >>> list(subject(Config(pair=(3, 5))).inputs["mnist"])
        ['3-5']
    """
    inputs = {name: _pairs(config, name) for name in dict.fromkeys(config.dataset)}
    sums = {
        file: value for tasks in inputs.values() for task in tasks.values() for file, value in task.checksums.items()
    }
    return Subject(name=", ".join(inputs), inputs=inputs, checksums=sums)


def _pairs(config: Config, name: str) -> dict[str, data.Task]:
    loaded = data.load(name)
    if config.pair is not None:
        pairs = {f"{config.pair[0]}-{config.pair[1]}": config.pair}
    elif name in data.TASKS:
        pairs = data.TASKS[name]
    else:
        raise ArgumentError(
            f"The paper names no easy and hard pair for {name!r}: choose one with --pair A B "
            f"(classes 0 to {len(loaded.class_names) - 1})."
        )
    return {label: data.pair(loaded, pair) for label, pair in pairs.items()}
