"""DTLS: the handshake's cookie and timer, and the sizes of datagrams."""

from __future__ import annotations

from openssl_bio._core._lib import lib, needs
from openssl_bio._core.connection import ConnectionCore
from openssl_bio._core.errors import Kind, Outcome
from openssl_bio.pyopenssl._arguments import integer

__all__ = ["Datagrams"]


class Datagrams(ConnectionCore):
    """The part of `Connection` that only DTLS has a use for."""

    def DTLSv1_listen(self) -> None:
        """Answer a ClientHello without a cookie by a request for one, and return when one with a good cookie came.

        WantReadError if there is no such ClientHello yet. The callbacks of `Context.set_cookie_generate_callback` and
        `Context.set_cookie_verify_callback` make and judge cookies; what they raise is raised here.
        `Connection.do_handshake` goes on from there, and minds no repeated ClientHello. Source: ``DTLSv1_listen``.
        """
        self._drive(self._listen)

    def DTLSv1_get_timeout(self) -> float | None:
        """Seconds until `DTLSv1_handle_timeout` has to be called; None if no answer is awaited."""
        microseconds = self._timeout()
        return None if microseconds < 0 else microseconds / 1_000_000

    def DTLSv1_handle_timeout(self) -> bool:
        """Send the last flight again if its timer has expired, and tell whether it had. Error after too many times."""
        return self._drive(self._handle_timeout)

    @needs("SSL_set_mtu", "an OpenSSL built with DTLS")
    def set_ciphertext_mtu(self, mtu: int) -> None:
        """Make datagrams of at most ``mtu`` bytes (UDP payload); 1232 by default. Error if that is too small for DTLS.

        Source: ``SSL_set_mtu``, and ``SSL_OP_NO_QUERY_MTU``, without which it would not last.
        """
        if not self._datagrams:
            raise self._errors.error(Outcome(Kind.SSL, detail="an MTU belongs to datagrams, and this is not DTLS"))
        with self._guard:
            done = lib.SSL_set_mtu(self.ssl, integer(mtu, "mtu"))
            self._errors.check(done, f"an MTU of {mtu} bytes is too small for DTLS")
            lib.SSL_set_options(self.ssl, lib.SSL_OP_NO_QUERY_MTU)

    @needs("DTLS_get_data_mtu", "an OpenSSL built with DTLS")
    def get_cleartext_mtu(self) -> int:
        """How many bytes of plaintext fit into one datagram; 0 before the handshake has chosen a cipher, and on TLS."""
        return int(self._get(lib.DTLS_get_data_mtu)) if self._datagrams else 0
