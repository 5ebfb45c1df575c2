"""Trust stores and verification without a connection (``OpenSSL.crypto.X509Store``, ``X509StoreContext``)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

from openssl_bio._core._lib import CData, ffi, lib
from openssl_bio._core.errors import Kind, Outcome, clean_queue
from openssl_bio._core.pem import Path
from openssl_bio._core.pointers import certificates_in, own, shared_certificate
from openssl_bio._core.trust import Trust
from openssl_bio.pyopenssl._crypto_errors import CRYPTO_ERRORS
from openssl_bio.pyopenssl._x509 import X509

if TYPE_CHECKING:
    import datetime

    from cryptography.x509 import CertificateRevocationList

    from openssl_bio.pyopenssl._crl import CRL

__all__ = ["X509Store", "X509StoreContext", "X509StoreContextError", "X509StoreFlags"]


class X509StoreFlags:
    """Flags for `X509Store.set_flags`: libcrypto's ``X509_V_FLAG_*``."""

    __module__ = "openssl_bio.crypto"

    CB_ISSUER_CHECK: int = lib.X509_V_FLAG_CB_ISSUER_CHECK
    NOTIFY_POLICY: int = lib.X509_V_FLAG_NOTIFY_POLICY
    CRL_CHECK: int = lib.X509_V_FLAG_CRL_CHECK
    CRL_CHECK_ALL: int = lib.X509_V_FLAG_CRL_CHECK_ALL
    IGNORE_CRITICAL: int = lib.X509_V_FLAG_IGNORE_CRITICAL
    X509_STRICT: int = lib.X509_V_FLAG_X509_STRICT
    ALLOW_PROXY_CERTS: int = lib.X509_V_FLAG_ALLOW_PROXY_CERTS
    POLICY_CHECK: int = lib.X509_V_FLAG_POLICY_CHECK
    EXPLICIT_POLICY: int = lib.X509_V_FLAG_EXPLICIT_POLICY
    INHIBIT_MAP: int = lib.X509_V_FLAG_INHIBIT_MAP
    CHECK_SS_SIGNATURE: int = lib.X509_V_FLAG_CHECK_SS_SIGNATURE
    PARTIAL_CHAIN: int = lib.X509_V_FLAG_PARTIAL_CHAIN


class X509Store:
    """Certificates that are trusted, CRLs, and how to verify with them."""

    __module__ = "openssl_bio.crypto"

    _trust: Trust

    def __init__(self) -> None:
        """Make an empty store."""
        self._trust = Trust(CRYPTO_ERRORS)

    @classmethod
    def _wrap(cls, trust: Trust) -> Self:
        """An X509Store for the core's store, which is shared."""
        store = cls.__new__(cls)
        store._trust = trust
        return store

    @property
    def _store(self) -> CData:
        """The present X509_STORE."""
        return self._trust.pointer

    def add_cert(self, cert: X509) -> None:
        """Trust a certificate (``X509_STORE_add_cert``); adding it again is no error."""
        if not isinstance(cert, X509):
            raise TypeError
        self._trust.add_certificates([cert._x509])

    def add_crl(self, crl: CRL | CertificateRevocationList) -> None:
        """Add a copy of a CRL (``X509_STORE_add_crl``), which may be one of ``cryptography``.

        It is heeded if a flag such as CRL_CHECK is set.  Raises TypeError for what is no CRL, `Error` for one that is
        not signed yet.
        """
        from openssl_bio.pyopenssl._crl import CRL

        if not isinstance(crl, CRL):
            try:
                crl = CRL.from_cryptography(crl)
            except TypeError:
                raise TypeError("CRL must be of type cryptography.x509.CertificateRevocationList") from None
        with clean_queue:
            copy = own(lib.X509_CRL_dup(crl._crl), lib.X509_CRL_free, CRYPTO_ERRORS, "the CRL is not complete")
        self._trust.add_crl(copy)

    def set_flags(self, flags: int) -> None:
        """Add to the flags of verification, from `X509StoreFlags` (``X509_STORE_set_flags``)."""
        self._trust.set_flags(flags)

    def set_time(self, vfy_time: datetime.datetime) -> None:
        """Verify as if it were then, a time in UTC (``X509_VERIFY_PARAM_set_time``)."""
        import calendar

        self._trust.set_time(calendar.timegm(vfy_time.timetuple()))

    def load_locations(self, cafile: Path | None, capath: Path | None = None) -> None:
        """Trust the certificates of a PEM file, of a directory of files named by hash, or both.

        Raises `Error` if the file cannot be read or has no certificate, and if neither is given.
        """
        if cafile is None and capath is None:
            raise CRYPTO_ERRORS.error(Outcome(Kind.SSL, detail="load_locations needs a file or a directory"))
        with self._trust.all_or_nothing():
            if cafile is not None:
                self._trust.load_file(cafile)
            if capath is not None:
                self._trust.add_directory(capath)


class X509StoreContextError(Exception):
    """A certificate did not verify: ``errors`` is [code, depth, message], ``certificate`` the one at fault."""

    __module__ = "openssl_bio.crypto"

    def __init__(self, message: str, errors: list[Any], certificate: X509) -> None:
        """Keep the three."""
        super().__init__(message)
        self.errors = errors
        self.certificate = certificate


class X509StoreContext:
    """Verify one certificate against a store."""

    __module__ = "openssl_bio.crypto"

    def __init__(self, store: X509Store, certificate: X509, chain: Sequence[X509] | None = None) -> None:
        """Take what is trusted, what is verified, and untrusted certificates that may lead from one to the other.

        Raises TypeError if an element of ``chain`` is no X509.
        """
        self._store = store
        self._cert = certificate
        self._chain = list(chain or ())
        if not all(isinstance(c, X509) for c in self._chain):
            raise TypeError("One of the elements is not an X509 instance")

    def set_store(self, store: X509Store) -> None:
        """Verify against another store from now on."""
        self._store = store

    def verify_certificate(self) -> None:
        """Verify (``X509_verify_cert``); `X509StoreContextError` if the certificate is not good."""
        self._verified()

    def get_verified_chain(self) -> list[X509]:
        """Verify, and return the chain from the certificate to the trusted one (``X509_STORE_CTX_get0_chain``)."""
        return self._verified()

    def _verified(self) -> list[X509]:
        with clean_queue:
            context = lib.X509_STORE_CTX_new()
            context = own(context, lib.X509_STORE_CTX_free, CRYPTO_ERRORS, "X509_STORE_CTX_new")
            untrusted = self._untrusted()
            store = self._store._store  # kept while it is in use, though another thread may replace it
            started = lib.X509_STORE_CTX_init(context, store, self._cert._x509, untrusted)
            CRYPTO_ERRORS.check(started, "X509_STORE_CTX_init")
            if lib.X509_verify_cert(context) <= 0:
                raise self._failure(context)
            chain = lib.X509_STORE_CTX_get0_chain(context)
            found = list(map(X509._wrap, certificates_in(chain, CRYPTO_ERRORS)))
            # The context refers to the stack and the store: it goes first.
            ffi.release(context)
            ffi.release(untrusted)
            return found

    def _untrusted(self) -> CData:
        stack = own(lib.sk_X509_new_null(), lib.sk_X509_free, CRYPTO_ERRORS, "sk_X509_new_null")
        for certificate in self._chain:  # the stack owns nothing: the list does
            CRYPTO_ERRORS.check(lib.sk_X509_push(stack, certificate._x509), "sk_X509_push")
        return stack

    def _failure(self, context: CData) -> BaseException:
        code = lib.X509_STORE_CTX_get_error(context)
        if code == lib.X509_V_OK:  # nothing was found wrong: verification itself has failed
            return CRYPTO_ERRORS.failure("X509_verify_cert")
        message = ffi.string(lib.X509_verify_cert_error_string(code)).decode("utf-8")
        current = lib.X509_STORE_CTX_get_current_cert(context)
        certificate = self._cert if current == ffi.NULL else X509._wrap(shared_certificate(current, CRYPTO_ERRORS))
        return X509StoreContextError(message, [code, lib.X509_STORE_CTX_get_error_depth(context), message], certificate)
