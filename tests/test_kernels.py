"""Minimisers as pure functions: batches of graphs in one program, equal to the host's functions one by one."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from signed_graphs import KEY, LAYER, NET, check_local, weighted

from jprobe.frustration import active, anneal, descend, energy, kernels, shuffle_layers
from jprobe.frustration.minimum import starts
from jprobe.graph import trace

pytestmark = pytest.mark.quick


def stacked(graphs):
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *graphs)


@pytest.mark.parametrize("graph", [LAYER, NET], ids=["layer", "net"])
def test_a_batch_of_graphs_ends_where_each_ends(graph, compilations):
    nulls = [weighted(graph, seed, "normal") for seed in range(3)]
    spins = starts(graph, "random", KEY, 2)
    keys = jax.vmap(lambda r: jax.random.fold_in(jax.random.fold_in(KEY, r), 1))(jnp.arange(2))

    @jax.jit
    @jax.vmap
    def batch(null):
        down = kernels.descend(null, spins)
        cooled = kernels.anneal(null, spins, keys, temperatures=jnp.linspace(1.5, 0.1, 10))
        return down, cooled, kernels.energy(null, down.spins)

    with compilations("batch") as count:
        down, cooled, energies = batch(stacked(nulls))
        batch(stacked(nulls[::-1]))
        assert count() == 1
    assert down.settled.all()
    assert cooled.settled.all()
    for n, null in enumerate(nulls):
        one = descend(null, key=KEY, replicas=2)
        np.testing.assert_array_equal(down.spins[n], one.spins)
        np.testing.assert_array_equal(down.sweeps[n] + 1, one.sweeps)  # one more checks in double precision
        np.testing.assert_allclose(energies[n], one.energy, rtol=0, atol=1e-6)
        np.testing.assert_array_equal(cooled.spins[n], anneal(null, key=KEY, replicas=2, sweeps=10).spins)
        check_local(null, one)


def test_null_models_are_drawn_and_minimised_in_one_program():
    keys = jax.random.split(KEY, 3)
    spins = jnp.ones((1, LAYER.num_nodes), jnp.int8)

    @jax.jit
    @jax.vmap
    def of_null(key):
        return kernels.descend(shuffle_layers(LAYER, key=key), spins).spins

    for key, found in zip(keys, of_null(keys), strict=True):
        null = shuffle_layers(LAYER, key=key)
        np.testing.assert_array_equal(found, descend(null, start="ones").spins)


def test_active_subnetworks_are_a_batch():
    rng = np.random.default_rng(0)
    params = [jax.device_put(np.asarray(rng.normal(size=size), np.float32)) for size in ((6, 8), (8, 3))]
    images = jax.device_put(np.asarray(rng.normal(size=(4, 1, 6)), np.float32))

    def fn(p, x):
        return jax.nn.relu(x @ p[0]) @ p[1]

    graph = trace(fn, params, images[0])
    spins = starts(graph, "random", KEY, 1)

    @jax.jit
    @jax.vmap
    def of_image(image):
        part = active(graph, fn, params, image)
        found = kernels.descend(part, spins)
        return kernels.energy(part, found.spins), found.spins

    found, ends = of_image(images)
    for image, end, spins_ in zip(images, found, ends, strict=True):
        part = active(graph, fn, params, image)
        one = descend(part, key=KEY)
        np.testing.assert_allclose(end, one.energy, rtol=0, atol=1e-6)
        np.testing.assert_array_equal(spins_ == 0, ~np.asarray(graph.join(part.alive))[None])


def test_energy_is_that_of_the_host():
    spins = np.asarray(starts(NET, "random", KEY, 3))
    expected = energy(NET, spins)
    np.testing.assert_allclose(kernels.energy(NET, spins), expected, rtol=0, atol=1e-6)
    np.testing.assert_allclose(kernels.energy(NET, spins[0]), expected[0], rtol=0, atol=1e-6)
    with jax.enable_x64(True):
        np.testing.assert_allclose(kernels.energy(NET, spins), expected, rtol=0, atol=1e-15)
    empty, broken = (replace(LAYER, weights=(jnp.full((12, 17), w),)) for w in (0.0, jnp.nan))
    ones = jnp.ones((1, 29), jnp.int8)
    assert kernels.energy(empty, ones).tolist() == [0.0]
    assert jnp.isnan(kernels.energy(broken, ones)).all()
