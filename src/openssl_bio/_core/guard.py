"""One thread at a time, and a clean error queue: what every public call on a libssl object runs inside.

Theory of operation.  libssl's objects are not thread-safe and cffi drops the GIL around each call.  Nothing here ever
waits for a network, so one short re-entrant lock for each object is enough.  The one thing that can take long, or wait
for another thread, is a user's callback.  While an object runs one, it belongs to the callback's thread: that thread
may call its getters and setters, and is refused input and output by the engine, since libssl cannot nest them.  Another
thread waits for the callback to end, but not longer than `PATIENCE`: a callback that itself waits for that thread would
otherwise never end.

A signal's handler, or what the cyclic collector finalizes, may run in the first instruction of a callback, where that
is not counted yet, and libssl is in the middle of something all the same.  So an operation says that it runs
(`operating`), and what uses the object inside of it, whoever that is, finds it `busy`.

What this one cannot do is `_native/guard.c`'s: a signal handler, or the recursion limit, that raises in the first
instruction of `Guard.__enter__` or `Guard.__exit__` leaves the lock taken, and other threads wait for good; and one
that uses the connection after libssl has returned, before the operation has looked how that ended, is not refused.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any

from openssl_bio._core.errors import clear_queue

# Seconds that a thread waits for another thread's callback before it is refused.
PATIENCE = 1.0
_LOOK_AGAIN = 0.02

NOT_INITIALISED = "the connection was not initialised, or is being freed"
INITIALISED_BEFORE = "the connection was initialised before"
NO_OTHER_ROLE = "a callback cannot change the role of the connection it was called for"
NOT_IN_A_CALLBACK = "a callback cannot read, write, shut down or feed the connection it was called for"


class Unset:
    """An attribute that ``__init__`` sets: before that it is a RuntimeError, as the C engine's methods raise.

    A ``__getattr__`` would know of others too, but makes every call of a method twice as slow in Python 3.11.
    """

    __slots__ = ()

    def __get__(self, connection: object | None, face: type) -> Unset:
        if connection is None:
            return self
        raise RuntimeError(NOT_INITIALISED)


class AsMade:
    """An attribute that follows from what its connection was made with, until it is set: making it takes no time."""

    __slots__ = ("_of",)

    def __init__(self, of: Callable[[Any], Any]) -> None:
        self._of = of  # a generation of the context

    def __get__(self, connection: Any, face: type) -> Any:
        return self if connection is None else self._of(connection._generation)


class Guard:
    """``with guard:`` around each public call on one object."""

    __slots__ = ("_lock", "callbacks", "operating")

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self.callbacks = 0  # how many callbacks are running, nested
        self.operating = False  # an operation runs

    def __enter__(self) -> None:
        if not self._lock.acquire(blocking=False):
            self._wait()
        clear_queue()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        clear_queue()
        self._lock.release()

    @property
    def busy(self) -> bool:
        """Whether an operation runs, of which this is inside; or a callback."""
        return bool(self.operating or self.callbacks)

    def _wait(self) -> None:
        waited_from: float | None = None
        while not self._lock.acquire(timeout=_LOOK_AGAIN):
            if not self.callbacks:
                waited_from = None
            elif waited_from is None:
                waited_from = time.monotonic()
            elif time.monotonic() - waited_from > PATIENCE:
                raise RuntimeError("another thread is in a callback of this object, and has not come back from it")
