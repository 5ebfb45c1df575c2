"""Paths of certificates and keys, as Python's ``ssl`` takes them; the rest is in `_sources`.

A str is a path, as in Python's ``ssl``; where no such file is there, it may be a URI of one of OpenSSL's stores.  Bytes
may be a path there too, so they are one here unless they cannot be: PEM and DER have what no path has.
"""

from __future__ import annotations

import errno
import os
from typing import Any, TypeAlias

from openssl_bio._core.errors import clean_queue

__all__ = ["PEM", "Path", "has_pem", "is_der", "is_path", "path_of", "read"]

Path: TypeAlias = str | bytes | os.PathLike[str] | os.PathLike[bytes]

PEM = "-----BEGIN "
_SEQUENCE = 0x30  # what all of DER begins with here


def has_pem(data: bytes) -> bool:
    """Whether there is PEM in bytes."""
    return PEM.encode() in data


def _is_content(data: bytes) -> bool:
    """Whether bytes are PEM or DER, and not a path: what has the end of a line or a NUL is none."""
    return has_pem(data) or b"\n" in data or b"\0" in data or is_der(data)


def is_der(data: bytes) -> bool:
    """Whether there are as many bytes as the header of DER says; behind a long object there may be more."""
    if len(data) < 2 or data[0] != _SEQUENCE:
        return False
    if data[1] < 0x80:
        return 2 + data[1] == len(data)
    size = data[1] & 0x7F
    return 2 + size + int.from_bytes(data[2 : 2 + size], "big") <= len(data)


def is_path(given: object) -> bool:
    """Whether this is a path: a str is one unless there is no such file, and a store knows it as a URI."""
    if isinstance(given, bytes):
        return not _is_content(given)
    if isinstance(given, str):
        from openssl_bio._core.uris import is_known_uri

        return not is_known_uri(given)
    return isinstance(given, os.PathLike)


def path_of(path: Any, name: str) -> Any:
    """The path itself. TypeError, with the name of the argument, for what is none."""
    try:
        return os.fspath(path)
    except TypeError:
        raise TypeError(f"{name} should be a valid filesystem path") from None


def read(given: Any, name: str) -> bytes:
    """What a file has. OSError if it cannot be read, which never shows PEM that was taken for a path."""
    path = path_of(given, name)
    try:
        with clean_queue, open(path, "rb") as file:
            return file.read()
    except OSError as error:
        if PEM not in os.fsdecode(path):
            raise
        code = error.errno or errno.ENOENT
    raise OSError(code, f"{os.strerror(code)}: a str is a path, and PEM is given as bytes")
