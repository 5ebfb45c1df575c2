"""What `SSLObject` tells of a connection: certificates, what was negotiated, what both ends share."""

from __future__ import annotations

import warnings
from typing import Any

from openssl_bio._core._lib import ffi, lib, needs
from openssl_bio._core.channel_binding import BINDINGS, refuse_other_bindings
from openssl_bio._core.early_data import EarlyData
from openssl_bio._core.getters import LONGEST_EXPORT
from openssl_bio.stdlib._certificates import certificate_dict, der
from openssl_bio.stdlib._ciphers import Cipher, cipher_tuple, ciphers

__all__ = ["Negotiated"]


class Negotiated(EarlyData):
    """The part of `SSLObject` that tells what is there."""

    _server_side: bool

    # -- certificates -----------------------------------------------------------------------------------------------

    def getpeercert(self, binary_form: bool = False) -> Any:
        """The peer's certificate as a dict, or in DER.

        None if there is none; {} instead of a dict if it was not verified; ValueError before the end of the handshake.
        """
        if not self._is_finished():
            raise ValueError("handshake not done yet")
        certificate = self._peer_certificate()
        if certificate is None:
            return None
        if binary_form:
            return der(certificate)
        return certificate_dict(certificate) if self._get(lib.SSL_get_verify_mode) & lib.SSL_VERIFY_PEER else {}

    def get_verified_chain(self) -> list[bytes]:
        """The chain that verification built, in DER; [] if there is none, and after a session was resumed.

        Without verification (``CERT_NONE``) nothing is proven by it: it is as much of a chain as could be built.
        """
        return [der(certificate) for certificate in self._chain(lib.SSL_get0_verified_chain) or []]

    def get_unverified_chain(self) -> list[bytes]:
        """What the peer sent, in DER, its own certificate first; [] if it sent none."""
        chain = self._chain(lib.SSL_get_peer_cert_chain)
        own = self._peer_certificate() if self._server_side else None
        return [der(certificate) for certificate in ([own] if own is not None else []) + (chain or [])]

    # -- what was negotiated ----------------------------------------------------------------------------------------

    def version(self) -> str | None:
        """The protocol version, such as ``TLSv1.3``, or None before the end of the handshake."""
        return (self._get_text(lib.SSL_get_version) or b"").decode() if self._is_finished() else None

    def cipher(self) -> Cipher | None:
        """The cipher in use: its name, the protocol it belongs to, its secret bits; None before there is one."""
        found: Cipher | None = self._get_cipher(cipher_tuple)
        return found

    def shared_ciphers(self) -> list[Cipher] | None:
        """On a server, those of its ciphers that the client offered; None on a client."""
        with self._guard:
            ours, theirs = lib.SSL_get_ciphers(self.ssl), lib.SSL_get_client_ciphers(self.ssl)
            if ffi.NULL in (ours, theirs):
                return None
            offered = {lib.SSL_CIPHER_get_id(cipher) for cipher in ciphers(theirs)}
            return [cipher_tuple(cipher) for cipher in ciphers(ours) if lib.SSL_CIPHER_get_id(cipher) in offered]

    def compression(self) -> str | None:
        """The compression in use, or None."""
        with self._guard:
            method = lib.SSL_get_current_compression(self.ssl)
            return None if method == ffi.NULL else ffi.string(lib.SSL_COMP_get_name(method)).decode()

    def selected_alpn_protocol(self) -> str | None:
        """The protocol that ALPN chose, or None."""
        return self._selected(lib.SSL_get0_alpn_selected).decode("ascii") or None

    def selected_npn_protocol(self) -> str | None:
        """The protocol that NPN chose on TLS 1.2, or None; DeprecationWarning."""
        warnings.warn("ssl NPN is deprecated, use ALPN instead", DeprecationWarning, stacklevel=2)
        if not hasattr(lib, "SSL_get0_next_proto_negotiated"):
            return None
        return self._selected_npn().decode("ascii", "replace") or None

    def group(self) -> str | None:
        """The group of the key exchange, such as ``x25519``, or None before it."""
        return self._get_group()

    @needs("SSL_get0_peer_signature_name", "OpenSSL 3.5")
    def client_sigalg(self) -> str | None:
        """What the client signed with to prove its certificate, or None."""
        return self._signature_name(of_peer=self._server_side)

    @needs("SSL_get0_peer_signature_name", "OpenSSL 3.5")
    def server_sigalg(self) -> str | None:
        """What the server signed with to prove its certificate, or None."""
        return self._signature_name(of_peer=not self._server_side)

    def _signature_name(self, *, of_peer: bool) -> str | None:
        from openssl_bio._core.signatures import signature_name

        with self._guard:
            return signature_name(self.ssl, of_peer=of_peer)

    def get_channel_binding(self, cb_type: str = "tls-unique") -> bytes | None:
        """Bytes that both ends of this connection share, and no other connection has; None before the handshake.

        ``tls-unique`` (RFC 5929) up to TLS 1.2, ``tls-exporter`` (RFC 9266) on TLS 1.3, ``tls-server-end-point`` (RFC
        5929), a digest of the server's certificate, on both. ValueError for other types, and for a type that has no
        meaning on this connection.
        """
        refuse_other_bindings(cb_type)
        return BINDINGS[cb_type](self) if self._is_finished() else None

    def export_keying_material(self, label: str | bytes, length: int, context: Any = None) -> bytes:
        """``length`` bytes (0 to 65535) that both ends of this connection can derive (RFC 5705, RFC 8446 section 7.5).

        Ends that give another ``label`` (ASCII, such as one of IANA's "EXPORTER-...") or ``context`` (bytes) get other
        bytes; without a context they are others than with an empty one on TLS 1.2. ``ssl.SSLError`` before the end of
        the handshake, and for more bytes than TLS 1.3 can derive.
        Source: ``SSL_export_keying_material``; Python's ssl has no such method.
        """
        name = _label_bytes(label)
        if not isinstance(length, int):
            raise TypeError(f"length is an int, not {type(length).__name__}")
        if not 0 <= length <= LONGEST_EXPORT:
            raise ValueError(f"length is from 0 to {LONGEST_EXPORT}, not {length}")
        if not isinstance(context, bytes | bytearray | memoryview | None):
            raise TypeError(f"context is bytes or None, not {type(context).__name__}")
        return self._export(name, length, None if context is None else bytes(context))

    def _is_finished(self) -> bool:
        return bool(self._get(lib.SSL_is_init_finished))


def _label_bytes(label: object) -> bytes:
    if isinstance(label, str):
        return label.encode("ascii")
    if not isinstance(label, bytes):
        raise TypeError(f"label is a str or bytes, not {type(label).__name__}")
    return label
