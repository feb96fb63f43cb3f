"""Spectra of weights, beside the package powerlaw, brute force, and numbers that WeightWatcher gives."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jprobe.errors import ShapeError, UnknownLayerError
from jprobe.metrics import power_law, spectra
from jprobe.networks import stack, unstack

pytestmark = pytest.mark.quick


def heavy(shape, seed=0, freedom=3):
    return np.random.default_rng(seed).standard_t(freedom, shape).astype(np.float32)


def eigenvalues(kernel):
    return np.linalg.svd(kernel.reshape(-1, *kernel.shape[-2:]).astype(np.float64), compute_uv=False).ravel() ** 2


def by_brute_force(x):
    """(D, alpha, xmin, tail) of the nearest law, one xmin after another."""
    found = []
    for xmin in np.unique(x)[:-1]:
        tail = np.sort(x[x >= xmin])
        alpha = 1 + len(tail) / np.log(tail / xmin).sum()
        cdf = 1 - (tail / xmin) ** (1 - alpha)
        found.append((max(abs(cdf - np.arange(len(tail)) / len(tail))), alpha, xmin, len(tail)))
    return min(found)


@pytest.mark.filterwarnings("ignore:Standard error")
@pytest.mark.parametrize("shape", [(300, 100), (64, 200), (3, 3, 16, 32), (10, 40)])
def test_the_power_law_is_that_of_the_package_powerlaw(shape):
    powerlaw = pytest.importorskip("powerlaw", reason="powerlaw is in the extra 'parity'")
    kernel = heavy(shape)
    theirs = powerlaw.Fit(eigenvalues(kernel), parameter_ranges={"alpha": [1, 1e6]}, verbose=0)
    mine = spectra({"kernel": kernel}).isel(kernel=0)
    np.testing.assert_allclose([mine.alpha, mine.xmin, mine.distance], [theirs.alpha, theirs.xmin, theirs.D], rtol=1e-9)
    assert (mine.tail_size, mine.eigenvalues) == (theirs.n_tail, np.prod(shape[:-2]) * min(shape[-2:]))


def test_weightwatcher_gives_the_same():
    """What WeightWatcher 0.7.7 prints for these weights, in torch's layers: alpha, D, tail, stable rank, norms."""
    rng = np.random.default_rng(0)
    dense = rng.standard_t(2.5, (300, 100)).astype(np.float32)
    gauss = rng.normal(size=(200, 64)).astype(np.float32)
    conv = rng.standard_t(4, (3, 3, 16, 32)).astype(np.float32)
    found = spectra({"a": dense, "b": gauss, "c": conv})
    np.testing.assert_allclose(found.alpha, [4.651414, 2.697769, 8.251260], rtol=1e-6)
    np.testing.assert_allclose(found.distance, [0.075442, 0.162813, 0.113347], rtol=1e-5)
    np.testing.assert_allclose(found.stable_rank, [20.016282, 28.620492, 33.637795], rtol=1e-6)
    assert found.tail_size.values.tolist() == [18, 40, 9]
    halved = np.array([1, 1, 2])
    np.testing.assert_allclose(found.spectral_norm**2 / halved, [6348.908505, 444.918773, 131.176546], rtol=1e-6)
    np.testing.assert_allclose(found.frobenius_norm**2 / halved, [127081.539916, 12733.794275, 4412.489767], rtol=1e-6)


@settings(max_examples=50)
@given(
    st.lists(st.integers(1, 30), min_size=3, max_size=40).filter(lambda x: len(set(x)) > 1), st.sampled_from([0.5, 3.0])
)
def test_ties_and_zeros_equal_brute_force(numbers, scale):
    x = np.array(numbers) * scale
    found = power_law(np.concatenate([x, np.zeros(3)])[None])
    distance, *_ = by_brute_force(x)
    np.testing.assert_allclose(found.distance, [distance], rtol=1e-9)
    tail = x[x >= found.xmin]  # of two xmin equally near, either
    assert len(tail) == found.tail_size
    np.testing.assert_allclose(found.alpha, 1 + len(tail) / np.log(tail / found.xmin).sum())


@settings(max_examples=20)
@given(st.integers(0, 1000), st.floats(1e-6, 1e6))
def test_what_scale_and_rotation_keep(seed, scale):
    rng = np.random.default_rng(seed)
    w = rng.standard_t(3, (30, 20))
    turn = np.linalg.qr(rng.normal(size=(30, 30)))[0]
    a, b = (spectra({"kernel": kernel}).isel(kernel=0) for kernel in (w, (scale * turn @ w).T))
    for name in ("alpha", "distance", "tail_size", "eigenvalues", "stable_rank"):
        np.testing.assert_allclose(a[name], b[name], rtol=1e-6, err_msg=name)
    for name, power in (("xmin", 2), ("spectral_norm", 1), ("frobenius_norm", 1)):
        np.testing.assert_allclose(a[name] * scale**power, b[name], rtol=1e-6, err_msg=name)
    np.testing.assert_allclose(a.frobenius_norm, np.linalg.norm(w))
    np.testing.assert_allclose(a.spectral_norm, np.linalg.norm(w, 2))


def test_many_networks_are_one_table():
    networks = [
        {"params": {"a": {"kernel": heavy((40, 20), n), "bias": heavy(20, n)}, "b": {"kernel": heavy((3, 3, 4, 8), n)}}}
        for n in range(3)
    ]
    networks[1]["params"]["a"]["kernel"][0, 0] = np.nan
    found = spectra(stack(*networks), stacked=True)
    assert dict(found.sizes) == {"network": 3, "kernel": 2}
    assert found.kernel.values.tolist() == ["a/kernel", "b/kernel"]
    for n, params in enumerate(unstack(stack(*networks))):
        alone = spectra(params)
        for name in found:
            np.testing.assert_array_equal(found[name][n], alone[name], err_msg=name)
    assert found.why.values.tolist() == [["", ""], ["weights that are NaN or infinite", ""], ["", ""]]
    assert np.isnan(found.isel(network=1, kernel=0)[["alpha", "stable_rank", "spectral_norm"]].to_array()).all()


def test_no_number_where_there_is_no_tail():
    rank_one = np.outer(*(heavy(n) for n in (50, 40)))
    rotation = np.linalg.qr(heavy((40, 40)))[0]
    found = spectra({"a": rank_one, "b": heavy((50, 9)), "c": rotation, "d": np.zeros((20, 20), np.float32)})
    few = "fewer than 10 nonzero eigenvalues"
    assert found.why.values.tolist() == [few, few, "equal eigenvalues", "weights that are all zero"]
    assert np.isnan(found[["alpha", "xmin", "distance"]].to_array()).all()
    assert found.eigenvalues.values.tolist() == [1, 9, 40, 0]
    np.testing.assert_allclose(found.stable_rank[[0, 2]], [1, 40], rtol=1e-5)
    assert np.isnan(found.stable_rank[3])


def test_layouts_and_selections():
    kernel = heavy((3, 3, 12, 20))
    flax = spectra({"conv": {"kernel": kernel, "bias": np.ones(20, np.float32)}})
    torch = spectra({"conv": {"weight": jnp.asarray(kernel.transpose(3, 2, 0, 1))}}, output_axis=0)
    np.testing.assert_allclose(flax.alpha, torch.alpha, rtol=1e-9)
    assert spectra({"conv": {"kernel": kernel, "bias": kernel[0, 0, 0]}}, "conv").kernel.values.tolist() == [
        "conv/kernel"
    ]
    variables = {
        "batch_stats": {"x": np.ones((2, 2), np.float32)},
        "params": {"b": heavy((30, 30)), "a": heavy((30, 30), 1)},
    }
    assert spectra(variables).kernel.values.tolist() == ["a", "b"]
    assert spectra(jax.tree.map(jnp.asarray, variables), "b").alpha.item() == spectra(variables).alpha[1]
    with pytest.raises(UnknownLayerError, match="conv"):
        spectra({"conv": kernel}, "dense")
    with pytest.raises(ShapeError, match="conv/bias"):
        spectra({"conv": {"kernel": kernel, "bias": np.ones(20, np.float32)}}, "conv/bias")
