"""Choices of a server, or of a client with a certificate, that may come later: by ClientHello, by certificate.

Theory of operation.  Both callbacks answer with what the connection is to use: another context, credentials, an alert
that refuses the client, or nothing new; or they suspend (`suspension`).  An answer is checked when it is given and
applied inside libssl's callback, which is where libssl allows it.  The bytes of the ClientHello come by way of the
message callback, which libssl calls first (`callbacks.message`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from openssl_bio._core._lib import CData, ffi, lib
from openssl_bio._core.callbacks import entry_point
from openssl_bio._core.client_hello import parse_client_hello
from openssl_bio._core.credential import Credential
from openssl_bio._core.suspension import SUSPEND

if TYPE_CHECKING:
    from openssl_bio._core.connection import ConnectionCore

__all__ = ["install_certificate", "install_client_hello", "install_own_certificate"]


def install_client_hello(ctx: CData) -> None:
    """Let an SSL_CTX ask about ClientHellos."""
    lib.SSL_CTX_set_msg_callback(ctx, lib.py_message)
    lib.SSL_CTX_set_client_hello_cb(ctx, lib.py_client_hello, ffi.NULL)


def install_certificate(ctx: CData) -> None:
    """Let an SSL_CTX ask for certificates."""
    lib.SSL_CTX_set_cert_cb(ctx, lib.py_certificate, ffi.NULL)


def install_own_certificate(ssl: CData) -> None:
    """Let an SSL ask for certificates, whatever its SSL_CTX does."""
    lib.SSL_set_cert_cb(ssl, lib.py_certificate, ffi.NULL)


@entry_point("py_client_hello", fails=lib.SSL_CLIENT_HELLO_ERROR)
def client_hello(connection: ConnectionCore, ssl: CData, alert: CData, _arg: CData) -> int:
    """A ClientHello has come."""
    alert[0] = lib.SSL_AD_INTERNAL_ERROR

    def ask() -> Any:
        hello = parse_client_hello(connection._client_hello, dtls=bool(lib.SSL_is_dtls(ssl)))
        return connection._callback("client_hello")(connection, hello)

    with _choosing(connection, context=True):
        answer = connection._decide("client_hello", lambda given: _offer(connection, given), ask)
        if answer is SUSPEND:
            return int(lib.SSL_CLIENT_HELLO_RETRY)
        if isinstance(answer, int):
            alert[0] = answer
            return int(lib.SSL_CLIENT_HELLO_ERROR)
        _apply(connection, answer)
        return int(lib.SSL_CLIENT_HELLO_SUCCESS)


@entry_point("py_certificate", fails=0)
def certificate(connection: ConnectionCore, _ssl: CData, _arg: CData) -> int:
    """A certificate is wanted: on a server for its client, on a client because the server asks."""

    def ask() -> Any:
        return connection._callback("certificate")(connection)

    with _choosing(connection, context=False):
        answer = connection._decide("certificate", _credentials, ask)
        if answer is SUSPEND:
            return -1
        _apply(connection, answer)
        return 1


@contextmanager
def _choosing(connection: ConnectionCore, *, context: bool) -> Iterator[None]:
    """Let a callback change the connection's certificates, and its context if libssl can bear it."""
    connection._is_choosing, connection._is_choosing_credentials = context, True
    connection._is_told_client_hello = context
    try:
        yield
    finally:
        connection._is_choosing = connection._is_choosing_credentials = connection._is_told_client_hello = False


def _offer(connection: ConnectionCore, answer: object) -> Any:
    """An answer about a ClientHello: an alert, a context, or credentials."""
    if isinstance(answer, int) and not isinstance(answer, bool):
        if not 0 < answer < 256:
            raise ValueError(f"an alert has a number from 1 to 255, not {answer}")
        return answer
    same = getattr(answer, "_face", None) == connection._context._face
    if hasattr(answer, "_use") and (same or connection._view is not None):
        return answer  # a context of the same face, or of either if both are in use
    return _credentials(answer)


def _credentials(answer: object) -> tuple[Credential, ...]:
    """An answer as credentials; none for None."""
    if answer is None:
        return ()
    given = (answer,) if isinstance(answer, Credential) else tuple(answer) if isinstance(answer, Sequence) else ()
    if not given or not all(isinstance(each, Credential) for each in given):
        raise TypeError(f"a callback cannot answer with {type(answer).__name__}; see the setter for what it can")
    return given


def _apply(connection: ConnectionCore, answer: Any) -> None:
    if isinstance(answer, tuple):
        if answer:
            connection.use_credentials(*answer)
    else:
        connection._set_context(answer)
