"""Certificates and keys of contexts and connections: from files, bytes and objects."""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from openssl_bio._core._lib import lib
from openssl_bio._core.errors import ErrorRecord, Kind, Outcome, clean_queue
from openssl_bio._core.passphrase import PassphraseRequest
from openssl_bio._core.pem import load_certificates, load_parameters, load_private_key
from openssl_bio._core.twins import TwinSettings
from openssl_bio.stdlib._errors import SETUP_ERRORS, described, number
from openssl_bio.stdlib._paths import Path, is_der, is_path, read
from openssl_bio.stdlib._settable import Settable

if TYPE_CHECKING:
    from openssl_bio.stdlib._sources import Password

__all__ = ["KeyFiles", "as_libssl"]

GivenPassword: TypeAlias = str | bytes | bytearray | Callable[[], str | bytes | bytearray]

_LONGEST_PASSWORD = 1024
# What OpenSSL says of a file that is not as it should be, after what its PEM reader said: by library.
_PEM_LIB = {
    "SSL": ErrorRecord(lib.ERR_LIB_SSL << 23 | lib.ERR_R_PEM_LIB, "SSL routines", "PEM lib"),
    "X509": ErrorRecord(lib.ERR_LIB_X509 << 23 | lib.ERR_R_PEM_LIB, "x509 certificate routines", "PEM lib"),
}
_NO_START_LINE = ErrorRecord(lib.ERR_LIB_PEM << 23 | lib.PEM_R_NO_START_LINE, "PEM routines", "no start line")


class KeyFiles(Settable):
    """The settings that are certificates and keys."""

    def load_cert_chain(self, certfile: Any, keyfile: Any = None, password: GivenPassword | None = None) -> None:
        """Use a certificate, its chain and its key; the key is where ``certfile`` is if there is no ``keyfile``.

        They are paths of PEM files, as in Python's ``ssl``: str, bytes or os.PathLike. Beyond that they may be PEM or
        DER in bytes, bytearray or memoryview, files of DER, objects of ``cryptography`` and of `openssl_bio.crypto`,
        and URIs of OpenSSL's stores (``pkcs11:`` ...); ``certfile`` may be PKCS#12, or a list: the chain behind the
        certificate. What is no PEM file has to be a chain in order. No file is opened for what is given in memory.

        The password of an encrypted key is a str, bytes, or what is called for it; it is never asked at the terminal.
        OSError for a file that cannot be read, TypeError for what is none of these, ``ssl.SSLError`` for one without
        what is wanted, for a wrong password, for a key that is not the certificate's, and for a chain in disorder: the
        message says which. Nothing is changed by a failure.
        """
        target, secret = self._to_set("certificates"), _password(password)
        if is_path(certfile) and (keyfile is None or is_path(keyfile)):
            chain = read(certfile, "certfile")
            key = chain if keyfile is None else read(keyfile, "keyfile")
            if not is_der(chain) and not is_der(key):
                name = certfile if keyfile is None else keyfile
                _use_pem(target, chain, key, secret, os.fspath(name))
                return
        from openssl_bio.stdlib._sources import loaded

        credential = loaded(certfile, keyfile, secret)
        target._use_pair(credential._certificate, credential._chain, credential._key)

    def load_dh_params(self, path: Path, /) -> None:
        """Use the DH parameters of a PEM file. OSError if it cannot be read, ``ssl.SSLError`` if it has none."""
        target, content = self._to_set("DH parameters"), read(path, "path")
        if b"DH PARAMETERS-----" not in content:
            raise SETUP_ERRORS.error(Outcome(Kind.SSL, (_NO_START_LINE,)))
        target._set_tmp_dh(load_parameters(content, SETUP_ERRORS, "no DH parameters"), content)


def _use_pem(target: TwinSettings, chain: bytes, key: bytes, password: Password, name: Any) -> None:
    """Use what is in PEM files: as in libssl, the chain may be anything."""
    leaf, *others = as_libssl("SSL", load_certificates, chain, SETUP_ERRORS, "certfile")
    request = PassphraseRequest((lambda _room, _writing: password()) if callable(password) else password)
    try:
        pointer = load_private_key(key, True, request, SETUP_ERRORS, "keyfile")
    except ssl.SSLError as error:
        why = "the password is wrong" if request.asked else "no password was given" if request.missing else ""
        addition = f": the private key {name!r} cannot be decrypted: {why}" if why else ""
        raise _pem_error("SSL", addition) from error
    with clean_queue:
        SETUP_ERRORS.check(lib.X509_check_private_key(leaf, pointer), "the key is not the certificate's")
    target._use_pair(leaf, others, pointer)


def as_libssl(library: str, load: Callable[..., Any], *arguments: Any) -> Any:
    """Load from PEM, with the error that OpenSSL's own functions for files give."""
    try:
        return load(*arguments)
    except ssl.SSLError as error:
        if error.reason == "NO_CERTIFICATE_OR_CRL_FOUND":
            raise
        raise _pem_error(library) from error


def _pem_error(library: str, addition: str = "") -> ssl.SSLError:
    record = _PEM_LIB[library]
    return described(ssl.SSLError, number(record), record, record.reason, addition)


def _password(password: Any) -> Password:
    if password is None:
        return None
    if not callable(password):
        return _password_bytes(password, "password should be a string or callable")
    return lambda: _password_bytes(password(), "password callback must return a string")


def _password_bytes(given: object, otherwise: str) -> bytes:
    if not isinstance(given, str | bytes | bytearray):
        raise TypeError(otherwise)
    password = given.encode() if isinstance(given, str) else bytes(given)
    if len(password) > _LONGEST_PASSWORD:
        raise ValueError(f"password cannot be longer than {_LONGEST_PASSWORD} bytes")
    return password
