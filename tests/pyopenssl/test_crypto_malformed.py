"""Every loader against input that is cut, changed or no input at all: an Error that says something, never a crash."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.serialization import pkcs7

from openssl_bio import crypto
from tests.pyopenssl.test_crypto_certificates import LEAF, converted
from tests.pyopenssl.test_crypto_pkcs12 import full
from tests.pyopenssl.test_crypto_requests import new_request
from tests.pyopenssl.test_crypto_revocation import new_crl, new_entry

Load = Callable[[bytes], Any]
PLACES = 150
RUBBISH = [b"", b"\0", b"\x30", b"\x30\x80", b"\x30\x84\xff\xff\xff\xff", b"\xff" * 99, b"0" * 9999]

_SIGNED = pkcs7.PKCS7SignatureBuilder().set_data(b"data").add_signer(LEAF[0], LEAF[1], hashes.SHA256())
_REQUEST = new_request(crypto.X509Extension(b"subjectAltName", False, b"DNS:a.test"))
_DER = crypto.FILETYPE_ASN1
_SPKI = crypto.dump_publickey(crypto.FILETYPE_ASN1, converted(LEAF).get_pubkey())
_PKCS8 = LEAF[1].private_bytes(
    serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
)


def _look(request: crypto.X509Req) -> None:
    request.get_extensions()
    request.verify(request.get_pubkey())
    request.get_subject().get_components()


def _read(crl: crypto.CRL) -> None:
    for entry in crl.get_revoked() or ():
        entry.get_serial(), entry.get_reason(), entry.get_rev_date()
    crypto.dump_crl(crypto.FILETYPE_TEXT, crl)


def _inspect(certificate: crypto.X509) -> None:
    for index in range(certificate.get_extension_count()):
        str(certificate.get_extension(index))
    certificate.get_notAfter(), certificate.get_serial_number(), certificate.get_subject().get_components()
    certificate.get_pubkey().bits()


# DER, the loader for it, and what then reads it: which may raise Error too.
FORMATS: dict[str, tuple[bytes, Load]] = {
    "CERTIFICATE": (
        crypto.dump_certificate(_DER, converted(LEAF)),
        lambda data: _inspect(crypto.load_certificate(_DER, data)),
    ),
    "CERTIFICATE REQUEST": (
        crypto.dump_certificate_request(_DER, _REQUEST),
        lambda data: _look(crypto.load_certificate_request(_DER, data)),
    ),
    "X509 CRL": (
        crypto.dump_crl(_DER, new_crl(new_entry(), new_entry(b"07", None))),
        lambda data: _read(crypto.load_crl(_DER, data)),
    ),
    "PKCS7": (
        _SIGNED.sign(serialization.Encoding.DER, []),
        lambda data: crypto.load_pkcs7_data(_DER, data).get_type_name(),
    ),
    "PRIVATE KEY": (_PKCS8, lambda data: crypto.load_privatekey(_DER, data).bits()),
    "PUBLIC KEY": (
        _SPKI,
        lambda data: crypto.load_publickey(_DER, data).bits(),
    ),
    # Few rounds: it is read hundreds of times.
    "PKCS12": (full().export(b"x", 1, 1), lambda data: crypto.load_pkcs12(data, b"x")),
}
PEM_LOADERS: dict[str, Load] = {
    "CERTIFICATE": lambda data: crypto.load_certificate(crypto.FILETYPE_PEM, data),
    "CERTIFICATE REQUEST": lambda data: crypto.load_certificate_request(crypto.FILETYPE_PEM, data),
    "X509 CRL": lambda data: crypto.load_crl(crypto.FILETYPE_PEM, data),
    "PKCS7": lambda data: crypto.load_pkcs7_data(crypto.FILETYPE_PEM, data),
    "PRIVATE KEY": lambda data: crypto.load_privatekey(crypto.FILETYPE_PEM, data),
    "PUBLIC KEY": lambda data: crypto.load_publickey(crypto.FILETYPE_PEM, data),
}


def places(size: int) -> Iterator[int]:
    """Indices all over, and every one of the first and last few bytes."""
    yield from sorted({*range(min(size, 24)), *range(0, size, max(1, size // PLACES)), *range(max(0, size - 8), size)})


def refused(load: Load, data: bytes) -> None:
    with pytest.raises(crypto.Error) as caught:
        load(data)
    assert caught.value.args[0]
    assert all(len(record) == 3 for record in caught.value.args[0])


def survived(load: Load, data: bytes) -> bool:
    """Whether it loads; if not, it must be an Error that says something."""
    said: list[object] = [None]
    try:
        load(data)
    except crypto.Error as error:
        said = error.args[0]
        loads = False
    else:
        loads = True
    assert said
    return loads


@pytest.mark.parametrize("name", FORMATS)
def test_truncated(name: str) -> None:
    """DER that ends too early is refused, wherever it ends."""
    data, load = FORMATS[name]
    load(data)
    for end in places(len(data)):
        refused(load, data[:end])


@pytest.mark.parametrize("name", FORMATS)
def test_flipped(name: str) -> None:
    """A changed bit is refused with an Error, or is in a place where it does not matter to the format."""
    data, load = FORMATS[name]
    outcomes = []
    for place in places(len(data)):
        for bit in (1, 0x20, 0x80):
            changed = bytearray(data)
            changed[place] ^= bit
            outcomes.append(survived(load, bytes(changed)))
    assert not all(outcomes)


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize(
    "data", [b"", b"\0", b"\x30", b"\x30\x80", b"\x30\x84\xff\xff\xff\xff", b"\xff" * 99, b"0" * 9999]
)
def test_rubbish(name: str, data: bytes) -> None:
    """What is no DER of any kind is refused."""
    refused(FORMATS[name][1], data)


@pytest.mark.parametrize("name", PEM_LOADERS)
def test_pem(name: str) -> None:
    """PEM that is cut, of another kind, without content, or with a NUL in it is refused."""
    der, load = FORMATS[name][0], PEM_LOADERS[name]
    body = base64.encodebytes(der)
    text = b"-----BEGIN %b-----\n%b-----END %b-----\n" % (name.encode(), body, name.encode())
    load(text)
    for end in places(len(text) - 7):  # the last dashes and the newline may be missing
        refused(load, text[:end])
    other = name.encode()[::-1]
    for wrong in (b"", text.replace(body, b""), text.replace(name.encode(), other), text.replace(body[:4], b"\0" * 4)):
        refused(load, wrong)


@pytest.mark.parametrize("name", PEM_LOADERS)
def test_wrong_arguments(name: str) -> None:
    """A wrong type of file and what is no bytes have the original's exceptions."""
    loaders: dict[str, Callable[[Any, Any], Any]] = {
        "CERTIFICATE": crypto.load_certificate,
        "CERTIFICATE REQUEST": crypto.load_certificate_request,
        "X509 CRL": crypto.load_crl,
        "PKCS7": crypto.load_pkcs7_data,
        "PRIVATE KEY": crypto.load_privatekey,
        "PUBLIC KEY": crypto.load_publickey,
    }
    load = loaders[name]
    for type in (0, 3, crypto.FILETYPE_TEXT, "PEM", None):
        with pytest.raises(ValueError, match="type argument must be FILETYPE_PEM or FILETYPE_ASN1"):
            load(type, b"")
    for buffer in (None, 1, 1.5, object()):
        with pytest.raises(TypeError):
            load(crypto.FILETYPE_PEM, buffer)
    with pytest.raises(UnicodeEncodeError):
        load(crypto.FILETYPE_PEM, "käse")
