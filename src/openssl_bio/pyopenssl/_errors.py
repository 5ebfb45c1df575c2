"""The exceptions of ``SSL``, and the table that says which outcome raises which."""

from __future__ import annotations

from errno import errorcode
from typing import TYPE_CHECKING

from openssl_bio._core.errors import ErrorTable, Kind
from openssl_bio._core.suspension import Suspended
from openssl_bio.pyopenssl._crypto_errors import OpenSSLError

if TYPE_CHECKING:
    from openssl_bio.pyopenssl._x509 import X509


FACE = "pyopenssl"  # what the core calls this face


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


class VerificationError(Error):
    """The peer's certificate was refused: what pyOpenSSL has no class for, and what it forgets.

    ``code`` is an ``X509_V_ERR_*``, ``message`` OpenSSL's text for it, ``depth`` how far the certificate at fault is
    from the peer's own, which is 0, ``name`` the host or address that was verified or None, and ``chain`` what the peer
    has sent, a list of `X509`, its own certificate first.
    """

    code: int
    message: str
    depth: int
    name: str | None
    chain: list[X509]


class _SuspendedError(Suspended, Error):
    """A callback will answer later."""


class _SuspendedLookupError(Suspended, WantX509LookupError):
    """The callback that chooses a certificate will answer later."""


def _suspended(make: type[_SuspendedError | _SuspendedLookupError], what: str) -> BaseException:
    error = make([("openssl_bio", "", f"a callback has put its answer off: {what}")])
    error.what = what
    return error


class _MisuseError(Error, RuntimeError):
    """A callback used its own connection. It is an Error as well, since programs (Twisted) expect one of `shutdown`."""


for _class in (
    Error,
    WantReadError,
    WantWriteError,
    WantX509LookupError,
    ZeroReturnError,
    SysCallError,
    VerificationError,
    _MisuseError,
):
    _class.__module__ = "openssl_bio.SSL"


SSL_ERRORS = ErrorTable(
    Error.from_outcome,
    {
        Kind.WANT_READ: lambda _: WantReadError(),
        Kind.WANT_WRITE: lambda _: WantWriteError(),
        Kind.WANT_X509_LOOKUP: lambda _: _suspended(_SuspendedLookupError, "certificate"),
        Kind.WANT_CLIENT_HELLO: lambda _: _suspended(_SuspendedError, "client_hello"),
        Kind.WANT_RETRY_VERIFY: lambda _: _suspended(_SuspendedError, "verification"),
        Kind.MISUSE: _MisuseError.from_outcome,
        Kind.ZERO_RETURN: lambda _: ZeroReturnError(),
        Kind.EOF: lambda _: SysCallError(-1, "Unexpected EOF"),
        Kind.SYSCALL: lambda outcome: SysCallError(outcome.errno, errorcode.get(outcome.errno)),
    },
)
