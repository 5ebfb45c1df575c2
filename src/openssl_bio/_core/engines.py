"""Which engine runs the connections of this process.

Theory of operation.  ``OPENSSL_BIO_ENGINE`` chooses when the package is imported: ``c``, the default, is the C engine
(`native`); ``cffi`` is the reference engine (`engine`), to which the other is compared.  Both have the same interface,
promises and errors, so nothing else in the package asks which one it is.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

__all__ = ["ENGINE", "Engine", "Guard", "Queue", "hot", "owner_of"]

ENGINE = os.environ.get("OPENSSL_BIO_ENGINE", "c")

if ENGINE not in {"c", "cffi"}:
    raise ImportError(f"OPENSSL_BIO_ENGINE must be c or cffi, not {ENGINE!r}")

if TYPE_CHECKING or ENGINE == "cffi":
    from openssl_bio._core.bio import Queue
    from openssl_bio._core.engine import Engine, owner_of
    from openssl_bio._core.guard import Guard
else:
    from openssl_bio._core.native import Engine, Guard, Queue, owner_of

T = TypeVar("T", bound=type[Engine | Queue])


def hot(*names: str) -> Callable[[T], T]:
    """Decorate a face's class: its methods of these names are served by the C engine where the arguments are plain."""

    def decorate(face: T) -> T:
        if ENGINE == "c":
            from openssl_bio._core.native import serve

            serve(face, names)  # type: ignore[arg-type] # the C engine is an Engine to mypy, and another at run time
        return face

    return decorate
