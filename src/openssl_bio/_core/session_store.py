"""Where servers keep their sessions outside of libssl, such that other servers find them.

Theory of operation.  libssl tells of a new session, asks for one by its id, and tells of one that must not be resumed
any more (`callbacks`).  A store has a method for each.  A handshake waits for it; so a store that fails is left alone
for a while (`fuse`), and handshakes are full ones then.

What a store gives back is a session with its secrets, and says that its client was verified: whoever can write to the
store could make himself that client.  `RedisSessionStore` therefore encrypts and authenticates each value together with
its id, with a key that the store never sees; and the session id context says by which rules the client was verified
(`verification.trust_digest`).
"""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from typing import Any, Protocol, Self

from openssl_bio._core._lib import CData
from openssl_bio._core.fuse import Fuse
from openssl_bio._core.sealing import checked_key, seal, unseal
from openssl_bio._core.travel import from_der

__all__ = ["MemorySessionStore", "RedisSessionStore", "SafeStore", "SessionStore", "client_of"]

_log = logging.getLogger("openssl_bio.sessions")
_PURPOSE = b"openssl_bio stored session 1\n"


class SessionStore(Protocol):
    """What a server's context takes for a store (``set_session_store``); called by any number of threads.

    What a method raises means that the store is out of order: handshakes are full ones, for a second at least.
    """

    def put(self, session_id: bytes, session: bytes, seconds: int) -> None:
        """Keep a session, secrets included, for that many seconds (1 or more)."""

    def get(self, session_id: bytes) -> bytes | None:
        """What was put, or None."""

    def remove(self, session_id: bytes) -> None:
        """Forget a session, if it is there."""


def refuse_other_than_stores(store: object) -> None:
    """TypeError for what has not the methods of a `SessionStore`; None is no store, and may be given."""
    if store is not None and not all(callable(getattr(store, name, None)) for name in ("put", "get", "remove")):
        raise TypeError(f"a store has put, get and remove; {type(store).__name__} has not")


SessionStore.__module__ = "openssl_bio"


class MemorySessionStore:
    """A store in this process, for the contexts that are given it; the oldest of more than ``size`` go first."""

    __module__ = "openssl_bio"

    def __init__(self, size: int = 10000) -> None:
        if size < 1:
            raise ValueError("a store has room for one session at least")
        self._size = size
        self._lock = threading.Lock()
        self._sessions: OrderedDict[bytes, tuple[float, bytes]] = OrderedDict()

    def __len__(self) -> int:
        """How many sessions there are, old ones included."""
        return len(self._sessions)

    def put(self, session_id: bytes, session: bytes, seconds: int) -> None:
        """See `SessionStore`."""
        with self._lock:
            self._sessions[session_id] = (time.monotonic() + seconds, session)
            self._sessions.move_to_end(session_id)
            while len(self._sessions) > self._size:
                self._sessions.popitem(last=False)

    def get(self, session_id: bytes) -> bytes | None:
        """See `SessionStore`."""
        with self._lock:
            end, session = self._sessions.get(session_id, (0.0, None))
            if session is not None and time.monotonic() >= end:
                del self._sessions[session_id]
                return None
            return session

    def remove(self, session_id: bytes) -> None:
        """See `SessionStore`."""
        with self._lock:
            self._sessions.pop(session_id, None)


def client_of(url: str, timeout: float) -> Any:
    """A ``redis.Redis`` at a URL that waits that many seconds for an answer, once; needs redis-py."""
    import redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    once = Retry(NoBackoff(), 0)
    return redis.Redis.from_url(url, socket_timeout=timeout, socket_connect_timeout=timeout, retry=once)


class RedisSessionStore:
    """A store on Redis, for any number of servers.

    ``client`` is a ``redis.Redis``, or whatever has its ``set``, ``get`` and ``delete``, and should have short
    time-outs and try once, since handshakes wait for it: ``redis.Redis()`` tries four times. ``key`` has 32 bytes,
    which all servers have, and Redis never sees: values are encrypted and authenticated with it. ``prefix`` is what
    names begin with.
    """

    __module__ = "openssl_bio"

    def __init__(self, client: Any, key: bytes, prefix: str = "openssl_bio:session:") -> None:
        self._client, self._key, self._prefix = client, checked_key(key), prefix

    @classmethod
    def from_url(cls, url: str, key: bytes, prefix: str = "openssl_bio:session:", timeout: float = 0.25) -> Self:
        """A store at a URL such as ``redis://localhost:6379/0``; needs redis-py (``openssl-bio[redis]``).

        ``timeout`` is how many seconds a handshake waits for Redis at most.
        """
        return cls(client_of(url, timeout), key, prefix)

    def _name(self, session_id: bytes) -> str:
        return self._prefix + session_id.hex()

    def put(self, session_id: bytes, session: bytes, seconds: int) -> None:
        """See `SessionStore`."""
        self._client.set(self._name(session_id), seal(self._key, session, _PURPOSE + session_id), ex=seconds)

    def get(self, session_id: bytes) -> bytes | None:
        """See `SessionStore`; what was changed is not there."""
        sealed = self._client.get(self._name(session_id))
        if sealed is None:
            return None
        session = unseal(self._key, sealed, _PURPOSE + session_id)
        if session is None:
            _log.warning("the session store holds a session that was changed, or is of another key: it is not resumed")
        return session

    def remove(self, session_id: bytes) -> None:
        """See `SessionStore`."""
        self._client.delete(self._name(session_id))


class SafeStore:
    """A store that never raises; see the module's theory of operation."""

    def __init__(self, store: SessionStore) -> None:
        self._store = store
        self._fuse = Fuse("the session store", "handshakes are full ones")

    def put(self, session_id: bytes, session: bytes, seconds: int) -> None:
        """Keep a session if the store works."""
        self._fuse.run(lambda: self._store.put(session_id, session, seconds))

    def get(self, session_id: bytes) -> CData | None:
        """An owned ``SSL_SESSION``, or None."""
        data = self._fuse.run(lambda: self._store.get(session_id))
        return None if data is None else self._fuse.run(lambda: from_der(data))

    def remove(self, session_id: bytes) -> None:
        """Forget a session if the store works."""
        self._fuse.run(lambda: self._store.remove(session_id))
