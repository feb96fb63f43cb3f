"""scripts/torture.py: it notices what is wrong, and a study holds against a few faults."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

SCRIPT = Path(__file__).parent.parent / "scripts" / "torture.py"


@pytest.fixture(scope="module")
def torture():
    spec = importlib.util.spec_from_file_location("torture", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run_folder(path, value=1.0, seconds=2.0):
    path.mkdir()
    ds = xr.Dataset({"x": ("a", np.array([value, np.nan], np.float32)), "seconds": seconds}, {"a": ["p", "q"]})
    ds.to_netcdf(path / "results.nc", engine="scipy")
    (path / "summary.json").write_text(json.dumps({"x": float(value), "none": float("nan"), "seconds": seconds}))
    return path


def test_only_times_may_differ(torture, tmp_path):
    one = torture.numbers(run_folder(tmp_path / "one"))
    assert torture.numbers(run_folder(tmp_path / "two", seconds=3.0)) == one
    assert torture.numbers(run_folder(tmp_path / "three", value=np.nextafter(np.float32(1), np.float32(2)))) != one


def test_what_a_run_says_is_judged(torture, tmp_path):
    bench = torture.Bench.__new__(torture.Bench)
    bench.place, bench.told, bench.numbers = tmp_path, False, torture.numbers(run_folder(tmp_path / "whole"))
    other = run_folder(tmp_path / "other", value=2.0)
    for said, folder, status, wrong in (
        ("", "whole", 0, ""),
        ("", "other", 0, "other numbers"),
        ("jprobe: The disk is full.\n", "other", 1, ""),
        ("jprobe: one\njprobe: two\n", "other", 1, "status 1"),
        ("Killed\n", "other", 137, "status 137"),
        ("Traceback (most recent call last):\nValueError: x\n", "other", 1, "a traceback"),
    ):
        (tmp_path / "said").write_text(said)
        found = bench.wrong(other.parent / folder, status)
        assert found.startswith(wrong)
        assert bool(found) == bool(wrong)


@pytest.mark.end_to_end
def test_a_study_holds_against_faults():
    words = ["--studies", "probes", "--faults", "kill", "together", "clock", "--times", "1"]
    fast = os.environ | {"JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}
    done = subprocess.run([sys.executable, str(SCRIPT), *words], capture_output=True, text=True, env=fast)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = [line.split() for line in done.stdout.splitlines()]
    assert rows[0] == ["study", "fault", "tried", "as", "undisturbed", "one", "clear", "line", "wrong"]
    assert rows[1:] == [["probes", f, "1", "1", "0", "0"] for f in ("kill", "together", "clock")]
