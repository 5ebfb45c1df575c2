"""What certificates and keys are given as: besides the paths that Python's ``ssl`` takes, whatever the core can load.

What `_paths` takes for a path is one here too.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

from openssl_bio._core.context import ContextCore
from openssl_bio._core.credential import Credential
from openssl_bio._core.load_errors import LoadError
from openssl_bio._core.sources import Source, each_of, is_object
from openssl_bio._core.trust import Trust
from openssl_bio._core.trust_store import TrustStore
from openssl_bio.stdlib._errors import described, number
from openssl_bio.stdlib._paths import PEM, is_path, path_of

__all__ = ["Password", "loaded", "trusted", "trusted_data"]

# A password, once it was checked: itself, or what asks for it.
Password: TypeAlias = bytes | Callable[[], bytes] | None


class _Path:
    """A path as it was given; the core would take a str for PEM, and bytes for what they say."""

    def __init__(self, given: Any) -> None:
        self._given = given

    def __fspath__(self) -> Any:
        return self._given


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
    if isinstance(given, str) and PEM not in given:
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
