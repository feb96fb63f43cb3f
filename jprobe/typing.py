"""Names for what passes between rooms.

Shape letters, the same in every docstring: S seeds, L levels, R repeats, N nodes or weights, E edges,
B examples, C classes.
"""

from collections.abc import Callable
from typing import Any

import jax

# A pytree of arrays: the weights of one network, or of S networks where every leaf is [S, ...].
Params = Any

# A network as a function of its weights: (params, x [B, ...]) -> logits [B, C].
Forward = Callable[[Params, jax.Array], jax.Array]

# What a sweep measures: the weights of one network -> a scalar.
Metric = Callable[[Params], jax.Array]
