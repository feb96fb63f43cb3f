"""What `jprobe data show` lists: the datasets, and where each is now."""

from dataclasses import dataclass

from jprobe.data import cache, conll, embedded, imagenette, official


@dataclass(frozen=True)
class Entry:
    """One dataset of the catalogue.

    Attributes:
        name: what `load` takes.
        what: image shape and classes, in words.
        where: "embedded", "cached at FOLDER or FILE", or "not here".
        licence: the licence of the data.

    Example:
        >>> catalogue()[0].name, catalogue()[0].where
        ('mnist', 'embedded')
    """

    name: str
    what: str
    where: str
    licence: str


def catalogue() -> list[Entry]:
    """List the datasets that jprobe reads without TensorFlow, and where each is now.

    Returns:
        One entry a dataset, MNIST first. Nothing is downloaded and no content is checked.

    Example:
        >>> catalogue()[0].where
        'embedded'
    """
    entries = [Entry("mnist", _what((28, 28, 1), embedded.CLASSES), "embedded", embedded.LICENCE)]
    for name, dataset in official.OFFICIAL.items():
        entries.append(Entry(name, _what(dataset.shape, dataset.class_names), _where(name), dataset.licence))
    entries.append(Entry(conll.NAME, conll.WHAT, _where_conll(), conll.LICENCE))
    photos = imagenette.imported()
    where = f"cached at {photos}" if photos else "not here"
    entries.append(Entry(imagenette.NAME, imagenette.WHAT, where, imagenette.LICENCE))
    return entries


def _where_conll() -> str:
    place = conll.imported() or conll.archive()
    return f"cached at {place}" if place else "not here"


def _what(shape: tuple[int, int, int], class_names: tuple[str, ...]) -> str:
    size = " x ".join(map(str, shape))
    return f"images {size}, {len(class_names)} classes: {', '.join(class_names)}"


def _where(name: str) -> str:
    decoded = cache.path_of(name)
    place = decoded if decoded.exists() else official.where(name)
    return f"cached at {place}" if place else "not here"
