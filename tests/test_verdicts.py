"""Verdicts and intervals: against SciPy, against simulated coverage, and as a truth table."""

import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from jprobe.intervals import Estimate, bootstrap, difference, exact, mean, median, proportion, share
from jprobe.report import Check, Finding, Verdict
from jprobe.report.verdict import percent

HOLDS, DIFFERS, OPEN = Verdict.HOLDS, Verdict.DIFFERS, Verdict.INCONCLUSIVE


@pytest.mark.parametrize(
    ("low", "high", "side", "verdict"),
    [
        (0.6, 0.7, "at least", HOLDS), (0.5, 0.7, "at least", HOLDS), (0.4, 0.6, "at least", OPEN), (0.3, 0.49, "at least", DIFFERS),
        (0.3, 0.4, "at most", HOLDS), (0.3, 0.5, "at most", HOLDS), (0.4, 0.6, "at most", OPEN), (0.51, 0.7, "at most", DIFFERS),
        # Nothing gained is no gain.
        (0.5, 0.5, "above", DIFFERS), (0.5, 0.6, "above", OPEN), (0.51, 0.6, "above", HOLDS), (0.5, 0.5, "below", DIFFERS),
        (0.5, 0.5, "at least", HOLDS), (0.5, 0.5, "at most", HOLDS), (math.nan, math.nan, "at least", OPEN),
    ],
)  # fmt: skip
def test_a_check_holds_differs_or_is_open(low, high, side, verdict):
    assert Check("x", Estimate((low + high) / 2, low, high, 9), side, 0.5).verdict is verdict


@given(st.floats(-1, 1), st.floats(0, 1), st.floats(-1, 1))
def test_a_check_and_its_opposite_never_agree(low, width, threshold):
    found = Estimate(low + width / 2, low, low + width, 9)
    for side, opposite in (("at least", "below"), ("at most", "above")):
        verdicts = {Check("x", found, s, threshold).verdict for s in (side, opposite)}
        assert verdicts in ({HOLDS, DIFFERS}, {OPEN})


def test_a_finding_is_as_strong_as_its_weakest_check():
    checks = {v: Check("x", Estimate(0.5, *ends, 9), "at least", 0.5) for v, ends in {HOLDS: (0.5, 0.6), OPEN: (0.4, 0.6), DIFFERS: (0.1, 0.2)}.items()}  # fmt: skip
    assert Finding("c", (checks[HOLDS], checks[HOLDS])).verdict is HOLDS
    assert Finding("c", (checks[HOLDS], checks[OPEN])).verdict is OPEN
    assert Finding("c", (checks[OPEN], checks[DIFFERS], checks[HOLDS])).verdict is DIFFERS
    assert Finding("c", ()).verdict is OPEN


def test_a_finding_says_number_interval_and_threshold():
    check = Check("signed hard", Estimate(0.5, 0.41, 0.62, 20), "at most", 0.55, lambda v: f"{v:.0%}")
    assert Finding("c", (check,), "mnist").seen == "signed hard 50% [41%, 62%] (claim: at most 55%); mnist"
    few = check._replace(found=median(np.array([0.5, 0.5])))
    assert str(few) == "signed hard 50% from 2 values (claim: at most 55%)"
    assert str(check._replace(found=exact(0.5))) == "signed hard 50% (claim: at most 55%)"


def test_intervals_are_scipys():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=40), rng.normal(0.3, 2, size=25)
    expected = scipy.stats.bootstrap((x,), np.mean, method="percentile", n_resamples=20000, rng=rng).confidence_interval
    np.testing.assert_allclose(mean(x)[1:3], expected, atol=0.02)
    welch = scipy.stats.ttest_ind(y, x, equal_var=False).confidence_interval()
    assert difference(x, y)[1:3] == pytest.approx((welch.low, welch.high))
    # Counts: the variance of rounding stands in for one that is smaller.
    half = scipy.stats.t.ppf(0.975, 4) * np.sqrt(1 / 18)
    assert difference(np.full(3, 9), np.full(3, 9), step=1)[:3] == pytest.approx((0, -half, half))
    assert difference(y, x, step=1e-9) == pytest.approx(difference(y, x))
    for k, n in ((0, 20), (13, 20), (20, 20)):
        wilson = scipy.stats.binomtest(k, n).proportion_ci(method="wilson")
        assert share(np.arange(n) < k)[1:3] == pytest.approx((wilson.low, wilson.high), abs=1e-12)
    assert proportion(0.65, 20) == share(np.arange(20) < 13)


def test_blocks_that_fluctuate_together_widen_the_interval_enough():
    rng, covered, naive = np.random.default_rng(1), 0, 0
    blocks = np.repeat(np.arange(10), 10)
    for _ in range(60):
        values = rng.normal(size=10)[blocks] + 0.1 * rng.normal(size=100)
        found, alone = mean(values, blocks), mean(values)
        covered += found.low <= 0 <= found.high
        naive += alone.low <= 0 <= alone.high
    # Nominal 57 of 60; ten blocks and a percentile interval reach a little less, networks taken one by one far less.
    assert covered >= 48
    assert naive < 40


def test_few_or_missing_values_give_no_interval():
    assert median(np.array([])).size == 0
    for few in (median(np.arange(4.0)), difference(np.array([1.0]), np.arange(5.0))):
        assert math.isnan(few.low)
        assert math.isnan(few.high)
    values = np.array([1.0, np.nan, 2.0, 3.0, 4.0, 5.0])
    assert median(values) == median(values[~np.isnan(values)])
    assert bootstrap(np.ones((6, 3)), lambda rows: rows.sum((1, 2))).value == 18


def test_a_number_that_there_is_none_of_is_not_written_as_one():
    none = Check("signed hard", Estimate(math.nan, math.nan, math.nan, 0), "at most", 0.555, percent)
    assert str(none) == "signed hard: no value (claim: at most 55.5%)"
    assert none.verdict is Verdict.INCONCLUSIVE
