"""Layer robustness against probing by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jprobe as jp
from jprobe import metrics, robustness
from jprobe.errors import LevelError, UnknownLayerError, UnknownNameError
from jprobe.robustness import Grids, cka_by_layer, probe_layer

pytestmark = pytest.mark.quick

X = np.random.default_rng(0).normal(size=(50, 6)).astype(np.float32)
PARAMS = {
    f"layer_{n}": {"kernel": jax.random.normal(jax.random.key(n), (6, 6)), "bias": jnp.ones(6) * n} for n in range(3)
}
VARIABLES = {"params": PARAMS, "batch_stats": {"layer_1": {"kernel": jnp.ones((6, 6))}}}
GRIDS = Grids(kept=(1, 0.5, 0.1), amplitudes=(0.1, 1.0), flipped=(0.5,), repeats=2)


def network(params):
    x = jnp.asarray(X)
    for n in range(3):
        x = jnp.tanh(x @ params[f"layer_{n}"]["kernel"] + params[f"layer_{n}"]["bias"])
    return x


def measure(variables):
    """Of variables with statistics, which no probe may touch."""
    spoilt = (variables["batch_stats"]["layer_1"]["kernel"] != 1).any()
    return jnp.where(spoilt, jnp.nan, network(variables["params"]).sum())


@pytest.fixture(scope="module")
def found():
    return probe_layer(measure, VARIABLES, "layer_1/kernel", GRIDS)


def test_a_layer_is_probed_and_the_others_are_not(found):
    kernel = np.asarray(PARAMS["layer_1"]["kernel"])

    def with_kernel(w):
        return float(network(PARAMS | {"layer_1": {"kernel": jnp.asarray(w), "bias": PARAMS["layer_1"]["bias"]}}).sum())

    for kept in GRIDS.kept:
        smallest = np.sort(np.abs(kernel).ravel())[::-1][int(kept * 36) - 1]
        pruned = np.where(np.abs(kernel) >= smallest, kernel, 0)
        assert found.original.sel(kept=kept).values == pytest.approx(with_kernel(pruned), rel=1e-5)
        assert found.signed.sel(kept=kept).values == pytest.approx(with_kernel(np.sign(pruned)), rel=1e-5)
    order = np.abs(kernel).ravel().argsort()[:18]
    flipped = kernel.copy().ravel()
    flipped[order] *= -1
    assert found.flip.sel(flipped=0.5).values == pytest.approx(with_kernel(flipped.reshape(6, 6)), rel=1e-5)


def test_signs_are_taken_after_noise_and_flips(found):
    kernel = np.asarray(PARAMS["layer_1"]["kernel"])
    order = np.abs(kernel).ravel().argsort()[:18]
    signs = np.sign(kernel).ravel()
    signs[order] *= -1
    layer = {"layer_1": {"kernel": jnp.asarray(signs.reshape(6, 6)), "bias": PARAMS["layer_1"]["bias"]}}
    assert found.flip_signed.sel(flipped=0.5).values == pytest.approx(float(network(PARAMS | layer).sum()), rel=1e-5)
    assert not np.array_equal(found.noise_signed, found.noise)


def test_some_perturbations_give_what_all_give(found):
    some = probe_layer(measure, VARIABLES, "layer_1/kernel", GRIDS, by=("noise",))
    assert set(some.data_vars) == {"noise", "noise_signed"}
    assert some.noise.equals(found.noise)
    with pytest.raises(UnknownNameError, match="blur"):
        probe_layer(measure, VARIABLES, "layer_1/kernel", GRIDS, by=("blur",))


def test_draws_of_what_is_random_differ(found):
    for name in ("A", "B", "noise"):
        assert found[name].isel(repeat=0).values.tolist() != found[name].isel(repeat=1).values.tolist()
    for name in ("original", "signed", "flip"):
        assert found[name].isel(repeat=0).equals(found[name].isel(repeat=1).assign_coords(repeat=0))
    assert dict(found.A.sizes) == {"kept": 3, "repeat": 2}
    assert float(found.seconds) > 0


def test_the_pace_of_levels_that_are_one_step_is_unknown(monkeypatch, recwarn):
    # As a sweep takes them that adds up products of data with all levels' weights at once.
    monkeypatch.setattr(robustness, "sweep", lambda *args, progress, **options: progress(1.0))
    assert np.isnan(robustness._pace(measure, VARIABLES, jp.probes.prune(), None))
    assert not recwarn.list


def test_another_key_draws_afresh(found):
    other = probe_layer(measure, VARIABLES, "layer_1/kernel", GRIDS, key=jax.random.PRNGKey(1))
    for name in ("A", "B", "noise"):
        assert not np.array_equal(other[name], found[name])
    for name in ("original", "signed", "flip"):
        assert other[name].equals(found[name])


def test_an_equinox_module_is_taken_as_it_is():
    eqx = pytest.importorskip("equinox", reason="equinox is in the extra 'test'")
    net = eqx.nn.MLP(6, 2, 5, 1, key=jax.random.key(0))
    of_module = probe_layer(lambda m: jax.vmap(m)(X).sum(), net, "layers/0/weight")
    assert of_module.original.sel(kept=1, repeat=0).item() == pytest.approx(float(jax.vmap(net)(X).sum()), rel=1e-5)
    alike = cka_by_layer(lambda m, n: ({"out": jax.vmap(m)(X)}, jnp.ones(50)), net, "layers/0/weight", [0.0, 0.9])
    assert alike.cka.sel(removed=0, seen="out") == pytest.approx(1, abs=1e-4)
    assert alike.cka.sel(removed=0.9, seen="out") < 0.99


def test_what_comes_before_the_layer_is_computed_once():
    runs = dict.fromkeys(range(3), 0)

    def count(n):
        runs[n] += 1

    def metric(params):
        x = jnp.asarray(X)
        for n in range(3):
            x = jnp.tanh(x @ params[f"layer_{n}"]["kernel"])
            jax.debug.callback(lambda _, n=n: count(n), x[0, 0])
        return x.sum()

    # Two networks, three levels; a chunk holds one evaluation.
    jp.sweep(jp.probes.prune(select="layer_1/kernel"), jp.stack(PARAMS, PARAMS), metric, [0.0, 0.3, 0.6], memory=1)
    jax.effects_barrier()
    assert runs == {0: 2, 1: 6, 2: 6}


def test_cka_of_a_pruned_layer_is_that_of_its_activations():
    def activations(params, n):
        return {"out": network(params)[25 * n : 25 * n + 25]}, jnp.ones(25)

    found = cka_by_layer(activations, PARAMS, "layer_2/kernel", [0.0, 0.5], batches=2)
    prune = jp.probes.prune(select="layer_2/kernel")
    pruned = jax.jit(lambda params: prune.apply(jax.random.key(0), params, prune.init(params), 0.5))(PARAMS)
    expected = metrics.linear_cka(network(PARAMS), network(pruned))
    np.testing.assert_allclose(found.cka.sel(seen="out"), [1, expected], atol=1e-4)


def test_bad_input_is_an_error():
    with pytest.raises(UnknownLayerError, match="layer_2/kernel"):
        probe_layer(measure, VARIABLES, "layer_9", GRIDS)
    with pytest.raises(LevelError):
        probe_layer(measure, VARIABLES, "layer_1/kernel", GRIDS._replace(kept=(1.5,)))
    with pytest.raises(LevelError):
        cka_by_layer(lambda p, n: ({"out": network(p)}, jnp.ones(50)), PARAMS, "layer_2/kernel", [1.5])
