"""Modules, and names of theirs, that are imported when somebody asks for them first.

Theory of operation.  Python calls a module's ``__getattr__`` for a name that it does not have (PEP 562).  `late` makes
one that imports the name from where it is defined, and keeps it in the module, where it is found from then on.  So a
program that imports a face does not wait for what few programs use, and cannot tell the difference: ``from module
import name``, ``import *``, ``dir()``, and `pickle`, which looks classes up by name, find all of them.

A function may import what it needs itself.  One that connections call asks a `LateModule` instead: importing what is
there already takes 8,000 instructions.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["LateModule", "late"]


def late(namespace: dict[str, Any], homes: Mapping[str, str]) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """The ``__getattr__`` and the ``__dir__`` of the module with these ``globals()``.

    ``homes`` says where each name is: "module", or "module:other" if it has another name there, or "module:" if it is
    the module itself.
    """

    def find(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {namespace['__name__']!r} has no attribute {name!r}")
        home, colon, attribute = homes[name].partition(":")
        __import__(home)  # as `importlib.import_module`, which takes longer to import than three modules of ours
        module = sys.modules[home]
        namespace[name] = value = module if colon and not attribute else getattr(module, attribute or name)
        return value

    def names() -> list[str]:
        return sorted({*namespace, *homes})

    return find, names


class LateModule:
    """A module that is imported when one of its attributes is asked for first."""

    def __init__(self, home: str) -> None:
        self._home = home

    def __getattr__(self, name: str) -> Any:
        __import__(self._home)
        value = self.__dict__[name] = getattr(sys.modules[self._home], name)
        return value
