"""Small objects that are made of their attributes, and nothing else.

Theory of operation.  `dataclasses` writes and compiles the source of each class while it is imported, which takes half
a millisecond a class, and imports `inspect` and what that needs.  A record says it itself: its attributes are in
``__slots__``, and its ``__init__`` takes them under the same names.  Those that are ``Final`` are never set again,
which mypy checks: `replace` makes another record.
"""

from __future__ import annotations

from typing import Any, TypeVar

__all__ = ["Record", "replace"]


class Record:
    """What all records can do."""

    __slots__: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={getattr(self, name)!r}' for name in self.__slots__)})"


R = TypeVar("R", bound=Record)


def replace(record: R, **changes: Any) -> R:
    """Another record, which differs in these attributes; TypeError for those that it does not have."""
    return type(record)(**{name: getattr(record, name) for name in record.__slots__} | changes)
