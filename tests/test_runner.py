"""The one runner of all studies, on a study of three parts: what is kept, taken up, refused, and shown."""

import dataclasses
import json
import re
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr
from annotated_types import Ge

from jprobe import studies
from jprobe.errors import ArgumentError, ConfigMismatchError, DamagedFileError, DiskError, MissingDataError
from jprobe.intervals import exact
from jprobe.report import About, Check, Finding
from jprobe.results import load
from jprobe.studies.runner.pace import Pace
from jprobe.studies.runner.running import _forwards
from jprobe.studies.runner.side_by_side import Stopped

pytestmark = pytest.mark.quick


@dataclass(frozen=True)
class Config(studies.Config):
    """A configuration."""

    study = "toy"
    named = ("dataset",)
    dataset: str = "digits"
    """Data."""
    scale: Annotated[float, Ge(0)] = 2.0
    """Factor."""


def linear(params, x):
    return x @ params


def toy(subject=None, computed=None, fail=None, **changes):
    """A study whose parts note that they ran, and fail on demand."""
    computed = [] if computed is None else computed

    def parts(config, subject):
        def part(name, context):
            computed.append(name)
            if fail is not None:
                fail(name, context)
            outputs = subject.fn(subject.params, subject.inputs) * config.scale
            noise = jax.random.normal(context.key(name), outputs.shape)
            before = sum(float(found[f"v_{needed}"].sum()) for needed, found in context.needed.items())
            context.progress(0.5)
            return xr.Dataset({f"v_{name}": (("b", "c"), np.asarray(outputs + noise) + before)})

        for n, name in enumerate("abc"):
            yield studies.Part(name, f"part {name}", lambda c, name=name: part(name, c), 1.0, "toy", "ab"[:n])

    given = {
        "name": "toy", "paper": "none", "reproduces": "nothing", "cost": "nothing", "presets": {"quick": Config()}, "parts": parts,
        "subject": lambda config: network() if subject is None else subject,
        "combine": lambda config, subject, done: xr.merge(done.values()),
        "findings": lambda ds: [Finding("It is large.", (Check("sum", exact(float(ds.v_a.sum())), "at least", -1e9),))],
        "panels": lambda ds, config: [],
        "summary": lambda ds, config: {"sum": float(ds.v_c.sum())},
        "about": lambda ds, config: About("Toy", "Three parts.", json.loads(ds.attrs["notes"])),
    }  # fmt: skip
    return studies.Study(**given | changes)


def network(**changes):
    rng = np.random.default_rng(0)
    params, inputs = (jnp.asarray(rng.normal(size=s).astype(np.float32)) for s in ((4, 3), (5, 4)))
    return dataclasses.replace(studies.Subject("toy net", linear, params, inputs, checksums={"f": "md5:1"}), **changes)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("JPROBE_CACHE", str(tmp_path / "cache"))


def files(folder):
    return {p: p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_a_run_writes_everything_and_takes_itself_up(tmp_path):
    out, computed = tmp_path / "out", []
    result = studies.run(toy(computed=computed), Config(out=out))
    assert computed == ["a", "b", "c"]
    assert result.report == out / "report.html"
    assert {p.name for p in out.iterdir()} == {
        "config.json", "parts", "provenance.json", "report.html", "results.nc", "summary.json"
    }  # fmt: skip
    assert json.loads((out / "summary.json").read_text()) == {"sum": float(result.dataset.v_c.sum())}
    xr.testing.assert_identical(load(out / "results.nc"), result.dataset)
    again = studies.run(toy(computed=computed), Config(out=out))
    assert computed == ["a", "b", "c"]
    xr.testing.assert_identical(again.dataset, result.dataset)


def test_numbers_do_not_depend_on_whether_anything_is_kept(tmp_path):
    kept = studies.compute(toy(), Config(), folder=tmp_path / "out")
    xr.testing.assert_identical(studies.compute(toy(), Config()), kept)
    first, second, third = (kept[f"v_{n}"].values for n in "abc")
    product = 2 * np.asarray(linear(network().params, network().inputs))
    key = studies.Context(None, None, print, {}).key
    noise = {name: np.asarray(jax.random.normal(key(name), product.shape)) for name in "abc"}
    # A part sees the results of those that it needs, and of no other.
    np.testing.assert_allclose(first, product + noise["a"], rtol=1e-5)
    np.testing.assert_allclose(second, product + noise["b"] + first.sum(), rtol=1e-5)
    np.testing.assert_allclose(third, product + noise["c"] + first.sum() + second.sum(), rtol=1e-5)


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, DiskError])
def test_a_part_that_fails_or_is_stopped_loses_nothing_that_was_finished(tmp_path, error):
    computed = []

    def fail(name, context):
        if name == "c" and computed.count("c") == 1:
            raise error("x", "full") if error is DiskError else error

    with pytest.raises(error):
        studies.run(toy(computed=computed, fail=fail), Config(out=tmp_path / "out"))
    assert sorted(p.stem for p in (tmp_path / "out" / "parts").iterdir()) == ["a", "b"]
    found = studies.run(toy(computed=computed, fail=fail), Config(out=tmp_path / "out"))
    assert computed == ["a", "b", "c", "c"]
    xr.testing.assert_identical(found.dataset, studies.compute(toy(), Config()))


def changed_param(net):
    return dataclasses.replace(net, params=net.params.at[1, 2].add(1e-6))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (changed_param, "the network's parameters"),
        (lambda net: dataclasses.replace(net, inputs=net.inputs.at[0, 0].add(1e-6)), "the inputs"),
        (lambda net: dataclasses.replace(net, fn=lambda p, x: jnp.tanh(x @ p)), "the network's function"),
        (lambda net: dataclasses.replace(net, checksums={"f": "md5:2"}), "the files of data and weights"),
    ],
)
def test_another_subject_is_refused_by_name_and_the_folder_stays_as_it_was(tmp_path, change, says):
    out = tmp_path / "out"
    studies.run(toy(), Config(out=out))
    before = files(out)
    with pytest.raises(ConfigMismatchError, match=says):
        studies.run(toy(), Config(out=out), of=change(network()))
    assert files(out) == before


def test_another_configuration_is_refused_by_name(tmp_path):
    out = tmp_path / "out"
    studies.run(toy(), Config(out=out))
    before = files(out)
    with pytest.raises(ConfigMismatchError, match=r"scale: 2.0 there, 3.0 now"):
        studies.run(toy(), Config(out=out, scale=3.0))
    assert files(out) == before


def test_a_mistake_claims_no_folder(tmp_path):
    def missing(config):
        raise MissingDataError("digits", "no network")

    def unplanned(config, subject):
        raise ArgumentError("no such layer")

    for broken in (dataclasses.replace(toy(), subject=missing), toy(parts=unplanned)):
        with pytest.raises((MissingDataError, ArgumentError)):
            studies.run(broken, Config(out=tmp_path / "out"))
    assert not (tmp_path / "out").exists()
    with pytest.raises(ArgumentError, match="this machine has 1"):
        studies.run(toy(), Config(out=tmp_path / "out", mesh=2))
    with pytest.raises(ArgumentError, match="belong together"):
        studies.run(toy(), Config(out=tmp_path / "out", processes=2))
    assert not (tmp_path / "out").exists()


def test_a_flipped_byte_anywhere_in_a_part_is_computed_again(tmp_path):
    out, computed = tmp_path / "out", []
    whole = studies.compute(toy(), Config(), folder=out)
    part = out / "parts" / "b.nc"
    content = part.read_bytes()
    kept = studies.RunFolder(out, Config().numbers(), network().digests())
    for place in range(0, len(content), 7):
        part.write_bytes(content[:place] + bytes([content[place] ^ 0x10]) + content[place + 1 :])
        assert kept.part("b", lambda: computed.append(1) or whole[["v_b"]]) is not None
    assert len(computed) == len(range(0, len(content), 7))
    part.write_bytes(content[:-3])
    xr.testing.assert_identical(studies.compute(toy(), Config(), folder=out), whole)


@pytest.mark.parametrize("content", ["", "{", "[1]", '{"study": "toy"'])
def test_a_garbled_configuration_is_one_clear_error(tmp_path, content):
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(DamagedFileError, match=r"config\.json is damaged"):
        studies.run(toy(), Config(out=tmp_path))


def test_a_file_in_the_place_of_the_folder_is_one_clear_error(tmp_path):
    (tmp_path / "out").write_text("mine")
    with pytest.raises(DiskError, match="it is a file"):
        studies.run(toy(), Config(out=tmp_path / "out"))
    assert (tmp_path / "out").read_text() == "mine"


def test_default_folders_say_what_differs():
    presets = {"quick": Config(), "paper": Config(preset="paper", scale=5.0)}
    assert Config().folder(presets) == Path("runs/toy-digits-quick")
    assert Config(dataset="letters").folder(presets) == Path("runs/toy-letters-quick")
    assert Config(scale=3.0).folder(presets) == Path("runs/toy-digits-quick-scale-3.0")
    assert Config(preset="paper", scale=5.0, mesh=2).folder(presets) == Path("runs/toy-digits-paper")
    assert Config(dataset="a/../b c").folder(presets) == Path("runs/toy-b_c-quick")
    long = [Config(dataset="x" * 300 + end).folder(presets).name for end in "ab"]
    assert max(map(len, long)) < 200
    assert long[0] != long[1]


def test_progress_never_goes_back_and_ends_at_one(tmp_path):
    shown = []
    studies.run(toy(), Config(out=tmp_path / "out"), progress=lambda label, done: shown.append((label, done)))
    labels = list(dict.fromkeys(label for label, _ in shown))
    assert labels == ["finding data and weights", "part a", "part b", "part c", "finished"]
    fractions = [done for _, done in shown]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1


def test_a_part_that_takes_longer_than_predicted_does_not_move_the_bar_back():
    shown = []
    show = _forwards(lambda label, done: shown.append((label, done)))
    for label, done in (("a", 0.1), ("a", 0.6), ("b", 0.3), ("b", 0.7)):
        show(label, done)
    assert shown == [("a", 0.1), ("a", 0.6), ("b", 0.6), ("b", 0.7)]


def pace_of(*costs, file=None):
    return Pace([studies.Part(f"p{n}", "", None, cost, kind) for n, (kind, cost) in enumerate(costs)], file)


def test_the_pace_is_corrected_by_what_parts_took(tmp_path):
    file = tmp_path / "pace.json"
    pace = pace_of(("ssim", 1), ("train", 9), ("train", 9), file=file)
    pace.within(pace.parts[0], 0.0)
    pace.end(pace.parts[0], 20.0, True)
    # Nothing is known of training yet: the whole machine is taken to be twenty times slower.
    assert pace.fraction() == pytest.approx(20 / (20 + 20 * 18))
    pace.within(pace.parts[2], 0.5)
    pace.within(pace.parts[1], 1.0)
    # Two parts run at a time.
    assert pace.fraction() == pytest.approx((20 + 20 * 13.5) / (20 + 20 * 18))
    pace.end(pace.parts[1], 9.0, True)
    assert pace.fraction() == pytest.approx(33.5 / 38)
    pace.end(pace.parts[2], 9.0, True)
    pace.remember()
    later = pace_of(("ssim", 1), ("train", 20), file=file)
    later.within(later.parts[0], 1.0)
    assert later.fraction() == pytest.approx(0.5)
    # What was read from disk took no time and says nothing of its kind.
    later.end(later.parts[0], 0.01, False)
    assert later.fraction() == 0
    file.write_text("garbled")
    assert pace_of(("ssim", 1), file=file).factor("ssim") == 1


def test_the_plan_knows_what_earlier_runs_of_that_size_took(tmp_path):
    file = tmp_path / "pace.json"
    first = pace_of(("train", 8), ("probe", 2), file=file)
    assert first.plan(()) == (2, 0, None)
    for part in first.parts:
        first.end(part, 3 * part.cost, True)
    first.remember()
    assert pace_of(("train", 16), ("probe", 2), file=file).plan(()) == (2, 0, 54)
    # Two at a time, one of which is finished; and what one part takes cannot be shared.
    assert pace_of(("train", 16), ("probe", 2), ("probe", 2), file=file).plan({"p0"}, width=2) == (3, 1, 6)
    assert pace_of(("train", 16), ("probe", 2), file=file).plan({"p0"}, width=2) == (2, 1, 6)
    assert pace_of(("train", 16), file=file).plan({"p0"}) == (1, 1, None)
    # Nothing is known of most of the work.
    assert pace_of(("train", 2), ("new", 2), file=file).plan(()).seconds is None


def test_a_short_run_says_nothing_of_a_long_one(tmp_path):
    file = tmp_path / "pace.json"
    tiny = pace_of(("train", 0.01), file=file)
    tiny.end(tiny.parts[0], 10.0, True)  # all of it compiling
    tiny.remember()
    assert pace_of(("train", 10), file=file).plan(()).seconds is None
    long = pace_of(("train", 10), file=file)
    long.end(long.parts[0], 20.0, True)
    long.remember()
    again = pace_of(("train", 0.01), file=file)
    again.end(again.parts[0], 10.0, True)
    again.remember()
    assert pace_of(("train", 10), file=file).plan(()).seconds == pytest.approx(20)


def test_what_is_about_to_run_is_said_once_before_it_does(tmp_path):
    said = []
    studies.run(
        toy(), Config(out=tmp_path / "out"), progress=lambda label, done: said.append(label), planned=said.append
    )
    assert [type(word).__name__ for word in said].count("Plan") == 1
    assert said[1][:2] == (3, 0)
    said.clear()
    studies.compute(toy(), Config(), folder=tmp_path / "out", planned=said.append)
    assert [plan[:2] for plan in said] == [(3, 3)]


def test_keys_belong_to_names():
    context = studies.Context(None, None, print, {})
    keys = [jax.random.key_data(context.key(*names)).tolist() for names in (("a", 1), ("a", 2), ("b", 1), ("a", 1))]
    assert keys[0] == keys[3]
    assert len({tuple(k) for k in keys}) == 3


@pytest.mark.end_to_end
def test_the_recipe_for_a_study_works(tmp_path):
    """CONTRIBUTING.md's own study, as it stands there, with figure, findings, resume and report."""
    text = (Path(__file__).parent.parent / "CONTRIBUTING.md").read_text()
    (code,) = re.findall(r'```python\n("""Half.*?)```', text, re.DOTALL)
    assert len([line for line in code.splitlines() if line.strip()]) < 60
    module = {"__name__": "half"}
    exec(code, module)
    config = module["Config"](out=tmp_path / "out")
    result = studies.run(module["STUDY"], config)
    (finding,) = result.outcome.findings
    assert finding.verdict.value in result.report.read_text()
    assert (tmp_path / "out" / "figures" / "pruning.pdf").read_bytes()[:5] == b"%PDF-"
    again = studies.run(module["STUDY"], config)
    xr.testing.assert_identical(again.dataset, result.dataset)
    before = files(tmp_path / "out" / "parts")
    with pytest.raises(ArgumentError, match="--seeds must be 1 or more"):
        module["Config"](seeds=0)
    assert files(tmp_path / "out" / "parts") == before


def side_by_side(compute, computed=None):
    """A toy study of five parts, two at a time; c needs a, and e needs c."""
    needs = {"a": "", "b": "", "c": "a", "d": "", "e": "c"}

    def part(name, context):
        before = sum(float(found[f"v_{needed}"]) for needed, found in context.needed.items())
        return xr.Dataset({f"v_{name}": compute(name, context) + before})

    def parts(config, subject):
        for name, before in needs.items():
            yield studies.Part(name, name, lambda c, name=name: part(name, c), 1.0, "x", before)

    return toy(parts=parts, side_by_side=2, summary=lambda ds, config: {})


def test_parts_run_two_at_a_time_after_those_they_need(tmp_path):
    met, shown = threading.Barrier(2), []

    def compute(name, context):
        if name != "e":
            # Nobody goes on alone.
            met.wait(20)
        context.progress(0.5)
        return ord(name)

    study = side_by_side(compute)
    found = studies.compute(study, Config(), folder=tmp_path, progress=lambda label, done: shown.append(done))
    values = {name: int(value) for name, value in found.data_vars.items()}
    assert values == {"v_a": 97, "v_b": 98, "v_c": 97 + 99, "v_d": 100, "v_e": 97 + 99 + 101}
    assert list(values) == sorted(values)
    assert shown == sorted(shown)
    assert shown[-1] == 1
    # On several devices they run one after the other.
    alone = dataclasses.replace(side_by_side(lambda name, context: ord(name)), spreads=True)
    xr.testing.assert_identical(studies.compute(alone, Config(mesh=1)), found)


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_part_stops_when_the_one_beside_it_fails(tmp_path, error):
    given_up, ran, begun = [], [], threading.Event()

    def compute(name, context):
        ran.append(name)
        if name == "b":
            begun.wait(20)
            raise error("of b")
        begun.set()
        try:
            for _ in range(2000):
                context.progress(0.5)
                time.sleep(0.01)
        except Stopped:
            given_up.append(name)
            raise
        return 0.0

    with pytest.raises(error, match="of b"):
        studies.compute(side_by_side(compute), Config(), folder=tmp_path)
    assert (sorted(ran), given_up) == (["a", "b"], ["a"])
    assert not list(tmp_path.glob("parts/*"))
