"""Digests tell apart what computes differently, and agree in another process on what does not."""

import functools
import os
import subprocess
import sys
import textwrap
from dataclasses import dataclass

import flax.linen as nn
import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given, settings

from jprobe.digests import digest_of, digest_of_program
from jprobe.errors import ArgumentError

CONSTANT = 1.0
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=4)
    | st.binary(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.tuples(inner, inner) | st.dictionaries(st.text(max_size=2), inner),
    max_leaves=8,
)


def same(a, b):
    return bool((digest_of(a) == digest_of(b)).all())


@settings(max_examples=200, deadline=None)
@given(VALUES, VALUES)
def test_values_agree_where_they_are_written_alike(a, b):
    assert same(a, b) == (repr(a) == repr(b))


def test_nesting_counts():
    assert not same([[1], 2], [[1, 2]])
    assert not same({"a": ()}, {"a": ((),)})


def test_arrays_are_their_bytes():
    a = np.arange(6, dtype=np.float32)
    assert same(a, jnp.asarray(a))
    for other in (a.reshape(2, 3), a.astype(np.int32), a + 1, -a * 0):
        assert not same(a, other)
    assert not same(jax.random.key(0), jax.random.key(1))


def penalised(scale):
    def loss(outputs, targets, params):
        return outputs.sum(-1) + scale * CONSTANT

    return loss


def helper(x):
    return 2 * x


def through_helper(x):
    return helper(x)


class Net(nn.Module):
    width: int = 3

    @nn.compact
    def __call__(self, x):
        return nn.relu(nn.Dense(self.width, kernel_init=nn.initializers.normal(CONSTANT))(x))


def test_functions_are_code_defaults_closures_and_globals(monkeypatch):
    assert same(penalised(0.5), penalised(0.5))
    assert not same(penalised(0.5), penalised(0.25))
    assert not same(lambda x: x + 1, lambda x: x + 2)
    assert not same(lambda x, n=1: x + n, lambda x, n=2: x + n)
    assert not same(functools.partial(helper, 1), functools.partial(helper, 2))
    before = [digest_of(thing) for thing in (penalised(1.0), through_helper, Net(), jax.jit(through_helper))]
    monkeypatch.setitem(globals(), "CONSTANT", 2.0)
    monkeypatch.setitem(globals(), "helper", lambda x: 3 * x)
    after = [digest_of(thing) for thing in (penalised(1.0), through_helper, Net(), jax.jit(through_helper))]
    assert not any((a == b).all() for a, b in zip(before, after, strict=True))


def test_optimizers_models_and_dataclasses_are_what_they_were_made_with():
    def sgd(rate):
        return optax.chain(optax.clip_by_global_norm(1.0), optax.sgd(optax.cosine_decay_schedule(rate, 10), 0.9))

    assert same(sgd(0.1), sgd(0.1))
    assert not same(sgd(0.1), sgd(0.2))
    assert not same(optax.adam(0.1), optax.adam(0.1, b1=0.8))
    assert same(Net(3), Net())
    assert not same(Net(3), Net(4))
    assert not same(nn.Dense(3), nn.Dense(3, kernel_init=nn.initializers.zeros))

    @dataclass
    class Settings:
        x: object

    assert same(Settings(1), Settings(1))
    assert not same(Settings(1), Settings(2))


def test_recursion_ends():
    def again(n):
        return again(n - 1) if n else 0

    loop = []
    loop.append(loop)
    assert same(again, again)
    assert same(loop, loop)


def test_what_cannot_be_told_is_refused():
    secret = object()
    for thing in (open(sys.executable, "rb"), secret, iter([1]), lambda x: secret):  # noqa: SIM115
        with pytest.raises(ArgumentError, match="does not tell its value"):
            digest_of(thing)


@pytest.mark.end_to_end
def test_another_process_finds_the_same(tmp_path):
    code = textwrap.dedent("""
        import optax, jax, flax.linen as nn
        from jprobe.digests import digest_of, digest_of_program
        SCALE = 0.5
        class Net(nn.Module):
            @nn.compact
            def __call__(self, x):
                return nn.Dense(2)(jax.nn.relu(x)) * SCALE
        print(digest_of(Net(), optax.adam(1e-3), lambda x: x * SCALE, {"a", "b", "c"}).tobytes().hex())
    """)
    (tmp_path / "script.py").write_text(code)
    found = {
        subprocess.run(
            [sys.executable, tmp_path / "script.py"], env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True, text=True, check=True,
        ).stdout
        for seed in "12"
    }  # fmt: skip
    assert len(found) == 1


def test_what_is_shared_and_what_is_equal_are_one():
    x, names = np.arange(3.0), ("a", "b")
    assert same([x, x, names, names], [x, x.copy(), tuple("ab"), ("a", "b")])
    loop = [1]
    loop.append(loop)
    other = [1]
    other.append(other)
    assert same(loop, other)
    assert not same(loop, [1, [1]])


def network(w, x):
    return jax.nn.relu(x @ w)


PROGRAM = """
import jax, numpy as np
from jprobe.digests import digest_of_program
print(digest_of_program(lambda w, x: jax.nn.relu(x @ w), np.ones((3, 2), np.float32), np.ones((1, 3), np.float32)).tobytes().hex())
"""


def hexed(fn, *args):
    return digest_of_program(fn, *args).tobytes().hex()


WRAPPERS = {
    "plain": lambda f: f,
    "jit": jax.jit,
    "jit in jit": lambda f: jax.jit(lambda x: jax.jit(f)(x)),
    "vmap of jit": lambda f: jax.vmap(jax.jit(f)),
    "checkpoint": jax.checkpoint,
    "scan": lambda f: lambda x: jax.lax.scan(lambda c, _: (f(c), None), x, None, length=2)[0],
    "cond": lambda f: lambda x: jax.lax.cond(x.sum() > 0, f, lambda y: y, x),
    "jit in cond": lambda f: lambda x: jax.lax.cond(x.sum() > 0, jax.jit(f), lambda y: y, x),
}


@pytest.mark.parametrize("wrap", WRAPPERS.values(), ids=WRAPPERS)
@pytest.mark.parametrize("kind", [np.asarray, jnp.asarray], ids=["numpy", "jax"])
def test_a_function_is_known_by_every_array_it_closes_over(wrap, kind):
    def digest(table):
        table = kind(table)
        return hexed(wrap(lambda x: x * 2.0 + table), np.ones((1, 1000), np.float32))

    table = np.arange(1000, dtype=np.float32)
    other = table.copy()
    other[500] += 1  # where no text would print it
    assert digest(table) == digest(table.copy())
    assert digest(table) != digest(other)


def test_a_function_is_known_by_what_it_computes():
    args = np.ones((3, 2), np.float32), np.ones((1, 3), np.float32)
    found = hexed(network, *args)
    assert found == hexed(lambda a, b: network(a, b) if True else None, *args)
    table = np.arange(2.0, dtype=np.float32)
    others = [
        lambda w, x: jax.nn.gelu(x @ w), lambda w, x: x @ w, lambda w, x: network(w, x) * 2,
        lambda w, x: network(w, x) + table, lambda w, x: network(w, x) + (table + 1),
    ]  # fmt: skip
    assert len({found, *(hexed(f, *args) for f in others)}) == 6
    # The name of a function, and where it lies in memory, are of one process only.
    other = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True).stdout.strip()
    assert other == hexed(lambda w, x: jax.nn.relu(x @ w), *args)
