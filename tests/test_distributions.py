"""Statistics of distributions beside SciPy's, and modes beside densities whose modes are known."""

import hypothesis.extra.numpy as npst
import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from jprobe.errors import ShapeError, WeightsError
from jprobe.metrics.distributions import STATISTICS, distance, distribution, estimate
from jprobe.metrics.modes import modes

EXACT = {
    "mean": np.mean,
    "std": np.std,
    "skew": lambda v: scipy.stats.skew(v, axis=None),
    "kurtosis": lambda v: scipy.stats.kurtosis(v, axis=None),
    "below_0": lambda v: (v < 0).mean(),
    "share_00_10": lambda v: ((v >= 0) & (v < 0.1)).mean(),
    "share_40_60": lambda v: ((v >= 0.4) & (v < 0.6)).mean(),
    "share_90_100": lambda v: ((v >= 0.9) & (v <= 1)).mean(),
    "largest_decile": lambda v: max(np.histogram(v, np.arange(11) / 10)[0]) / v.size,
}


@settings(max_examples=30)
@given(npst.arrays(np.float64, st.tuples(st.integers(1, 4), st.integers(1, 50)), elements=st.floats(-3, 3, width=16)))
def test_statistics_are_those_of_all_values_together(values):
    found = distribution(values)
    spread = np.ptp(values) > 0  # however small: only of equal values there is no skew
    for name, exact in EXACT.items():
        if spread or name not in ("skew", "kurtosis"):
            np.testing.assert_allclose(estimate(found, name).value, exact(values), rtol=1e-6, atol=1e-7, err_msg=name)
        else:
            assert np.isnan(estimate(found, name).value)


def test_ends_of_activations_are_counted_on_both_sides():
    found = distribution(np.array([[0.0, 0.05, 0.5, 0.9, 1.0]]))
    assert estimate(found, "share_ends").value == pytest.approx(0.8)


def test_quantiles_are_exact_to_a_bin():
    values = np.random.default_rng(0).gamma(2, size=(10, 3000))
    found = distribution(values)
    for name, part in {"median": 0.5, "quantile_05": 0.05, "quantile_95": 0.95}.items():
        assert abs(estimate(found, name).value - np.quantile(values, part)) < np.diff(found.edges)[0]


def test_intervals_are_over_networks():
    """Values of a network that are all alike say no more than one of them."""
    networks = np.random.default_rng(0).normal(size=(30, 1))
    one, many = (estimate(distribution(np.repeat(networks, n, 1)), "mean") for n in (1, 100))
    np.testing.assert_allclose(one[:3], many[:3])
    assert many.size == 30
    assert many.low < networks.mean() < many.high


def test_every_statistic_has_a_number():
    found = distribution(np.random.default_rng(0).uniform(size=(6, 100)))
    assert all(np.isfinite(estimate(found, name)[:3]).all() for name in STATISTICS)
    with pytest.raises(KeyError):
        estimate(found, "variance")


def test_distances_are_those_of_kolmogorov_and_smirnov():
    rng = np.random.default_rng(0)
    one, other = rng.normal(size=(4, 2000)), rng.exponential(size=(4, 2000))
    exact = scipy.stats.ks_2samp(one.ravel(), other.ravel()).statistic
    assert distance(distribution(one), distribution(other), standardised=False) == pytest.approx(exact, abs=0.02)
    standard = [(v - v.mean()) / v.std() for v in (one.ravel(), other.ravel())]
    exact = scipy.stats.ks_2samp(*standard).statistic
    assert distance(distribution(one), distribution(other)) == pytest.approx(exact, abs=0.02)


def test_values_that_are_no_numbers_are_refused():
    with pytest.raises(WeightsError, match="NaN"):
        distribution(np.array([[0.0, np.nan]]))
    with pytest.raises(ShapeError, match="one network or more"):
        distribution(np.zeros((0, 3)))


@pytest.mark.parametrize("centers", [(0,), (0, 5), (0, 5, 10)])
def test_modes_far_apart_are_counted(centers):
    rng = np.random.default_rng(1)
    values = np.concatenate([rng.normal(center, 1, 400) for center in centers])
    assert modes(values) == len(centers)
    assert modes(-7 * values + 3) == len(centers)  # whatever the units


def test_one_mode_stays_one_whatever_its_tails():
    rng = np.random.default_rng(2)
    assert [modes(v) for v in (rng.normal(size=50), rng.exponential(size=2000), rng.standard_t(2, 2000))] == [1, 1, 1]
    assert (modes(np.ones(5)), modes(np.ones(1))) == (1, 0)
