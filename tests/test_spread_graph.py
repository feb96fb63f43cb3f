"""Graphs that one device has no room for: spread over four, with the numbers of one."""

import json
import subprocess
import sys
import textwrap

import pytest
from test_mesh import environment

pytestmark = [pytest.mark.quick, pytest.mark.end_to_end]

# In a process of its own: how many devices there are is settled when JAX starts.
NET = textwrap.dedent("""
    import json
    import jax, jax.numpy as jnp, numpy as np
    from jprobe import errors, frustration, graph, memory
    from jprobe.frustration import kernels

    def net(w, x):
        x = jax.nn.relu(jax.lax.conv_general_dilated(x, w[0], (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")))
        x = jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
        return jax.nn.relu(x.reshape(len(x), -1) @ w[1]) @ w[2]

    keys = jax.random.split(jax.random.key(0), 4)
    weights = [jax.random.normal(key, shape) for key, shape in zip(keys, [(3, 3, 3, 16), (256, 32), (32, 10)])]
    x = jax.random.normal(keys[3], (1, 8, 8, 3))
    alone, mesh = graph.trace(net, weights, x), jax.make_mesh((2, 2), ("a", "b"))
    spread, ones = alone.spread(mesh), np.ones(alone.num_nodes)
""")


def told(code):
    done = subprocess.run(
        [sys.executable, "-c", NET + textwrap.dedent(code)], env=environment(4), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_minimisers_spread_what_has_no_room_on_one_device():
    found = told("""
        def ends(found):
            return found.energy.tolist(), bool(found.is_local.all())

        def all_ends(mesh):
            null = frustration.shuffle_layers(alone, key=keys[0])
            return [
                ends(frustration.descend(alone, replicas=2, mesh=mesh)),
                ends(frustration.anneal(alone, sweeps=10, mesh=mesh)),
                ends(frustration.descend(null, mesh=mesh)),
                [[frustration.lower_bound(alone, dimension=8, sweeps=5, steps=50, mesh=mesh).certified], True],
            ]

        with memory.within(1_000_000):
            one = all_ends(None)
        with memory.within(100_000):
            print(json.dumps([one, all_ends(mesh)]))
    """)
    for (one, local), (spread, is_local) in zip(*found, strict=True):
        # Rounding differs, so descents may part; they end in minima as low.
        assert spread == pytest.approx(one, abs=2e-3)
        assert is_local == local


def test_a_spread_graph_is_the_same_graph():
    found = told("""
        def energies(g, key):
            nulls = frustration.shuffle_layers(g, key=key), frustration.shuffle_edges(g, key=key)
            used = jax.jit(lambda g: frustration.active(g, net, weights, x))(g)
            alive = [np.asarray(a).astype(int).ravel().tolist() for a in used.alive]
            both = (*nulls, used)
            assert {n.mesh for n in both} == {g.mesh}
            return [float(frustration.energy(n, ones)) for n in (g, *both, g.with_params(weights))], alive

        out = [energies(g, keys[0]) for g in (alone, spread)]
        jax.default_backend = lambda: "tpu"  # which has no double precision: measured on the host
        print(json.dumps([*out, float(frustration.energy(spread, ones))]))
    """)
    (one, alive), (spread, still), on_host = found
    assert spread == pytest.approx(one, abs=1e-12)
    assert on_host == pytest.approx(one[0], abs=1e-12)
    assert still == alive


def test_each_device_holds_a_share():
    one, spread, refused = told("""
        def held(g):
            lowered = jax.jit(kernels.descend).lower(g, np.ones((1, alone.num_nodes), np.int8))
            found = lowered.compile().memory_analysis()
            return found.argument_size_in_bytes + found.temp_size_in_bytes

        try: frustration.descend(spread, mesh=mesh)
        except errors.ArgumentError as error: refused = str(error)
        print(json.dumps([held(alone), held(spread), refused]))
    """)
    assert spread < 0.5 * one  # a quarter, and what small layers leave whole
    assert "spread over devices already" in refused


def test_a_study_spreads_a_network_that_has_no_room():
    one, spread = told("""
        from jprobe.studies import compute
        from jprobe.studies.frustration import Config, STUDY
        from jprobe.studies.frustration.subjects import Network

        def found(**options):
            config = Config(replicas=2, nulls=1, compare=0, anneal=10, bound=0, **options)
            wide = [weights[0], jnp.tile(weights[1], (1, 16)), jnp.tile(weights[2], (16, 1))]  # half a megabyte
            mine = Network("mine", net, wide, x[:0])
            with memory.within(10**6 if config.memory else None):
                spreads = {part.spreads for part in STUDY.parts(config, mine)}
            ds = compute(STUDY, config, mine)
            names = ("energy", "annealed")
            return [{name: float(np.nanmean(ds[name])) for name in names}, ds.attrs["nodes"], list(spreads)]

        print(json.dumps([found(mesh=1), found(memory="1MB")]))
    """)
    assert spread[0] == pytest.approx(one[0], abs=4e-3)
    assert spread[1:] == [one[1], [True]]
    assert one[2] == [False]
