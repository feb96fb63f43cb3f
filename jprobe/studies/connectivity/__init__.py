"""Paper 4: which connections networks keep when connections cost.

Janik, Nowak, 'Connectivity properties of neural networks under performance-resources trade-off', 2021.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "config": ["Config", "PRESETS"],
        "findings": ["findings"],
        "material": ["subject"],
        "study": ["STUDY"],
        "summary": ["summary"],
    },
)
