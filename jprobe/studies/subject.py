"""What a study is of: a network and its inputs, or the data of a task; published, trained here, or a person's own."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from jprobe.digests import digest_of, digest_of_program
from jprobe.typing import Params


@dataclass(frozen=True)
class Subject:
    """All that a study needs to know of what it measures; a study's own subject may add to this.

    Attributes:
        name: as what it is, for titles.
        fn: the network, (params, x) -> outputs; None where the study trains its networks itself.
        params: the network's parameters.
        inputs: what the study feeds the network: arrays, or tasks by name.
        layers: name of each layer -> its path in ``params``, where a study goes layer by layer.
        notes: what a reader must know.
        checksums: file name -> checksum of the files that it was made from.

    Example:
        >>> import jax.numpy as jnp
        >>> mine = Subject("mine", lambda w, x: x @ w, jnp.ones((4, 2)), jnp.ones((3, 4)))
        >>> sorted(mine.digests())
        ['data', 'function', 'inputs', 'params']
    """

    name: str
    fn: Any = None
    params: Params = None
    inputs: Any = None
    layers: Mapping[str, str] = field(default_factory=dict)
    notes: Sequence[str] = ()
    checksums: Mapping[str, str] = field(default_factory=dict)

    def calls(self) -> Mapping[str, tuple[Callable[..., Any], tuple[Any, ...]]]:
        """Functions that the numbers depend on, each with arguments to trace it with."""
        return {} if self.fn is None else {"function": (self.fn, (self.params, self.inputs))}

    def digests(self) -> dict[str, str]:
        """What the numbers are computed from, a digest each: results of one subject are not taken for another's."""
        return {
            "params": digest_of(self.params).tobytes().hex(),
            "inputs": digest_of(self.inputs).tobytes().hex(),
            "data": digest_of(dict(self.layers), dict(self.checksums)).tobytes().hex(),
            **{name: digest_of_program(fn, *args).tobytes().hex() for name, (fn, args) in self.calls().items()},
        }
