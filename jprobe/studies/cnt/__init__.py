"""Paper 3: how strengths and activations are distributed in pools of trained networks.

La Malfa, La Malfa, Nicosia, Latora, 'Deep neural networks via complex network theory: a perspective', IJCAI 2024.
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
