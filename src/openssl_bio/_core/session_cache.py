"""Sessions that clients keep for their next connection to the same server.

Theory of operation.  A session is offered only by a connection like the one that made it (RFC 8446, section 4.6.1): of
the same context, to the same server name, with the same host to verify, the same certificate of its own and the same
trust; that is the key.  A TLS 1.3 session is given out once, so that nobody who watches can link connections (RFC 8446,
appendix C.4), the newest first; one of TLS 1.2 stays, since the server may send no other, until it is renewed or too
old.  The server that was least recently met is forgotten first.

Invariant: no more than ``size`` sessions, no more than ``per_server`` of one key, and no key without any.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable

from openssl_bio._core._lib import lib
from openssl_bio._core.session import SessionCore

__all__ = ["SessionCache"]


class SessionCache:
    """Sessions that clients may resume, of both faces; any number of threads and contexts may share one.

    ``size`` is how many sessions there are at most, ``per_server`` how many for one server. ValueError below 1.
    """

    __module__ = "openssl_bio"

    def __init__(self, size: int = 1000, per_server: int = 4) -> None:
        if size < 1 or per_server < 1:
            raise ValueError("a cache has room for one session at least")
        self._size, self._per_server = size, per_server
        self._lock = threading.Lock()
        self._servers: OrderedDict[Hashable, list[SessionCore]] = OrderedDict()
        self._count = 0

    def __len__(self) -> int:
        """How many sessions there are, old ones included."""
        return self._count

    def clear(self) -> None:
        """Forget all sessions."""
        with self._lock:
            self._servers.clear()
            self._count = 0

    def _add(self, key: Hashable, session: SessionCore) -> None:
        with self._lock:
            sessions = self._servers.setdefault(key, [])
            self._servers.move_to_end(key)
            sessions.append(session)
            self._count += 1
            if len(sessions) > self._per_server:
                self._drop(sessions, 0)
            while self._count > self._size:
                oldest = next(iter(self._servers))
                self._drop(self._servers[oldest], 0)
                if not self._servers[oldest]:
                    del self._servers[oldest]

    def _drop(self, sessions: list[SessionCore], at: int) -> None:
        del sessions[at]
        self._count -= 1

    def _take(self, key: Hashable) -> SessionCore | None:
        """The newest session that can still be resumed, or None."""
        with self._lock:
            sessions = self._servers.get(key, [])
            found = None
            while sessions and found is None:
                newest = sessions[-1]
                found = newest if newest.is_usable else None
                once = lib.SSL_SESSION_get_protocol_version(newest.session) == lib.TLS1_3_VERSION
                if found is None or once:
                    self._drop(sessions, -1)
            if not sessions:
                self._servers.pop(key, None)
            return found
