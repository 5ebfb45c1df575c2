"""Certificates for demonstrations: a certificate authority that lives for a day, and what it issues."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from openssl_bio import SSL, crypto
from openssl_bio._core.hosts import address_of

_DAY = 24 * 60 * 60
# Clocks differ a little: the certificates began to be valid some minutes ago.
_SLACK = 5 * 60


@dataclass(frozen=True)
class Identity:
    """A certificate, its private key, and the rest of the chain to send with it."""

    certificate: crypto.X509
    key: crypto.PKey
    issuer: crypto.X509

    def use_in(self, context: SSL.Context) -> None:
        """Make a context present this identity. Source: ``Context.use_certificate``, ``Context.use_privatekey``."""
        context.use_certificate(self.certificate)
        context.use_privatekey(self.key)
        context.check_privatekey()

    def certificate_pem(self) -> bytes:
        """The certificate as PEM. Source: ``crypto.dump_certificate``."""
        return crypto.dump_certificate(crypto.FILETYPE_PEM, self.certificate)

    def key_pem(self) -> bytes:
        """The private key as PEM, not encrypted. Source: ``crypto.dump_privatekey``."""
        return crypto.dump_privatekey(crypto.FILETYPE_PEM, self.key)


def make_authority() -> Identity:
    """A new certificate authority on P-256, which signs itself."""
    certificate, key = _template("openssl_bio throw-away CA")
    certificate.set_issuer(certificate.get_subject())
    certificate.add_extensions(
        [
            crypto.X509Extension(b"basicConstraints", True, b"CA:TRUE,pathlen:0"),
            crypto.X509Extension(b"keyUsage", True, b"keyCertSign,cRLSign"),
            crypto.X509Extension(b"subjectKeyIdentifier", False, b"hash", subject=certificate),
        ]
    )
    certificate.sign(key, "sha256")
    return Identity(certificate, key, certificate)


def issue(authority: Identity, names: Sequence[str]) -> Identity:
    """A server's certificate for one or more DNS names or IP addresses, signed by ``authority``."""
    certificate, key = _template(names[0])
    certificate.set_issuer(authority.certificate.get_subject())
    certificate.add_extensions(
        [
            crypto.X509Extension(b"basicConstraints", True, b"CA:FALSE"),
            crypto.X509Extension(b"keyUsage", True, b"digitalSignature"),
            crypto.X509Extension(b"extendedKeyUsage", False, b"serverAuth"),
            crypto.X509Extension(b"subjectAltName", False, ",".join(map(_general_name, names)).encode()),
            crypto.X509Extension(b"subjectKeyIdentifier", False, b"hash", subject=certificate),
            crypto.X509Extension(b"authorityKeyIdentifier", False, b"keyid", issuer=authority.certificate),
        ]
    )
    certificate.sign(authority.key, "sha256")
    return Identity(certificate, key, authority.certificate)


def _template(common_name: str) -> tuple[crypto.X509, crypto.PKey]:
    """A certificate with everything but an issuer, extensions and a signature; and its key."""
    key = crypto.PKey()
    key.generate_key(crypto.TYPE_EC, 256)
    certificate = crypto.X509()
    certificate.set_version(2)
    certificate.set_serial_number(secrets.randbits(127) + 1)
    certificate.get_subject().CN = common_name
    certificate.gmtime_adj_notBefore(-_SLACK)
    certificate.gmtime_adj_notAfter(_DAY)
    certificate.set_pubkey(key)
    return certificate, key


def _general_name(name: str) -> str:
    """A name as ``subjectAltName`` has it in OpenSSL's configuration language."""
    return f"DNS:{name}" if address_of(name) is None else f"IP:{name}"
