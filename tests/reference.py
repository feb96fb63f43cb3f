"""Plain NumPy references, written from the papers' words and not from the library's code."""

import itertools
from fractions import Fraction

import jax
import numpy as np

# For functions that a test runs once or twice, where compiling takes longer than running: jax.jit(fn, **QUICK).
QUICK = {"compiler_options": {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}}


def perturbed(probe, key, params, level):
    """The weights under a probe, in one program: called from Python, each of its steps would be compiled alone."""
    return jax.jit(lambda key, w, level: probe.apply(key, w, probe.init(w), level))(key, params, level)


def count(fraction, total):
    """int(f N) in exact decimal arithmetic."""
    return int(Fraction(str(fraction)) * total)


def _places(sizes, scope):
    """Groups of (leaf, place) that are ranked together, in the order in which they stand."""
    each = [[(i, n) for n in range(size)] for i, size in enumerate(sizes)]
    return each if scope == "layer" else [list(itertools.chain.from_iterable(each))]


def reached(leaves, order, scope, how_many):
    """Masks of the weights that a probe reaches: the first how_many(N) of each group, ties by place."""
    masks = [np.zeros(w.size, bool) for w in leaves]
    flat = [np.abs(np.asarray(w, np.float64)).ravel() for w in leaves]
    factor = {"smallest": 1, "largest": -1}[order]
    for group in _places([w.size for w in leaves], scope):
        ranked = sorted(group, key=lambda at: factor * flat[at[0]][at[1]])
        for leaf, place in ranked[: how_many(len(group))]:
            masks[leaf][place] = True
    return [mask.reshape(w.shape) for mask, w in zip(masks, leaves, strict=True)]


def removed(level, total):
    return total - int((1 - Fraction(str(level))) * total)


def prune(leaves, level, order="smallest", scope="layer", scores=None):
    gone = reached(leaves if scores is None else scores, order, scope, lambda n: removed(level, n))
    return [np.where(g, np.zeros_like(w), w) for g, w in zip(gone, leaves, strict=True)]


def flip(leaves, level, order="smallest", scope="layer"):
    turned = reached(leaves, order, scope, lambda n: count(level, n))
    return [np.where(t, -w, w) for t, w in zip(turned, leaves, strict=True)]


def multiplied(leaves, fraction, scope="layer"):
    """Masks of the weights that multiplicative noise touches."""
    return reached(leaves, "smallest", scope, lambda n: count(fraction, n))


def sign(w):
    w = np.asarray(w)
    out = np.zeros_like(w)
    out[w > 0], out[w < 0] = 1, -1
    return out


def truncate(kernel, rank, output_axis=-1):
    moved = np.moveaxis(np.asarray(kernel, np.float64), output_axis, -1)
    u, s, v = np.linalg.svd(moved.reshape(-1, moved.shape[-1]), full_matrices=False)
    low = sum(s[k] * np.outer(u[:, k], v[k]) for k in range(min(rank, s.size)))
    return np.moveaxis(low.reshape(moved.shape), -1, output_axis)


def properties(m):
    """What paper 1's Table 1 lists of a signed bipartite graph [left, right]."""
    m = np.asarray(m, np.float64)
    plus, minus = m > 0, m < 0
    edges = plus.sum() + minus.sum()
    return {
        "alpha": np.array(plus.sum() / max(edges, 1)),
        "kL+": plus.sum(1),
        "kL-": minus.sum(1),
        "kR+": plus.sum(0),
        "kR-": minus.sum(0),
        "sL+": np.where(plus, m, 0).sum(1),
        "sL-": np.where(minus, -m, 0).sum(1),
        "sR+": np.where(plus, m, 0).sum(0),
        "sR-": np.where(minus, -m, 0).sum(0),
        "sign": plus.astype(int) - minus,
    }


def groups(m, kind):
    """Places of randomizations A to F whose weights are exchanged among themselves."""
    label = {
        "A": lambda i, j: 0,
        "B": lambda i, j: m[i, j] > 0,
        "C": lambda i, j: i,
        "D": lambda i, j: j,
        "E": lambda i, j: (i, m[i, j] > 0),
        "F": lambda i, j: (j, m[i, j] > 0),
    }[kind]
    found = {}
    for i, j in zip(*np.nonzero(m), strict=True):
        found.setdefault(label(i, j), []).append((i, j))
    return list(found.values())


def arrangements(m, kind):
    """Every matrix that randomization A to F can give, as tuples."""
    parts = groups(m, kind)
    every = set()
    for orders in itertools.product(*(itertools.permutations(part) for part in parts)):
        out = np.zeros_like(m)
        for part, order in zip(parts, orders, strict=True):
            for to, source in zip(part, order, strict=True):
                out[to] = m[source]
        every.add(tuple(out.ravel().tolist()))
    return every


def reachable(signs):
    """Sign patterns that single 2 x 2 swaps of two positive with two negative edges lead to, as tuples."""
    start = tuple(np.asarray(signs, int).ravel().tolist())
    shape = np.shape(signs)
    seen, todo = {start}, [start]
    while todo:
        now = np.array(todo.pop()).reshape(shape)
        for a, b in itertools.combinations(range(shape[0]), 2):
            for c, d in itertools.combinations(range(shape[1]), 2):
                block = now[np.ix_([a, b], [c, d])]
                if 0 not in block and block[0, 0] == block[1, 1] == -block[0, 1] == -block[1, 0]:
                    new = now.copy()
                    new[np.ix_([a, b], [c, d])] = -block
                    key = tuple(new.ravel().tolist())
                    if key not in seen:
                        seen.add(key)
                        todo.append(key)
    return seen


def mlp(params, x, activation):
    """Logits of a multilayer perceptron whose layers are [(kernel, bias), ...], in float64."""
    nonlinear = {
        "relu": lambda z: np.maximum(z, 0),
        "tanh": np.tanh,
        "hard_sigmoid": lambda z: np.clip(z + 3, 0, 6) / 6,
    }[activation]
    x = np.asarray(x, np.float64).reshape(len(x), -1)
    for kernel, bias in params[:-1]:
        x = nonlinear(x @ np.asarray(kernel, np.float64) + np.asarray(bias, np.float64))
    kernel, bias = params[-1]
    return x @ np.asarray(kernel, np.float64) + np.asarray(bias, np.float64)
