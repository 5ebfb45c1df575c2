"""What a view has that the face's own class has not; see `views`.

Theory of operation.  The class of a face's views is one of these before the face's class: what the engine does, and
what C keeps, it asks of the original.  An operation runs with the view as the original's ``_speaker``, so that
exceptions are of the face that was called.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn

from openssl_bio._core.engines import Engine, Guard
from openssl_bio._core.errors import Kind, Outcome
from openssl_bio._core.guard import INITIALISED_BEFORE
from openssl_bio._core.trust import Trust

if TYPE_CHECKING:
    from openssl_bio._core._lib import CData
    from openssl_bio._core.connection import ConnectionCore
    from openssl_bio._core.context import ContextCore

__all__ = ["ConnectionView", "ContextView", "share"]

# What an engine does.
_OPERATIONS = (
    *("_handshake", "_read", "_read_into", "_peek", "_write", "_shutdown", "_listen"),
    *("_timeout", "_handle_timeout", "_feed", "_take", "_mark_eof", "_pending_bytes", "_waiting_bytes", "_wants_read"),
    *("receive_data", "send_data", "send_data_many", "data_to_send", "_become_client", "_become_server"),
    "_name_server",
)


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

    def _open(self, *_arguments: object) -> NoReturn:
        """RuntimeError: a view is of a connection that there is."""
        raise RuntimeError(INITIALISED_BEFORE)

    def pending(self) -> int:
        """How many decrypted bytes wait, as in both faces."""
        return int(self._through("_pending_bytes"))

    def _keep(self, name: str, thing: Any) -> Any:
        return self._original._keep(name, thing)

    def _name_sessions(self, name: bytes, of_session: bool) -> bool:
        return self._original._name_sessions(name, of_session)

    def _keep_session(self, address: int, resumed: Any) -> Any:
        return self._original._keep_session(address, resumed)

    def _resume(self, handle: Any, travelled: bool) -> bool:
        return self._original._resume(handle, travelled)

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


def _part(name: str) -> property:
    def get(self: ConnectionView) -> Any:
        return getattr(self._original, name)

    def set_(self: ConnectionView, value: Any) -> None:
        setattr(self._original, name, value)

    return property(get, set_)


for _name in _OPERATIONS:
    setattr(ConnectionView, _name, _operation(_name))
for _name in ("_context", "_first_generation", "_generation", "_demand"):
    setattr(ConnectionView, _name, _part(_name))


class ContextView:
    """The same for contexts: trust, whose errors are the face's."""

    __slots__ = ()

    _original: ContextCore

    @property
    def _trust(self) -> Trust:
        return self._original._trust.reporting(self._errors)  # type: ignore[attr-defined]  # the face's
