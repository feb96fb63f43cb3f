"""Faults on purpose: two writers at once, signals, leftovers, flipped bytes in what is kept, a log on a full disk."""

import gc
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import jprobe as jp
from jprobe import atomic, checkpoint, data, seals, train
from jprobe.cli.stopping import Stop
from jprobe.data import conll
from jprobe.errors import DamagedFileError
from jprobe.files import read_object
from jprobe.results import write_json
from jprobe.studies.runner import compiled
from jprobe.train.unfinished import Unfinished
from jprobe.weights import folders

pytestmark = pytest.mark.quick


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("JPROBE_CACHE", str(tmp_path / "cache"))


def flipped(path, place=None):
    content = bytearray(path.read_bytes())
    content[len(content) // 2 if place is None else place] ^= 1
    path.write_bytes(content)


def below(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_many_writers_of_one_folder_leave_one_whole_folder(tmp_path):
    path, seen = tmp_path / "f", []

    def write(n):
        for _ in range(40):
            with atomic.replacing_folder(path) as folder:
                for name in "ab":
                    (folder / name).write_text(str(n))
            seen.append(n)

    with ThreadPoolExecutor(8) as pool:  # of four, not every time one is in the other's way
        list(pool.map(write, range(8)))
    assert len(seen) == 320
    assert below(tmp_path) == ["f/a", "f/b"]
    assert (path / "a").read_text() == (path / "b").read_text()


@pytest.mark.parametrize("stop", [1, 2])
def test_a_signal_while_a_folder_is_replaced_loses_neither(tmp_path, monkeypatch, stop):
    path, calls, rename = tmp_path / "f", [], Path.rename
    with atomic.replacing_folder(path) as folder:
        (folder / "a").write_text("old")

    def stopped(self, target):
        calls.append(target)
        if len(calls) == stop:
            raise KeyboardInterrupt
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", stopped)
    with pytest.raises(KeyboardInterrupt), atomic.replacing_folder(path) as folder:
        (folder / "a").write_text("new")
    assert (path / "a").read_text() == "old"
    assert below(tmp_path) == ["f/a"]


def test_leftovers_of_yesterday_go_and_nothing_else(tmp_path):
    key = "0123456789abcdef" * 2
    left = [f".a.nc.{key}.tmp", f"parts/.b.{key}.tmp", f".fit.{key}.old/x", f".fit.{key}.new/x", f".fit.{key}.new.orbax-checkpoint-tmp/x"]  # fmt: skip
    mine = ["a.nc", ".hidden", ".mine.tmp", f"fit.{key}.new/x", f".young.{key}.tmp"]
    for name in [*left, *mine]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    for path in tmp_path.rglob("*"):
        if "young" not in path.name:
            os.utime(path, (time.time() - 2 * 86400,) * 2)
    atomic.remove_leftovers(tmp_path)
    assert below(tmp_path) == sorted(mine)


def test_two_trainings_of_the_same_networks_at_once_both_end_with_them(tmp_path):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(24, 4)).astype(np.float32), rng.integers(0, 2, 24)
    task, model = data.Task(x, y, x, y, 2), jp.models.MLP((5,), 2)
    whole = train.fit(model, task, 2, epochs=5, batch=8)
    met = threading.Barrier(3)

    def together(n):
        def wait(fraction):
            if fraction == 0.2:
                met.wait(60)

        return train.fit(model, task, 2, epochs=5, batch=8, checkpoint=tmp_path / "fit", every=1, progress=wait)

    with ThreadPoolExecutor(3) as pool:
        fits = list(pool.map(together, range(3)))
    for fit in [*fits, train.fit(model, task, 2, epochs=5, batch=8, checkpoint=tmp_path / "fit")]:
        np.testing.assert_array_equal(fit.params["params"]["Dense_0"]["kernel"], whole.params["params"]["Dense_0"]["kernel"])  # fmt: skip
    assert {name.partition("/")[0] for name in below(tmp_path)} - {"fit.unfinished"} == {"fit"}


def test_what_another_training_has_come_to_stays(tmp_path, monkeypatch):
    settings, shape = np.zeros(32, np.uint8), np.zeros(3, np.float32)
    ours = Unfinished.beside(tmp_path / "fit", settings, 1)
    ours.write("1", 3, shape + 3)
    ours.write("1", 1, shape + 1)  # of a process that began later
    done, state = ours.read("1", lambda done: shape)
    assert (done, state.tolist()) == (3, [3, 3, 3])
    load = checkpoint.load

    def overtaken(path, like):
        if path.name.endswith("_3"):
            Unfinished.beside(tmp_path / "fit", settings, 1).write("1", 4, shape + 4)
        return load(path, like)

    monkeypatch.setattr(checkpoint, "load", overtaken)
    done, state = ours.read("1", lambda done: shape)
    assert (done, state.tolist()) == (4, [4, 4, 4])
    # It is writing just now.
    (tmp_path / "fit.unfinished" / ".part_1_epoch_5.0.new").mkdir()
    ours.clear()
    assert [path.name for path in (tmp_path / "fit.unfinished").iterdir()] == [".part_1_epoch_5.0.new"]


def test_programs_that_changed_since_the_last_run_are_compiled_again(tmp_path):
    folder = data.cache_dir() / "compiled"
    folder.mkdir(parents=True)
    for name in "abc":
        (folder / f"{name}-cache").write_bytes(name.encode() * 100)
        if name != "c":  # which another process is writing
            (folder / f"{name}-atime").write_bytes(b"12345678")
    compiled._sum_up(folder)
    flipped(folder / "a-cache")
    compiled._sum_up(folder)
    assert below(folder) == [".lockfile", "b-atime", "b-cache", "c-cache", "checksums.json"]
    # What takes its place is another program, and stays.
    for name, content in (("a", b"again"), ("b", None)):
        (folder / f"{name}-atime").write_bytes(b"12345678")
        if content:
            (folder / f"{name}-cache").write_bytes(content)
    (folder / "checksums.json").write_text("[garbled")
    compiled._sum_up(folder)
    compiled._sum_up(folder)
    assert {"a-cache", "b-cache"} <= set(below(folder))


def test_a_changed_byte_of_a_page_is_noticed(tmp_path):
    page = tmp_path / "report.html"
    whole = seals.sealed("<html>\n<p>49.5% and 98.7%</p>\n</html>\n").encode()
    page.write_bytes(whole)
    seals.check_page(page)
    for place in range(len(whole) - 1):
        page.write_bytes(whole)
        flipped(page, place)
        with pytest.raises(DamagedFileError, match="Delete it, and the run's command writes it again"):
            seals.check_page(page)
    for length in (0, 10, len(whole) // 2):
        page.write_bytes(whole[:length])
        with pytest.raises(DamagedFileError):
            seals.check_page(page)
    page.write_text("<html>of an older version</html>\n")
    seals.check_page(page)


def test_a_changed_byte_of_an_object_is_noticed_or_changes_nothing(tmp_path):
    file = tmp_path / "provenance.json"
    content = {"command": "jprobe run probes", "seconds": 1.5, "files": {"config.json": "sha256:12"}}
    write_json(file, seals.sealed_object(content))
    whole = file.read_bytes()
    noticed = 0
    for place in range(len(whole)):
        file.write_bytes(whole)
        flipped(file, place)
        try:
            found = read_object(file, "Write it again.")
            seals.check_object(found, file)
        except DamagedFileError:
            noticed += 1
        else:
            assert content.items() <= found.items()
    assert noticed > 0.8 * len(whole)


def test_a_changed_byte_of_what_was_imported_is_noticed(tmp_path):
    (tmp_path / "net.safetensors").write_bytes(bytes(100))
    (kept,) = folders.copy_in({"net.safetensors": tmp_path / "net.safetensors"}, "squeezenet")
    folders.check_kept("squeezenet", [kept])
    flipped(kept)
    with pytest.raises(DamagedFileError, match="bring it again: jprobe weights fetch squeezenet"):
        folders.check_kept("squeezenet", [kept])
    (tmp_path / "test.txt").write_text("Paris NNP I-NP I-LOC\nis VBZ I-VP O\n")
    (text,) = data.import_files("conll2003", tmp_path)
    assert conll.conll2003().tags == [["B-LOC", "O"]]
    text.write_text(text.read_text().replace("Paris", "Pariz"))
    with pytest.raises(DamagedFileError, match="not what was kept"):
        conll.conll2003()
    (tmp_path / "val" / "tench").mkdir(parents=True)
    image = pytest.importorskip("PIL.Image")
    image.new("RGB", (224, 224), "red").save(tmp_path / "val" / "tench" / "a.bmp")
    (folder,) = data.import_files("imagenette", tmp_path)
    assert data.load_photos(folder.parent).labels == ("tench",)
    flipped(folder / "a.bmp")  # a pixel, which any decoder takes
    with pytest.raises(DamagedFileError, match=r"a\.bmp is damaged"):
        data.load_photos(folder.parent)


def test_a_signal_that_others_swallow_is_raised_again():
    stop = Stop()
    stop.check()
    stop.unwind()
    with pytest.raises(KeyboardInterrupt):
        stop.heard(signal.SIGTERM, None)
    with pytest.raises(KeyboardInterrupt):
        stop.check()
    assert stop.status == 143


def test_a_signal_that_the_collector_swallows_prints_nothing(monkeypatch):
    said, stop = [], Stop()
    monkeypatch.setattr(sys, "unraisablehook", said.append)

    def collected(phase, info):
        if phase == "start":
            raise error

    def collect():
        gc.callbacks.append(collected)
        gc.collect()
        gc.callbacks.remove(collected)

    stop.listen()
    try:
        error = KeyboardInterrupt()  # somebody else's
        collect()
        stop.number, error = signal.SIGINT, ValueError("a fault")
        collect()
        assert [one.exc_type for one in said] == [KeyboardInterrupt, ValueError]
        said.clear()
        error = KeyboardInterrupt()
        collect()
        assert said == []
        with pytest.raises(KeyboardInterrupt):
            stop.check()
    finally:
        stop.end(last=False)
    assert sys.unraisablehook == said.append


def jprobe(*words, **options):
    return subprocess.Popen([sys.executable, "-m", "jprobe", *words], stderr=subprocess.PIPE, text=True, **options)


def listens(pid):
    """Whether a process hears SIGTERM by now; Python itself takes a while to begin, longer where others compute."""
    (line,) = (x for x in Path(f"/proc/{pid}/status").read_text().splitlines() if x.startswith("SigCgt"))
    return int(line.split()[1], 16) >> (signal.SIGTERM - 1) & 1


# Ctrl-C at a random moment of a checkpoint, again and again; then the program ends by itself.
INTERRUPTED = """
import random, signal, sys, time
import numpy as np
from jprobe import checkpoint

def interrupt(number, frame):
    raise KeyboardInterrupt

arrays, path, rng = {f"layer{n}": np.arange(1000.0) for n in range(6)}, sys.argv[1] + "/networks", random.Random(0)
checkpoint.save(path, arrays)
work = {"save": lambda: checkpoint.save(path, arrays), "load": lambda: checkpoint.load(path, arrays)}[sys.argv[2]]
work()
start = time.monotonic()
work()
seconds = time.monotonic() - start
signal.signal(signal.SIGALRM, interrupt)
interrupted = 0
for _ in range(30):
    try:
        signal.setitimer(signal.ITIMER_REAL, rng.uniform(0.01, 1.0) * seconds)
        work()
        signal.setitimer(signal.ITIMER_REAL, 0)
    except KeyboardInterrupt:
        interrupted += 1
np.testing.assert_array_equal(checkpoint.load(path, arrays)["layer5"], arrays["layer5"])
print(interrupted)
"""


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="a system without timers that interrupt")
@pytest.mark.parametrize("work", ["save", "load"])
def test_an_interrupted_checkpoint_leaves_nothing_at_work(tmp_path, work):
    words = [sys.executable, "-c", INTERRUPTED, str(tmp_path), work]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 5
    assert "orbax" not in done.stderr
    assert [file.name for file in tmp_path.iterdir()] == ["networks"]


@pytest.fixture
def _hears_ctrl_c():
    """A shell's background job ignores Ctrl-C, and so do its children, unless it says otherwise."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_hears_ctrl_c")
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="asks Linux which signals a process hears")
@pytest.mark.parametrize(("number", "when"), [(signal.SIGINT, "running"), (signal.SIGTERM, "importing")])
def test_a_signal_ends_a_run_in_one_line(tmp_path, number, when):
    run = jprobe("run", "probes", "--out", str(tmp_path / "out"), stdout=subprocess.PIPE)
    there = {"importing": lambda: listens(run.pid), "running": (tmp_path / "out" / "config.json").exists}[when]
    while run.poll() is None and not there():
        time.sleep(0.05)
    run.send_signal(number)
    out, error = run.communicate(timeout=120)
    assert run.returncode == 128 + number, out + error
    assert "Traceback" not in out + error
    assert (out + error).count("Stopped.") == 1


def test_a_log_on_a_full_disk_is_one_clear_error():
    with open("/dev/full", "w") as full:
        run = jprobe("weights", "show", stdout=full)
        error = run.communicate(timeout=120)[1]
    assert run.returncode == 1
    assert error.splitlines() == [
        "jprobe: What is printed could not be written: No space left on device. Finished work is kept; send it elsewhere, and "
        "run the same command again."
    ]
