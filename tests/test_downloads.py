"""Downloads against a server on this machine that stalls, breaks off, redirects and lies; and that nothing else connects out."""

import gzip
import hashlib
import http.server
import io
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import zipfile
from pathlib import Path

import pytest

from jprobe import cli, data
from jprobe.data import conll, downloads
from jprobe.errors import DamagedFileError, DiskError, MissingDataError, MissingWeightsError
from jprobe.weights import folders

CONTENT = bytes(range(256)) * 400
DIGEST = "sha256:" + hashlib.sha256(CONTENT).hexdigest()
HTML = b"<!DOCTYPE html><html><body>Log in first.</body></html>" * 100


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers as the path says."""

    protocol_version = "HTTP/1.0"  # the end of a connection is the end of an answer

    def log_message(self, *words):
        pass

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        self.server.asked.append((self.path, dict(self.headers)))
        path = self.path.partition("?")[0]
        name = path.rpartition("/")[2]
        if path in self.server.files:
            self.answer(*self.server.files[path])
        else:
            getattr(self, name, self.unknown)()

    def answer(self, content, headers=(), status=200):
        self.send_response(status)
        for key, value in {"Content-Length": str(len(content)), **dict(headers)}.items():
            if value is not None:
                self.send_header(key, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def unknown(self):
        self.send_error(404)

    def good(self):
        self.answer(CONTENT)

    def broken(self):
        self.send_error(500)

    def page(self):
        self.answer(HTML)

    def other(self):
        self.answer(CONTENT[::-1])

    def truncated(self):
        self.answer(CONTENT[:5000], {"Content-Length": str(len(CONTENT))})

    def unsaid(self):
        self.answer(CONTENT[:5000], {"Content-Length": None})

    def longer(self):
        self.answer(CONTENT, {"Content-Length": "5000"})

    def nonsense(self):
        self.answer(HTML, {"Content-Length": "-many"})

    def zipped(self):
        self.answer(gzip.compress(CONTENT)[:-9], {"Content-Encoding": "gzip", "Content-Length": None})

    def silent(self):
        self.server.released.wait(20)

    def stalled(self):
        self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        self.wfile.write(CONTENT[:5000])
        self.wfile.flush()
        self.server.released.wait(20)

    def crawling(self):
        self.send_response(200)
        self.end_headers()
        while not self.server.released.wait(0.1):
            self.wfile.write(b"x")

    def endless(self):
        self.send_response(200)
        self.end_headers()
        while not self.server.released.is_set():
            self.wfile.write(CONTENT)

    def slow(self):
        self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        for n in range(0, len(CONTENT), 10_000):
            self.wfile.write(CONTENT[n : n + 10_000])
            time.sleep(0.05)

    def moved(self):
        host, port = self.server.server_address
        self.answer(b"", {"Location": f"http://localhost:{port}/storage/good" if host == "127.0.0.1" else "/"}, 302)

    def circling(self):
        self.answer(b"", {"Location": "/circling"}, 302)

    def local(self):
        self.answer(b"", {"Location": "file:///etc/passwd"}, 302)


@pytest.fixture
def server(monkeypatch):
    """A server, its address, and a short patience with it."""
    monkeypatch.setattr(downloads, "CONNECT", 1)
    monkeypatch.setattr(downloads, "ANSWER", 0.5)
    monkeypatch.setattr(downloads, "PATIENCE", 0.5)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        running.daemon_threads = True
        running.asked, running.files, running.released = [], {}, threading.Event()
        running.url = f"http://127.0.0.1:{running.server_address[1]}"
        threading.Thread(target=running.serve_forever, args=(0.02,), daemon=True).start()
        yield running
        running.released.set()
        running.shutdown()


@pytest.fixture(autouse=True)
def _own_folders(tmp_path, monkeypatch):
    monkeypatch.setenv("JPROBE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))


def missing(reason):
    return MissingDataError("some", reason)


def bring(server, name, target, checksum=DIGEST):
    downloads.download(f"{server.url}/{name}", checksum, target, missing)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("nowhere", "404"), ("broken", "500"), ("page", "another checksum .it is a web page"), ("other", "another checksum"),
        ("truncated", r"broke off or stalled after 5,000 bytes.*nothing was kept"), ("unsaid", "another checksum .5,000 bytes"),
        ("nonsense", "another checksum|cannot be reached"), ("longer", "another checksum .5,000 bytes"), ("zipped", "another checksum|broke off"), ("silent", r"cannot be reached \(ReadTimeout\)"),
        ("stalled", "broke off or stalled after 5,000 bytes"), ("crawling", "fewer than 1,000 bytes a second"),
        ("endless", "more than 1,000,000 bytes"), ("circling", "TooManyRedirects"), ("local", "InvalidSchema"),
    ],
)  # fmt: skip
def test_a_bad_server_is_one_clear_error_and_leaves_nothing(server, tmp_path, monkeypatch, name, says):
    monkeypatch.setattr(downloads, "LARGEST", 10**6)
    target = tmp_path / "cache" / "a.bin"
    started = time.monotonic()
    with pytest.raises(MissingDataError, match=f"(?s){says}.*jprobe data import") as caught:
        bring(server, name, target)
    assert time.monotonic() - started < 5
    assert str(caught.value).count("\n") < 4
    assert list(target.parent.iterdir()) == []
    # An older file stays, and a better server is believed at the next call.
    target.write_bytes(b"old")
    with pytest.raises(MissingDataError):
        bring(server, name, target)
    assert [path.read_bytes() for path in target.parent.iterdir()] == [b"old"]
    bring(server, "good", target)
    assert [path.read_bytes() for path in target.parent.iterdir()] == [CONTENT]


@pytest.mark.parametrize("name", ["good", "slow", "moved"])
def test_what_arrives_whole_counts_from_whichever_host(server, tmp_path, name):
    bring(server, name, tmp_path / "a.bin")
    assert (tmp_path / "a.bin").read_bytes() == CONTENT
    assert server.asked[0][1]["Accept-Encoding"] == "identity"
    bring(server, name, tmp_path / "b.bin", DIGEST[:15])  # torchvision publishes the first digits
    assert (tmp_path / "b.bin").read_bytes() == CONTENT
    assert len(list(tmp_path.glob("*.bin"))) == 2


def test_a_server_that_refuses_connections(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(MissingDataError, match="cannot be reached"):
        downloads.download(f"{address}/a", DIGEST, tmp_path / "a", missing)


SCRIPT = """
import sys
from pathlib import Path
from jprobe.data.downloads import download
print("begins", flush=True)
download(sys.argv[1], sys.argv[2], Path(sys.argv[3]), ValueError)
"""


def start(url, target):
    words = [sys.executable, "-c", SCRIPT, url, DIGEST, str(target)]
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_two_processes_may_download_one_file_at_once(server, tmp_path):
    both = [start(f"{server.url}/slow", tmp_path / "a.bin") for _ in range(2)]
    for process in both:
        _, told = process.communicate(timeout=30)
        assert process.returncode == 0, told
    assert [path.name for path in tmp_path.iterdir()] == ["a.bin"]
    assert (tmp_path / "a.bin").read_bytes() == CONTENT


def test_what_a_killed_download_left_goes_when_it_is_a_day_old(server, tmp_path):
    process = start(f"{server.url}/stalled", tmp_path / "a.bin")
    deadline = time.monotonic() + 20
    while not [path for path in tmp_path.iterdir() if path.stat().st_size] and time.monotonic() < deadline:
        time.sleep(0.05)
    process.kill()
    process.communicate()
    (left,) = tmp_path.iterdir()
    assert left.name.endswith(".tmp")
    bring(server, "good", tmp_path / "a.bin")
    assert left.exists()  # another process may be at it
    os.utime(left, (0, 0))
    bring(server, "good", tmp_path / "a.bin")
    assert [path.name for path in tmp_path.iterdir()] == ["a.bin"]


def test_no_file_takes_the_place_of_what_is_none(server, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DiskError, match="no file"):
        bring(server, "good", tmp_path / "pipe")
    assert (tmp_path / "pipe").is_fifo()


def test_a_page_in_the_place_of_conll_is_not_kept_and_a_damaged_one_is_fetched_again(server, monkeypatch, capsys):
    place = data.cache_dir() / "text" / "conll2003" / "conll2003.zip"
    monkeypatch.setattr(conll, "_REGISTERED", conll._REGISTERED._replace(url=f"{server.url}/page"))
    with pytest.raises(MissingDataError, match="web page"):
        data.conll2003()
    assert not place.exists()
    # Kept by an earlier version, which had no checksum: what the error says mends it.
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(HTML)
    with pytest.raises(DamagedFileError, match="jprobe data fetch conll2003"):
        data.conll2003()
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as files:
        files.writestr("test.txt", "Paris NNP I-NP I-LOC\n")
    server.files["/conll2003.zip"] = (content.getvalue(),)
    monkeypatch.setattr(conll, "_REGISTERED", conll._REGISTERED._replace(url=f"{server.url}/conll2003.zip"))
    monkeypatch.setattr(conll, "_SHA256", "sha256:" + hashlib.sha256(content.getvalue()).hexdigest())
    cli.main(["data", "fetch", "conll2003"])
    assert "Tjong Kim Sang" in capsys.readouterr().out
    assert data.conll2003().num_words == 1


# huggingface_hub downloads; jprobe looks at what it brought.

COMMIT = "c" * 40


@pytest.fixture
def hub(server, tmp_path, monkeypatch):
    """A function that publishes files as huggingface.co does; ``lies``: other bytes than the checksum's."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", server.url)
    template = constants.HUGGINGFACE_CO_URL_TEMPLATE
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", server.url + "/" + template.split("/", 3)[3])
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_DOWNLOAD_TIMEOUT", 1)
    monkeypatch.setattr(constants, "HF_HUB_ETAG_TIMEOUT", 1)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)

    def publish(files, sends=None):
        names = [{"rfilename": name} for name in files]
        about = json.dumps(
            {"id": "some/net", "sha": COMMIT, "siblings": names, "private": False, "tags": [], "downloads": 0}
        )
        server.files["/api/models/some/net/revision/main"] = (about.encode(), {"Content-Type": "application/json"})
        tree = [{"type": "file", "path": name, "size": len(c), "oid": "0" * 40} for name, c in files.items()]
        server.files[f"/api/models/some/net/tree/{COMMIT}"] = (
            json.dumps(tree).encode(),
            {"Content-Type": "application/json"},
        )
        for name, content in files.items():
            etag = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
            if name.endswith(".safetensors"):
                etag = hashlib.sha256(content).hexdigest()
            sent = (sends or {}).get(name, content)
            headers = {"ETag": f'"{etag}"', "X-Repo-Commit": COMMIT}
            server.files[f"/some/net/resolve/{COMMIT}/{name}"] = (sent, headers)

    return publish


FILES = {"config.json": b'{"model_type": "distilbert"}', "model.safetensors": CONTENT, "tokenizer.json": b"{}"}


def found():
    return folders.find("some/net")


def test_the_hub_s_files_are_compared_with_their_published_checksums(hub, tmp_path):
    hub(FILES)
    assert {path.name: path.read_bytes() for path in found().iterdir()} == FILES
    for name, sent in (("model.safetensors", CONTENT[::-1]), ("config.json", b'{"model_type": "distilbarf"}')):
        shutil.rmtree(tmp_path / "hub")
        hub(FILES, {name: sent})
        with pytest.raises(MissingWeightsError, match=rf"{name} was not the published file"):
            found()
        hub(FILES)
        assert (found() / name).read_bytes() == FILES[name]


def test_a_hub_that_is_not_there_or_breaks_off_is_one_clear_error(hub, server, monkeypatch):
    with pytest.raises(MissingWeightsError, match="weights import"):
        found()
    hub(FILES, {"model.safetensors": CONTENT[:5000]})
    place = f"/some/net/resolve/{COMMIT}/model.safetensors"
    content, headers = server.files[place]
    server.files[place] = (content, {**headers, "Content-Length": str(len(CONTENT))})
    with pytest.raises(MissingWeightsError, match="weights import") as caught:
        found()
    assert str(caught.value).count("\n") < 4
    hub(FILES)
    assert (found() / "model.safetensors").read_bytes() == CONTENT


# Nothing else connects.

QUIET = """
import sys
asked = []
sys.addaudithook(lambda event, given: asked.append((event, str(given))) if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname") else None)
import importlib, pkgutil, jprobe
for module in pkgutil.walk_packages(jprobe.__path__, "jprobe."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
from jprobe import cli
for words in (["list"], ["data", "show"], ["weights", "show"], ["data", "fetch", "mnist"], "run probes --seeds 2 --epochs 1 --pair 0 1 --hidden 4 --probes flip --out out".split(), ["open", "out"]):
    cli.webbrowser = None
    import webbrowser
    webbrowser.open = lambda address: True
    cli.main(words)
print("asked:", asked)
"""


@pytest.mark.end_to_end
def test_nothing_else_connects(tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
    done = subprocess.run([sys.executable, "-c", QUIET], capture_output=True, text=True, cwd=tmp_path, env=environment)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "asked: []"
