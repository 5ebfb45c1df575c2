"""What ``getpeercert()`` tells of certificates: what Python's ssl does, and less of those that are malformed."""

from __future__ import annotations

import _ssl
import os
import ssl
import struct
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from openssl_bio import crypto
from openssl_bio._core._lib import lib
from openssl_bio.stdlib._certificates import certificate_dict
from tests.helpers import Identity
from tests.stdlib.certificates import ISSUERS, KEY, KINDS, NAMES, RESPONDER, access, certificate, points
from tests.stdlib.helpers import Pair, client_context, ours, python, server_context

EXTENSIONS: dict[str, list[x509.ExtensionType]] = {
    "nothing": [],
    "names": [x509.SubjectAlternativeName(KINDS)],
    "fifty names": [x509.SubjectAlternativeName([x509.DNSName(f"{number}.test") for number in range(50)])],
    "where to ask": [
        access((RESPONDER, "http://1/"), (ISSUERS, "http://2/"), (RESPONDER, "http://3/")),
        points("http://4/", "http://5/", "http://6/"),
    ],
    "all": [x509.SubjectAlternativeName(KINDS), access((ISSUERS, "http://1/")), points("http://2/")],
}


def told(der: bytes) -> dict[str, Any]:
    """What is told of a certificate in DER."""
    return certificate_dict(crypto.load_certificate(crypto.FILETYPE_ASN1, der)._x509)


def told_by_python(der: bytes, folder: Path) -> Any:
    """The same by Python's ssl."""
    file = folder / "certificate.pem"
    file.write_text(ssl.DER_cert_to_PEM_cert(der))
    return _ssl._test_decode_cert(os.fspath(file))  # type: ignore[attr-defined]


@pytest.mark.parametrize("subject", NAMES)
@pytest.mark.parametrize("extensions", EXTENSIONS)
def test_as_python_tells_it(subject: str, extensions: str, tmp_path: Path) -> None:
    """The same, in the same order."""
    der = certificate(EXTENSIONS[extensions], NAMES[subject])
    mine, theirs = told(der), told_by_python(der, tmp_path)
    assert mine == theirs
    assert list(mine) == list(theirs)


@pytest.mark.parametrize("serial", [1, 127, 128, 255, 256, (1 << 159) - 1])
def test_serial_numbers(serial: int, tmp_path: Path) -> None:
    der = certificate([], serial=serial)
    assert told(der) == told_by_python(der, tmp_path)
    assert int(told(der)["serialNumber"], 16) == serial


@pytest.mark.parametrize("below", [0, 1])
def test_the_greatest_versions(below: int) -> None:
    """What libcrypto reads is a long of C, and one more is told."""
    size = struct.calcsize("l")
    version = (1 << 8 * size - 1) - 1 - below
    serial = 1 << 8 * size - 8
    tagged = bytes([0xA0, size + 2, 0x02, size]) + version.to_bytes(size, "big") + bytes.fromhex("020101")
    replaced = bytes.fromhex("a003020102") + bytes([0x02, size]) + serial.to_bytes(size, "big")
    der = certificate([], serial=serial).replace(replaced, tagged)
    assert told(der)["version"] == version + 1


@pytest.mark.parametrize("encoded", ["14047465e974", "16040a626364", "1e0400e920ac", "1c0400002021"])
def test_types_of_strings(encoded: str, tmp_path: Path) -> None:
    der = certificate([]).replace(bytes.fromhex("0c0474657874"), bytes.fromhex(encoded))
    assert told(der) == told_by_python(der, tmp_path)
    assert told(der)["subject"] != ((("commonName", "text"),),)


def test_what_is_no_text() -> None:
    """Bits; what is text in no encoding libcrypto does not read at all."""
    der = certificate([]).replace(bytes.fromhex("0c0474657874"), bytes.fromhex("030400657874"))
    with pytest.raises(ssl.SSLError):
        told(der)


def test_what_is_no_time() -> None:
    der = certificate([]).replace(b"200101000000Z", b"20010100000!Z")
    with pytest.raises(ssl.SSLError, match="a field of the certificate"):  # libcrypto queues no error
        told(der)


ALTERNATIVES, ACCESS, POINTS = "2.5.29.17", "1.3.6.1.5.5.7.1.1", "2.5.29.31"
UNSUPPORTED = "<unsupported>"
OCSP = "06082b06010505073001"
ODD: list[tuple[str, str, Any]] = [
    (ALTERNATIVES, "", None),
    (ALTERNATIVES, "30", None),
    (ALTERNATIVES, "3000", None),
    (ALTERNATIVES, "3003820161", [("DNS", "a")]),
    (ALTERNATIVES, "3003820100", [("DNS", "\0")]),
    (ALTERNATIVES, "30028200", [("DNS", "")]),
    (ALTERNATIVES, "30048202c3a9", [("DNS", "é")]),
    (ALTERNATIVES, "30068201618201ff", None),  # no UTF-8
    (ALTERNATIVES, "300382016100", None),  # more behind
    (ALTERNATIVES, "3106820161820162", None),  # a SET
    (ALTERNATIVES, "30808201610000", None),  # no definite length
    (ALTERNATIVES, "3003820261", None),  # cut
    (ALTERNATIVES, "3006820161820261", None),  # cut in the second
    (ALTERNATIVES, "3007820161bf820100", None),  # a long identifier
    (ALTERNATIVES, "3003870101", [("IP Address", "<invalid>")]),
    (ALTERNATIVES, "3004a3020500", [("X400Name", UNSUPPORTED)]),
    (ALTERNATIVES, "3012a410300c310a300806035504030c01610500", [("DirName", ((("commonName", "a"),),))]),  # more behind
    (ALTERNATIVES, "3004a5020500", [("EdiPartyName", UNSUPPORTED)]),
    (ALTERNATIVES, "3003a90161", [(UNSUPPORTED, UNSUPPORTED)]),
    (ACCESS, "3000", None),
    (ACCESS, f"3013 3011 {OCSP} 8605687474703a", ("OCSP", "http:")),
    (ACCESS, f"3013 3011 {OCSP} 8205687474703a", None),  # a DNS name
    (ACCESS, f"3013 3111 {OCSP} 8605687474703a", None),
    (ACCESS, f"3013 3011 {OCSP} 8605687474703aff", None),
    (ACCESS, f"300f 300d {OCSP} 8601ff", None),
    (ACCESS, f"300c 300a {OCSP}", None),  # without a place
    (ACCESS, f"3011 300f {OCSP} 860161 0500", None),  # with more
    (ACCESS, "3010 300e 06082b06010505073005 86023a3a", None),  # for another purpose
    (POINTS, "3000", None),
    (POINTS, "30023000", None),
    (POINTS, "300b3009a007a0058603616263", ("crlDistributionPoints", "abc")),
    (POINTS, "300b3009a007a1058603616263", None),  # a relative name
    (POINTS, "300b3009a107a0058603616263", None),  # reasons
    (POINTS, "300b3009a007a0058203616263", None),  # a DNS name
    (POINTS, "300b3009a007a00586036162ff", None),
    (POINTS, "300b3009a007a0058604616263", None),
]


def added(der: bytes) -> dict[str, Any]:
    """What is told beside what all certificates have."""
    found = told(der)
    return {key: found[key] for key in found.keys() - told(certificate([])).keys()}


def told_of(oid: str, encoded: str) -> dict[str, Any]:
    """What an extension adds."""
    extension = x509.UnrecognizedExtension(x509.ObjectIdentifier(oid), bytes.fromhex(encoded))
    return added(certificate([extension]))


@pytest.mark.parametrize(("oid", "encoded", "expected"), ODD)
def test_odd_extensions(oid: str, encoded: str, expected: Any) -> None:
    """The dict does without what cannot be read."""
    if isinstance(expected, tuple):
        expected = {expected[0]: (expected[1],)}
    elif expected is not None:
        expected = {"subjectAltName": tuple(expected)}
    assert told_of(oid, encoded) == (expected or {})


@pytest.mark.parametrize(
    "encoded", ["3007a40530030c0161", "3011a40f300d310b3009060355040304026162", "3002a400", "30028800"]
)
def test_names_that_libcrypto_cannot_read(encoded: str) -> None:
    """What is no name of a directory, or no OID, is an error."""
    with pytest.raises(ssl.SSLError):
        told_of(ALTERNATIVES, encoded)


def twice(oid: str, next_one: str, *encoded: str) -> dict[str, Any]:
    """What two extensions of a kind add; the second is made as one of the next kind, since there must not be two."""
    objects = [x509.ObjectIdentifier(one) for one in (oid, next_one)]
    both = [x509.UnrecognizedExtension(one, bytes.fromhex(text)) for one, text in zip(objects, encoded, strict=True)]
    first, second = (bytes([int(one.rpartition(".")[2])]) for one in (oid, next_one))
    prefix = bytes.fromhex("0603551d")
    return added(certificate(list(both)).replace(prefix + second, prefix + first))


def test_extensions_that_come_twice() -> None:
    """All names are told, but for those of an extension that is malformed; where to ask one extension says, or none."""
    assert twice(ALTERNATIVES, "2.5.29.18", "3003820161", "3003820162") == {
        "subjectAltName": (("DNS", "a"), ("DNS", "b"))
    }
    assert twice(ALTERNATIVES, "2.5.29.18", "3003820161", "3006820162820263") == {"subjectAltName": (("DNS", "a"),)}
    assert twice(POINTS, "2.5.29.32", *["300b3009a007a0058603616263"] * 2) == {}


def test_no_error_is_left_of_odd_extensions() -> None:
    """Who lists the authorities that are trusted leaves OpenSSL's error queue empty, where it was told of them."""
    extension = x509.UnrecognizedExtension(x509.ObjectIdentifier(ALTERNATIVES), bytes.fromhex("3003820261"))
    context = ours.SSLContext(ours.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=certificate([extension]))
    assert context.get_ca_certs() == []
    assert lib.ERR_peek_error() == 0


@pytest.mark.parametrize("module", [ours, python])
def test_of_a_peer(module: Any, ca: Identity, server_identity: Identity, tmp_path: Path) -> None:
    """A client and its server see of each other what the file says."""
    names = x509.SubjectAlternativeName([x509.DNSName("localhost"), *KINDS])
    der = certificate([names, access((RESPONDER, "http://1/"))], signer=ca)
    file, key = tmp_path / "client.pem", tmp_path / "key.pem"
    file.write_text(ssl.DER_cert_to_PEM_cert(der))
    key.write_bytes(KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    client, server = client_context(ca, module), server_context(server_identity, module)
    client.load_cert_chain(file, key)
    server.verify_mode = ssl.CERT_REQUIRED
    server.load_verify_locations(ca.certificate_file)
    pair = Pair(client, server, module.MemoryBIO).handshake()
    assert pair.server.getpeercert() == told(der)
    assert pair.client.getpeercert()["subject"] == ((("commonName", "example.test"),),)
