"""Convolutions bounded by all spins of their windows, and the precision that certificates rest on."""

from dataclasses import replace

import flax.linen as nn
import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from signed_graphs import KEY, NET, all_spins, check_bound, parameters, seeds, weighted

from jprobe.frustration import anneal, exact, lower_bound
from jprobe.frustration import bound as bounds
from jprobe.frustration.energy import FLOAT32_ERROR, double_precision
from jprobe.frustration.minimum import degrees
from jprobe.frustration.windows import windows_of
from jprobe.graph import bipartite, trace

pytestmark = pytest.mark.quick


def layer(shape, units, window, strides, padding):
    image = jnp.zeros((1, *shape))
    model = nn.Conv(units, window, strides, padding)
    return trace(model.apply, parameters(model, image), image)


# Windows that share two inputs, or one of two; along both axes; two windows apart; with padding; that share none.
LAYERS = {
    "chain": layer((7, 2), 4, (3,), (2,), "VALID"),
    "near": layer((8, 1), 2, (4,), (2,), "VALID"),
    "plane": layer((5, 3, 1), 3, (3, 2), (2, 1), "VALID"),
    "padded": layer((4, 3, 1), 3, (3, 3), (1, 1), "SAME"),
    "apart": layer((4, 2), 3, (2,), (2,), "VALID"),
}


@jax.jit
def agreements(graph, spins):
    """The most that each of some spins of the inputs can agree with a layer: units take the signs of their row sums."""
    received = jax.vmap(lambda s: graph.field((s, graph.ones()[1]), 1))(spins * graph.ones()[0])
    return jnp.abs(received).reshape(len(spins), -1).sum(1)


def most(graph):
    shape = graph.blocks[0].shape
    return float(agreements(graph, all_spins(int(np.prod(shape))).reshape(-1, *shape).astype(np.float32)).max())


@settings(max_examples=8, deadline=None)
@given(seeds, st.sampled_from(["normal", "whole", "wide"]), st.booleans())
@pytest.mark.parametrize("name", LAYERS)
def test_no_spins_agree_more_than_the_windows_ceiling(name, seed, kind, whole):
    graph = weighted(LAYERS[name], seed, kind)
    rng = np.random.default_rng(seed)
    alive = tuple(jax.device_put(np.asarray((rng.random(b.shape) < 0.7) | whole, np.float32)) for b in graph.blocks)
    windows = windows_of(graph, graph.layout.links[0])
    ceiling = windows.ceiling()
    assert ceiling >= most(replace(graph, alive=alive)) * (1 - 1e-6)
    assert ceiling <= windows._replace(overlaps=()).ceiling()


@pytest.mark.parametrize("seed", range(4))
def test_windows_that_agree_on_what_they_share_are_bounded_more_closely(seed):
    graph = weighted(LAYERS["plane"], seed, "normal")
    windows = windows_of(graph, graph.layout.links[0])
    alone, best = windows._replace(overlaps=()).ceiling(), most(graph)
    assert windows.ceiling() < alone - 0.6 * (alone - best)


def test_links_without_small_windows_have_none():
    assert windows_of(NET, NET.layout.links[1]) is None  # a pool
    assert windows_of(bipartite(np.ones((3, 4))), bipartite(np.ones((3, 4))).layout.links[0]) is None
    wide = layer((9, 28), 1, (1,), (1,), "VALID")
    assert windows_of(wide, wide.layout.links[0]) is None


class Pooled(nn.Module):
    """A convolution of small windows, hardly held by what follows it: the edges of a pool weigh little."""

    units: int
    window: tuple[int, ...]

    @nn.compact
    def __call__(self, x):
        x = nn.relu(nn.Conv(self.units, self.window, 2, "VALID")(x))
        return nn.max_pool(x, (2,) * len(self.window))


def pooled(units, shape):
    image, model = jnp.zeros((1, *shape, 1)), Pooled(units, (3,) * len(shape))
    return trace(model.apply, parameters(model, image), image)


CHAIN, PLANE = pooled(3, (5,)), pooled(16, (9, 9))


@settings(max_examples=10, deadline=None)
@given(seeds, st.sampled_from(["normal", "whole", "wide"]))
def test_nothing_is_below_a_bound_with_windows(seed, kind):
    graph = weighted(CHAIN, seed, kind)
    check_bound(graph, lower_bound(graph, key=KEY), exact(graph).energy[0])


def test_windows_raise_the_certificate(monkeypatch):
    bound = lower_bound(PLANE, key=KEY)
    monkeypatch.setattr(bounds, "_CLEARLY", 0.0)
    alone = lower_bound(PLANE, key=KEY)
    assert (bound.enumerated, alone.enumerated) == (("Conv_0",), ())
    lowest = anneal(PLANE, key=KEY, replicas=4).energy.min()
    assert alone.certified < bound.certified <= lowest
    assert lowest - bound.certified < (lowest - alone.certified) / 2
    check_bound(PLANE, bound, lowest)


@pytest.mark.skipif(jax.default_backend() == "cpu", reason="asks whether an accelerator keeps to full float32")
@pytest.mark.parametrize("name", ["net", "dense"])
def test_row_sums_on_an_accelerator_are_float32_sums(name):
    rng = np.random.default_rng(0)
    graph = NET if name == "net" else bipartite(rng.normal(size=(3000, 500)))
    spins = rng.choice([-1.0, 1.0], graph.num_nodes)
    found = np.asarray(jax.jit(graph.matvec)(jnp.asarray(spins, jnp.float32)), np.float64)
    degree = np.asarray(graph.join(degrees(graph)), np.float64)
    with double_precision(graph):
        expected = np.asarray(graph.matvec(jnp.asarray(spins, jnp.float64)))
    # TF32 or bfloat16 products are a thousand times further off.
    assert (np.abs(found - expected) <= FLOAT32_ERROR * degree).all()
