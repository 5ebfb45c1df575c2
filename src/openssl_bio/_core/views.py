"""One connection, or one context, seen as an object of either face.

Theory of operation.  What a face's object knows is in its ``__dict__``.  The *view* of an object is the other face's
object with the very same dict, so whatever either sets, both have.  What C keeps is in the object that was made first,
the *original*: a view has its operations done by the original, which makes exceptions of the face that was called (its
``_speaker``).  A callback is given the connection as the face sees it that has set the callback.

The view holds the original, and the original its view weakly: there is one at a time, no cycle, and whoever is left
keeps the connection.  The core itself only ever keeps originals.

A face registers what makes its views (of `view_classes`); it is imported when somebody asks for one.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

__all__ = ["original_of", "register", "seen_as"]

# The faces, and what registers them.  A program with one face does not import it.
_MODULES = {"pyopenssl": "openssl_bio.pyopenssl._views", "stdlib": "openssl_bio.stdlib._views"}
# By face: what makes a view of a connection or a context that is another face's.
_makers: dict[str, Callable[[Any], Any]] = {}


def register(face: str, make: Callable[[Any], Any]) -> None:
    """Let ``make(original)`` make the views of a face."""
    _makers[face] = make


def original_of(thing: Any) -> Any:
    """The connection or context that a view is of, or itself."""
    return thing if thing._original is None else thing._original


def seen_as(thing: Any, face: str) -> Any:
    """A connection or a context as an object of a face: itself, what it is the view of, or a view.

    Raises what the face does where it has none: its views cannot be of everything.
    """
    original = original_of(thing)
    for one in (thing, original):
        if one._face == face:
            return one
    if face not in _makers:
        __import__(_MODULES[face])
    with original._guard:
        kept: weakref.ref[Any] | None = original.__dict__.get("_view")
        view = None if kept is None else kept()
        if view is None:
            view = _makers[face](original)
            original._view = weakref.ref(view)
        return view
