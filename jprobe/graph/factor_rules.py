"""Rules for products with what does not depend on the input: means, normalisations, factors with a sign each."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jprobe.graph.context import Walk, grown, unknown, view_of, views_of
from jprobe.graph.operators.chain import carriers
from jprobe.graph.views import Known, Value, View


def multiply_rule(walk: Walk, eqn: Any, inputs: list[Value]) -> Value:
    """A value times what does not depend on the input."""
    if len(views_of(inputs)) > 1:
        raise unknown(eqn, "of two values that both depend on the input")
    factor = next(value for value in inputs if isinstance(value, Known))
    return _times(walk, eqn, view_of(inputs), factor)


def divide_rule(walk: Walk, eqn: Any, inputs: list[Value]) -> Value:
    """A value divided by what does not depend on the input."""
    right = inputs[1]
    if not isinstance(right, Known):
        raise unknown(eqn, "by a value that depends on the input")
    if not isinstance(right.value, jax.ShapeDtypeStruct):
        right = right._replace(value=np.float32(1) / right.value, key=right.key and (right.key, "inverse"))
    return _times(walk, eqn, view_of(inputs), right)


def _times(walk: Walk, eqn: Any, view: View, factor: Known) -> Value:
    """A number or an array multiplies the edges where they are folded, and else leaves them its signs alone."""
    grown(view, eqn)
    if _makes_mean(view, factor):
        return walk.builder.average(view)
    shape = np.shape(factor.value)
    axes = frozenset(len(view.shape) - len(shape) + n for n, size in enumerate(shape) if size > 1)
    if len(axes) > 1 and factor.made:
        raise unknown(eqn, "by an array of weights, elementwise, which is neither a layer nor a normalisation")
    if not axes:
        factor = factor._replace(value=_of_values(lambda v: jnp.reshape(v, ()), factor.value))
    before, view = view, view.changed()
    if walk.fold_bn:
        return walk.builder.scale(view, factor, axes)
    view = replace(view, scaled=view.scaled | axes)
    if _normalises(before, factor):
        return replace(view, normalised=frozenset() if factor.made else factor.roots)
    if not factor.made and not isinstance(factor.value, jax.core.Tracer) and (np.asarray(factor.value) > 0).all():
        return view
    signs = factor._replace(value=_of_values(jnp.sign, factor.value), key=factor.key and (factor.key, "sign"))
    return replace(walk.builder.scale(view, signs, axes), scaled=view.scaled)


def _of_values(fn: Callable[[Any], jax.Array], value: Any) -> Any:
    """A function of an array, or the shape of its result where there are shapes alone."""
    return jax.eval_shape(fn, value) if isinstance(value, jax.ShapeDtypeStruct) else fn(value)


def _makes_mean(view: View, factor: Known) -> bool:
    """Whether a sum over windows is divided by how many elements its windows hold, padding with them or apart."""
    if view.summed is None or view.fresh is None or factor.made or isinstance(factor.value, jax.core.Tracer):
        return False
    (pool, shape), share = view.summed, np.asarray(factor.value, np.float64)
    if np.allclose(share * math.prod(pool.window), 1, rtol=1e-6, atol=0):
        return True
    if not any(map(any, pool.padding)):
        return False
    terms = pool.terms(shape)
    for carrier in carriers(view.pieces[0].operators):
        terms = np.asarray(carrier.move(terms))
    return np.allclose(share * terms, 1, rtol=1e-6, atol=0)


def _normalises(view: View, factor: Known) -> bool:
    """Whether a factor is a normalisation's: gamma / sigma at once, or 1 / sigma and then gamma.

    Sigma is the root of a parameter, gamma is made of others: v / |v| is no normalisation, and keeps its signs.
    """
    roots = factor.roots or view.normalised
    return bool(roots) and not roots & factor.made
