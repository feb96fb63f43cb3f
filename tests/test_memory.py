"""What a run may take of the memory: how it is found, who keeps to it, and that no number depends on it."""

import dataclasses
from dataclasses import dataclass

import jax
import numpy as np
import optax
import pytest
import xarray as xr

import jprobe as jp
from jprobe import memory, studies
from jprobe.errors import ArgumentError
from jprobe.memory import in_bytes, within
from jprobe.report import About
from jprobe.train.checks import start_shapes
from jprobe.train.holding import room
from jprobe.train.loop import EVALUATED, Recipe

pytestmark = pytest.mark.quick

RNG = np.random.default_rng(0)
X = RNG.normal(size=(300, 40)).astype(np.float32)
TASK = jp.data.Task(X, (X[:, 0] > 0).astype(int), X[:100], (X[:100, 0] > 0).astype(int), num_classes=2)
MODEL = jp.models.MLP((32,), 2)


@pytest.mark.parametrize(
    ("words", "size"),
    [("8GB", 8 * 10**9), ("8gib", 8 * 2**30), ("8G", 8 * 10**9), (" .5 TB ", 5 * 10**11), ("2000000", 2 * 10**6)],
)
def test_sizes_in_words(words, size):
    assert in_bytes(words) == size


@pytest.mark.parametrize("words", ["", "GB", "8 apples", "-1GB", "1e9", "8", "8iB", "0GB"])
def test_what_is_no_size_is_refused(words):
    with pytest.raises(ArgumentError, match="memory"):
        in_bytes(words)
    with pytest.raises(ArgumentError, match="memory"):
        studies.Config(memory=words)


@pytest.mark.parametrize(
    ("lines", "files", "found"),
    [
        ("0::/job/step\n", {"job/memory.max": "900", "job/step/memory.max": "max"}, [900]),
        ("0::/job/step\n", {"memory.max": "500", "job/step/memory.max": "700"}, [700, 500]),
        ("4:cpu,memory:/a\n3:cpuset:/b\n", {"memory/a/memory.limit_in_bytes": "800", "b/memory.max": "1"}, [800]),
        ("0::/\n", {}, []),
    ],
    ids=["a group around it", "both", "version 1", "no limit"],
)
def test_limits_of_containers_and_jobs(tmp_path, lines, files, found):
    (tmp_path / "cgroup").write_text(lines)
    for name, text in files.items():
        (tmp_path / "fs" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "fs" / name).write_text(f"{text}\n")
    assert list(memory._of_groups(tmp_path / "cgroup", tmp_path / "fs")) == found


def test_a_limit_holds_inside_and_not_after():
    before = memory.limit()
    with within(10**7), within(10**8, sharing=2):
        assert memory.limit() == 10**8 // 2 // jax.local_device_count()
    with within(10**18):  # there is no more than there is
        assert memory.limit() == before
    assert memory.limit() == before


@pytest.mark.parametrize("probe", [jp.probes.noise(), jp.probes.prune()], ids=["in chunks", "by network"])
def test_sweeps_keep_to_it_and_their_numbers_do_not_depend_on_it(probe):
    params = jax.tree.map(np.asarray, jp.train.untrained(MODEL, TASK, 6))

    def sweep(size):
        pieces = []
        with within(size):
            found = jp.sweep(
                probe, params, jp.metrics.accuracy(MODEL, TASK), np.linspace(0, 0.9, 30), progress=pieces.append
            )
        return found, len(pieces)

    (whole, few), (small, many) = sweep(None), sweep(10**6)
    xr.testing.assert_identical(whole, small)
    # A nested probe takes a network at a time whatever there is.
    assert many > few or probe.nested is not None


def test_trainings_keep_to_it_and_their_networks_do_not_depend_on_it():
    recipe = Recipe(MODEL, optax.sgd(0.1), jp.train.cross_entropy, None, None, None, "last", False, None)
    start = start_shapes(MODEL, TASK, None, 1)
    with within(10**6):
        few = room(recipe, TASK, start, 128)
        chunked = jp.train.fit(MODEL, TASK, 5, epochs=2)
    assert few < 5 < room(recipe, TASK, start, 128)
    whole = jp.train.fit(MODEL, TASK, 5, epochs=2)
    for found, expected in zip(jax.tree.leaves(chunked.params), jax.tree.leaves(whole.params), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def compiled_bytes(fn, *shapes):
    told = jax.jit(fn).lower(*shapes).compile().memory_analysis()
    return told.argument_size_in_bytes + told.output_size_in_bytes + told.temp_size_in_bytes


@pytest.mark.parametrize("hidden", [(64,), (2000,), (100,) * 6], ids=str)
def test_what_training_holds_is_of_the_size_that_xla_says(hidden):
    model = jp.models.MLP(hidden, 2)
    recipe = Recipe(model, optax.adam(0.1), jp.train.cross_entropy, None, None, None, "last", False, None)
    start = start_shapes(model, TASK, None, 1)
    with within(10**9):
        one = 10**9 // 2 // room(recipe, TASK, start, 128)

    def step(params, state, x, y):
        loss, grads = jax.value_and_grad(
            lambda p: optax.softmax_cross_entropy_with_integer_labels(model.apply(p, x), y).mean()
        )(params)
        updates, state = recipe.optimizer.update(grads, state)
        return optax.apply_updates(params, updates), state, loss

    state = jax.eval_shape(recipe.optimizer.init, start)
    x, y = jax.ShapeDtypeStruct((128, 40), np.float32), jax.ShapeDtypeStruct((128,), np.int32)
    tested = jax.ShapeDtypeStruct((EVALUATED, 40), np.float32)
    needed = max(compiled_bytes(step, start, state, x, y), compiled_bytes(model.apply, start, tested))
    # More than a compiler needs that fuses; of less, the memory would not do.
    assert 0.8 < one / needed < 6


@dataclass(frozen=True)
class Config(studies.Config):
    """A configuration."""

    study = "seeing"


def seeing(width):
    def parts(config, subject):
        for name in "ab":
            yield studies.Part(name, name, lambda context: xr.Dataset({"limit": memory.limit()}))

    return studies.Study(
        name="seeing", paper="none", reproduces="nothing", cost="nothing", presets={"quick": Config()}, parts=parts,
        subject=lambda config: studies.Subject("nothing"), combine=lambda config, subject, done: done["b"],
        findings=lambda ds: [], panels=lambda ds, config: [], summary=lambda ds, config: {},
        about=lambda ds, config: About("", ""), side_by_side=width,
    )  # fmt: skip


@pytest.mark.parametrize("width", [1, 2])
def test_a_run_tells_its_parts_which_share_it(width, tmp_path, monkeypatch):
    monkeypatch.setenv("JPROBE_CACHE", str(tmp_path))
    config = Config(memory="1GB")
    assert config.numbers() == dataclasses.replace(config, memory=None).numbers()
    found = studies.compute(seeing(width), config)
    assert found.limit == 10**9 // width // jax.local_device_count()
