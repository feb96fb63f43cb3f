"""Paper 1, section 5: how robust each layer of a pretrained transformer is; or of any network with named layers.

Jankowski, Radicchi, Serrano, Boguna, Fortunato, 'Task complexity shapes internal representations and robustness
in neural networks', arXiv:2508.05463, sections 5, A.4 and A.8.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "config": ["Config", "PRESETS"],
        "findings": ["findings"],
        "study": ["STUDY"],
        "subjects": ["Layered", "subject"],
        "summary": ["summary"],
    },
)
