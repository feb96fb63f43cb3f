"""Task complexity: gaps against NumPy, SSIM against scikit-image, ranks against SciPy."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

import jprobe as jp
from jprobe.complexity import drop, gap, rank_correlation, rank_stability
from jprobe.errors import ArgumentError, LevelError, ShapeError
from jprobe.metrics import ssim, ssim_distance
from jprobe.paths import parameters
from jprobe.studies.complexity.parts import accuracy_by_pair

pytestmark = pytest.mark.quick

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 6)).astype(np.float32)
TASK = jp.data.Task(X, X[:, 0] > 0, X[:40], X[:40, 0] > 0, num_classes=2)
MODEL = jp.models.MLP((5,))


def fit(seeds=3):
    return jp.train.fit(MODEL, TASK, seeds, epochs=3, batch=16).params


def numpy_accuracy(params, n, f=lambda w: w):
    hidden, out = (
        {k: f(np.asarray(v[n], np.float64)) for k, v in parameters(params)[name].items()}
        for name in ("Dense_0", "Dense_1")
    )
    logits = np.maximum(TASK.x_test @ hidden["kernel"] + hidden["bias"], 0) @ out["kernel"] + out["bias"]
    return (logits.argmax(1) == TASK.y_test).mean()


def test_gap_is_numpys():
    params = fit()
    found = gap(MODEL, params, TASK)
    base = [numpy_accuracy(params, n) for n in range(3)]
    signed = [numpy_accuracy(params, n, np.sign) for n in range(3)]
    np.testing.assert_allclose(found.base, base, atol=1e-6)
    np.testing.assert_allclose(found.perturbed, signed, atol=1e-6)
    np.testing.assert_allclose(found.gap, np.subtract(base, signed), atol=1e-6)


def test_gap_takes_any_probe_metric_and_level():
    params = fit()
    found = gap(MODEL, params, TASK, jp.probes.prune(), metric=jp.metrics.loss, level=1.0)
    # Without kernels every logit is a bias of the last layer.
    for n in range(3):
        bias = np.asarray(parameters(params)["Dense_1"]["bias"][n], np.float64)
        nats = np.log(np.exp(bias).sum()) - bias[TASK.y_test]
        assert float(found.perturbed[n]) == pytest.approx(nats.mean(), rel=1e-5)
    with pytest.raises(LevelError):
        gap(MODEL, params, TASK, jp.probes.prune(), level=1.5)


@pytest.mark.parametrize(
    ("probe", "words"),
    [
        (jp.probes.prune(), r"level= .* fraction of weights removed: a number from 0 to 1, such as 0\.\d+"),
        (jp.probes.noise(), r"level= .* amplitude of uniform noise: a number from 0, such as 0\.\d+"),
        (jp.probes.chain(jp.probes.binarize(), jp.probes.truncate_spectrum()), "a whole number from 1, such as 12"),
    ],
    ids=["prune", "noise", "chain"],
)
def test_a_probe_that_reads_a_level_must_be_given_one(probe, words):
    params = {"kernel": jnp.ones((1, 4, 3))}
    with pytest.raises(ArgumentError, match=words):
        drop(lambda p: p["kernel"].sum(), params, probe)
    with pytest.raises(ArgumentError, match=words):
        gap(MODEL, params, TASK, probe)


def test_a_probe_that_reads_no_level_must_be_given_none():
    params = {"kernel": jnp.full((1, 4, 3), 2.0)}
    for probe in (None, jp.probes.at(jp.probes.prune(), 0.5), jp.probes.randomize("A")):
        found = drop(lambda p: p["kernel"].sum(), params, probe)
        assert found.gap.item() == {None: 12}.get(probe, 24 - found.perturbed.item())
        with pytest.raises(ArgumentError, match="ignores its level"):
            drop(lambda p: p["kernel"].sum(), params, probe, level=0.5)
    half = drop(lambda p: p["kernel"].sum(), params, jp.probes.at(jp.probes.prune(), 0.5))
    assert half.gap.item() == 12
    assert half.equals(drop(lambda p: p["kernel"].sum(), params, jp.probes.prune(), level=0.5))


def test_repeats_average_independent_draws():
    params = {"kernel": jnp.ones((2, 4, 3))}
    probe = jp.probes.noise("uniform")

    def total(p):
        return p["kernel"].sum()

    draws = [drop(total, params, probe, level=1.0, key=jax.random.key(k)).gap for k in range(3)]
    assert len({tuple(np.asarray(d).tolist()) for d in draws}) == 3
    many = drop(total, params, probe, level=1.0, repeats=400)
    assert np.abs(many.gap).max() < 5 * np.sqrt(12 / 3 / 400)
    assert many.base.values.tolist() == [12, 12]


def test_one_metric_for_all_pairs_is_each_pairs_own():
    other = jp.data.Task(X, X[:, 1] > 0, X[:25], X[:25, 1] > 0, num_classes=2)
    params = fit(2)
    joint = accuracy_by_pair(MODEL, [TASK, other], 50)
    for n, task in enumerate((TASK, other)):
        for s in range(2):
            one = jax.tree.map(lambda w, s=s: w[s], params)
            expected = jp.metrics.accuracy(MODEL, task)(one)
            assert float(joint({"network": one, "pair": n})) == pytest.approx(float(expected), abs=1e-6)


@pytest.mark.parametrize(("shape", "data_range"), [((28, 28, 1), 2.0), ((7, 9, 3), 1.0), ((32, 20, 3), 255.0)])
def test_ssim_is_scikit_images(shape, data_range):
    metrics = pytest.importorskip("skimage.metrics", reason="scikit-image is in the extra 'parity'")
    rng = np.random.default_rng(1)
    a = (rng.uniform(size=(4, *shape)) * data_range).astype(np.float32)
    b = np.clip(a + rng.normal(size=a.shape) * 0.2 * data_range, 0, data_range).astype(np.float32)
    b[0], b[1] = a[0], a[1].mean()  # the same image, and a flat one
    expected = [
        metrics.structural_similarity(x, y, data_range=data_range, channel_axis=-1) for x, y in zip(a, b, strict=True)
    ]
    np.testing.assert_allclose(ssim(a, b, data_range), expected, atol=2e-5)


def test_ssim_distance_is_scikit_images_on_real_digits():
    metrics = pytest.importorskip("skimage.metrics", reason="scikit-image is in the extra 'parity'")
    mnist, classes = jp.data.load("mnist"), (3, 8)
    rng = np.random.default_rng((0, *classes))
    a, b = (mnist.x_train[rng.choice(np.flatnonzero(mnist.y_train == c), 40)] / 127.5 - 1 for c in classes)
    expected = [
        1 - metrics.structural_similarity(x[..., 0], y[..., 0], data_range=2) for x, y in zip(a, b, strict=True)
    ]
    assert ssim_distance(mnist, classes, 40) == pytest.approx(np.mean(expected), abs=1e-5)


def test_ssim_of_wrong_shapes_is_an_error():
    with pytest.raises(ShapeError, match="7 x 7"):
        ssim(jnp.zeros((1, 6, 6, 1)), jnp.zeros((1, 6, 6, 1)))
    with pytest.raises(ShapeError):
        ssim(jnp.zeros((1, 8, 8, 1)), jnp.zeros((2, 8, 8, 1)))
    with pytest.raises(ArgumentError, match="class 11"):
        ssim_distance(jp.data.load("mnist"), (0, 11))
    with pytest.raises(ArgumentError, match="pairs"):
        ssim_distance(jp.data.load("mnist"), (0, 1), 0)


@pytest.mark.parametrize("ties", [False, True])
def test_rank_correlation_is_scipys(ties):
    rng = np.random.default_rng(2)
    a = rng.normal(size=45)
    b = a + rng.normal(size=45)
    if ties:
        a, b = a.round(), b.round()
    found = rank_correlation(a, b, resamples=2000)
    assert found.value == pytest.approx(scipy.stats.spearmanr(a, b).statistic, abs=1e-12)
    expected = scipy.stats.bootstrap(
        (a, b), lambda x, y: scipy.stats.spearmanr(x, y).statistic, paired=True, vectorized=False, n_resamples=2000,
        rng=np.random.default_rng(0),
    ).confidence_interval  # fmt: skip
    np.testing.assert_allclose([found.low, found.high], [expected.low, expected.high], atol=1e-9)


def test_rank_correlation_at_the_ends():
    assert rank_correlation(np.arange(9), -np.arange(9)) == (-1, -1, -1)
    assert np.isnan(rank_correlation(np.arange(9), np.ones(9)).value)
    with pytest.raises(ShapeError):
        rank_correlation(np.arange(9), np.arange(8))


def test_concordance_is_the_mean_correlation_of_networks():
    gaps = np.random.default_rng(3).normal(size=(5, 12)) + np.arange(12)
    found = rank_stability(gaps)
    pairs = [scipy.stats.spearmanr(a, b).statistic for a, b in itertools.combinations(gaps, 2)]
    # For m rankings without ties the mean correlation of two of them is (m W - 1) / (m - 1).
    assert (5 * found.concordance - 1) / 4 == pytest.approx(np.mean(pairs), abs=1e-12)
    assert found.ranks[0].tolist() == scipy.stats.rankdata(gaps[0]).tolist()
    with pytest.raises(ArgumentError):
        rank_stability(gaps[:1])
