"""How mkdocstrings reads jprobe's source: which names a room has, and what its docstrings mean."""

import re
from typing import Any

import griffe

_ROLE = re.compile(r":(?:func|class|mod|meth|attr|data|exc):`~?([^`]+)`")


class Docstrings(griffe.Extension):
    """Rewrite docstrings before they are parsed, and let a function hide the module of its name, as Python does."""

    def on_instance(self, *, obj: griffe.Object, **_: Any) -> None:
        """Take ``Example:`` for griffe's ``Examples:``, and Sphinx' roles for plain code."""
        if obj.docstring is not None:
            text = re.sub(r"^(\s*)Example:$", r"\1Examples:", obj.docstring.value, flags=re.MULTILINE)
            obj.docstring.value = _ROLE.sub(r"`\1`", text)

    def on_package(self, *, pkg: griffe.Module, **_: Any) -> None:
        """Put ``jprobe.probes.prune``, the function, in the place of ``jprobe/probes/prune.py``, and so for all rooms."""
        for room in pkg.modules.values():
            for name, path in room.imports.items():
                module = room.members.get(name)
                if isinstance(module, griffe.Module) and path != module.path:
                    place, _dot, attribute = path.removeprefix(f"{pkg.path}.").rpartition(".")
                    room.members[name] = griffe.Alias(name, pkg[place].members[attribute], parent=room)
