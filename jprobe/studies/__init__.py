"""Studies: each reproduces a paper, or a part of one, through one runner.

``run(STUDY, config)`` writes a folder with numbers, figures and a report; ``compute(STUDY, config)`` gives the numbers alone.
"""

import lazy_loader

# Light to import: the command line knows the names of the studies before it loads what they compute with.
NAMES = (
    "probes",
    "collapse",
    "complexity",
    "difficulty",
    "lenses",
    "transformer",
    "frustration",
    "cnt",
    "connectivity",
)

__getattr__, __dir__, _ = lazy_loader.attach(
    __name__,
    submodules=NAMES,
    submod_attrs={
        "comparing": ["compare"],
        "config": ["NOT_NUMBERS", "Config"],
        "runner.folder": ["RunFolder"],
        "runner.running": ["Result", "assist", "compute", "run", "tell"],
        "study": ["Context", "Curve", "Part", "Study"],
        "subject": ["Subject"],
    },
)
__all__ = [
    "NAMES",
    "NOT_NUMBERS",
    "Config",
    "Context",
    "Curve",
    "Part",
    "Result",
    "RunFolder",
    "Study",
    "Subject",
    "assist",
    "compare",
    "compute",
    "run",
    "tell",
    *NAMES,
]
