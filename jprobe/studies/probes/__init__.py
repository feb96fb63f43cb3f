"""Paper 1, first half: networks on an easy and a hard task under pruning, noise, flips, low rank and shuffling.

Jankowski, Radicchi, Serrano, Boguna, Fortunato, 'Task complexity shapes internal representations and robustness
in neural networks', arXiv:2508.05463, sections 3, A.2 and A.5 to A.7.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "config": ["Config", "PRESETS"],
        "findings": ["findings"],
        "study": ["STUDY"],
        "summary": ["summary"],
        "tasks": ["subject"],
    },
)
