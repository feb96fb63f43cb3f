"""What becomes of valid input: bytes, lines of text, objects of JSON and command lines, made wrong."""

import copy
import gzip
import io
import json
import os
import pickle
import random
import tarfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

HTML = (
    b"<!DOCTYPE html>\n<html><head><title>Log in</title></head><body>"
    + b"<p>Please log in first.</p>" * 400
    + b"</body></html>\n"
)
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 12345\n"

WORDS = [
    "", " ", "-", "--", "nan", "inf", "-inf", "-1", "0", "1e400", "1" + "0" * 30, "1" * 5000, "0.5", "1.5", "None", "True",
    "é☃", "\udcff", "a" * 300, "b/" * 3000, "..", "../..", ".", "@x", "{}", "{seeds}", "'", '"', "1,2",
    "[1]", "[bold]", "[/bold]", "%s", "\x1b[31m", "a\nb", "a\0b", "~", "*", "--out", "--seeds", "--preset", "paper", "mnist",
    "kmnist", "probes", "-h", "--help", "file:///etc/passwd", "http://127.0.0.1:9/x", "x/y",
]  # fmt: skip

VALUES: list[Any] = [
    None, True, False, -1, 0, 1, 2**31, 2**63, 10**30, -0.5, 0.5, 1e308, float("nan"), float("inf"), "", "x", "x" * 5000, "7",
    "é☃\udcff", [], [1], [[]], ["a", 2], {}, {"a": 1}, (), (1,), (0.5, "x"), b"x", object(), Path("x"), Path("a\0b"),
]  # fmt: skip

SIZES = [
    b"\xff" * 4,
    b"\x7f\xff\xff\xff",
    b"\xff\xff\xff\x7f",
    b"\x80\0\0\0",
    b"\0" * 8,
    b"\xff" * 8,
    b"\0\0\0\0\0\0\0\x10",
]


class Evil:
    """Unpickled by pickle itself, makes a file."""

    def __init__(self, marker: str) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        """A call that opens a file for writing."""
        return os.mkdir, (self.marker,)


def evil_pickles(marker: str) -> list[bytes]:
    """Pickles that make a folder if they are believed, in all protocols."""
    return [pickle.dumps({"weight": Evil(marker)}, protocol) for protocol in range(6)]


def laughing_pickle(depth: int = 60) -> bytes:
    """A dictionary whose one name is a tuple of two tuples of two tuples ...: to hash it takes for ever."""
    nest = b"(t" + b"".join(b"q" + bytes([n]) + b"h" + bytes([n]) + b"\x86" for n in range(depth))
    return b"\x80\x02}" + nest + b"K\x01s."


def outside_tar(marker: str) -> bytes:
    """A tar.gz whose members lie outside its folder, by name and by link."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name in (f"../{Path(marker).name}", marker, "data_batch_1.bin"):
            member = tarfile.TarInfo(name)
            if name == "data_batch_1.bin":
                member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
                tar.addfile(member)
            else:
                member.size = 5
                tar.addfile(member, io.BytesIO(b"hello"))
    return out.getvalue()


def outside_zip(marker: str) -> bytes:
    """A zip whose members lie outside its folder."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in (f"../{Path(marker).name}", marker, "test.txt"):
            archive.writestr(name, "hello")
    return out.getvalue()


def others(marker: str) -> list[bytes]:
    """What may lie where a file of data or weights should be."""
    return [
        b"", b"\0" * 1000, HTML, POINTER, gzip.compress(HTML), gzip.compress(bytes(2**26)), "Seite nicht gefunden".encode("utf-16"),
        b"{}", b"[" * 100_000, b'{"a": ' * 20_000, b"<html>" * 200_000, b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n",
        outside_tar(marker), outside_zip(marker), laughing_pickle(), *evil_pickles(marker),
    ]  # fmt: skip


def bytes_of(rng: random.Random, content: bytes, marker: str, samples: Sequence[bytes] = ()) -> bytes:
    """Valid content cut short, with bytes flipped, sizes changed, or something else in its place."""
    if rng.random() < 0.2 or not content:
        return rng.choice([*others(marker), *samples])
    # Half of the changes are in the head, where most sizes stand.
    places = min(len(content), 512) if rng.random() < 0.5 else len(content)
    at = rng.randrange(places)
    kind = rng.randrange(7)
    if kind == 0:
        return content[:at]
    if kind == 1:
        changed = bytearray(content)
        for _ in range(rng.choice([1, 1, 2, 8, 64])):
            changed[rng.randrange(places)] ^= 1 << rng.randrange(8)
        return bytes(changed)
    if kind == 2:
        size = rng.choice(SIZES)
        return content[:at] + size + content[at + len(size) :]
    if kind == 3:
        return content[:at] + rng.randbytes(rng.choice([1, 4, 100])) + content[at:]
    if kind == 4:
        return content[:at] + content[at + rng.choice([1, 4, 100]) :]
    if kind == 5:
        return content + rng.choice([content, b"\0", HTML])
    return content[len(content) // 2 :] + content[: len(content) // 2]


def json_of(rng: random.Random, content: Any) -> bytes:
    """An object of JSON with one of its values, or a whole level, exchanged or left out."""
    changed = copy.deepcopy(content)
    place: Any = changed
    while isinstance(place, dict | list) and place:
        key = rng.choice(list(place) if isinstance(place, dict) else range(len(place)))
        if not isinstance(place[key], dict | list) or not place[key] or rng.random() < 0.3:
            if rng.random() < 0.2:
                del place[key]
            else:
                place[key] = rng.choice(
                    [v for v in VALUES if isinstance(v, type(None) | bool | int | float | str | list | dict)]
                )
            break
        place = place[key]
    return json.dumps(changed).encode("utf-8", "surrogateescape")


def lines_of(rng: random.Random, text: str) -> bytes:
    """A text whose lines are left out, doubled or swapped, or whose fields are exchanged."""
    lines = text.splitlines()
    for _ in range(rng.choice([1, 1, 3])):
        n = rng.randrange(len(lines))
        kind = rng.randrange(5)
        if kind == 0:
            lines.insert(n, lines[rng.randrange(len(lines))])
        elif kind == 1:
            other = rng.randrange(len(lines))
            lines[n], lines[other] = lines[other], lines[n]
        else:
            fields = lines[n].split(" ")
            place = rng.randrange(len(fields))
            fields[place] = rng.choice([*WORDS, fields[0], "1" * 5000, "x" * 200_000, "0", "1_000", "１", "0x10"])
            lines[n] = rng.choice([" ", " ", ",", "\t"]).join(fields)
    return "\n".join(lines).encode("utf-8", "surrogateescape" if rng.random() < 0.5 else "replace")


def words_of(rng: random.Random, words: Sequence[str]) -> list[str]:
    """A command line with words left out, doubled, swapped, misspelt or exchanged."""
    out = list(words)
    for _ in range(rng.choice([1, 1, 2, 4])):
        n = rng.randrange(len(out)) if out else 0
        kind = rng.randrange(7)
        if kind == 0 and out:
            del out[n]
        elif kind == 1 and out:
            out.insert(n, out[n])
        elif kind == 2 and out:
            other = rng.randrange(len(out))
            out[n], out[other] = out[other], out[n]
        elif kind == 3 and out:
            place = rng.randrange(len(out[n]) + 1)
            out[n] = out[n][:place] + rng.choice(["", "x", "-", "=", " "]) + out[n][place + 1 :]
        elif kind == 4:
            out.append(rng.choice(WORDS))
        elif out:
            out[n] = rng.choice(WORDS)
    return out
