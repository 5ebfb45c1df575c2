"""The exceptions of ``SSL``, and the table that says which outcome raises which."""

from __future__ import annotations

from errno import errorcode

from openssl_bio._core.errors import ErrorTable, Kind
from openssl_bio.pyopenssl._crypto_errors import OpenSSLError


class Error(OpenSSLError):
    """A TLS operation failed. ``args[0]`` is a list of (library, "", reason), oldest first and never empty."""


class WantReadError(Error):
    """The operation needs ciphertext from the peer: call ``bio_write``, then the same operation again."""


class WantWriteError(Error):
    """The operation needs room for ciphertext."""


class WantX509LookupError(Error):
    """A certificate callback asked to be called again."""


class ZeroReturnError(Error):
    """The peer closed the connection with close_notify."""


class SysCallError(Error):
    """The transport failed: ``args`` is (errno, its name), or (-1, "Unexpected EOF") when the bytes just ended."""

    __str__ = Exception.__str__


class _MisuseError(Error, RuntimeError):
    """A callback used its own connection. It is an Error as well, since programs (Twisted) expect one of `shutdown`."""


for _class in (Error, WantReadError, WantWriteError, WantX509LookupError, ZeroReturnError, SysCallError, _MisuseError):
    _class.__module__ = "openssl_bio.SSL"


SSL_ERRORS = ErrorTable(
    Error.from_outcome,
    {
        Kind.WANT_READ: lambda _: WantReadError(),
        Kind.WANT_WRITE: lambda _: WantWriteError(),
        Kind.WANT_X509_LOOKUP: lambda _: WantX509LookupError(),
        Kind.MISUSE: _MisuseError.from_outcome,
        Kind.ZERO_RETURN: lambda _: ZeroReturnError(),
        Kind.EOF: lambda _: SysCallError(-1, "Unexpected EOF"),
        Kind.SYSCALL: lambda outcome: SysCallError(outcome.errno, errorcode.get(outcome.errno)),
    },
)
