"""Active subnetworks: against the edges that an image uses, one by one."""

import jax
import jax.numpy as jnp
import networkx
import numpy as np
import pytest
from jax import lax
from signed_graphs import KEY, check_bound, check_local, energies

from jprobe.errors import ArgumentError, ShapeError
from jprobe.frustration import (
    active,
    descend,
    energy,
    greedy,
    lower_bound,
    total_weight,
)
from jprobe.graph import edge_list, to_scipy, trace

pytestmark = pytest.mark.quick


def conv(x, kernel, stride=1):
    numbers = ("NHWC", "HWIO", "NHWC")
    return lax.conv_general_dilated(x, kernel, (stride, stride), "SAME", dimension_numbers=numbers)


def maximum(x, window=2, stride=2, padding="VALID"):
    return lax.reduce_window(x, -jnp.inf, lax.max, (1, window, window, 1), (1, stride, stride, 1), padding)


# Networks that note what the nodes of each block hold, in the order of their blocks.


def plain_net(p, x, note=lambda *values: None):
    a = jax.nn.relu(conv(x, p["a"]))
    b = maximum(a)
    y = b.reshape(1, -1) @ p["w"] + 1.0
    note(x, a, b, y)
    return y


def late_relu(p, x, note=lambda *values: None):
    a = conv(x, p["a"]) - 1.0
    b = jax.nn.relu(maximum(a, 3, 2, "SAME"))
    y = b.reshape(1, -1) @ p["w"]
    note(x, a, b, y)
    return y


def concat_net(p, x, note=lambda *values: None):
    a, b = jax.nn.relu(conv(x, p["a"])), jax.nn.relu(conv(x, p["b"]))
    c = maximum(jnp.concatenate([a, b], -1), 3, 2, "SAME")
    d = jax.nn.relu(conv(c, p["c"]))
    y = jnp.max(jnp.concatenate([d, jax.nn.relu(c)], -1), (1, 2))
    z = y @ p["w"]
    note(x, a, b, c, d, y, z)
    return z


def residual_net(p, x, note=lambda *values: None):
    a = jax.nn.relu(conv(x, p["a"]))
    b = maximum(a)
    c = jax.nn.relu(conv(b, p["c"]))
    d = jax.nn.relu(conv(c, p["d"]) + b)
    e = d.mean((1, 2))
    y = e @ p["w"]
    note(x, a, b, c, d, e, y)
    return y


def whole(seed, *shape):
    rng = np.random.default_rng(seed)
    return jax.device_put(np.asarray(rng.choice([-2.0, -1.0, 1.0, 2.0], shape), np.float32))


# Of each: its parameters, and the blocks with edges of maxima, and their weight.
ACTIVE = {
    "plain": (plain_net, {"a": whole(0, 3, 3, 2, 3), "w": whole(1, 12, 3)}, {2: 0.005}),
    "late relu": (late_relu, {"a": whole(0, 3, 3, 2, 3), "w": whole(1, 12, 3)}, {2: 0.01 / 3}),
    "concatenated": (
        concat_net,
        {"a": whole(0, 3, 3, 2, 3), "b": whole(1, 1, 1, 2, 2), "c": whole(2, 3, 3, 5, 2), "w": whole(3, 7, 3)},
        {3: 0.01 / 3, 5: 0.005},
    ),
    "residual": (
        residual_net,
        {"a": whole(0, 3, 3, 2, 3), "c": whole(1, 3, 3, 3, 3), "d": whole(2, 3, 3, 3, 3), "w": whole(3, 3, 3)},
        {2: 0.005, 4: 0.005},
    ),
}


def used_edges(graph, blocks, maxima):
    """The edges that an input uses, one rule of the paper after the other."""
    source, target, weight = edge_list(graph)
    value = np.concatenate([np.asarray(b).ravel() for b in blocks])
    block = np.searchsorted(graph.layout.offsets, target, side="right") - 1
    alive = value != 0
    alive[: blocks[0].size] = True
    last = np.arange(graph.num_nodes) >= graph.layout.offsets[-2]
    predicted = graph.layout.offsets[-2] + int(np.argmax(blocks[-1]))
    alive[last] = np.arange(graph.num_nodes)[last] == predicted
    kept = alive[target] & alive[source]
    of_maximum = np.isin(block, list(maxima)) & np.isclose(weight, [maxima.get(int(b), 0) for b in block])
    largest = np.full(graph.num_nodes, -np.inf)
    np.maximum.at(largest, target[of_maximum], value[source[of_maximum]])
    kept &= ~of_maximum | (value[source] == largest[target])
    there = networkx.DiGraph(zip(source[kept].tolist(), target[kept].tolist(), strict=True))
    there.add_node(predicted)
    leading = [*networkx.ancestors(there, predicted), predicted]
    kept &= np.isin(target, leading) & np.isin(source, leading)
    return source[kept], target[kept], weight[kept]


def listed(edges):
    return sorted(zip(*(x.tolist() for x in edges), strict=True))


@pytest.mark.parametrize("residual", ["identity", "paper"])
@pytest.mark.parametrize("name", ACTIVE)
def test_the_active_subnetwork_is_what_is_left(name, residual):
    fn, params, maxima = ACTIVE[name]
    if residual == "identity" and name == "residual":
        maxima = {2: 0.005}
    images = jax.device_put(np.asarray(np.random.default_rng(9).integers(-1, 3, (5, 1, 4, 4, 2)), np.float32))
    graph = trace(fn, params, images[0], residual=residual)
    numbers = set()
    find = jax.jit(lambda x: active(graph, fn, params, x, residual=residual))
    if residual == "identity":
        together = jax.device_get(jax.vmap(find)(images))
        found = [jax.tree.map(lambda leaf, n=n: leaf[n], together) for n in range(len(images))]
    else:
        found = list(map(find, images))
    for n, x in enumerate(images):
        blocks = []
        fn(params, x, lambda *values, blocks=blocks: blocks.extend(values))
        assert [b.size for b in blocks] == [b.size for b in graph.blocks]
        used = found[n]
        expected = used_edges(graph, blocks, maxima)
        assert listed(edge_list(used)) == listed(expected)
        numbers.add(len(expected[0]))
        spins = np.random.default_rng(n).choice([-1, 1], graph.num_nodes)
        assert energy(used, spins) == pytest.approx(energies(used, spins), abs=1e-13)
    assert len(numbers) > 2
    assert 0 < max(numbers) < graph.num_edges


def test_an_active_subnetwork_is_minimised_like_any_graph():
    fn, params, _ = ACTIVE["plain"]
    x = jax.device_put(np.asarray(np.random.default_rng(9).integers(-1, 3, (1, 4, 4, 2)), np.float32))
    graph = trace(fn, params, x)
    used, everything = jax.jit(lambda x: [active(graph, fn, params, x, classes=c) for c in (True, False)])(x)
    for minimise in (descend, greedy):
        found = minimise(used, key=KEY, replicas=2)
        check_local(used, found)
    alone = descend(to_scipy(used), key=KEY, replicas=2)
    np.testing.assert_allclose(alone.energy, energies(used, alone.spins, np.float32), rtol=0, atol=1e-13)
    bound = lower_bound(used, key=KEY)
    check_bound(used, bound, found.energy.min())
    assert total_weight(used) < total_weight(graph)
    assert set(listed(edge_list(used))) < set(listed(edge_list(everything)))
    assert (np.asarray(everything.alive[-1]) == 1).all()


def test_another_networks_active_part_is_refused():
    fn, params, _ = ACTIVE["residual"]
    x = jnp.ones((1, 4, 4, 2))
    other = ACTIVE["plain"]
    with pytest.raises(ShapeError, match="not the one"):
        active(trace(other[0], other[1], x), fn, params, x)
    with pytest.raises(ShapeError, match="not the one"):
        active(trace(fn, params, x), fn, params, jnp.ones((1, 6, 6, 2)))

    def pooled(p, x):
        a = conv(x, p["a"])
        return conv(jax.nn.relu(a), p["c"]) + maximum(a, 3, 1, "SAME")

    graph = trace(pooled, params, x, residual="paper")
    with pytest.raises(ArgumentError, match="residual='identity'"):
        active(graph, pooled, params, x, residual="paper")


def test_active_subnetworks_of_other_inputs_compile_nothing_again(compilations):
    fn, params = lambda p, x: jax.nn.relu(x @ p["a"]) @ p["b"], {"a": whole(0, 4, 5), "b": whole(1, 5, 3)}
    images = jax.random.normal(KEY, (3, 1, 4))
    graph = trace(fn, params, images[0])
    with compilations("_descend") as count:
        for image in images:
            descend(active(graph, fn, params, image), key=KEY)
        assert count() == 1
