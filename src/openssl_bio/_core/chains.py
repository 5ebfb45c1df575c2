"""Verification of a whole chain at once: by a callback after libcrypto's own, or by one instead of it.

Theory of operation.  libssl lets an SSL_CTX replace `X509_verify_cert` (``SSL_CTX_set_cert_verify_callback``).  The
replacement here is `_native/verification.c` while nobody has asked for more, and `cert_verify` below for those who set
a verifier.  A verifier is called once for each chain; what it answers overrules libcrypto, and what it does not answer
suspends the handshake (`suspension`).  A server cannot be suspended: libssl ignores the request there, and would go on
as if the chain had been accepted.  So that is an error, and the handshake ends.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from openssl_bio._core._lib import CData, ffi, lib
from openssl_bio._core.callbacks import entry_point, ssl_of
from openssl_bio._core.pointers import certificates_in
from openssl_bio._core.records import Record
from openssl_bio._core.suspension import SUSPEND

if TYPE_CHECKING:
    from openssl_bio._core.connection import ConnectionCore

__all__ = ["LIBCRYPTO", "Refusal", "Verifier", "install_verifier", "refusal_of"]


class Refusal(Record):
    """What is wrong with a peer's chain: ``X509_V_ERR_*``, at which depth, for which name, and what the peer sent."""

    __slots__ = ("chain", "code", "depth", "name")

    def __init__(self, code: int, depth: int, name: str | None, chain: list[CData]) -> None:
        self.code: Final = code
        self.depth: Final = depth
        self.name: Final = name  # the host that was verified
        self.chain: Final = chain

    @property
    def message(self) -> str:
        """libcrypto's text for the code."""
        return ffi.string(lib.X509_verify_cert_error_string(self.code)).decode()


class Verifier(Record):
    """A user's judge of chains: ``judge(connection, chain, refusal or None)`` gives a bool, or SUSPEND."""

    __slots__ = ("judge", "replaces")

    def __init__(self, judge: Callable[[Any, list[CData], Refusal | None], Any], replaces: bool = False) -> None:
        self.judge: Final = judge
        self.replaces: Final = replaces  # libcrypto is not asked

    def __call__(self, connection: Any, chain: list[CData], refusal: Refusal | None) -> Any:
        return self.judge(connection, chain, refusal)


# What verification does without a verifier.
LIBCRYPTO = Verifier(lambda _connection, _chain, refusal: refusal is None)


def install_verifier(ctx: CData) -> None:
    """Let an SSL_CTX ask its connections' verifiers."""
    lib.SSL_CTX_set_cert_verify_callback(ctx, lib.py_cert_verify, ffi.NULL)


def refusal_of(connection: ConnectionCore) -> Refusal:
    """Why verification has failed on a connection."""
    chain = certificates_in(lib.obio_refused_chain(connection.ssl), connection._errors)
    code = int(lib.SSL_get_verify_result(connection.ssl)) or lib.obio_refused_error(connection.ssl)
    return Refusal(code, lib.obio_refused_depth(connection.ssl), connection._demand.host, chain)


@entry_point("py_cert_verify", fails=0, ssl=lambda store_ctx, _arg: ssl_of(store_ctx))
def cert_verify(connection: ConnectionCore, store_ctx: CData, _arg: CData) -> int:
    """Verify a chain."""
    verifier = connection._verifier()
    good = not verifier.replaces and lib.X509_verify_cert(store_ctx) == 1
    if connection._pending:  # a callback for one certificate has raised
        return 0
    sent = certificates_in(lib.X509_STORE_CTX_get0_untrusted(store_ctx), connection._errors)
    built = certificates_in(lib.X509_STORE_CTX_get0_chain(store_ctx), connection._errors)
    refusal = None
    if not good and not verifier.replaces:
        code, depth = lib.X509_STORE_CTX_get_error(store_ctx), lib.X509_STORE_CTX_get_error_depth(store_ctx)
        refusal = Refusal(code, depth, connection._demand.host, sent)
    answer = connection._decide("verification", _verdict, lambda: verifier.judge(connection, built or sent, refusal))
    if answer is SUSPEND:
        return _suspend(connection)
    return _conclude(store_ctx, accepted=answer)


def _verdict(answer: object) -> bool:
    if not isinstance(answer, bool):
        raise TypeError(f"a verifier returns True, False or SUSPEND, not {type(answer).__name__}")
    return answer


def _suspend(connection: ConnectionCore) -> int:
    """Ask libssl to call again."""
    if lib.SSL_is_server(connection.ssl):
        connection._waiting = None
        raise RuntimeError("a server cannot suspend verification: libssl would accept the client's certificate")
    lib.SSL_set_retry_verify(connection.ssl)
    return 1


def _conclude(store_ctx: CData, *, accepted: bool) -> int:
    """Tell libssl the verdict."""
    if accepted:
        lib.X509_STORE_CTX_set_error(store_ctx, lib.X509_V_OK)
        return 1
    if lib.X509_STORE_CTX_get_error(store_ctx) in (lib.X509_V_OK, lib.X509_V_ERR_UNSPECIFIED):
        lib.X509_STORE_CTX_set_error(store_ctx, lib.X509_V_ERR_APPLICATION_VERIFICATION)
    lib.obio_note_refusal(store_ctx)
    return 0
