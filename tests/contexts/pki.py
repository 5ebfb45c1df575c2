"""Certificates made with ``cryptography``: authorities, intermediates, and leaves of any type of key."""

from __future__ import annotations

import datetime
import ipaddress
import itertools
from dataclasses import dataclass
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)
from cryptography.x509.oid import NameOID

PASSWORD = b"a secret"
_serials = itertools.count(1000)


@dataclass(frozen=True)
class Issued:
    """A certificate, its key, and those who issued it, the nearest first."""

    certificate: x509.Certificate
    key: Any
    issuers: tuple[Issued, ...] = ()

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def chain(self) -> list[x509.Certificate]:
        """The intermediates."""
        return [issuer.certificate for issuer in self.issuers[:-1]]

    @property
    def chain_pem(self) -> bytes:
        """The certificate and the intermediates."""
        return self.pem + b"".join(issuer.pem for issuer in self.issuers[:-1])

    def key_pem(self, password: bytes | None = None) -> bytes:
        return self._key_in(Encoding.PEM, password)

    def key_der(self, password: bytes | None = None) -> bytes:
        return self._key_in(Encoding.DER, password)

    def _key_in(self, encoding: Encoding, password: bytes | None) -> bytes:
        protection = NoEncryption() if password is None else BestAvailableEncryption(password)
        encoded: bytes = self.key.private_bytes(encoding, PrivateFormat.PKCS8, protection)
        return encoded

    def pkcs12(self, password: bytes) -> bytes:
        chain = list(reversed(self.chain))  # the order means nothing there
        protection = BestAvailableEncryption(password)
        return pkcs12.serialize_key_and_certificates(b"a name", self.key, self.certificate, chain, protection)

    def issue(
        self, name: str, *, kind: str = "ec", authority: bool = False, days: int = 30, address: str = "127.0.0.1"
    ) -> Issued:
        """A certificate that this one signed, for ``name`` and an address."""
        return _issue(name, kind, authority, days, self, address)


@cache
def _rsa_key(_number: int) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def new_key(kind: str) -> Any:
    """A key: "ec", "ed25519", or one of a few "rsa" ones, which take long to make."""
    if kind == "ec":
        return ec.generate_private_key(ec.SECP256R1())
    if kind == "ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    return _rsa_key(next(_serials) % 2)


def new_root(name: str = "a root", kind: str = "ec") -> Issued:
    """A self-signed authority."""
    return _issue(name, kind, True, 30, None)


def _issue(name: str, kind: str, authority: bool, days: int, issuer: Issued | None, address: str = "") -> Issued:
    key = new_key(kind)
    now = datetime.datetime.now(datetime.UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(next(_serials))
        .not_valid_before(now - datetime.timedelta(days=60))
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
    )
    if not authority:
        names: list[x509.GeneralName] = [x509.DNSName(name), x509.IPAddress(ipaddress.ip_address(address))]
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    signer = issuer.key if issuer else key
    digest = None if isinstance(signer, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    issuers = (issuer, *issuer.issuers) if issuer else ()
    return Issued(builder.sign(signer, digest), key, issuers)
