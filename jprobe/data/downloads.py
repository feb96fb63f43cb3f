"""Downloads: a published file arrives whole and checked, or not at all."""

import sys
from collections.abc import Callable
from pathlib import Path

from jprobe.atomic import replacing
from jprobe.data.checksums import digest_file
from jprobe.errors import JprobeError
from jprobe.files import writing

# Seconds: a machine without a network finds that out soon.
CONNECT, ANSWER = 5, 20


def download(url: str, checksum: str, target: Path, missing: Callable[[str], JprobeError]) -> None:
    """Download a file, with progress on a terminal.

    Args:
        url: its address.
        checksum: "algorithm:digits", or the first digits alone where no more are published; "" if none are.
        target: where to keep it; an older file stays there until the new one is whole.
        missing: makes the error to raise from a reason, a sentence.

    Raises:
        JprobeError: what `missing` made: no network, no such file there, or another checksum.
        DiskError: the file cannot be written.
    """
    import pooch
    import requests

    fetch = pooch.HTTPDownloader(progressbar=sys.stderr.isatty(), chunk_size=2**16, timeout=(CONNECT, ANSWER))
    with writing(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        with replacing(target) as file:
            try:
                fetch(url, file, None)
            except requests.HTTPError as error:
                raise missing(f"the server answered {error}.") from error
            except requests.RequestException as error:
                raise missing(f"{url} cannot be reached ({type(error).__name__}).") from error
            file.flush()
            if checksum and not digest_file(Path(file.name), checksum.partition(":")[0]).startswith(checksum):
                raise missing(f"what {url} sent is not the official file: it has another checksum.")


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
