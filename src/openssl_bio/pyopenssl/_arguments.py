"""What the originals accept as arguments, and the errors they raise for the rest."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from typing import Any

from openssl_bio._core.errors import Kind, Outcome
from openssl_bio._core.pointers import BytesLike
from openssl_bio._core.protocols import join_protocols
from openssl_bio.pyopenssl._errors import SSL_ERRORS

INT_MAX = 2**31 - 1
INT_MIN = -(2**31)


def integer(value: object, what: str, lowest: int = INT_MIN, highest: int = INT_MAX) -> int:
    """``value`` if it is an int (a bool is one); TypeError if it is none, OverflowError if C has no room for it."""
    if not isinstance(value, int):
        raise TypeError(f"{what} must be an integer")
    if not lowest <= value <= highest:
        raise OverflowError(f"{what} must be from {lowest} to {highest}, not {value}")
    return value


def bits(value: object, what: str, highest: int = INT_MAX) -> int:
    """An `integer` that is a set of flags, and so not negative."""
    return integer(value, what, 0, highest)


def function(value: Any) -> Callable[..., Any]:
    """``value`` if it can be called, or TypeError."""
    if not callable(value):
        raise TypeError("callback must be callable")
    return value  # type: ignore[no-any-return]


def without_text(value: Any, what: str, stacklevel: int = 3) -> Any:
    """``value``; of a str the UTF-8, with a DeprecationWarning for the line that called our caller."""
    if not isinstance(value, str):
        return value
    warnings.warn(f"str for {what} is no longer accepted, use bytes", DeprecationWarning, stacklevel=stacklevel)
    return value.encode()


def byte_string(value: object, what: str, text: str, stacklevel: int = 4) -> bytes:
    """Bytes; a str is taken as `without_text` does; anything else is a TypeError with this text."""
    value = without_text(value, what, stacklevel)
    if not isinstance(value, bytes):
        raise TypeError(text)
    return value


def c_string(value: bytes, what: str) -> bytes:
    """Bytes that C can take as a string: ValueError if there is a NUL in them."""
    if b"\0" in value:
        raise ValueError(f"{what} must not contain NUL byte")
    return value


def protocols(names: Iterable[BytesLike]) -> bytes:
    """ALPN's wire format of at least one protocol."""
    if isinstance(names, bytes | str):
        raise TypeError("protocols must be a list of byte strings")
    given = [bytes(name) if isinstance(name, bytearray | memoryview) else name for name in names or ()]
    if not given:
        raise ValueError("at least one protocol must be specified")
    if b"" in given:
        raise SSL_ERRORS.error(Outcome(Kind.SSL, detail="a protocol name cannot be empty"))
    return join_protocols(given)
