"""Certificates and keys from bytes and to bytes (``OpenSSL.crypto.load_*`` and ``dump_*``)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from openssl_bio._core._lib import CData, ffi, lib
from openssl_bio._core.passphrase import PassphraseRequest
from openssl_bio._core.pem import load_certificate as _certificate
from openssl_bio._core.pem import load_private_key, load_public_key, written
from openssl_bio.pyopenssl._asn1 import algorithm_named
from openssl_bio.pyopenssl._crypto_errors import CRYPTO_ERRORS
from openssl_bio.pyopenssl._encoding import (
    FILETYPE_ASN1,
    FILETYPE_PEM,
    FILETYPE_TEXT,
    as_bytes,
    dumped,
    is_pem,
    of_three,
)
from openssl_bio.pyopenssl._pkey import TYPE_RSA, PKey, required_key
from openssl_bio.pyopenssl._x509 import X509

__all__ = [
    "FILETYPE_ASN1",
    "FILETYPE_PEM",
    "FILETYPE_TEXT",
    "PassphraseCallableT",
    "dump_certificate",
    "dump_privatekey",
    "dump_publickey",
    "load_certificate",
    "load_privatekey",
    "load_publickey",
]

# The passphrase, or what is called with 1 if a key is to be encrypted, else with 0.
PassphraseCallableT: TypeAlias = bytes | Callable[..., bytes]


def load_certificate(type: int, buffer: str | bytes) -> X509:
    """Read a certificate of type FILETYPE_PEM or FILETYPE_ASN1; `Error` if it is malformed."""
    data = as_bytes(buffer)
    return X509._wrap(_certificate(data, is_pem(type), CRYPTO_ERRORS, "load_certificate"))


def load_publickey(type: int, buffer: str | bytes) -> PKey:
    """Read a public key of type FILETYPE_PEM or FILETYPE_ASN1; `Error` if it is malformed."""
    data = as_bytes(buffer)
    return PKey._wrap(load_public_key(data, is_pem(type), CRYPTO_ERRORS, "load_publickey"), only_public=True)


def load_privatekey(type: int, buffer: str | bytes, passphrase: PassphraseCallableT | None = None) -> PKey:
    """Read a private key of type FILETYPE_PEM or FILETYPE_ASN1.

    ``passphrase`` is for an encrypted PEM key: bytes, or a function that is called with 0 and returns them; what it
    raises is raised here.  Raises `Error` if the key is malformed, or encrypted with another passphrase or without one
    being given (pyOpenSSL would ask at the terminal), ValueError for a passphrase that is no bytes or too long.
    """
    data = as_bytes(buffer)
    request = _request(type, passphrase)
    return PKey._wrap(load_private_key(data, is_pem(type), request, CRYPTO_ERRORS, "load_privatekey"))


def dump_certificate(type: int, cert: X509) -> bytes:
    """Write a certificate as FILETYPE_PEM, FILETYPE_ASN1, or FILETYPE_TEXT, which is for people to read."""
    if not isinstance(cert, X509):
        raise TypeError("cert must be an X509 instance")
    return dumped(type, cert._x509, (lib.PEM_write_bio_X509, lib.i2d_X509_bio, _print_certificate), "dump_certificate")


def dump_publickey(type: int, pkey: PKey) -> bytes:
    """Write the public half of a key as FILETYPE_PEM or FILETYPE_ASN1."""
    write = lib.PEM_write_bio_PUBKEY if is_pem(type) else lib.i2d_PUBKEY_bio
    key = required_key(pkey)
    return written(lambda bio: write(bio, key), CRYPTO_ERRORS, "dump_publickey")


def dump_privatekey(
    type: int, pkey: PKey, cipher: str | None = None, passphrase: PassphraseCallableT | None = None
) -> bytes:
    """Write a private key as FILETYPE_PEM, FILETYPE_ASN1, or, if it is RSA, FILETYPE_TEXT.

    A PEM key is encrypted if ``cipher`` names how, such as ``"aes-256-cbc"``, with ``passphrase``: bytes, or a
    function that is called with 1.  Raises ValueError for an unknown type or cipher, TypeError for a cipher without a
    passphrase, `Error` if OpenSSL cannot write the key.
    """
    of_three(type)
    if not isinstance(pkey, PKey):
        raise TypeError("pkey must be a PKey")
    method = _cipher(cipher, passphrase)
    request = _request(type, passphrase)
    key = required_key(pkey)
    if pkey._only_public:
        raise ValueError("Key only has public part")
    if type == FILETYPE_ASN1:
        return written(lambda bio: lib.i2d_PrivateKey_bio(bio, key), CRYPTO_ERRORS, "dump_privatekey")
    if type == FILETYPE_TEXT:
        if pkey.type() != TYPE_RSA:
            raise TypeError("Only RSA keys are supported for FILETYPE_TEXT")
        return written(lambda bio: lib.EVP_PKEY_print_private(bio, key, 0, ffi.NULL), CRYPTO_ERRORS, "dump_privatekey")

    def write(bio: CData) -> bool:
        done = lib.PEM_write_bio_PrivateKey(bio, key, method, ffi.NULL, 0, lib.py_passphrase, request.handle)
        request.raise_problem()
        return bool(done)

    return written(write, CRYPTO_ERRORS, "dump_privatekey")


def _print_certificate(bio: CData, certificate: CData) -> int:
    return int(lib.X509_print_ex(bio, certificate, 0, 0))


def _cipher(name: str | None, passphrase: PassphraseCallableT | None) -> CData:
    if name is None:
        return ffi.NULL
    if passphrase is None:
        raise TypeError("if a value is given for cipher one must also be given for passphrase")
    return algorithm_named(lib.EVP_get_cipherbyname, name, "Invalid cipher name")


def _request(type: int, passphrase: PassphraseCallableT | None) -> PassphraseRequest:
    if passphrase is None:
        return PassphraseRequest()
    if type != FILETYPE_PEM:
        raise ValueError("only FILETYPE_PEM key format supports encryption")
    if isinstance(passphrase, bytes):
        return PassphraseRequest(passphrase)
    if not callable(passphrase):
        raise TypeError("Last argument must be a byte string or a callable.")
    ask = passphrase
    return PassphraseRequest(lambda _maxlen, writing: ask(int(writing)))
