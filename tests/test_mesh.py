"""Networks spread over devices and over processes: the same numbers as on one device."""

import json
import os
import socket
import subprocess
import sys
import textwrap

import jax
import numpy as np
import pytest

import jprobe as jp

pytestmark = [pytest.mark.quick, pytest.mark.end_to_end]

# Runs in processes of its own: how many devices there are is settled when JAX starts.
WORK = textwrap.dedent("""
    import json, sys
    import flax.linen as nn, jax, numpy as np, optax, jprobe as jp
    from jprobe.paths import parameters as weights

    class Normalised(nn.Module):
        @nn.compact
        def __call__(self, x, train):
            return nn.Dense(2)(nn.BatchNorm(use_running_average=not train)(x))

    def numbers(mesh=None):
        rng = np.random.default_rng(0)
        x = rng.normal(size=(90, 6)).astype(np.float32)
        y = (x[:, 0] > 0).astype(np.int32)
        task = jp.data.Task(x, y, x, y, num_classes=2)
        model = jp.models.MLP((8,))
        fit = jp.train.fit(model, task, seeds=6, epochs=2, mesh=mesh)
        out = {"accuracy": fit.accuracy.tolist(), "loss": fit.train_loss.tolist()}
        fit = jp.train.fit(
            Normalised(), [task] * 5, 5, epochs=2, batch=40, optimizer=optax.chain(optax.clip_by_global_norm(0.1), optax.adam(0.1)),
            augment=lambda key, x: x + jax.random.normal(key, x.shape), record=lambda params, state: params["batch_stats"], mesh=mesh,
        )
        out |= {"statistics": jax.tree.leaves(fit.recorded)[0].ravel().tolist(), "loss of its own": fit.train_loss.tolist()}
        p = jp.probes
        for name, probe in {"noise": p.noise(), "chain": p.chain(p.prune(), p.randomize("G")), "random": p.flip("random")}.items():
            found = jp.sweep(probe, fit.params, lambda w: (x @ weights(w)["Dense_0"]["kernel"]).max(), [0.25, 0.5, 0.75], signed=True, mesh=mesh)
            out[name] = found.metric.values.ravel().tolist()
        return out

    def minima(mesh=None):
        keys = jax.random.split(jax.random.key(0), 3)
        kernels = [jax.random.normal(key, shape) for key, shape in zip(keys, [(12, 20), (20, 16), (16, 3)])]
        graph = jp.graph.trace(lambda w, x: jax.nn.relu(jax.nn.relu(x @ w[0]) @ w[1]) @ w[2], kernels, np.ones((1, 12), np.float32))
        out = {}
        for minimise, options in ((jp.frustration.descend, {}), (jp.frustration.anneal, {"sweeps": 20}), (jp.frustration.greedy, {})):
            found = minimise(graph, key=keys[0], replicas=6, mesh=mesh, **options)
            name = minimise.__name__
            out |= {f"{name} {part}": getattr(found, part).ravel().tolist() for part in ("energy", "spins", "flips", "sweeps")}
        return out, jp.frustration.lower_bound(graph, key=keys[0], mesh=mesh).certified

    def mesh(n):
        # One axis, as jax.make_mesh makes it by default, or two that are taken together.
        return jax.make_mesh((n,), ("seed",)) if n % 4 else jax.make_mesh((2, n // 2), ("a", "b"), axis_types=(jax.sharding.AxisType.Auto,) * 2)
""")


def environment(devices):
    return os.environ | {
        "JAX_NUM_CPU_DEVICES": str(devices),
        "JAX_PLATFORMS": "cpu",
        "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",
    }


def same(found, expected):
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, rtol=2e-6, err_msg=name)


@pytest.fixture(scope="module")
def alone():
    scope = {}
    exec(WORK, scope)
    return scope["numbers"]()


def test_four_devices_and_three_give_the_numbers_of_one(alone):
    code = WORK + "assert jax.device_count() == 4\nprint(json.dumps([numbers(mesh(4)), numbers(mesh(3))]))"
    done = subprocess.run([sys.executable, "-c", code], env=environment(4), capture_output=True, text=True, check=True)
    for found in json.loads(done.stdout.splitlines()[-1]):
        same(found, alone)


def test_minimisers_end_where_they_end_on_one_device():
    scope = {}
    exec(WORK, scope)
    minima, certified = scope["minima"]()
    # The dimensions of a bound are shared evenly: by four devices, not by three.
    code = (
        WORK
        + """
    print(json.dumps([minima(mesh(4)), minima(mesh(2))]))
    try: jp.frustration.lower_bound(jp.graph.bipartite(np.ones((2, 3))), mesh=mesh(3))
    except jp.errors.ArgumentError as error: print(error)
    """.replace("\n    ", "\n")
    )
    done = subprocess.run([sys.executable, "-c", code], env=environment(4), capture_output=True, text=True, check=True)
    found, error = done.stdout.splitlines()[-2:]
    for spread, bound in json.loads(found):
        assert spread == minima
        assert bound == pytest.approx(certified, abs=1e-6)
    assert "3 devices cannot share 32 dimensions" in error


def test_two_processes_give_both_all_numbers(alone):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    code = WORK + textwrap.dedent(f"""
        jax.distributed.initialize("127.0.0.1:{port}", 2, int(sys.argv[1]))
        assert (jax.device_count(), jax.local_device_count()) == (4, 2)
        print(json.dumps(numbers(mesh(4))))
    """)
    running = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(n)],
            env=environment(2),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for n in range(2)
    ]
    for process in running:
        out, err = process.communicate(timeout=240)
        assert process.returncode == 0, err[-2000:]
        same(json.loads(out.splitlines()[-1]), alone)


def test_a_mesh_of_one_device_is_no_mesh(alone):
    mesh = jax.make_mesh((1,), ("seed",), axis_types=(jax.sharding.AxisType.Auto,))
    params = {"w": jax.random.normal(jax.random.key(0), (3, 4, 5))}
    plain, meshed = (jp.sweep(jp.probes.noise(), params, lambda p: p["w"].sum(), [0.5], mesh=m) for m in (None, mesh))
    np.testing.assert_array_equal(plain.metric, meshed.metric)
