"""Downloads: a published file arrives whole and checked, or not at all."""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from jprobe.atomic import remove_leftovers, replacing
from jprobe.data.checksums import digest_file
from jprobe.errors import JprobeError
from jprobe.files import writing

# Seconds: a machine without a network finds that out soon.
CONNECT, ANSWER = 5, 20

# A connection that brings fewer bytes a second, over so many seconds, is as good as dead.
SLOWEST, PATIENCE = 1_000, 60

# Bytes; the largest published file has 244 million. A server that never stops would fill the disk.
LARGEST = 2**30


def download(url: str, checksum: str, target: Path, missing: Callable[[str], JprobeError]) -> None:
    """Download a file, with progress on a terminal.

    Redirects are followed, to other hosts too: publishers keep large files on hosts of others. What arrives counts by its
    checksum, wherever it is from. A download that breaks off starts again at the next call. Several processes may
    download one file at once: each writes a file of its own, which takes its name when it is whole.

    Args:
        url: its address.
        checksum: "algorithm:digits", or the first digits alone where no more are published.
        target: where to keep it; an older file stays there until the new one is whole.
        missing: makes the error to raise from a reason, a sentence.

    Raises:
        JprobeError: what `missing` made: no network, no such file there, a connection that stalls or breaks off, or
            another checksum.
        DiskError: the file cannot be written.
    """
    import requests
    import urllib3

    with writing(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        remove_leftovers(target.parent)
        with replacing(target) as file:
            try:
                _receive(url, file)
            except requests.HTTPError as error:
                raise missing(f"the server answered {error}.") from error
            except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
                raise missing(_broken(url, error, file.tell())) from error
            except _HopelessError as error:
                raise missing(f"{url} {error}; nothing was kept.") from error
            file.flush()
            if not digest_file(Path(file.name), checksum.partition(":")[0]).startswith(checksum):
                raise missing(
                    f"what {url} sent is not the official file: it has another checksum ({_looks(Path(file.name))})."
                )


def reach(url: str, missing: Callable[[str], JprobeError]) -> None:
    """Find out within seconds whether a server can be reached, before somebody else tries for minutes.

    Raises:
        JprobeError: what `missing` made.
    """
    import requests

    try:
        requests.get(url, stream=True, timeout=(CONNECT, ANSWER)).close()
    except requests.RequestException as error:
        raise missing(f"{url} cannot be reached ({type(error).__name__}).") from error


class _HopelessError(Exception):
    """A download that will not end well."""


def _receive(url: str, file: BinaryIO) -> None:
    """Write what a server sends, as it comes."""
    import requests
    from tqdm import tqdm

    # Published checksums are of the files as they are, .gz files too.
    plain = {"Accept-Encoding": "identity"}
    with requests.get(url, stream=True, timeout=(CONNECT, ANSWER), headers=plain) as answer:
        answer.raise_for_status()
        said = answer.headers.get("Content-Length", "")
        total = int(said) if said.isdecimal() and len(said) < 20 else None
        size, counted, since = 0, 0, time.monotonic()
        with tqdm(total=total, unit="B", unit_scale=True, ncols=79, disable=not sys.stderr.isatty()) as bar:
            # Whatever has come: to wait for a whole chunk is to wait for ever where a byte comes now and then.
            while chunk := answer.raw.read1(2**16):
                size += file.write(chunk)
                bar.update(len(chunk))
                if size > LARGEST:
                    raise _HopelessError(f"sends more than {LARGEST:,} bytes, and no published file is that large")
                if (passed := time.monotonic() - since) > PATIENCE:
                    if size - counted < SLOWEST * passed:
                        raise _HopelessError(f"sends fewer than {SLOWEST:,} bytes a second")
                    counted, since = size, time.monotonic()


def _broken(url: str, error: Exception, size: int) -> str:
    """Why a download did not come: before it began, or after so many bytes."""
    kind = type(error).__name__
    if not size:
        return f"{url} cannot be reached ({kind})."
    return f"the connection to {url} broke off or stalled after {size:,} bytes ({kind}); nothing was kept."


def _looks(file: Path) -> str:
    """What a file is, in a few words."""
    size = os.path.getsize(file)
    with file.open("rb") as content:
        page = content.read(512).lstrip().lower().startswith((b"<!doctype", b"<html"))
    return "it is a web page" if page else f"{size:,} bytes"
