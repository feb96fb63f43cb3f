"""Which leaves probes touch, where variables hold more than parameters."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from reference import perturbed

from jprobe import probes
from jprobe.errors import UnknownLayerError
from jprobe.paths import leaves_by_path
from jprobe.selection import everything, selected

pytestmark = pytest.mark.quick

PARAMS = {
    "BatchNorm_0": {"bias": jnp.ones(3), "scale": jnp.ones(3)},
    "Conv_0": {"kernel": jax.random.normal(jax.random.key(0), (3, 3, 2, 3))},
    "Dense_0": {"bias": jnp.ones(2), "kernel": jax.random.normal(jax.random.key(1), (3, 2))},
}
STATISTICS = {"BatchNorm_0": {"mean": jnp.ones(3), "var": jnp.ones((3, 3)), "count": jnp.ones((2, 2), int)}}
VARIABLES = {"batch_stats": STATISTICS, "params": PARAMS}


def touched(variables, select):
    chosen = selected(variables, select)
    return {path for (path, _, _), c in zip(leaves_by_path(variables), chosen, strict=True) if c}


@pytest.mark.parametrize(
    ("select", "expected"),
    [
        (None, {"Conv_0/kernel", "Dense_0/kernel"}),
        (
            everything,
            {"BatchNorm_0/bias", "BatchNorm_0/scale", "Conv_0/kernel", "Dense_0/bias", "Dense_0/kernel"},
        ),
        (lambda path, leaf: "BatchNorm" in path, {"BatchNorm_0/bias", "BatchNorm_0/scale"}),
        ("BatchNorm_0", {"BatchNorm_0/bias", "BatchNorm_0/scale"}),
        ("*", {"BatchNorm_0/bias", "BatchNorm_0/scale", "Conv_0/kernel", "Dense_0/bias", "Dense_0/kernel"}),
        ("params/Dense_0", {"Dense_0/bias", "Dense_0/kernel"}),
        ("batch_stats/*", {"batch_stats/BatchNorm_0/mean", "batch_stats/BatchNorm_0/var"}),
        (["Dense_0/bias", "batch_stats/*/mean"], {"Dense_0/bias", "batch_stats/BatchNorm_0/mean"}),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_only_a_pattern_that_names_their_collection_takes_statistics(select, expected):
    assert touched(VARIABLES, select) == expected
    without = {path for path in expected if not path.startswith("batch_stats")}
    if without == expected:
        assert touched({"params": PARAMS}, select) == expected
        if select != "params/Dense_0":
            assert touched(PARAMS, select) == expected


def test_a_pattern_that_matches_nothing_names_the_leaves():
    with pytest.raises(UnknownLayerError, match=r"Conv_0/kernel.*|batch_stats/BatchNorm_0/mean"):
        touched(VARIABLES, "Dense_1")
    with pytest.raises(UnknownLayerError):
        touched(VARIABLES, [])


@pytest.mark.parametrize(
    "probe", [probes.noise(), probes.randomize("A"), probes.flip("random")], ids=["noise", "A", "flip"]
)
def test_statistics_change_no_draw(probe):
    key = jax.random.key(7)
    bare, whole, more = (perturbed(probe, key, p, 0.5) for p in (PARAMS, {"params": PARAMS}, VARIABLES))
    for a, b, c in zip(*map(jax.tree.leaves, (bare, whole["params"], more["params"])), strict=True):
        np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(a, c)
    for a, b in zip(*map(jax.tree.leaves, (more["batch_stats"], STATISTICS)), strict=True):
        np.testing.assert_array_equal(a, b)


def test_statistics_and_parameters_draw_apart():
    same = {"batch_stats": {"a": jnp.zeros(50)}, "params": {"a": jnp.zeros(50), "b": jnp.zeros(50)}}
    noise = probes.noise(select=["a", "b", "batch_stats"])
    drawn = jax.tree.leaves(perturbed(noise, jax.random.key(0), jax.tree.map(jnp.ones_like, same), 0.5))
    assert len({tuple(leaf.tolist()) for leaf in drawn}) == 3
