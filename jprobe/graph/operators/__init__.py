"""The elementary linear maps that a link between two blocks of nodes is made of: one class in one file each.

A new one implements :class:`Operator`, as a :class:`Carrier` or a :class:`Layer`; nothing else changes.
"""

from jprobe.graph.operators.base import Carrier, Layer, Operator, Run, Shape, Unshared, Weights
from jprobe.graph.operators.chain import Chain
from jprobe.graph.operators.convolution import Conv
from jprobe.graph.operators.indexed import Scatter, Take
from jprobe.graph.operators.locally_connected import LocallyConnected, Stored
from jprobe.graph.operators.movement import Broadcast, Pad, Place, Reshape, Select, Transpose
from jprobe.graph.operators.pool import Pool
from jprobe.graph.operators.product import Dot
from jprobe.graph.operators.scale import Scale
from jprobe.graph.operators.total import Total

__all__ = [
    "Broadcast",
    "Carrier",
    "Chain",
    "Conv",
    "Dot",
    "Layer",
    "LocallyConnected",
    "Operator",
    "Pad",
    "Place",
    "Pool",
    "Reshape",
    "Run",
    "Scale",
    "Scatter",
    "Select",
    "Shape",
    "Stored",
    "Take",
    "Total",
    "Transpose",
    "Unshared",
    "Weights",
]
