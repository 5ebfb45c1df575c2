"""Certificates with names of every kind, made with ``cryptography``."""

from __future__ import annotations

import datetime
import ipaddress
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import AuthorityInformationAccessOID, NameOID

from tests.contexts.pki import new_key
from tests.helpers import Identity

RESPONDER, ISSUERS = AuthorityInformationAccessOID.OCSP, AuthorityInformationAccessOID.CA_ISSUERS
COMMON, UNIT = NameOID.COMMON_NAME.dotted_string, NameOID.ORGANIZATIONAL_UNIT_NAME.dotted_string
LONG = "2.999." + ".".join(["123456789"] * 12)
KEY = new_key("ec")


def name(*relative: tuple[tuple[str, str], ...]) -> x509.Name:
    """A name of relative names, each of attributes: OIDs and texts."""
    return x509.Name(
        x509.RelativeDistinguishedName(x509.NameAttribute(x509.ObjectIdentifier(oid), text) for oid, text in attributes)
        for attributes in relative
    )


SIMPLE = name(((COMMON, "text"),))
NAMES = {
    "none": x509.Name([]),
    "several": name(((NameOID.COUNTRY_NAME.dotted_string, "XX"),), ((UNIT, "Ünit €"),), ((COMMON, "nothing\0more"),)),
    "in one": name(((COMMON, "two"), (UNIT, "of one"), ("1.2.3.4.5", "unknown")), ((COMMON, "one"),)),
    "a long OID": name(((LONG, "long"),), ((COMMON, "short"),)),
}
KINDS = [
    x509.DNSName("a.test"),
    x509.RFC822Name("a@b.test"),
    x509.UniformResourceIdentifier("http://a.test/"),
    x509.IPAddress(ipaddress.ip_address("192.0.2.1")),
    x509.IPAddress(ipaddress.ip_address("2001:db8::10:1")),
    *map(x509.DirectoryName, NAMES.values()),
    *(x509.RegisteredID(x509.ObjectIdentifier(oid)) for oid in ("1.2.3.4", LONG, COMMON)),
    x509.OtherName(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00"),
]


def access(*purposes: tuple[x509.ObjectIdentifier, str]) -> x509.AuthorityInformationAccess:
    return x509.AuthorityInformationAccess(
        [x509.AccessDescription(oid, x509.UniformResourceIdentifier(uri)) for oid, uri in purposes]
    )


def points(*uris: str) -> x509.CRLDistributionPoints:
    """One point for two of the URIs, and one for each other, and one that has none."""
    names = [x509.UniformResourceIdentifier(uri) for uri in uris]
    groups = [[*names[:2], x509.DNSName("a.test")], *([one] for one in names[2:])]
    relative = x509.DistributionPoint(None, SIMPLE.rdns[0], None, None)
    return x509.CRLDistributionPoints(
        [x509.DistributionPoint(group, None, None, None) for group in groups] + [relative]
    )


def certificate(
    extensions: list[x509.ExtensionType], subject: x509.Name = SIMPLE, signer: Identity | None = None, serial: int = 1
) -> bytes:
    """A certificate in DER, by an authority or itself, with the key that is here."""
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(signer.certificate.to_cryptography().subject if signer else subject)
        .public_key(KEY.public_key())
        .serial_number(serial)
        .not_valid_before(datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC))
        .not_valid_after(datetime.datetime(2050, 12, 31, 23, 59, 59, tzinfo=datetime.UTC))
    )
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    key: Any = signer.key.to_cryptography_key() if signer else KEY
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)
