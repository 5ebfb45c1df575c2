"""What can be asked of a connection: what was negotiated, certificates, secrets.

Theory of operation.  Each getter asks libssl under the connection's guard, and gives bytes, text, numbers, or pointers
that are owned.  None of them changes anything.  Where there is nothing yet the answer is None or b""; only exporting
keying material fails then, since an empty secret would be one that everybody knows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from openssl_bio._core._lib import CData, ffi, lib, needs
from openssl_bio._core.engines import Engine
from openssl_bio._core.identity import copied_certificate
from openssl_bio._core.pointers import certificates_in, new_buffer, own, taken

__all__ = ["LONGEST_EXPORT", "Getters"]

LONGEST_EXPORT = 65535  # bytes of keying material
_LONGEST_CONTEXT = 65535  # RFC 5705, section 4; what is longer libssl would count wrongly


class Getters(Engine):
    """An engine that can be asked about its SSL; the faces name the methods."""

    def _get(self, function: Callable[[CData], Any]) -> Any:
        """Ask libssl something that takes the SSL alone and gives an int."""
        with self._guard:
            return function(self.ssl)

    def _get_text(self, function: Callable[[CData], CData]) -> bytes | None:
        """Ask libssl for a C string; None where there is none."""
        with self._guard:
            text = function(self.ssl)
            return None if text == ffi.NULL else bytes(ffi.string(text))

    def _get_cipher(self, function: Callable[[CData], CData]) -> CData | None:
        with self._guard:
            cipher = lib.SSL_get_current_cipher(self.ssl)
            return None if cipher == ffi.NULL else function(cipher)

    def _get_ciphers(self) -> list[str]:
        with self._guard:
            names: list[str] = []
            while (name := lib.SSL_get_cipher_list(self.ssl, len(names))) != ffi.NULL:
                names.append(ffi.string(name).decode())
            return names

    def _get_group(self) -> str | None:
        with self._guard:
            if lib.SSL_get_session(self.ssl) == ffi.NULL:
                return None
            group = lib.SSL_get_negotiated_group(self.ssl)
            name = lib.SSL_group_to_name(self.ssl, group) if group else ffi.NULL
            return None if name == ffi.NULL else ffi.string(name).decode()

    def _selected(self, function: Callable[[CData, CData, CData], None]) -> bytes:
        """The protocol that ALPN or NPN chose, b"" if none."""
        with self._guard:
            data, size = ffi.new("unsigned char **"), ffi.new("unsigned int *")
            function(self.ssl, data, size)
            return taken(data[0], size[0]) if size[0] else b""

    @needs("SSL_get0_next_proto_negotiated", "an OpenSSL built with NPN")
    def _selected_npn(self) -> bytes:
        return self._selected(lib.SSL_get0_next_proto_negotiated)

    @needs("SSL_get_selected_srtp_profile", "an OpenSSL built with SRTP")
    def _selected_srtp(self) -> bytes:
        with self._guard:
            profile = lib.SSL_get_selected_srtp_profile(self.ssl)
            return b"" if profile == ffi.NULL else bytes(ffi.string(profile.name))

    def _get_server_name(self) -> bytes | None:
        return self._get_text(lambda ssl: lib.SSL_get_servername(ssl, lib.TLSEXT_NAMETYPE_host_name))

    # -- certificates -----------------------------------------------------------------------------------------------

    def _stapled(self) -> bytes:
        """The OCSP response that the server has stapled for this client; b"" if none."""
        with self._guard:
            response = ffi.new("unsigned char **")
            size = lib.SSL_get_tlsext_status_ocsp_resp(self.ssl, response)
            return b"" if size <= 0 or response[0] == ffi.NULL else taken(response[0], size)

    def _peer_certificate(self) -> CData | None:
        with self._guard:
            certificate = lib.SSL_get1_peer_certificate(self.ssl)
            if certificate == ffi.NULL:
                return None
            return own(certificate, lib.X509_free, self._errors, "SSL_get1_peer_certificate")

    def _own_certificate(self) -> CData | None:
        with self._guard:
            certificate = lib.SSL_get_certificate(self.ssl)
            return None if certificate == ffi.NULL else copied_certificate(certificate, self._errors)

    def _chain(self, function: Callable[[CData], CData]) -> list[CData] | None:
        with self._guard:
            stack = function(self.ssl)
            return None if stack == ffi.NULL else certificates_in(stack, self._errors)

    # -- secrets ----------------------------------------------------------------------------------------------------

    def _get_bytes(self, function: Callable[[CData, CData, int], int]) -> bytes:
        """What ``size_t function(SSL *, buffer, size)`` gives; all of these fit a digest's size."""
        with self._guard:
            buffer = new_buffer(lib.EVP_MAX_MD_SIZE)
            return taken(buffer, function(self.ssl, buffer, lib.EVP_MAX_MD_SIZE))

    def _master_key(self) -> bytes | None:
        with self._guard:
            session = lib.SSL_get_session(self.ssl)
            if session == ffi.NULL:
                return None
            buffer = new_buffer(lib.EVP_MAX_MD_SIZE)
            return taken(buffer, lib.SSL_SESSION_get_master_key(session, buffer, lib.EVP_MAX_MD_SIZE))

    def _export(self, label: bytes, size: int, context: bytes | None) -> bytes:
        if context is not None and len(context) > _LONGEST_CONTEXT:
            raise ValueError(f"the context has {len(context)} bytes, and may have {_LONGEST_CONTEXT}")
        with self._guard:
            # Older libssl reads a session that is not there yet.
            if not lib.SSL_is_init_finished(self.ssl):
                raise self._errors.failure("keying material can be exported after the handshake")
            if size == 0:
                return b""
            buffer = new_buffer(size)
            done = lib.SSL_export_keying_material(
                self.ssl, buffer, size, label, len(label), context or b"", len(context or b""), context is not None
            )
            self._errors.check(done == 1, "SSL_export_keying_material")
            return taken(buffer, size)
