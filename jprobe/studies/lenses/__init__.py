"""Beyond the papers: do task complexity (paper 1), frustration (2) and strengths (3) mean the same by a hard task?

Jankowski et al., arXiv:2508.05463 (what signs and shuffles cost); the frustration and strength measures are those of the
studies ``frustration`` and ``cnt``. Each is taken of the same networks, on every pair of a dataset's classes.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "config": ["Config", "PRESETS"],
        "findings": ["findings"],
        "study": ["STUDY"],
        "summary": ["summary"],
    },
)
