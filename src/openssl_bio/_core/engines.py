"""Which engine runs the connections of this process.

Theory of operation.  ``OPENSSL_BIO_ENGINE`` chooses when the package is imported: ``c``, the default, is the C engine
(`native`); ``cffi`` is the reference engine (`engine`), to which the other is compared.  Both have the same interface,
promises and errors, so nothing else in the package asks which one it is.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

__all__ = ["ENGINE", "Engine", "Guard", "Plain", "Queue", "hot", "kept_session", "maker", "owner_of", "session_handle"]

ENGINE = os.environ.get("OPENSSL_BIO_ENGINE", "c")

if ENGINE not in {"c", "cffi"}:
    raise ImportError(f"OPENSSL_BIO_ENGINE must be c or cffi, not {ENGINE!r}")

if TYPE_CHECKING or ENGINE == "cffi":
    from openssl_bio._core.bio import Queue
    from openssl_bio._core.engine import Engine, kept_session, maker, owner_of, session_handle
    from openssl_bio._core.guard import Guard
else:
    from openssl_bio._core.native import Engine, Guard, Queue, kept_session, maker, owner_of, session_handle

T = TypeVar("T", bound=type)


class Plain:
    """Which of the stdlib's connections need nothing but what a generation says, as bits; as in `engine_making.c`."""

    CLIENTS, SERVERS, WITHOUT_NAME = 1, 2, 4


def hot(*names: str) -> Callable[[T], T]:
    """Decorate a face's class: its methods of these names are served by the C engine where the arguments are plain."""

    def decorate(face: T) -> T:
        if ENGINE == "c":
            from openssl_bio._core.native import serve

            serve(face, names)
        return face

    return decorate
