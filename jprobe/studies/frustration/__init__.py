"""Paper 2: how frustrated a network is as a signed DAG, and how near to monotone.

The paper's figures 2 to 8 and its Table 1, for networks trained on ImageNet, or for any JAX function.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "config": ["Config", "PRESETS"],
        "findings": ["findings"],
        "sizes": ["TABLES"],
        "study": ["STUDY"],
        "subjects": ["Network", "Networks", "subject", "together"],
        "summary": ["summary"],
    },
)
