"""How contexts deal with sessions: whom libssl tells of them, where they are kept, what seals their tickets.

Theory of operation.  As in `context`, each setter records a setting.  One C callback tells of every new session, and
passes it to all who want it: a `SessionCache` of clients, a `SessionStore` of servers, the user.  libssl calls it only
while its own cache is on; so that is switched on, and stores nothing, unless its mode was set.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from openssl_bio._core._lib import CData, ffi, lib
from openssl_bio._core.callbacks import HANDLE_INDEX
from openssl_bio._core.context import ContextCore

if TYPE_CHECKING:
    from openssl_bio._core.connection import ConnectionCore
    from openssl_bio._core.replay import ReplayGuard
    from openssl_bio._core.session import SessionCore
    from openssl_bio._core.session_cache import SessionCache
    from openssl_bio._core.session_store import SessionStore
    from openssl_bio._core.ticket_keys import TicketKeys

__all__ = ["SessionSettings"]


class SessionSettings(ContextCore):
    """A context with settings for sessions; see the module's theory of operation."""

    def set_session_store(self, store: SessionStore | None) -> None:
        """As a server, keep sessions in ``store``, and look for them there; None for libssl's own cache alone.

        It is for clients that are given a name of their session instead of a ticket with all of it: those of TLS 1.2
        without tickets, and with OP_NO_TICKET all. libssl's own cache stores nothing then, unless its mode was set. A
        store that fails is left alone for a second, with a line in the log ``openssl_bio.sessions``; handshakes go on.
        Source: ``SSL_CTX_sess_set_get_cb``.
        """
        from openssl_bio._core.session_store import SafeStore, refuse_other_than_stores
        from openssl_bio._core.travel import to_der

        refuse_other_than_stores(store)
        safe = None if store is None else SafeStore(store)
        handle = ffi.NULL if safe is None else ffi.new_handle(safe)
        errors, entry = self._errors, lib.py_new_session
        lookup, remove = (ffi.NULL, ffi.NULL) if safe is None else (lib.py_get_session, lib.py_remove_session)

        def install(ctx: CData) -> None:
            errors.check(lib.SSL_CTX_set_ex_data(ctx, HANDLE_INDEX, handle), "SSL_CTX_set_ex_data")
            lib.SSL_CTX_sess_set_new_cb(ctx, entry)
            lib.SSL_CTX_sess_set_get_cb(ctx, lookup)
            lib.SSL_CTX_sess_set_remove_cb(ctx, remove)

        def keep(connection: ConnectionCore, session: SessionCore) -> None:
            if safe is not None and _is_stateful(connection.ssl):
                safe.put(session.id, to_der(session.session), max(1, int(session.ends - time.time())))

        def find(session_id: bytes) -> CData | None:
            return None if safe is None else safe.get(session_id)

        with self._guard:
            self._let_libssl_tell()
            self._set("session_store", store, install, callbacks={"session_store": keep, "get_session": find})

    def set_replay_guard(self, guard: ReplayGuard | None) -> None:
        """As a server, let ``guard`` say whether early data comes for the first time; None for libssl's protection.

        libssl's own knows of this context's sessions alone. With a guard, such as a `RedisReplayGuard`, early data is
        taken from a ticket of any server that has the same ticket keys, once among all servers that ask it. A guard
        that fails rejects early data, and is left alone for a second, with a line in the log ``openssl_bio.sessions``.
        Source: ``SSL_OP_NO_ANTI_REPLAY`` and ``SSL_set_allow_early_data_cb``.
        """
        from openssl_bio._core.replay import SafeGuard, refuse_other_than_guards

        refuse_other_than_guards(guard)
        allows = None if guard is None else SafeGuard(guard).allows

        def ask(connection: ConnectionCore) -> bool:
            return allows is not None and allows(lib.SSL_get_session(connection.ssl))

        # Each connection is told (`ConnectionCore`), since an SSL_CTX's option could be undone by setting others.
        self._set("replay_guard", guard, lambda _ctx: None, callbacks={"replay_guard": ask})

    def set_ticket_keys(self, keys: TicketKeys | None) -> None:
        """Seal session tickets with ``keys``, which other contexts and processes may have too; None for libssl's own.

        Servers that share keys resume each other's sessions, if their session id context and the way they verify
        clients are the same.
        Source: ``SSL_CTX_set_tlsext_ticket_key_evp_cb``; neither pyOpenSSL nor Python's ``ssl`` has such a method.
        """
        from openssl_bio._core.ticket_keys import TicketKeys

        if not isinstance(keys, TicketKeys | None):
            raise TypeError(f"keys must be TicketKeys or None, not {type(keys).__name__}")
        errors, on = self._errors, keys is not None
        what = "the ticket keys cannot be used"
        self._set("ticket_keys", keys, lambda ctx: errors.check(lib.obio_ticket_keys_install(ctx, on), what))

    def _on_ticket_key(self, callback: Callable[..., Any], value: object) -> None:
        """Ask ``callback(connection, name or None to seal)`` for a TicketKey, or None."""
        errors, entry = self._errors, lib.py_ticket_key

        def install(ctx: CData) -> None:
            errors.check(lib.SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, entry), "SSL_CTX_set_tlsext_ticket_key_evp_cb")

        # It takes the place of a ring: one setting of libssl, and so one of ours.
        self._set("ticket_keys", value, install, callbacks={"ticket_key": self._told(callback)})

    def _on_new_session(self, name: str, callback: Callable[..., Any], value: object) -> None:
        """Call ``callback(connection, SessionCore)`` for each session that can be resumed later.

        ``name`` is "new_session" or "session_cache": one C callback serves both.
        """
        # What C calls needs it, which may be when the program has given up its access to files.
        import openssl_bio._core.resumption  # noqa: F401

        entry = lib.py_new_session
        with self._guard:
            self._let_libssl_tell()
            self._set_callback(name, callback, value, lambda ctx: lib.SSL_CTX_sess_set_new_cb(ctx, entry))

    def _use_session_cache(self, cache: SessionCache | None) -> None:
        from openssl_bio._core.resumption import server_key

        def keep(connection: ConnectionCore, session: SessionCore) -> None:
            key = server_key(connection)
            if cache is not None and key is not None and not lib.SSL_is_server(connection.ssl):
                cache._add(key, session)

        with self._guard:
            self._on_new_session("session_cache", keep, cache)
            self._session_cache = cache
            self._stop_serving()

    def _let_libssl_tell(self) -> None:
        """Switch libssl's cache on, without which it tells of no session, but let it store none."""
        if "session_cache_mode" not in self._settings:
            self._set_session_cache_mode(lib.SSL_SESS_CACHE_BOTH | lib.SSL_SESS_CACHE_NO_INTERNAL_STORE)

    def _set_session_cache_mode(self, mode: int) -> int:
        with self._guard:
            before = int(lib.SSL_CTX_get_session_cache_mode(self._current().ctx))
            self._set("session_cache_mode", mode, lambda ctx: lib.SSL_CTX_set_session_cache_mode(ctx, mode))
            return before

    def _set_timeout(self, seconds: int) -> int:
        with self._guard:
            before = int(lib.SSL_CTX_get_timeout(self._current().ctx))
            self._set("timeout", seconds, lambda ctx: lib.SSL_CTX_set_timeout(ctx, seconds))
            return before


def _is_stateful(ssl: CData) -> bool:
    """Whether this server's client is given a name of its session, and not the session itself in a ticket."""
    if not lib.SSL_is_server(ssl):
        return False
    return bool(lib.SSL_version(ssl) != lib.TLS1_3_VERSION or lib.SSL_get_options(ssl) & lib.SSL_OP_NO_TICKET)
