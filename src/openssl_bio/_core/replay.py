"""Whether early data comes for the first time, among all servers of a fleet.

Theory of operation.  Somebody who has recorded a client's first flight can send it again, to any server that can open
its ticket.  With a guard libssl's own protection, which only knows of one process, is off (SSL_OP_NO_ANTI_REPLAY), and
libssl asks the guard before it takes early data, after its own test of the ticket's age.  The guard is told a digest
of the session's secret, which tells one ticket from all others, and keeps it for as long as the ticket lives: so early
data is taken once a ticket, whatever it says and wherever it comes.

It fails closed.  Whatever the guard raises rejects the early data; the handshake goes on, and the client sends its data
after it.  A Redis that has lost its memory would take everything for new.  So there is a mark of when the memory began,
and of which Redis it was in: another run of it, a replica that took its place, or one that evicts what it has no room
for, is a new memory, to which sessions that are older than it may not send early data.
"""

from __future__ import annotations

import math
from typing import Any, Protocol, Self

from openssl_bio._core._lib import CData, lib
from openssl_bio._core.errors import clean_queue
from openssl_bio._core.fuse import Fuse
from openssl_bio._core.load_errors import LOAD_ERRORS
from openssl_bio._core.pointers import new_buffer, taken
from openssl_bio._core.session_store import client_of

__all__ = ["RedisReplayGuard", "ReplayGuard", "SafeGuard", "refuse_other_than_guards"]

# KEYS: the ticket's, the mark. ARGV: when the session began, by how many seconds clocks may differ, seconds to keep.
_IS_FIRST = """
local info = redis.call('info', 'server') .. redis.call('info', 'stats')
local memory = string.match(info, 'run_id:(%w+)') .. ' ' .. string.match(info, 'evicted_keys:(%d+)') .. ' '
local mark = redis.call('get', KEYS[2])
local began = mark and string.sub(mark, 1, #memory) == memory and tonumber(string.sub(mark, #memory + 1))
if not began then
  began = redis.call('time')[1] + 1
  redis.call('set', KEYS[2], memory .. began)
end
if tonumber(ARGV[1]) < began + ARGV[2] then return 0 end
return redis.call('set', KEYS[1], '', 'NX', 'EX', ARGV[3]) and 1 or 0
"""


class ReplayGuard(Protocol):
    """What a server's context takes for a guard (``set_replay_guard``); called by any number of threads.

    What the method raises rejects early data, and means that the guard is out of order: it is left alone for a second.
    """

    def is_first(self, ticket: bytes, began: int, seconds: int) -> bool:
        """Whether no server has ever been told that ticket, which is 32 bytes; never twice True for one.

        The ticket's session ``began`` so many seconds after 1970, and can be resumed for ``seconds`` more.
        """


ReplayGuard.__module__ = "openssl_bio"


def refuse_other_than_guards(guard: object) -> None:
    """TypeError for what has not the method of a `ReplayGuard`; None is no guard, and may be given."""
    if guard is not None and not callable(getattr(guard, "is_first", None)):
        raise TypeError(f"a guard has is_first; {type(guard).__name__} has not")


class RedisReplayGuard:
    """A guard on Redis (5 or newer), for any number of servers.

    ``client`` is a ``redis.Redis``, or whatever has its ``eval``, with short time-outs, since handshakes wait for it:
    ``redis.Redis()`` tries four times. ``prefix`` is what names begin with. ``skew`` is by how many seconds the clocks
    of the servers and of Redis may differ; libssl rejects early data where the servers' differ by more than 10.
    ValueError for a skew that is negative or no number.
    """

    __module__ = "openssl_bio"

    def __init__(self, client: Any, prefix: str = "{openssl_bio:early_data}:", skew: float = 10) -> None:
        if not 0 <= skew < math.inf:
            raise ValueError(f"skew is a number of seconds, not {skew}")
        self._client, self._prefix, self._skew = client, prefix, math.ceil(skew)

    @classmethod
    def from_url(
        cls, url: str, prefix: str = "{openssl_bio:early_data}:", skew: float = 10, timeout: float = 0.25
    ) -> Self:
        """A guard at a URL such as ``redis://localhost:6379/0``; needs redis-py (``openssl-bio[redis]``).

        ``timeout`` is how many seconds a handshake with early data waits for Redis at most.
        """
        return cls(client_of(url, timeout), prefix, skew)

    def is_first(self, ticket: bytes, began: int, seconds: int) -> bool:
        """See `ReplayGuard`."""
        names = self._prefix + ticket.hex(), self._prefix + "mark"
        keep = max(1, seconds) + 2 * self._skew
        return self._client.eval(_IS_FIRST, 2, *names, began, self._skew, keep) == 1  # type: ignore[no-any-return]


class SafeGuard:
    """A guard that never raises; see the module's theory of operation."""

    def __init__(self, guard: ReplayGuard) -> None:
        self._guard = guard
        self._fuse = Fuse("the guard against replay", "early data is rejected")

    def allows(self, session: CData) -> bool:
        """Whether the early data of a session that is being resumed may be taken."""
        with clean_queue:
            buffer = new_buffer(lib.OBIO_SESSION_DIGEST)
            LOAD_ERRORS.check(lib.obio_session_digest(session, buffer), "the digest of a session")
            ticket = taken(buffer, lib.OBIO_SESSION_DIGEST)
            began, timeout = int(lib.SSL_SESSION_get_time(session)), int(lib.SSL_SESSION_get_timeout(session))
        return self._fuse.run(lambda: self._guard.is_first(ticket, began, timeout)) is True
