"""Beyond paper 1: is the collapse of signed networks lost information, or a threshold that outputs were shifted past?

Jankowski, Radicchi, Serrano, Boguna, Fortunato, 'Task complexity shapes internal representations and robustness
in neural networks', arXiv:2508.05463, section 3.1, find the collapse; the questions are ours.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "config": ["Config", "PRESETS"],
        "findings": ["findings"],
        "study": ["STUDY"],
        "subject": ["subject"],
        "summary": ["summary"],
    },
)
