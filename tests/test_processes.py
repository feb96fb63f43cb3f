"""A run shared by several processes: the numbers of one process, and what is finished stays where one of them dies."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import xarray as xr

from jprobe import studies
from jprobe.errors import ArgumentError
from jprobe.processes import join
from jprobe.studies import Part, probes
from jprobe.studies.runner.dealing import deal, waves, with_needs

RUN = [
    sys.executable, "-m", "jprobe", "run", "probes", "--seeds", "2", "--epochs", "1", "--probes", "flip",
]  # fmt: skip


def environment(cache, devices=1):
    return os.environ | {
        "JPROBE_CACHE": str(cache),
        "JAX_NUM_CPU_DEVICES": str(devices),
        "JAX_PLATFORMS": "cpu",
        "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",
    }


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def started(count, folder, cache):
    """As many processes that share a run."""
    place = [
        "--out",
        str(folder),
        "--coordinator",
        f"127.0.0.1:{free_port()}",
        "--processes",
        str(count),
        "--process-id",
    ]
    return [
        subprocess.Popen(
            [*RUN, *place, str(n)],
            env=environment(cache),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for n in range(count)
    ]


@pytest.mark.end_to_end
def test_shared_killed_and_taken_up_gives_the_numbers_of_one_process(tmp_path):
    alone, shared = tmp_path / "alone", tmp_path / "shared"
    subprocess.run([*RUN, "--out", str(alone)], env=environment(tmp_path), capture_output=True, check=True)

    three = started(3, shared, tmp_path)
    give_up = time.monotonic() + 240
    while not list(shared.glob("parts/*.nc")) and time.monotonic() < give_up:
        time.sleep(0.05)
    three[1].send_signal(signal.SIGKILL)
    # JAX ends the others, once it notices.
    assert all(process.wait(timeout=240) != 0 for process in three)
    assert not (shared / "results.nc").exists()
    kept = {part: part.read_bytes() for part in shared.glob("parts/*.nc")}
    assert kept

    two = started(2, shared, tmp_path)
    told = [process.communicate(timeout=240)[0] for process in two]
    assert [process.returncode for process in two] == [0, 0], told
    assert "Report:" in told[0]
    assert "process 1, from 0, of 2" in told[1]
    assert "Report:" not in told[1]
    assert all(part.read_bytes() == content for part, content in kept.items())
    assert (shared / "summary.json").read_text() == (alone / "summary.json").read_text()
    ours, theirs = (xr.load_dataset(folder / "results.nc").drop_attrs() for folder in (shared, alone))
    assert ours.identical(theirs)
    assert "--processes" not in (shared / "report.html").read_text()

    # What two processes left, checkpoints too, one takes up.
    for part in shared.glob("parts/*flip*"):
        part.unlink()
    (shared / "parts" / "mnist.easy.networks.nc").unlink()
    done = subprocess.run([*RUN, "--out", str(shared)], env=environment(tmp_path), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert xr.load_dataset(shared / "results.nc").drop_attrs().identical(theirs)


# A part of more networks than a process has devices, computed by both processes.
TOGETHER = """
import sys, jax
from jprobe import memory, studies
from jprobe.studies import probes
from jprobe.studies.runner import sharing

sharing.LARGE = 0.0
folder, port, n = sys.argv[1:]
config = probes.Config(seeds=4, epochs=1, probes=("flip",), pair=(0, 1), out=folder, coordinator=f"localhost:{port}", processes=2, process_id=int(n))
if n == "0":
    studies.run(probes.STUDY, config)
else:
    studies.assist(probes.STUDY, config)
half = memory.limit()
memory.shared_by(1)
assert half == memory.limit() // 2
"""


@pytest.mark.end_to_end
def test_few_large_parts_are_computed_by_all_processes(tmp_path):
    alone = studies.compute(probes.STUDY, probes.Config(seeds=4, epochs=1, probes=("flip",), pair=(0, 1)))
    port, folder = free_port(), tmp_path / "out"
    both = [
        subprocess.Popen(
            [sys.executable, "-c", TOGETHER, str(folder), str(port), str(n)],
            env=environment(tmp_path),
            stderr=subprocess.PIPE,
            text=True,
        )
        for n in range(2)
    ]
    told = [process.communicate(timeout=240)[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], told
    # Weights differ by rounding, so an image at the border may fall on the other side.
    xr.testing.assert_allclose(xr.load_dataset(folder / "results.nc").drop_attrs(), alone.drop_attrs(), atol=2e-3)
    assert list(folder.glob("checkpoints/*/arrays.safetensors"))


# Four parts that wait for each other; run where there are four devices, and where there is one.
WORK = """
import dataclasses, json, sys, threading
sys.path.insert(0, TESTS)
import jax, numpy as np, xarray as xr
from jprobe import studies
from test_runner import Config, toy

def results(at_a_time):
    together = threading.Barrier(at_a_time, timeout=60)

    def part(n, context):
        together.wait()
        x = jax.random.normal(context.key(n), (60, 50))
        found = x.T @ jax.numpy.tanh(x)
        return xr.Dataset({f"found_{n}": (("i", "j"), np.asarray(found)), f"device_{n}": next(iter(found.devices())).id})

    def parts(config, subject):
        return [studies.Part(str(n), "", lambda context, n=n: part(n, context)) for n in range(4)]

    return studies.compute(dataclasses.replace(toy(), parts=parts), Config())
"""


@pytest.mark.end_to_end
def test_parts_run_on_a_device_each(tmp_path):
    code = f"TESTS = {str(Path(__file__).parent)!r}\n{WORK}\nresults(int(sys.argv[1])).to_netcdf(sys.argv[2])"
    found = {}
    for devices in (4, 1):
        file = tmp_path / f"{devices}.nc"
        command = [sys.executable, "-c", code, str(devices), str(file)]
        subprocess.run(command, env=environment(tmp_path, devices), capture_output=True, check=True)
        found[devices] = xr.load_dataset(file)
    assert {int(found[4][f"device_{n}"]) for n in range(4)} == {0, 1, 2, 3}
    for n in range(4):
        assert found[4][f"found_{n}"].identical(found[1][f"found_{n}"])


def test_processes_that_are_not_there():
    for place in (("localhost:1", 2, None), (None, 2, 0), ("localhost:1", None, 0)):
        with pytest.raises(ArgumentError, match="belong together"):
            join(*place)
    with pytest.raises(ArgumentError, match="from 0 to 1 here, not 2"):
        join("localhost:1", 2, 2)
    with pytest.raises(ArgumentError, match="HOST:PORT"):
        join("localhost", 2, 1)
    with pytest.raises(ArgumentError, match=r"no cluster here|did not find each other"):
        join()


@pytest.mark.end_to_end
def test_a_process_that_finds_no_other_ends_in_one_line(tmp_path):
    code = "import sys; from jprobe import processes as p; p.PATIENCE = 2; p.join(sys.argv[1], 2, int(sys.argv[2]))"
    place = f"127.0.0.1:{free_port()}"
    for n in range(2):  # the coordinator alone; another alone
        done = subprocess.run(
            [sys.executable, "-c", code, place, str(n)], env=environment(tmp_path), capture_output=True, text=True
        )
        told = [line for line in done.stderr.splitlines() if line.startswith("jprobe: ")]
        assert done.returncode == 1, done.stderr
        assert "Traceback" not in done.stderr
        assert told == [
            "jprobe: The other processes were not found in 2 seconds. Start all of them, with --coordinator "
            f"{place}, each with a number of its own from 0, where they reach process 0 over the network."
        ]


WAITING = """
import sys, time
from jprobe import processes
from jprobe.errors import LostProcessError
processes._SILENT = 5
processes.join(sys.argv[1], 2, int(sys.argv[2]))
print("here", flush=True)
if sys.argv[2] == "1":
    time.sleep(600)
try:
    processes.wait("the other")
except LostProcessError as error:
    print(error, flush=True)
    processes.leave(1)
"""


@pytest.mark.end_to_end
def test_a_process_that_waits_for_a_dead_one_says_so(tmp_path):
    place = f"127.0.0.1:{free_port()}"
    waits, dies = both = [
        subprocess.Popen(
            [sys.executable, "-c", WAITING, place, str(n)],
            env=environment(tmp_path),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for n in range(2)
    ]
    for process in both:
        assert "here\n" in process.stdout  # read until there
    dies.kill()
    told, errors = waits.communicate(timeout=240)
    dies.communicate()
    assert waits.returncode == 1, errors
    assert "Another process of this run is gone" in told
    assert "Traceback" not in errors


def parts(*costs, needs=()):
    return [Part(str(n), "", lambda context: xr.Dataset(), cost=cost, needs=needs) for n, cost in enumerate(costs)]


def test_every_part_is_dealt_once_and_shares_cost_alike():
    some = parts(5, 3, 3, 2, 2, 1, 1, 1)
    shares = deal(some, 3)
    assert sorted(part.name for share in shares for part in share) == [part.name for part in some]
    assert [sum(part.cost for part in share) for share in shares] == [6, 6, 6]
    assert deal(some[:1], 3) == [some[:1], [], []]


def test_parts_start_when_what_they_need_is_there():
    compute = parts(1)[0].compute
    a, b, c, d = (
        Part(name, "", compute, needs=needs) for name, needs in (("a", ""), ("b", "a"), ("c", ""), ("d", "bc"))
    )
    assert waves([a, b, c, d]) == [[a, c], [b], [d]]
    assert waves([]) == []
    assert with_needs([d], [a, b, c, d]) == [a, b, c, d]
    assert with_needs([b], [a, b, c, d]) == [a, b]
