"""Networks on a seed axis and apart again, against plain loops."""

import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra import numpy as hnp

import jprobe as jp
from jprobe.errors import WeightsError

pytestmark = pytest.mark.quick

SHAPES = st.dictionaries(st.sampled_from("abc"), hnp.array_shapes(min_dims=0, max_dims=3, max_side=3), min_size=1)


@settings(max_examples=40, deadline=None)
@given(SHAPES, st.integers(1, 4), st.sampled_from([np.float32, np.int32]))
def test_unstack_is_the_inverse_of_stack(shapes, count, dtype):
    rng = np.random.default_rng(0)
    nets = [{"params": {k: rng.normal(size=s).astype(dtype) * 9 for k, s in shapes.items()}} for _ in range(count)]
    stacked = jp.stack(*nets)
    for name in shapes:
        np.testing.assert_array_equal(stacked["params"][name], np.stack([net["params"][name] for net in nets]))
    for net, back in zip(nets, jp.unstack(stacked), strict=True):
        assert jax.tree.structure(net) == jax.tree.structure(back)
        for a, b in zip(jax.tree.leaves(net), jax.tree.leaves(back), strict=True):
            assert a.dtype == b.dtype
            np.testing.assert_array_equal(a, b)


def test_equinox_modules_stack_and_still_run():
    eqx = pytest.importorskip("equinox", reason="equinox is in the extra 'test'")

    class Net(eqx.Module):
        mlp: eqx.nn.MLP
        dropout: eqx.nn.Dropout
        scale: float

        def __init__(self, key, scale=2.0):
            self.mlp, self.dropout, self.scale = eqx.nn.MLP(3, 2, 4, 1, key=key), eqx.nn.Dropout(0.5), scale

        def __call__(self, x):
            return self.scale * self.mlp(self.dropout(x, inference=True))

    nets = [Net(jax.random.key(n)) for n in range(3)]
    stacked = jp.stack(*nets)
    assert stacked.mlp.layers[0].weight.shape == (3, 4, 3)
    assert (stacked.scale, stacked.dropout.p) == (2.0, 0.5)
    x = jnp.arange(3.0)
    for net, back in zip(nets, jp.unstack(stacked), strict=True):
        np.testing.assert_array_equal(net(x), back(x))
    with pytest.raises(WeightsError, match=r"no array differs: 2\.0 and 3\.0"):
        jp.stack(nets[0], Net(jax.random.key(0), 3.0))


@pytest.mark.parametrize(
    ("networks", "match"),
    [
        ([], "one network or more"),
        ([{"a": jnp.ones(2)}, {"b": jnp.ones(2)}], "structure"),
        ([{"a": jnp.ones(2)}, {"a": jnp.ones(3)}], "shapes"),
        ([{"a": jnp.ones(2)}, {"a": jnp.ones(2, int)}], "dtypes"),
        ([{"a": jnp.ones(2)}, {"a": 1.0}], "shapes"),
        ([{"a": jax.nn.relu}, {"a": jax.nn.tanh}], "no array differs"),
    ],
)
def test_networks_that_differ_do_not_stack(networks, match):
    with pytest.raises(WeightsError, match=match):
        jp.stack(*networks)


@pytest.mark.parametrize("params", [{}, {"a": jnp.ones(())}, {"a": jnp.ones(2), "b": jnp.ones(3)}, {"f": jax.nn.relu}])
def test_what_has_no_seed_axis_does_not_unstack(params):
    with pytest.raises(WeightsError, match="seed axis"):
        jp.unstack(params)
