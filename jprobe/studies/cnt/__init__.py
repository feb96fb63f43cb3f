"""Paper 1, second half: how hard each pair of classes is, by what networks lose without magnitudes.

Jankowski, Radicchi, Serrano, Boguna, Fortunato, 'Task cnt shapes internal representations and robustness
in neural networks', arXiv:2508.05463, sections 4, A.1 and A.3.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "config": ["Config", "PRESETS"],
        "findings": ["findings"],
        "study": ["STUDY"],
        "parts": ["subject"],
        "summary": ["summary"],
    },
)
