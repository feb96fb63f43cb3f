"""Downloads and imports of data and weights."""

from jprobe.cli.stopping import STOP


def fetch(kind: str, name: str) -> None:
    """Download a dataset or a checkpoint, and say where it is from."""
    if kind == "data":
        from jprobe import data
        from jprobe.data import conll

        STOP.unwind()
        print((conll.fetch() if name == conll.NAME else data.fetch(name)).source)
    else:
        from jprobe import weights

        STOP.unwind()
        print(weights.fetch(name))
        _lack(name)


def take(kind: str, name: str, path: str) -> None:
    """Take the files of a dataset or a checkpoint that a person has, and say where they went."""
    if kind == "data":
        from jprobe import data

        STOP.unwind()
        for file in data.import_files(name, path):
            print(file)
    else:
        from jprobe import weights

        STOP.unwind()
        for file in weights.import_weights(name, path):
            print(file)
        _lack(name)


def _lack(name: str) -> None:
    """Say what a checkpoint of a network of photos does not hold."""
    from jprobe import weights

    if weights.is_here(name) and (lacks := weights.load(name).lacks):
        print(f"It lacks {' and '.join(lacks)}; studies run on what is there, and say so.")
