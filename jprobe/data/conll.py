"""CoNLL-2003: English sentences whose words are tagged with named entities."""

import zipfile
from functools import partial
from pathlib import Path
from typing import NamedTuple

from jprobe.atomic import replacing
from jprobe.data import tfds_files
from jprobe.data.cache import cache_dir
from jprobe.data.checksums import check_sums, digest_file, note_sums
from jprobe.data.downloads import download
from jprobe.errors import DamagedFileError, MissingDataError, MissingFileError, quoted
from jprobe.files import decoding, writing

NAME = "conll2003"
LICENCE = "Reuters text, for research only"
WHAT = "sentences with named entities: PER, ORG, LOC, MISC (English test set)"

# What people have: the shared task's own file, and the one of later collections.
FILES = ("eng.testb", "test.txt")
# As TFDS's builder conll2003 has it. TFDS registers no checksum for it; this one is of the loader on huggingface.co.
_REGISTERED = tfds_files.Registered("https://data.deepai.org/conll2003.zip", checksum="")
_SHA256 = "sha256:96a104d174ddae7558bab603f19382c5fe02ff1da5c077a7f3ce2ced1578a2c3"
_MOST = 2**26  # bytes of the test set, which has fewer than one million
_ARCHIVE, _MEMBER = "conll2003.zip", "test.txt"
_MEND = (
    f"Download it again: jprobe data fetch {NAME}\n"
    f"Or bring eng.testb or test.txt in a folder: jprobe data import {NAME} DIR"
)


class Sentences(NamedTuple):
    """Sentences and a tag for each word.

    Attributes:
        words: a list of words for each sentence.
        tags: a list of tags for each sentence, in the scheme IOB2 ("B-PER", "I-PER", "O").
        name: for results and figures.
        checksums: file name -> checksum of what they were read from.
        source: one line: where it came from, and its licence.

    Example:
        >>> Sentences([["in", "Paris"]], [["O", "B-LOC"]], "mine", {}, "made here").num_words
        2
    """

    words: list[list[str]]
    tags: list[list[str]]
    name: str
    checksums: dict[str, str]
    source: str

    @property
    def num_words(self) -> int:
        """How many words all sentences have."""
        return sum(map(len, self.words))


def conll2003() -> Sentences:
    """The English test set of CoNLL-2003: 3,453 sentences, 46,435 words.

    Returns:
        The sentences, in the scheme IOB2 whatever the file has.

    Raises:
        MissingDataError: it is not on this machine and cannot be downloaded.
        DamagedFileError: a file that is not what it should be.
        UnreadableFileError: the system cannot read it.
        DiskError: the download cannot be written.

    Source:
        Tjong Kim Sang, De Meulder, CoNLL-2003, W03-0419.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> _ = (folder / "test.txt").write_text("Paris NNP I-NP I-LOC")
        >>> _ = import_file(folder)
        >>> conll2003().tags
        [['B-LOC']]
    """
    own = imported()
    if own is not None:
        check_sums(own.parent, [own], _MEND)
        return _read(own)
    path = archive() or _download()
    with decoding(path, "CoNLL-2003's archive", _MEND), zipfile.ZipFile(path) as files:
        if (size := files.getinfo(_MEMBER).file_size) > _MOST:
            raise ValueError(f"its {_MEMBER} has {size:,} bytes")
        text = files.read(_MEMBER).decode()
    return _sentences(text, path, {_ARCHIVE: digest_file(path, "sha256")})


def fetch() -> Sentences:
    """:func:`conll2003`, from a new download if what is here is damaged.

    Raises:
        MissingDataError: it cannot be downloaded.
        UnreadableFileError, DiskError: as :func:`conll2003`.
    """
    try:
        return conll2003()
    except DamagedFileError:
        _download()
        for file in FILES:
            (_folder() / file).unlink(missing_ok=True)
    return conll2003()


def imported() -> Path | None:
    """The file that was imported, or None."""
    return next((path for file in FILES if (path := _folder() / file).exists()), None)


def archive() -> Path | None:
    """The archive that jprobe or TFDS downloaded, or None."""
    own = _folder() / _ARCHIVE
    return own if own.exists() else tfds_files.downloaded(NAME, _REGISTERED)


def _download() -> Path:
    target = _folder() / _ARCHIVE
    download(_REGISTERED.url, _SHA256, target, partial(MissingDataError, NAME))
    return target


def import_file(folder: Path) -> list[Path]:
    """Take a person's own eng.testb or test.txt, in either tag scheme.

    Raises:
        MissingFileError: the folder holds neither.
        UnreadableFileError: the system cannot read it.
        DamagedFileError: the file holds no tagged sentences.
        DiskError: the copy cannot be written.
    """
    source = next((folder / file for file in FILES if (folder / file).is_file()), None)
    if source is None:
        raise MissingFileError(folder / FILES[0], f"Name a folder that holds {' or '.join(FILES)} of {NAME}.")
    _read(source)
    target = _folder() / source.name
    with writing(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        with replacing(target) as file:
            file.write(source.read_bytes())
        note_sums(target.parent)
        for other in FILES:
            if other != source.name:
                (_folder() / other).unlink(missing_ok=True)
    return [target]


def to_iob2(tags: list[str]) -> list[str]:
    """Tags of one sentence in IOB2, where every entity begins with B-; IOB1 has B- only between like neighbours.

    Example:
        >>> to_iob2(["I-PER", "I-PER", "B-PER", "O", "I-LOC"])
        ['B-PER', 'I-PER', 'B-PER', 'O', 'B-LOC']
    """
    out = []
    for before, tag in zip(["O", *tags], tags, strict=False):
        starts = tag.startswith("I-") and before[2:] != tag[2:]
        out.append("B-" + tag[2:] if starts else tag)
    return out


def _read(path: Path) -> Sentences:
    with decoding(path, "UTF-8 text", _MEND):
        text = path.read_text(encoding="utf-8")
    return _sentences(text, path, {path.name: digest_file(path, "sha256")})


def _sentences(text: str, path: Path, checksums: dict[str, str]) -> Sentences:
    words: list[list[str]] = [[]]
    tags: list[list[str]] = [[]]
    for number, line in enumerate(text.splitlines(), start=1):
        columns = line.split()
        if not columns or columns[0] == "-DOCSTART-":
            if words[-1]:
                words.append([])
                tags.append([])
            continue
        if len(columns) < 2 or not (columns[-1] == "O" or columns[-1][:2] in ("B-", "I-")):
            raise DamagedFileError(
                path, f"line {number} has no word with a tag of named entities: {quoted(line)}.", _MEND
            )
        words[-1].append(columns[0])
        tags[-1].append(columns[-1])
    if not words[-1]:
        words, tags = words[:-1], tags[:-1]
    if not words:
        raise DamagedFileError(path, "it holds no sentence.", _MEND)
    source = f"https://aclanthology.org/W03-0419 (Tjong Kim Sang, De Meulder), {LICENCE}"
    return Sentences(words, [to_iob2(t) for t in tags], NAME, checksums, source)


def _folder() -> Path:
    return cache_dir() / "text" / NAME
