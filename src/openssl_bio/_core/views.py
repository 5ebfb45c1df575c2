"""One connection, or one context, seen as an object of either face.

Theory of operation.  What a face's object knows is in its ``__dict__``.  The *view* of an object is the other face's
object with the very same dict, so whatever either sets, both have.  What C keeps is in the object that was made first,
the *original*: a view has its operations done by the original, which makes exceptions of the face that was called (its
``_speaker``).  A callback is given the connection as the face sees it that has set the callback.

The view holds the original, and the original its view weakly: there is one at a time, no cycle, and whoever is left
keeps the connection.  The core itself only ever keeps originals.

A face registers what makes its views; it is imported when somebody asks for one.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any

from openssl_bio._core.engines import Engine, Guard
from openssl_bio._core.errors import Kind, Outcome
from openssl_bio._core.trust import Trust

if TYPE_CHECKING:
    from openssl_bio._core._lib import CData
    from openssl_bio._core.connection import ConnectionCore
    from openssl_bio._core.context import ContextCore

__all__ = ["ConnectionView", "ContextView", "original_of", "register", "seen_as", "share"]

# The faces, and what registers them.  A program with one face does not import it.
_MODULES = {"pyopenssl": "openssl_bio.pyopenssl._views", "stdlib": "openssl_bio.stdlib._views"}
# By face: what makes a view of a connection or a context that is another face's.
_makers: dict[str, Callable[[Any], Any]] = {}

# What an engine does.
_OPERATIONS = (
    *("_handshake", "_read", "_read_into", "_peek", "_write", "_shutdown", "_listen"),
    *("_timeout", "_handle_timeout", "_feed", "_take", "_mark_eof", "_pending_bytes", "_waiting_bytes", "_wants_read"),
    *("receive_data", "send_data", "send_data_many", "data_to_send", "_become_client", "_become_server"),
)


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
        import_module(_MODULES[face])
    with original._guard:
        kept: weakref.ref[Any] | None = original.__dict__.get("_view")
        view = None if kept is None else kept()
        if view is None:
            view = _makers[face](original)
            original._view = weakref.ref(view)
        return view


def share(view: Any, original: Any) -> None:
    """Make a new object the view of another."""
    view._original = original
    view.__dict__ = original.__dict__


class ConnectionView:
    """What comes before the face's class in the class of its views: all that the engine does."""

    __slots__ = ()

    _original: ConnectionCore

    def _through(self, name: str, *arguments: Any) -> Any:
        original = self._original
        want_read = original._errors.want_read[0]
        with original._guard:
            before: Any = original._speaker
            original._speaker = self  # type: ignore[assignment]  # with the face's class behind, it is a connection
            try:
                return getattr(Engine, name)(original, *arguments)
            except want_read as error:
                if type(error) is not want_read:
                    raise
            finally:
                original._speaker = before
        raise self._errors.error(Outcome(Kind.WANT_READ))  # type: ignore[attr-defined]  # the face's

    def pending(self) -> int:
        """How many decrypted bytes wait, as in both faces."""
        return int(self._through("_pending_bytes"))

    def _keep(self, name: str, thing: Any) -> Any:
        return self._original._keep(name, thing)

    def _name_sessions(self, name: bytes, of_session: bool) -> bool:
        return self._original._name_sessions(name, of_session)

    @property
    def ssl(self) -> CData:
        """The ``SSL *`` of both."""
        return self._original.ssl

    @property
    def _guard(self) -> Guard:
        return self._original._guard

    @property
    def _pending(self) -> list[BaseException]:
        return self._original._pending

    @property
    def _failure(self) -> Outcome | None:
        return self._original._failure

    @_failure.setter
    def _failure(self, outcome: Outcome | None) -> None:
        self._original._failure = outcome

    @property
    def _datagrams(self) -> bool:
        return self._original._datagrams


def _operation(name: str) -> Callable[..., Any]:
    def operate(self: ConnectionView, *arguments: Any) -> Any:
        return self._through(name, *arguments)

    operate.__name__, operate.__doc__ = name, getattr(Engine, name).__doc__
    return operate


for _name in _OPERATIONS:
    setattr(ConnectionView, _name, _operation(_name))


class ContextView:
    """The same for contexts: trust, whose errors are the face's."""

    __slots__ = ()

    _original: ContextCore

    @property
    def _trust(self) -> Trust:
        return self._original._trust.reporting(self._errors)  # type: ignore[attr-defined]  # the face's
