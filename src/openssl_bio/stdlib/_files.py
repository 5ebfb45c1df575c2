"""What a context trusts: from files, bytes and objects."""

from __future__ import annotations

import ssl
import sys
import warnings
from collections.abc import Callable
from typing import Any

from openssl_bio._core._lib import CData, ffi, lib
from openssl_bio._core.errors import ErrorRecord, Kind, Outcome, clean_queue, take_queue
from openssl_bio._core.passphrase import PassphraseRequest
from openssl_bio._core.pem import input_bio
from openssl_bio._core.pointers import own
from openssl_bio._core.settings import SettingsCore
from openssl_bio._core.trust import bundle_bytes
from openssl_bio.stdlib._certificates import certificate_dict, der
from openssl_bio.stdlib._constants import Purpose
from openssl_bio.stdlib._errors import SETUP_ERRORS, described, number
from openssl_bio.stdlib._key_files import as_libssl
from openssl_bio.stdlib._paths import Path, has_pem, is_der, is_path, path_of, read
from openssl_bio.stdlib._private import _ASN1Object

__all__ = ["FileSettings"]


class FileSettings(SettingsCore):
    """The part of `SSLContext` that loads what is trusted."""

    _windows_cert_stores = ("CA", "ROOT")

    def load_verify_locations(self, cafile: Any = None, capath: Path | None = None, cadata: Any = None) -> None:
        """Trust the certificates of a PEM file, of a directory of files named by hash, of PEM text or DER bytes.

        CRLs of the file are used as well. Beyond Python's ``ssl``, ``cafile`` and ``cadata`` may be PEM or DER in
        bytes, bytearray or memoryview, certificates and CRLs of ``cryptography`` and of `openssl_bio.crypto`, whole
        stores (`openssl_bio.TrustStore`, ``crypto.X509Store``), and lists of all these; ``cafile`` may be a URI of
        OpenSSL's stores, too. A str is a path in ``cafile`` and PEM in ``cadata``.

        TypeError if all are omitted or for what is none of these, OSError for a file that cannot be read,
        ``ssl.SSLError`` for malformed certificates, and where there are none. A directory need not exist. All is
        trusted in the end, or if anything fails nothing more than before.
        """
        if cafile is None and capath is None and cadata is None:
            raise TypeError("cafile, capath and cadata cannot be all omitted")
        directory = None if capath is None else path_of(capath, "capath")
        add = [self._adding_data(cadata)] if cadata is not None else []
        if cafile is not None:
            add.insert(0, self._adding_file(cafile))
        with self._trust.all_or_nothing():
            for step in add:
                step()
            if directory is not None:
                self._trust.add_directory(directory)

    def _adding_file(self, cafile: Any) -> Callable[[], None]:
        """What adds the certificates of a file, or of what is given in its place."""
        if not is_path(cafile):
            from openssl_bio.stdlib._sources import trusted

            others = trusted(cafile, "cafile")
            return lambda: self._trust.join(others)
        content = bundle_bytes(path_of(cafile, "cafile"), lambda: read(cafile, "cafile"))
        if is_der(content):
            from openssl_bio.stdlib._sources import trusted

            others = trusted(content, "cafile")
            return lambda: self._trust.join(others)
        return lambda: as_libssl("X509", self._trust.load_pem, content, repr(cafile))

    def _adding_data(self, cadata: Any) -> Callable[[], None]:
        """What adds the certificates of ``cadata``."""
        if not _is_plain(cadata):
            from openssl_bio.stdlib._sources import trusted_data

            others = trusted_data(cadata)
            return lambda: self._trust.join(others)
        certificates = _parsed(cadata)

        return lambda: self._trust.add_certificates(certificates)

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
        return [convert(certificate) for certificate in self._trust.certificates() if _is_authority(certificate)]

    def cert_store_stats(self) -> dict[str, int]:
        """How many certificates, CRLs, and certificates of authorities are trusted."""
        certificates = self._trust.certificates()
        authorities = sum(map(_is_authority, certificates))
        return {"x509": len(certificates), "crl": self._trusted_crls(), "x509_ca": authorities}


def _is_authority(certificate: CData) -> bool:
    with clean_queue:  # libcrypto tells there of extensions that are malformed
        return bool(lib.X509_check_ca(certificate))


def _is_plain(cadata: Any) -> bool:
    """Whether this is what Python's ``ssl`` takes: text, or bytes that are no PEM."""
    try:
        return isinstance(cadata, str) or not has_pem(bytes(memoryview(cadata)))
    except TypeError:
        return False


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
