"""The certificates of a connection, as ours or as ``cryptography``'s objects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, overload

from openssl_bio._core._lib import CData, lib
from openssl_bio._core.chains import Refusal, refusal_of
from openssl_bio._core.connection import ConnectionCore
from openssl_bio._core.errors import VERIFY_FAILED, Kind, Outcome, is_verify_failure
from openssl_bio._core.late import LateModule
from openssl_bio.pyopenssl._errors import VerificationError

if TYPE_CHECKING:
    from cryptography import x509

    from openssl_bio.pyopenssl import _x509
    from openssl_bio.pyopenssl._name import X509Name
    from openssl_bio.pyopenssl._x509 import X509
else:
    _x509 = LateModule("openssl_bio.pyopenssl._x509")

__all__ = ["ConnectionCertificates", "verification_error"]


_REFUSED = Outcome(Kind.SSL, (VERIFY_FAILED,))


def verification_error(refusal: Refusal, outcome: Outcome = _REFUSED) -> VerificationError:
    """What says why a chain is refused."""
    error = VerificationError.from_outcome(outcome)
    error.code, error.message, error.depth, error.name = refusal.code, refusal.message, refusal.depth, refusal.name
    error.chain = [_x509.X509._wrap(certificate) for certificate in refusal.chain]
    error.detail = refusal.message
    return error


class ConnectionCertificates(ConnectionCore):
    """The part of `Connection` that gives certificates and names.

    All of its methods give objects of ``cryptography`` (``x509.Certificate``, ``x509.Name``) instead of `X509` and
    `X509Name` if ``as_cryptography`` is true; ModuleNotFoundError if that is not installed.
    """

    def _exception(self, outcome: Outcome) -> BaseException:
        """The exception for an outcome; that of a refused certificate says why."""
        if any(map(is_verify_failure, outcome.records)):
            return verification_error(refusal_of(self), outcome)
        return super()._exception(outcome)

    @overload
    def get_certificate(self, *, as_cryptography: Literal[True]) -> x509.Certificate | None: ...
    @overload
    def get_certificate(self, *, as_cryptography: Literal[False] = False) -> X509 | None: ...
    def get_certificate(self, *, as_cryptography: bool = False) -> X509 | x509.Certificate | None:
        """A copy of our own certificate, or None."""
        return _one(self._own_certificate(), as_cryptography)

    @overload
    def get_peer_certificate(self, *, as_cryptography: Literal[True]) -> x509.Certificate | None: ...
    @overload
    def get_peer_certificate(self, *, as_cryptography: Literal[False] = False) -> X509 | None: ...
    def get_peer_certificate(self, *, as_cryptography: bool = False) -> X509 | x509.Certificate | None:
        """The peer's certificate, or None."""
        return _one(self._peer_certificate(), as_cryptography)

    @overload
    def get_peer_cert_chain(self, *, as_cryptography: Literal[True]) -> list[x509.Certificate] | None: ...
    @overload
    def get_peer_cert_chain(self, *, as_cryptography: Literal[False] = False) -> list[X509] | None: ...
    def get_peer_cert_chain(self, *, as_cryptography: bool = False) -> list[X509] | list[x509.Certificate] | None:
        """What the peer sent; on a server without the peer's own certificate. None if it sent nothing."""
        return _all(self._chain(lib.SSL_get_peer_cert_chain), as_cryptography)

    @overload
    def get_verified_chain(self, *, as_cryptography: Literal[True]) -> list[x509.Certificate] | None: ...
    @overload
    def get_verified_chain(self, *, as_cryptography: Literal[False] = False) -> list[X509] | None: ...
    def get_verified_chain(self, *, as_cryptography: bool = False) -> list[X509] | list[x509.Certificate] | None:
        """The chain that verification built, or None."""
        return _all(self._chain(lib.SSL_get0_verified_chain), as_cryptography)

    @overload
    def get_client_ca_list(self, *, as_cryptography: Literal[True]) -> list[x509.Name]: ...
    @overload
    def get_client_ca_list(self, *, as_cryptography: Literal[False] = False) -> list[X509Name]: ...
    def get_client_ca_list(self, *, as_cryptography: bool = False) -> list[X509Name] | list[x509.Name]:
        """The issuers that a server asks for; on a client, those it was told of."""
        from openssl_bio.pyopenssl._name import X509Name

        names = [X509Name._wrap(name) for name in self._client_ca_names()]
        if not as_cryptography:
            return names
        from cryptography import x509

        return [x509.Name.from_bytes(name.der()) for name in names]


def _one(certificate: CData | None, as_cryptography: bool) -> X509 | x509.Certificate | None:
    if certificate is None:
        return None
    wrapped = _x509.X509._wrap(certificate)
    return wrapped.to_cryptography() if as_cryptography else wrapped


def _all(certificates: list[CData] | None, as_cryptography: bool) -> list[X509] | list[x509.Certificate] | None:
    if certificates is None:
        return None
    wrapped = [_x509.X509._wrap(certificate) for certificate in certificates]
    return [certificate.to_cryptography() for certificate in wrapped] if as_cryptography else wrapped
