"""Beyond paper 1: does what signs cost measure the complexity of a task? Tasks and networks made harder in known ways.

Jankowski, Radicchi, Serrano, Boguna, Fortunato, 'Task complexity shapes internal representations and robustness
in neural networks', arXiv:2508.05463, section 4, propose the measure; the test of it is ours.
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
