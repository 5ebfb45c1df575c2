"""Certificates and keys of a context: from files and bytes."""

from __future__ import annotations

import os
import ssl
import sys
import warnings
from collections.abc import Callable
from typing import Any, TypeAlias

from openssl_bio._core._lib import CData, ffi, lib
from openssl_bio._core.errors import ErrorRecord, Kind, Outcome, clean_queue, take_queue
from openssl_bio._core.passphrase import PassphraseRequest
from openssl_bio._core.pem import input_bio, load_certificates, load_parameters, load_private_key
from openssl_bio._core.pointers import own
from openssl_bio._core.settings import SettingsCore
from openssl_bio._core.trust import bundle_bytes
from openssl_bio.stdlib._certificates import certificate_dict, der
from openssl_bio.stdlib._constants import Purpose
from openssl_bio.stdlib._errors import SETUP_ERRORS, described, number
from openssl_bio.stdlib._private import _ASN1Object

__all__ = ["FileSettings"]

Path: TypeAlias = str | bytes | os.PathLike[str] | os.PathLike[bytes]
Password: TypeAlias = str | bytes | bytearray | Callable[[], str | bytes | bytearray]

_LONGEST_PASSWORD = 1024
# What OpenSSL says of a file that is not as it should be, after what its PEM reader said: by library.
_PEM_LIB = {
    "SSL": ErrorRecord(lib.ERR_LIB_SSL << 23 | lib.ERR_R_PEM_LIB, "SSL routines", "PEM lib"),
    "X509": ErrorRecord(lib.ERR_LIB_X509 << 23 | lib.ERR_R_PEM_LIB, "x509 certificate routines", "PEM lib"),
}
_NO_START_LINE = ErrorRecord(lib.ERR_LIB_PEM << 23 | lib.PEM_R_NO_START_LINE, "PEM routines", "no start line")


class FileSettings(SettingsCore):
    """The part of `SSLContext` that loads certificates and keys."""

    _windows_cert_stores = ("CA", "ROOT")

    def load_cert_chain(self, certfile: Path, keyfile: Path | None = None, password: Password | None = None) -> None:
        """Use the certificate, its chain and its key from PEM files; the key is in ``certfile`` if not named.

        The password of an encrypted key is a str, bytes, or what is called for it; it is never asked at the terminal.
        OSError for a file that cannot be read, ``ssl.SSLError`` for one without what is wanted and for a key that is
        not the certificate's.  Nothing is changed by a failure.
        """
        request = PassphraseRequest(_password(password))
        leaf, *chain = _as_libssl("SSL", load_certificates, _content(certfile, "certfile"), SETUP_ERRORS, str(certfile))
        content = _content(certfile if keyfile is None else keyfile, "keyfile")
        key = _as_libssl("SSL", load_private_key, content, True, request, SETUP_ERRORS, str(keyfile))
        with clean_queue:
            SETUP_ERRORS.check(lib.X509_check_private_key(leaf, key), "the key is not the certificate's")
        self._use_pair(leaf, chain, key)

    def load_verify_locations(
        self, cafile: Path | None = None, capath: Path | None = None, cadata: str | bytes | None = None
    ) -> None:
        """Trust the certificates of a PEM file, of a directory of files named by hash, of PEM text or DER bytes.

        CRLs of the file are used as well. TypeError if all are omitted, OSError for a file that cannot be read,
        ``ssl.SSLError`` for malformed certificates, and where there are none. A directory need not exist.
        """
        if cafile is None and capath is None and cadata is None:
            raise TypeError("cafile, capath and cadata cannot be all omitted")
        directory = None if capath is None else _path(capath, "capath")
        certificates = [] if cadata is None else _parsed(cadata)
        content = b"" if cafile is None else _bundle_content(cafile)
        with self._trust.all_or_nothing():
            if cafile is not None:
                _as_libssl("X509", self._trust.load_pem, content, repr(cafile))
            for certificate in certificates:
                self._trust.add_certificate(certificate)
            if directory is not None:
                self._trust.add_directory(directory)

    def set_default_verify_paths(self) -> None:
        """Trust what the system's OpenSSL trusts, or ``SSL_CERT_FILE`` and ``SSL_CERT_DIR`` name."""
        self._trust.load_default_paths()

    def load_default_certs(self, purpose: Any = Purpose.SERVER_AUTH) -> None:
        """Trust what the system trusts for a purpose. TypeError unless it is a `Purpose`."""
        if not isinstance(purpose, _ASN1Object):
            raise TypeError(purpose)
        if sys.platform == "win32":
            for store in self._windows_cert_stores:
                self._load_windows_store_certs(store, purpose)
        self.set_default_verify_paths()

    def _load_windows_store_certs(self, storename: str, purpose: Any) -> None:
        if sys.platform == "win32":
            try:
                for data, encoding, trust in ssl.enum_certificates(storename):
                    if encoding == "x509_asn" and (trust is True or purpose.oid in trust):
                        self._load_windows_certificate(data)
            except PermissionError:
                warnings.warn("unable to enumerate Windows certificate store", stacklevel=2)

    def _load_windows_certificate(self, data: bytes) -> None:
        try:
            self.load_verify_locations(cadata=data)
        except ssl.SSLError as error:
            warnings.warn(f"Bad certificate in Windows certificate store: {error}", stacklevel=3)

    def get_ca_certs(self, binary_form: bool = False) -> Any:
        """The trusted certificates of authorities, as dicts or in DER; those of directories once they were needed."""
        convert: Callable[[CData], Any] = der if binary_form else certificate_dict
        return [convert(certificate) for certificate in self._trust.certificates() if lib.X509_check_ca(certificate)]

    def cert_store_stats(self) -> dict[str, int]:
        """How many certificates, CRLs, and certificates of authorities are trusted."""
        certificates = self._trust.certificates()
        authorities = sum(1 for certificate in certificates if lib.X509_check_ca(certificate))
        return {"x509": len(certificates), "crl": self._trusted_crls(), "x509_ca": authorities}

    def load_dh_params(self, path: Path, /) -> None:
        """Use the DH parameters of a PEM file. OSError if it cannot be read, ``ssl.SSLError`` if it has none."""
        content = _content(path, "path")
        if b"DH PARAMETERS-----" not in content:
            raise SETUP_ERRORS.error(Outcome(Kind.SSL, (_NO_START_LINE,)))
        self._set_tmp_dh(load_parameters(content, SETUP_ERRORS, "no DH parameters"))


def _path(path: Any, name: str) -> Any:
    try:
        return os.fspath(path)
    except TypeError:
        raise TypeError(f"{name} should be a valid filesystem path") from None


def _content(path: Any, name: str) -> bytes:
    with clean_queue, open(_path(path, name), "rb") as file:
        return file.read()


def _bundle_content(cafile: Any) -> bytes:
    """What a file of trusted certificates has, which is read again only if it has changed."""
    path = _path(cafile, "cafile")
    return bundle_bytes(path, lambda: _content(path, "cafile"))


def _as_libssl(library: str, load: Callable[..., Any], *arguments: Any) -> Any:
    """Load from PEM, with the error that OpenSSL's own functions for files give."""
    try:
        return load(*arguments)
    except ssl.SSLError as error:
        if error.reason == "NO_CERTIFICATE_OR_CRL_FOUND":
            raise
        raise SETUP_ERRORS.error(Outcome(Kind.SSL, (_PEM_LIB[library],))) from error


def _password(password: Any) -> bytes | Callable[[int, bool], bytes] | None:
    if password is None:
        return None
    if not callable(password):
        return _password_bytes(password, "password should be a string or callable")
    return lambda _room, _writing: _password_bytes(password(), "password callback must return a string")


def _password_bytes(given: object, otherwise: str) -> bytes:
    if not isinstance(given, str | bytes | bytearray):
        raise TypeError(otherwise)
    password = given.encode() if isinstance(given, str) else bytes(given)
    if len(password) > _LONGEST_PASSWORD:
        raise ValueError(f"password cannot be longer than {_LONGEST_PASSWORD} bytes")
    return password


def _parsed(data: Any) -> list[CData]:
    """The certificates of PEM text, or of DER bytes one after another."""
    if isinstance(data, str):
        try:
            content = data.encode("ascii")
        except UnicodeEncodeError:
            raise TypeError("cadata should be an ASCII string or a bytes-like object") from None
    else:
        try:
            content = bytes(memoryview(data))
        except TypeError:
            raise TypeError("cadata should be an ASCII string or a bytes-like object") from None
    if not content:
        raise ValueError("Empty certificate data")
    return _read_all(content, pem=isinstance(data, str))


def _read_all(content: bytes, *, pem: bool) -> list[CData]:
    found: list[CData] = []
    request = PassphraseRequest()
    records: tuple[ErrorRecord, ...] = ()
    with input_bio(content, SETUP_ERRORS) as bio:
        while lib.BIO_ctrl_pending(bio) and not records:
            if pem:
                pointer = lib.PEM_read_bio_X509(bio, ffi.NULL, lib.py_passphrase, request.handle)
            else:
                pointer = lib.d2i_X509_bio(bio, ffi.NULL)
            if pointer == ffi.NULL:
                records = take_queue()
            else:
                found.append(own(pointer, lib.X509_free, SETUP_ERRORS, "cadata"))
    # After the last certificate PEM may go on with something else, and DER may not.
    ended = not records or (pem and number(records[-1]) == lib.PEM_R_NO_START_LINE)
    if not found and (ended or not pem):
        missing = "no start line" if pem else "not enough data"
        raise described(ssl.SSLError, 0, None, f"{missing}: cadata does not contain a certificate")
    if not ended:
        raise SETUP_ERRORS.error(Outcome(Kind.SSL, records))
    return found
