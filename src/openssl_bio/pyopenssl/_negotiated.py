"""What the two ends of a connection agreed on, and the secrets that they share."""

from __future__ import annotations

from openssl_bio._core._lib import CData, ffi, lib
from openssl_bio._core.early_data import EarlyData
from openssl_bio._core.getters import LONGEST_EXPORT

__all__ = ["Negotiated"]


class Negotiated(EarlyData):
    """The part of `Connection` that tells what was negotiated."""

    def get_cipher_list(self) -> list[str]:
        """The ciphers that may be negotiated, best first."""
        return self._get_ciphers()

    def get_cipher_name(self) -> str | None:
        """The cipher in use, in OpenSSL's name."""
        return _text(self._get_cipher(lambda cipher: _bytes(lib.SSL_CIPHER_get_name(cipher))))

    def get_cipher_version(self) -> str | None:
        """The protocol version that the cipher in use belongs to."""
        return _text(self._get_cipher(lambda cipher: _bytes(lib.SSL_CIPHER_get_version(cipher))))

    def get_cipher_bits(self) -> int | None:
        """How many secret bits the cipher in use has."""
        bits: int | None = self._get_cipher(lambda cipher: lib.SSL_CIPHER_get_bits(cipher, ffi.NULL))
        return bits

    def get_group_name(self) -> str | None:
        """The group of the key exchange, such as ``x25519``, or None before it."""
        return self._get_group()

    def get_psk_identity(self) -> bytes | None:
        """By what identity the pre-shared key goes that the handshake was made with; None if there was none.

        On TLS 1.2 and DTLS a connection that resumes such a session has its identity too; on TLS 1.3 it is not told.
        Source: ``SSL_get_psk_identity``; pyOpenSSL has no such method.
        """
        from openssl_bio._core.pre_shared_keys import psk_identity

        return psk_identity(self)

    def get_psk_identity_hint(self) -> bytes | None:
        """The server's hint as to which key to use, on TLS 1.2 and DTLS; None if there was none.

        Source: ``SSL_get_psk_identity_hint``; pyOpenSSL has no such method.
        """
        return self._get_text(lib.SSL_get_psk_identity_hint)

    def get_signature_name(self) -> str | None:
        """What we proved our certificate with, such as ``ecdsa_secp256r1_sha256`` (RFC 8446, 4.2.3); None if nothing.

        Source: ``SSL_get0_signature_name``; pyOpenSSL has no such method.
        """
        return self._signature_name(of_peer=False)

    def get_peer_signature_name(self) -> str | None:
        """What the peer proved its certificate with; see `get_signature_name`."""
        return self._signature_name(of_peer=True)

    def _signature_name(self, *, of_peer: bool) -> str | None:
        from openssl_bio._core.signatures import signature_name

        with self._guard:
            return signature_name(self.ssl, of_peer=of_peer)

    def get_protocol_version(self) -> int:
        """The protocol version as a number, such as 0x304."""
        return int(self._get(lib.SSL_version))

    def get_protocol_version_name(self) -> str:
        """The protocol version as text, such as ``TLSv1.3``."""
        return (self._get_text(lib.SSL_get_version) or b"").decode()

    def get_alpn_proto_negotiated(self) -> bytes:
        """The protocol that ALPN chose; b"" if none."""
        return self._selected(lib.SSL_get0_alpn_selected)

    def get_next_proto_negotiated(self) -> bytes:
        """The protocol that NPN chose; b"" if none."""
        return self._selected_npn()

    def get_selected_srtp_profile(self) -> bytes:
        """The SRTP profile that DTLS chose (RFC 5764), such as ``b"SRTP_AES128_CM_SHA1_80"``; b"" if none."""
        return self._selected_srtp()

    def get_state_string(self) -> bytes:
        """What the handshake is doing, in libssl's words."""
        return self._get_text(lib.SSL_state_string_long) or b""

    def get_verify_result(self) -> int:
        """How verification ended (``X509VerificationCodes``); ``OK`` also if there was none."""
        return int(self._get(lib.SSL_get_verify_result))

    def session_reused(self) -> bool:
        """Whether the handshake resumed a session. ``SSL_session_reused``."""
        return bool(self._get(lib.SSL_session_reused))

    # -- secrets ----------------------------------------------------------------------------------------------------

    def client_random(self) -> bytes | None:
        """The client's random value, or None before there is a session."""
        return self._random(lib.SSL_get_client_random)

    def server_random(self) -> bytes | None:
        """The server's random value, or None before there is a session."""
        return self._random(lib.SSL_get_server_random)

    def _random(self, function: CData) -> bytes | None:
        return None if self._get(lib.SSL_get_session) == ffi.NULL else self._get_bytes(function)

    def master_key(self) -> bytes | None:
        """The session's master secret, or None before there is one."""
        return self._master_key() or None

    def get_finished(self) -> bytes | None:
        """The last Finished message that we sent, or None."""
        return self._get_bytes(lib.SSL_get_finished) or None

    def get_peer_finished(self) -> bytes | None:
        """The last Finished message that the peer sent, or None."""
        return self._get_bytes(lib.SSL_get_peer_finished) or None

    def export_keying_material(self, label: bytes, olen: int, context: bytes | None = None) -> bytes:
        """``olen`` bytes (0 to 65535) that both ends can derive (RFC 5705, RFC 8446 section 7.5).

        A context of None and one of b"" differ on TLS 1.2. Error before the end of the handshake.
        """
        if not isinstance(label, bytes) or not isinstance(context, bytes | None):
            raise TypeError("label and context must be byte strings")
        if not isinstance(olen, int):
            raise TypeError("olen must be an integer")
        if not 0 <= olen <= LONGEST_EXPORT:
            raise ValueError(f"olen must be from 0 to {LONGEST_EXPORT}")
        return self._export(label, olen, context)


def _bytes(text: CData) -> bytes:
    return bytes(ffi.string(text))


def _text(data: bytes | None) -> str | None:
    return None if data is None else data.decode()
