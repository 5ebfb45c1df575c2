"""What certificates and keys are given as: besides the paths that Python's ``ssl`` takes, whatever the core can load.

A str is a path, as in Python's ``ssl``; where no such file is there, it may be a URI of one of OpenSSL's stores.  Bytes
may be a path there too, so they are one here unless they cannot be: PEM and DER have what no path has.
"""

from __future__ import annotations

import errno
import os
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

from openssl_bio._core.context import ContextCore
from openssl_bio._core.credential import Credential
from openssl_bio._core.errors import clean_queue
from openssl_bio._core.sources import LoadError, Source, each_of, is_object
from openssl_bio._core.trust import Trust
from openssl_bio._core.trust_store import TrustStore
from openssl_bio._core.uris import is_known_uri
from openssl_bio.stdlib._errors import described, number

__all__ = [
    "Password",
    "Path",
    "has_pem",
    "is_der",
    "is_path",
    "loaded",
    "path_of",
    "read",
    "trusted",
    "trusted_data",
]

Path: TypeAlias = str | bytes | os.PathLike[str] | os.PathLike[bytes]
# A password, once it was checked: itself, or what asks for it.
Password: TypeAlias = bytes | Callable[[], bytes] | None

_PEM = "-----BEGIN "
_SEQUENCE = 0x30  # what all of DER begins with here


class _Path:
    """A path as it was given; the core would take a str for PEM, and bytes for what they say."""

    def __init__(self, given: Any) -> None:
        self._given = given

    def __fspath__(self) -> Any:
        return self._given


def has_pem(data: bytes) -> bool:
    """Whether there is PEM in bytes."""
    return _PEM.encode() in data


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
    return isinstance(given, os.PathLike) or (isinstance(given, str) and not is_known_uri(given))


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
        if _PEM not in os.fsdecode(path):
            raise
        code = error.errno or errno.ENOENT
    raise OSError(code, f"{os.strerror(code)}: a str is a path, and PEM is given as bytes")


def _sources(given: Any, name: str) -> list[Source]:
    """The sources in what was given, for the core. TypeError, with the name of the argument, for what is none."""
    return [_source(one, name) for one in each_of(given)]


def _source(given: Any, name: str) -> Source:
    if is_path(given):
        return _Path(os.fspath(given))
    if isinstance(given, str | bytes | bytearray | memoryview) or is_object(given):
        return given
    return path_of(given, name)


@contextmanager
def _as_ssl_error() -> Iterator[None]:
    """What the core says of a certificate or a key, as Python's exception."""
    try:
        yield
    except LoadError as error:
        record = error._records[-1] if error._records else None
        raise described(ssl.SSLError, 0 if record is None else number(record), record, str(error)) from error


def loaded(certfile: Any, keyfile: Any, password: Password) -> Credential:
    """A certificate, its chain and its key, which belong together; the key is where the first certificate was."""
    certificates = _sources(certfile, "certfile")
    key = None if keyfile is None else _source(keyfile, "keyfile")
    if len(certificates) > 1 and key is None:
        key = certificates[0]
    with _as_ssl_error():
        return Credential.load(certificates[0] if len(certificates) == 1 else certificates, key, passphrase=password)


def trusted(given: Any, name: str) -> Trust:
    """What is trusted by files, bytes, objects, whole stores, and lists of those."""
    return _trust_of(given, lambda one: _source(one, name))


def trusted_data(given: Any) -> Trust:
    """The same, where a str is PEM and no path."""
    return _trust_of(given, _data)


def _data(given: Any) -> Source:
    if isinstance(given, str) and _PEM not in given:
        raise described(ssl.SSLError, 0, None, "no start line: cadata does not contain a certificate")
    if isinstance(given, str | bytes | bytearray | memoryview) or is_object(given):
        return given
    raise TypeError("cadata should be an ASCII string or a bytes-like object")


def _trust_of(given: Any, source: Callable[[Any], Source]) -> Trust:
    with _as_ssl_error():
        store, sources, found = TrustStore(), [], False
        for one in each_of(given):
            whole, found = getattr(one, "_trust", None), True
            if isinstance(whole, Trust) and not isinstance(one, ContextCore):
                store._trust.join(whole)
            else:
                sources.append(source(one))
        if not found:
            raise LoadError("there is no certificate or CRL: the list is empty")
        store.add(*sources)
    return store._trust
