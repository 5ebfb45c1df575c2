"""Ticket keys that a fleet of servers shares through Redis.

Theory of operation.  Redis holds the ring of keys, wrapped with a key-encryption key that it never sees.  A thread of
each server looks at it every now and then, and takes over what is there; so no handshake ever waits for Redis.  When a
rotation is due, by Redis's clock, whoever gets the lock is elected: it proposes the next ring, puts it there if the
lock is still its own, and uses it only then, like all others.  A server that comes late does no harm: it has the key
that the others seal with now as its next one.

The lock expires, so one that dies while it has it is followed by another; one that was only slow finds out when it
writes, for the script that writes looks at the lock.  Whoever is left alone (Redis is away, holds what nobody can open,
or nobody rotates) goes on with the keys at hand.  They rotate alone half a lifetime late, once to the key that all
have as the next one; that is not counted in the generation, so the fleet's keys replace them when Redis is back.  A
ring in Redis that is older than ours was lost or put back by somebody: it is replaced by ours, and never used.

After a fork the child starts a thread of its own; the fork waits until no ring is being changed.
"""

from __future__ import annotations

import logging
import os
import random
import secrets
import threading
import time
import weakref
from typing import Any, Self

from openssl_bio._core._lib import ffi, lib
from openssl_bio._core.errors import clean_queue
from openssl_bio._core.fuse import told
from openssl_bio._core.load_errors import LOAD_ERRORS, LoadError
from openssl_bio._core.pointers import taken
from openssl_bio._core.sealing import checked_key
from openssl_bio._core.session_store import client_of
from openssl_bio._core.ticket_keys import TicketKeys, new_ring

__all__ = ["RedisTicketKeys"]

_log = logging.getLogger("openssl_bio.sessions")
# For how many seconds one server is elected; what it does meanwhile is five commands.
_ELECTED = 10
# How long a server waits before it looks again whether the elected one is done.
_SOON = 0.1
_LONGEST_INTERVAL = 30.0
# Clocks are read in whole seconds; with less than this a server could go on alone by rounding.
_LEAST_GRACE = 3
# Write the ring, and give the lock back, if it is still the writer's.
_PUBLISH = """
if redis.call('get', KEYS[2]) ~= ARGV[2] then return 0 end
redis.call('set', KEYS[1], ARGV[1])
if tonumber(ARGV[3]) > 0 then redis.call('expire', KEYS[1], ARGV[3]) end
redis.call('del', KEYS[2])
return 1
"""
_RELEASE = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end return 0"


class RedisTicketKeys(TicketKeys):
    """`TicketKeys` that a fleet of servers shares through Redis: a server opens the tickets of all others.

    ``client`` is a ``redis.Redis``, or whatever has its ``get``, ``set``, ``eval`` and ``time``, gives bytes, and has
    short time-outs. ``key`` has 32 bytes, which the operators give each server and Redis never sees. ``lifetime`` is as
    in `TicketKeys`, and the same on all servers: one of them rotates the keys for all, by Redis's clock. ``prefix`` is
    what names begin with. ``interval`` is how many seconds pass between two looks at Redis, by default a fiftieth of
    the lifetime, and 30 at most.

    A thread looks, so no handshake waits. Redis may be away at any time, also now: the keys at hand go on, and the log
    ``openssl_bio.sessions`` has a line when that begins and one when it ends. ValueError for a lifetime or interval
    out of range or a key of another size.
    """

    __module__ = "openssl_bio"

    def __init__(
        self,
        client: Any,
        key: bytes,
        lifetime: int = 12 * 3600,
        prefix: str = "{openssl_bio:ticket_keys}:",
        interval: float | None = None,
    ) -> None:
        self._ring = new_ring(lifetime, max(_LEAST_GRACE, lifetime // 2))
        usual = min(_LONGEST_INTERVAL, lifetime / 50) if lifetime else _LONGEST_INTERVAL
        interval = usual if interval is None else interval
        if not 0 < interval <= (lifetime / 4 or interval):
            raise ValueError(f"interval must be more than 0 and at most a quarter of the lifetime, not {interval}")
        self._client, self._key, self._interval = client, checked_key(key), interval
        self._names = f"{prefix}ring", f"{prefix}lock"
        self._lifetime = lifetime
        self._failing = False
        self._stopped = threading.Event()
        self._start(wait=_SOON if not self._look() else interval)
        _rings.add(self)

    @classmethod
    def from_url(
        cls,
        url: str,
        key: bytes,
        lifetime: int = 12 * 3600,
        *,
        prefix: str = "{openssl_bio:ticket_keys}:",
        interval: float | None = None,
        timeout: float = 0.5,
    ) -> Self:
        """Keys at a URL such as ``redis://localhost:6379/0``; needs redis-py (``openssl-bio[redis]``).

        ``timeout`` is how many seconds to wait for Redis at most.
        """
        return cls(client_of(url, timeout), key, lifetime, prefix, interval)

    def close(self) -> None:
        """Look at Redis no more. The keys go on, and rotate alone."""
        self._stopped.set()

    def rotate(self) -> None:
        """Rotate the keys of the whole fleet now; the other servers have them after ``interval``.

        Raises what the client raises, `LoadError` if Redis holds what ``key`` does not open, and TimeoutError if
        another server is at it and does not end.
        """
        deadline = time.monotonic() + 2 * _ELECTED
        while not self._share(1):
            if time.monotonic() > deadline:
                raise TimeoutError("another server has been rotating the ticket keys for too long")
            time.sleep(_SOON)

    # -- the thread -------------------------------------------------------------------------------------------------

    def _start(self, wait: float) -> None:
        stopped = self._stopped
        weakref.finalize(self, stopped.set)
        arguments = (weakref.ref(self), stopped, wait)
        threading.Thread(target=_keep_looking, args=arguments, name="ticket keys", daemon=True).start()

    def _look(self) -> bool:
        """Take over what Redis has; whether that was all that there was to do."""
        try:
            done = self._share(0)
        except Exception as error:
            if not self._failing:
                _log.warning("the ticket keys cannot be shared, the keys at hand go on: %s", told(error))
            self._failing = True
            return True
        if self._failing:
            self._failing = False
            _log.warning("the ticket keys are shared again")
        return done

    # -- one look ---------------------------------------------------------------------------------------------------

    def _share(self, times: int) -> bool:
        """Take over what Redis has, and rotate if it is due, or so many times; False if another server is at it."""
        verdict, _, _ = self._take()
        if verdict == lib.OBIO_TICKET_KEYS_TAKEN and not times:
            return True
        ring, lock = self._names
        token = secrets.token_hex(16)
        if not self._client.set(lock, token, nx=True, px=_ELECTED * 1000):
            return False
        verdict, wrapped, now = self._take()  # another server may have been faster
        if verdict == lib.OBIO_TICKET_KEYS_TAKEN and not times:
            self._client.eval(_RELEASE, 1, lock, token)
            return True
        proposal = self._propose(wrapped, now, times)
        if not self._client.eval(_PUBLISH, 2, ring, lock, proposal, token, 4 * self._lifetime):
            return False
        self._join(proposal, now)
        return True

    def _take(self) -> tuple[int, bytes, int]:
        """What became of Redis's keys, those keys, and Redis's time."""
        wrapped = self._client.get(self._names[0])
        now = int(self._client.time()[0])
        if wrapped is None:
            return lib.OBIO_TICKET_KEYS_OLDER, b"", now
        if not isinstance(wrapped, bytes):
            raise TypeError(f"the client of Redis must give bytes, not {type(wrapped).__name__}")
        return self._join(wrapped, now), wrapped, now

    def _join(self, wrapped: bytes, now: int) -> int:
        with _changing, clean_queue:
            verdict = int(lib.obio_ticket_keys_join(self._ring, self._key, wrapped, len(wrapped), now))
        if verdict == lib.OBIO_TICKET_KEYS_FOREIGN:
            raise LoadError("Redis holds no ticket keys, or they were changed, or wrapped with another key")
        return verdict

    def _propose(self, wrapped: bytes, now: int, times: int) -> bytes:
        with _changing, clean_queue:
            size = lib.OBIO_TICKET_KEYS_WRAPPED
            proposal = ffi.new("unsigned char[]", size)
            done = lib.obio_ticket_keys_propose(self._ring, self._key, wrapped, len(wrapped), now, times, proposal)
            LOAD_ERRORS.check(done, "making a ticket key")
            return taken(proposal, size)

    def _restart(self) -> None:
        """In a child, which has none of its parent's threads."""
        if not self._stopped.is_set():
            self._stopped = threading.Event()
            self._start(wait=_SOON)


def _keep_looking(ring: weakref.ref[RedisTicketKeys], stopped: threading.Event, wait: float) -> None:
    """Look at Redis until the ring is closed or gone. Servers that were started together do not look together."""
    while not stopped.wait(wait):
        found = ring()
        if found is None:
            return
        wait = found._interval * random.uniform(0.8, 1.2) if found._look() else _SOON
        del found


_rings: weakref.WeakSet[RedisTicketKeys] = weakref.WeakSet()
_changing = threading.Lock()


def _after_fork() -> None:
    _changing.release()
    for ring in list(_rings):
        ring._restart()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_changing.acquire, after_in_parent=_changing.release, after_in_child=_after_fork)
