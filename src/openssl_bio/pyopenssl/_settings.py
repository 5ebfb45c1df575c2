"""What can be set on a ``Context``, and on one ``Connection`` alone."""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from openssl_bio._core._lib import CData, lib
from openssl_bio._core.passphrase import PassphraseRequest
from openssl_bio._core.pem import load_certificate, load_certificates, load_parameters, load_private_key, read_file
from openssl_bio._core.twins import TwinSettings
from openssl_bio.pyopenssl._arguments import bits, byte_string, c_string, integer, protocols, without_text
from openssl_bio.pyopenssl._encoding import FILETYPE_ASN1, FILETYPE_PEM
from openssl_bio.pyopenssl._errors import SSL_ERRORS

if TYPE_CHECKING:
    from openssl_bio.pyopenssl._name import X509Name
    from openssl_bio.pyopenssl._pkey import PKey
    from openssl_bio.pyopenssl._x509 import X509

Path = str | bytes | os.PathLike[str] | os.PathLike[bytes]

# What cryptography calls curves by, where libcrypto has another name.
_CURVES = {"secp192r1": "prime192v1", "secp256r1": "prime256v1"}


def _file_type(filetype: int) -> bool:
    if integer(filetype, "filetype") not in (FILETYPE_PEM, FILETYPE_ASN1):
        raise ValueError("filetype must be FILETYPE_PEM or FILETYPE_ASN1")
    return filetype == FILETYPE_PEM


class Settings(TwinSettings):
    """The setters that pyOpenSSL has on ``Context``; on a connection they are for that connection alone."""

    @abstractmethod
    def _passphrase_callback(self) -> Callable[[int, bool], bytes] | None:
        """What asks for the passphrase of a key file."""

    @abstractmethod
    def _present_client_cas(self) -> list[CData]:
        """The issuers that are asked for now."""

    # -- protocol and ciphers ---------------------------------------------------------------------------------------

    def set_min_proto_version(self, version: int) -> None:
        """Refuse older protocols than ``version`` (``TLS1_2_VERSION`` ...; 0 for the oldest). Error if unknown."""
        self._set_min_version(integer(version, "version"))

    def set_max_proto_version(self, version: int) -> None:
        """Refuse newer protocols than ``version`` (0 for the newest). Error if unknown."""
        self._set_max_version(integer(version, "version"))

    def set_options(self, options: int) -> int:
        """Add ``OP_*`` bits and return all that are set."""
        return self._add_options(bits(options, "options", 2**64 - 1))

    def set_mode(self, mode: int) -> int:
        """Add ``MODE_*`` bits and return all that are set."""
        return self._add_mode(bits(mode, "mode"))

    def clear_mode(self, mode_to_clear: int) -> int:
        """Remove ``MODE_*`` bits and return those that are left; ``~bits`` removes all others."""
        return self._clear_mode(integer(mode_to_clear, "mode"))

    def set_cipher_list(self, cipher_list: bytes) -> None:
        """Choose the ciphers of TLS 1.2 and older, in OpenSSL's syntax. Error if none is left."""
        ciphers = byte_string(cipher_list, "cipher_list", "cipher_list must be a byte string.")
        self._set_ciphers(c_string(ciphers, "cipher_list"))

    def set_tls13_ciphersuites(self, ciphersuites: bytes) -> None:
        """Choose the ciphersuites of TLS 1.3, separated by colons. Error if libssl knows none of them."""
        if not isinstance(ciphersuites, bytes):
            raise TypeError("ciphersuites must be a byte string.")
        self._set_ciphersuites(c_string(ciphersuites, "ciphersuites"))

    def set_groups(self, groups: bytes) -> None:
        """Choose the groups of the key exchange, best first, such as ``b"X25519:P-256"``. Error for an unknown one.

        Source: ``SSL_CTX_set1_groups_list``; pyOpenSSL has no such method.
        """
        self._set_groups(_text(groups, "groups"))

    def set_tmp_ecdh(self, curve: Any) -> None:
        """Use one elliptic curve alone: one of `crypto.get_elliptic_curves`, or of cryptography's.

        AttributeError for an object without a ``name``; Error for a curve that TLS does not know.
        """
        name = curve.name
        self._set_groups(_CURVES.get(name, name).encode())

    def load_tmp_dh(self, dhfile: Path) -> None:
        """Use the DH parameters of a PEM file for DHE on TLS 1.2. Error, with the path, if there are none."""
        data = read_file(dhfile, SSL_ERRORS)
        self._set_tmp_dh(load_parameters(data, SSL_ERRORS, f"no DH parameters in {dhfile!r}"), data)

    def set_sigalgs(self, sigalgs: bytes) -> None:
        """Choose the signature algorithms, best first, such as ``b"ECDSA+SHA256:ed25519"``. Error for an unknown one.

        Source: ``SSL_CTX_set1_sigalgs_list``; pyOpenSSL has no such method.
        """
        self._set_sigalgs(_text(sigalgs, "sigalgs"))

    def set_client_sigalgs(self, sigalgs: bytes) -> None:
        """Choose what clients may sign their certificates' proof with.

        Source: ``SSL_CTX_set1_client_sigalgs_list``; pyOpenSSL has no such method.
        """
        self._set_client_sigalgs(_text(sigalgs, "sigalgs"))

    def set_security_level(self, level: int) -> None:
        """Refuse keys, ciphers and signatures with less strength than a level from 0 to 5 allows.

        Source: ``SSL_CTX_set_security_level``; pyOpenSSL has no such method.
        """
        self._set_security_level(integer(level, "level", 0, 5))

    def get_security_level(self) -> int:
        """The level (0 to 5) that `set_security_level` describes; libssl's default differs by version and system."""
        return self._get_security_level()

    def set_tlsext_use_srtp(self, profiles: bytes) -> None:
        """Offer or accept SRTP profiles on DTLS (RFC 5764), separated by colons. Error for an unknown one."""
        if not isinstance(profiles, bytes):
            raise TypeError("profiles must be a byte string.")
        self._set_srtp(c_string(profiles, "profiles"))

    # -- certificates and keys --------------------------------------------------------------------------------------

    def use_certificate(self, cert: X509) -> None:
        """Use a certificate (an X509, or one of cryptography's). TypeError("Must be a certificate") otherwise."""
        self._use_certificate(_x509(cert)._x509)

    def use_certificate_file(self, certfile: Path, filetype: int = FILETYPE_PEM) -> None:
        """Use the certificate of a file. Error, with the path in its message, if there is none."""
        pem = _file_type(filetype)
        data = read_file(certfile, SSL_ERRORS)
        self._use_certificate(load_certificate(data, pem, SSL_ERRORS, f"no certificate in {certfile!r}"))

    def use_certificate_chain_file(self, certfile: Path) -> None:
        """Use the first certificate of a PEM file, and the rest as its chain."""
        leaf, *chain = load_certificates(
            read_file(certfile, SSL_ERRORS), SSL_ERRORS, f"no certificates in {certfile!r}"
        )
        self._use_certificate(leaf, chain)

    def add_extra_chain_cert(self, certobj: X509) -> None:
        """Send a further certificate after our own."""
        self._add_extra_chain(_x509(certobj)._x509)

    def use_privatekey(self, pkey: PKey) -> None:
        """Use a private key (a PKey, or one of cryptography's). Error if it does not match the certificate."""
        from openssl_bio.pyopenssl._pkey import PKey

        key = pkey if isinstance(pkey, PKey) else PKey.from_cryptography_key(pkey)
        if key._only_public:
            raise ValueError("Key only has public part")
        self._use_key(key._pkey)

    def use_privatekey_file(self, keyfile: Path, filetype: int = FILETYPE_PEM) -> None:
        """Use the private key of a file, asking `set_passwd_cb`'s callback if it is encrypted; never the terminal."""
        pem = _file_type(filetype)
        request = PassphraseRequest(self._passphrase_callback(), truncate=True)
        data = read_file(keyfile, SSL_ERRORS)
        self._use_key(load_private_key(data, pem, request, SSL_ERRORS, f"no private key in {keyfile!r}"))

    def check_privatekey(self) -> None:
        """Raise Error unless the private key matches the certificate."""
        self._check_key()

    # -- verification -----------------------------------------------------------------------------------------------

    def set_verify_depth(self, depth: int) -> None:
        """Allow chains with at most ``depth`` certificates between our peer's and a trusted one."""
        self._set_verify_depth(integer(depth, "depth"))

    def get_verify_mode(self) -> int:
        """The ``VERIFY_*`` bits that are set."""
        return self._ask((lib.SSL_CTX_get_verify_mode, lib.SSL_get_verify_mode))

    def get_verify_depth(self) -> int:
        """What `set_verify_depth` set; -1 by default."""
        return self._ask((lib.SSL_CTX_get_verify_depth, lib.SSL_get_verify_depth))

    def load_client_ca(self, cafile: Path) -> None:
        """Ask clients for certificates of the issuers in a PEM file. It makes none of them trusted.

        As in the original, a path that is a str gives a DeprecationWarning.
        """
        from openssl_bio.pyopenssl._x509 import X509

        data = read_file(without_text(cafile, "cafile"), SSL_ERRORS)
        certificates = load_certificates(data, SSL_ERRORS, f"no certificates in {cafile!r}")
        self._offer_cas([_copied_subject(X509._wrap(certificate)) for certificate in certificates])

    def set_client_ca_list(self, certificate_authorities: Sequence[X509Name]) -> None:
        """Ask clients for certificates of these issuers."""
        from openssl_bio.pyopenssl._name import X509Name

        names = list(certificate_authorities)
        for name in names:
            if not isinstance(name, X509Name):
                raise TypeError(f"client CAs must be X509Name objects, not {type(name).__name__} objects")
        self._offer_cas([X509Name(name)._name for name in names])

    def add_client_ca(self, certificate_authority: X509) -> None:
        """Ask clients for certificates of one issuer more."""
        self._offer_cas([*self._present_client_cas(), _copied_subject(_x509(certificate_authority))])

    def _offer_cas(self, names: list[CData]) -> None:
        from openssl_bio.pyopenssl._name import X509Name

        self._set_client_cas(names, tuple(X509Name._wrap(name).der() for name in names))

    # -- sessions, and protocols of the application -----------------------------------------------------------------

    def set_session_id(self, buf: bytes) -> None:
        """Let sessions be resumed only where the same 0 to 32 bytes are set."""
        self._set_session_id_context(byte_string(buf, "buf", "buf must be a byte string"))

    def set_num_tickets(self, count: int) -> None:
        """How many TLS 1.3 tickets (0 or more) a server sends after a full handshake; 2 by default.

        Source: ``SSL_CTX_set_num_tickets``; pyOpenSSL has no such method.
        """
        self._set_num_tickets(integer(count, "count", 0))

    def get_num_tickets(self) -> int:
        """How many TLS 1.3 tickets a server sends after a full handshake."""
        return self._get_num_tickets()

    def set_max_early_data(self, size: int) -> None:
        """How many bytes of early data (0 to 2**32-1) a TLS 1.3 server takes from a resuming client; 0 by default.

        With any, a session can be resumed once, and by the context that has made it: that is libssl's protection
        against replay. It needs libssl's own session cache, so no SESS_CACHE_NO_INTERNAL_STORE.
        Source: ``SSL_CTX_set_max_early_data``, ``SSL_CTX_set_recv_max_early_data``; pyOpenSSL has no such method.
        """
        self._set_max_early_data(integer(size, "size", 0, 2**32 - 1))

    def get_max_early_data(self) -> int:
        """What `set_max_early_data` set."""
        return self._get_max_early_data()

    def set_alpn_protos(self, protos: list[bytes]) -> None:
        """Offer these protocols (1 to 255 bytes each) as a client."""
        self._set_alpn(protocols(protos))


def _copied_subject(certificate: X509) -> CData:
    """An owned X509_NAME: the one that a certificate gives belongs to the certificate."""
    from openssl_bio.pyopenssl._name import X509Name

    return X509Name(certificate.get_subject())._name


def _x509(cert: X509) -> X509:
    from openssl_bio.pyopenssl._x509 import X509

    return cert if isinstance(cert, X509) else X509.from_cryptography(cert)


def _text(value: bytes, what: str) -> bytes:
    if not isinstance(value, bytes):
        raise TypeError(f"{what} must be a byte string.")
    return c_string(value, what)
