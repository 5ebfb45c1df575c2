"""What a context does with sessions: where they are kept, and how tickets are sealed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from openssl_bio._core.settings import SettingsCore
from openssl_bio.stdlib._settable import function

if TYPE_CHECKING:
    from openssl_bio._core.session import SessionCore
    from openssl_bio._core.session_cache import SessionCache
    from openssl_bio._core.ticket_keys import TicketKey
    from openssl_bio.stdlib._object import SSLObject
    from openssl_bio.stdlib._session import SSLSession

    # callback(connection, what can be resumed later)
    NewSession: TypeAlias = Callable[[Any, SSLSession], object]
    # callback(connection, the key's name or None for a new ticket): the key
    TicketKeyFor: TypeAlias = Callable[[Any, bytes | None], TicketKey | None]

__all__ = ["SessionSettings"]


class SessionSettings(SettingsCore):
    """The part of `SSLContext` that is about sessions."""

    def set_new_session_callback(self, callback: NewSession | None) -> None:
        """Call ``callback(connection, session)`` for each `SSLSession` that can be resumed later; None unsets it.

        That is the one way for a client to get every ticket of TLS 1.3: they come after the handshake, while it reads.
        A server is not told of what is all in a ticket of TLS 1.2.
        It also turns libssl's own cache of sessions on for clients, which the callback needs, and lets nothing be
        stored there: keep the sessions yourself, such as in a `SessionCache`. Python's ``ssl`` has no such method.
        """
        caller = _ignore if callback is None else _session_caller(function(callback))
        self._on_new_session("new_session", caller, callback)

    @property
    def session_cache(self) -> SessionCache | None:
        """A `SessionCache` that keeps the sessions of this context's clients for their next connections; or None.

        Connections that are made without a ``session`` take theirs from it, by the ``server_hostname``. As for
        `set_new_session_callback`, which may be set as well, libssl's own cache stores nothing then.
        """
        return self._session_cache

    @session_cache.setter
    def session_cache(self, cache: SessionCache | None) -> None:
        from openssl_bio._core.session_cache import SessionCache

        if not isinstance(cache, SessionCache | None):
            raise TypeError(f"session_cache must be a SessionCache or None, not {type(cache).__name__}")
        self._use_session_cache(cache)

    def set_ticket_key_callback(self, callback: TicketKeyFor) -> None:
        """Ask ``callback(connection, name)`` for the `TicketKey` of each ticket, in place of `set_ticket_keys`.

        The name is None for the key to seal a new ticket with, or that of the key that sealed the client's. None as the
        answer means that there is no such key: the handshake is a full one, or there is no ticket. What the callback
        raises is raised by the call that is running, also ValueError for a key of other lengths.
        """
        from openssl_bio._core.ticket_keys import checked_ticket_key

        ask = function(callback)

        def call(connection: SSLObject, name: bytes | None) -> TicketKey | None:
            return checked_ticket_key(ask(connection._owner(), name), name)

        self._on_ticket_key(call, callback)


def _ignore(*_arguments: object) -> None:
    """What a callback does that was taken away."""


def _session_caller(callback: NewSession) -> Callable[[SSLObject, SessionCore], object]:
    from openssl_bio.stdlib._session import SSLSession

    return lambda connection, core: callback(connection._owner(), SSLSession._wrap(core))
