"""Certificates and keys from anywhere: paths, bytes, objects of other packages, and lists of those.

Theory of operation.  A *source* is what a user has: a path (``str`` or ``os.PathLike``), the bytes of PEM, DER or
PKCS#12, PEM as text, a URI, a certificate or key of ``cryptography`` or of pyOpenSSL's face, or, for certificates, an
iterable of sources.  What is in the bytes is found out from them.  Each source has a name that says in errors which one
it was; the bytes themselves never get into an error, since they may be a secret.

Everything here raises `LoadError`, which belongs to neither face, or OSError for a file that cannot be read.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, TypeAlias

from openssl_bio._core._lib import CData, ffi, lib
from openssl_bio._core.errors import clean_queue, take_queue
from openssl_bio._core.load_errors import LOAD_ERRORS, LoadError
from openssl_bio._core.passphrase import NO_PASSPHRASE, PassphraseRequest
from openssl_bio._core.pem import input_bio, load_certificates, load_private_key
from openssl_bio._core.pointers import own, taken_certificates
from openssl_bio._core.records import Record
from openssl_bio._core.uris import is_uri, load_uri

__all__ = [
    "Loaded",
    "Passphrase",
    "Source",
    "certificates_of",
    "content_of",
    "each_of",
    "is_object",
    "key_of",
    "pkcs12_of",
    "pointer_of",
]

# What a certificate or a key is loaded from; see the module's theory of operation.
Source: TypeAlias = Any
# The passphrase of a key or of a PKCS#12 file, or what is called for it, without arguments, when it is needed.
Passphrase: TypeAlias = str | bytes | bytearray | Callable[[], str | bytes | bytearray] | None

_PEM = b"-----BEGIN "
# What tells the objects that are sources: of cryptography, and of pyOpenSSL's face.
_OF_OBJECTS = (
    *("public_bytes", "private_bytes", "additional_certs"),
    *("to_cryptography", "to_cryptography_key", "get_ca_certificates"),
)


class Loaded(Record):
    """What one source has: certificates, the first of which a key belongs to if there is one, and that key."""

    __slots__ = ("certificates", "key")

    def __init__(self, certificates: tuple[CData, ...] = (), key: CData | None = None) -> None:
        self.certificates: Final = certificates
        self.key: Final = key


def certificates_of(source: Source, what: str) -> tuple[CData, ...]:
    """The certificates of a source, at least one: owned X509s in the order in which they are there."""
    found = tuple(certificate for one in each_of(source) for certificate in _certificates(one, what))
    if not found:
        raise LoadError(f"the {what} has no certificates: it is empty")
    return found


def key_of(source: Source, passphrase: Passphrase, what: str = "private key") -> CData:
    """The private key of a source: an owned EVP_PKEY."""
    pointer = pointer_of(source, "_pkey", "EVP_PKEY *")
    if pointer is not None:
        if getattr(source, "_only_public", False):
            raise LoadError(f"the {what} is a public key")
        with clean_queue:
            lib.EVP_PKEY_up_ref(pointer)
            return own(pointer, lib.EVP_PKEY_free, LOAD_ERRORS, what)
    if is_uri(source):
        name = f"the {what} {source!r}"
        _certificates_there, keys = load_uri(source, _request(passphrase), LOAD_ERRORS, name)
        if not keys:
            raise LoadError(f"{name}: there is no private key")
        return keys[0]
    name, data = content_of(source, what)
    return _key(data, _request(passphrase), name)


def pkcs12_of(source: Source, passphrase: Passphrase, what: str) -> Loaded | None:
    """What a source has if it is a PKCS#12 file, or what one was parsed to: its certificates and its key; or None."""
    parsed = _parsed_pkcs12(source, what)
    if parsed is not None:
        return parsed
    if not isinstance(source, str | os.PathLike | bytes | bytearray | memoryview) or is_uri(source):
        return None
    name, data = content_of(source, what)
    if _PEM in data:
        return None
    with input_bio(data, LOAD_ERRORS) as bio:
        pkcs12 = lib.d2i_PKCS12_bio(bio, ffi.NULL)
        if pkcs12 == ffi.NULL:
            return None
        return _opened(own(pkcs12, lib.PKCS12_free, LOAD_ERRORS, name), _plain(passphrase), name)


def _parsed_pkcs12(source: Source, what: str) -> Loaded | None:
    """What is in a PKCS#12 object of ``cryptography``, or of pyOpenSSL's face."""
    if hasattr(source, "additional_certs"):
        found = [one.certificate for one in (source.cert, *source.additional_certs) if one is not None]
        key = source.key
    elif hasattr(source, "get_ca_certificates"):
        found = [one for one in (source.get_certificate(), *(source.get_ca_certificates() or ())) if one is not None]
        key = source.get_privatekey()
    else:
        return None
    certificates = tuple(certificate for one in found for certificate in _certificates(one, what))
    return Loaded(certificates, None if key is None else key_of(key, None))


def _plain(passphrase: Passphrase) -> bytes | None:
    """The passphrase itself."""
    given = passphrase() if callable(passphrase) else passphrase
    if given is None:
        return None
    if not isinstance(given, str | bytes | bytearray):
        raise TypeError(f"a passphrase is a str or bytes, not {type(given).__name__}")
    plain = given.encode() if isinstance(given, str) else bytes(given)
    if b"\0" in plain:
        raise ValueError("a passphrase has no NUL in it")
    return plain


def _request(passphrase: Passphrase) -> PassphraseRequest:
    """What libcrypto asks when it meets an encrypted key."""
    if not callable(passphrase):
        return PassphraseRequest(_plain(passphrase))
    return PassphraseRequest(lambda _room, _writing: _plain(passphrase) or b"")


# -- what a source is --------------------------------------------------------------------------------------------------


def each_of(source: Source) -> Iterator[Source]:
    """The sources in a source, which may be nested."""
    is_one = isinstance(source, str | bytes | bytearray | memoryview | os.PathLike) or not isinstance(source, Iterable)
    if is_one or hasattr(source, "public_bytes"):  # cryptography's CRLs are iterable
        yield source
        return
    for part in source:
        yield from each_of(part)


def is_object(source: object) -> bool:
    """Whether this looks like an object of ``cryptography`` or of pyOpenSSL's face, and not like a path or bytes."""
    return any(hasattr(source, name) for name in _OF_OBJECTS)


def pointer_of(source: object, attribute: str, kind: str) -> CData | None:
    """The C object of one of our own face's objects; another package's pyOpenSSL has another libcrypto."""
    pointer = getattr(source, attribute, None)
    ours = isinstance(pointer, ffi.CData) and ffi.typeof(pointer) is ffi.typeof(kind)
    return pointer if ours else None


def content_of(source: Source, what: str) -> tuple[str, bytes]:
    """What to call a source in errors, and its bytes."""
    if isinstance(source, bytes | bytearray | memoryview):
        return f"the {what} (bytes)", bytes(source)
    if isinstance(source, str) and "-----BEGIN " in source:
        return f"the {what} (text)", source.encode("ascii", "replace")
    if isinstance(source, str | os.PathLike):
        with clean_queue, open(source, "rb") as file:
            return f"the {what} {os.fspath(source)!r}", file.read()
    for convert in ("to_cryptography", "to_cryptography_key"):
        source = getattr(source, convert, lambda source=source: source)()
    return f"the {what}", _exported(source, what)


def _exported(source: Any, what: str) -> bytes:
    """DER of an object of ``cryptography``."""
    if not (hasattr(source, "private_bytes") or (hasattr(source, "public_bytes") and hasattr(source, "serial_number"))):
        raise TypeError(
            f"a {what} is a path, bytes, or an object of cryptography or openssl_bio.crypto, "
            f"not {type(source).__name__}"
        )
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    if hasattr(source, "private_bytes"):
        return bytes(source.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()))
    return bytes(source.public_bytes(Encoding.DER))


# -- what is in the bytes ----------------------------------------------------------------------------------------------


def _certificates(source: Source, what: str) -> list[CData]:
    pointer = pointer_of(source, "_x509", "X509 *")
    if pointer is not None:
        with clean_queue:
            return [own(lib.X509_dup(pointer), lib.X509_free, LOAD_ERRORS, f"the {what} is not complete")]
    if is_uri(source):
        return load_uri(source, PassphraseRequest(), LOAD_ERRORS, f"the {what} {source!r}")[0]
    name, data = content_of(source, what)
    if _PEM in data:
        return load_certificates(data, LOAD_ERRORS, f"{name} has no certificate that can be read")
    return _der_certificates(data, name)


def _der_certificates(data: bytes, name: str) -> list[CData]:
    """Certificates in DER, one after another."""
    found: list[CData] = []
    with input_bio(data, LOAD_ERRORS) as bio:
        while not found or lib.BIO_ctrl_pending(bio):
            pointer = lib.d2i_X509_bio(bio, ffi.NULL)
            found.append(own(pointer, lib.X509_free, LOAD_ERRORS, f"{name} is neither PEM nor DER certificates"))
    return found


def _key(data: bytes, request: PassphraseRequest, name: str) -> CData:
    try:
        if _PEM in data:
            return load_private_key(data, True, request, LOAD_ERRORS, f"{name} cannot be read")
        return _der_key(data, request, name)
    except LoadError as error:
        if request.asked:
            raise LoadError(f"{name} cannot be decrypted: the passphrase is wrong") from error
        raise


def _der_key(data: bytes, request: PassphraseRequest, name: str) -> CData:
    with input_bio(data, LOAD_ERRORS) as bio:
        key = lib.d2i_PrivateKey_bio(bio, ffi.NULL)
    if key == ffi.NULL:
        with input_bio(data, LOAD_ERRORS) as bio:
            key = lib.d2i_PKCS8PrivateKey_bio(bio, ffi.NULL, lib.py_passphrase, request.handle)
            request.raise_problem()
            if key == ffi.NULL:
                why = NO_PASSPHRASE if request.missing else "it is neither a PEM nor a DER key"
                raise LOAD_ERRORS.failure(f"{name}: {why}")
    return own(key, lib.EVP_PKEY_free, LOAD_ERRORS, name)


def _opened(pkcs12: CData, passphrase: bytes | None, name: str) -> Loaded:
    key, leaf, others = ffi.new("EVP_PKEY **"), ffi.new("X509 **"), ffi.new("struct stack_st_X509 **")
    if not lib.PKCS12_parse(pkcs12, ffi.NULL if passphrase is None else passphrase, key, leaf, others):
        raise _not_opened(name, passphrase is None)
    certificates = [] if others[0] == ffi.NULL else taken_certificates(others[0], LOAD_ERRORS, "PKCS12_parse")
    if leaf[0] != ffi.NULL:
        certificates.insert(0, own(leaf[0], lib.X509_free, LOAD_ERRORS, name))
    owned_key = None if key[0] == ffi.NULL else own(key[0], lib.EVP_PKEY_free, LOAD_ERRORS, name)
    return Loaded(tuple(certificates), owned_key)


def _not_opened(name: str, without: bool) -> BaseException:
    records = take_queue()
    if any(lib.ERR_GET_REASON(record.code) == lib.ERR_R_UNSUPPORTED for record in records):
        return LoadError(f"{name} is encrypted with an algorithm that this OpenSSL has not loaded")
    return LoadError(f"{name} cannot be opened: {'no passphrase was given' if without else 'the passphrase is wrong'}")
