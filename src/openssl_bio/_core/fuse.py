"""What other machines do for a handshake, which goes on without them.

Theory of operation.  A store that fails, maybe after a time-out, would make each handshake wait.  So it is left alone
for a while after a failure, and there is one line in the log when that begins, and one when it ends.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TypeVar

__all__ = ["PAUSE", "Fuse", "told"]

_log = logging.getLogger("openssl_bio.sessions")
# How many seconds something that failed is left alone.
PAUSE = 1.0

R = TypeVar("R")


def told(error: Exception) -> str:
    """An exception for the log; redis-py's repr does not say what happened."""
    return f"{type(error).__name__}: {error}"


class Fuse:
    """Runs calls that may fail; ``what`` fails, and ``meanwhile`` is what it means for handshakes."""

    def __init__(self, what: str, meanwhile: str) -> None:
        self._what, self._meanwhile = what, meanwhile
        self._failed_at: float | None = None

    def run(self, call: Callable[[], R]) -> R | None:
        """What the call returns; None if it raises, or if another has a moment ago."""
        failed_at = self._failed_at  # which another thread may change at any time
        if failed_at is not None and time.monotonic() < failed_at + PAUSE:
            return None
        try:
            result = call()
        except Exception as error:
            if self._failed_at is None:
                _log.warning("%s is out of order, %s: %s", self._what, self._meanwhile, told(error))
            self._failed_at = time.monotonic()
            return None
        if self._failed_at is not None:
            self._failed_at = None
            _log.warning("%s works again", self._what)
        return result
