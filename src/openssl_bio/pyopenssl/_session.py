"""``SSL.Session``."""

from __future__ import annotations

from openssl_bio._core._lib import lib
from openssl_bio._core.session import SessionValue


class Session(SessionValue):
    """A TLS session, as `Connection.get_session` gives it and `Connection.set_session` takes it.

    Two are equal if their protocol versions and ids are. One that was made by calling the class is empty: it is refused
    by ``set_session``, and its attributes raise ValueError. pyOpenSSL's has neither attributes nor methods.
    """

    def __init__(self) -> None:
        self._core = None

    @property
    def protocol_version(self) -> int:
        """The protocol version as a number, such as 0x304."""
        return int(self._ask(lib.SSL_SESSION_get_protocol_version))

    @property
    def servername(self) -> bytes | None:
        """The server name that the client sent, or None."""
        return self._made().server_name

    @property
    def alpn_proto(self) -> bytes:
        """The protocol that ALPN chose when it was made; b"" if none."""
        return self._alpn()


Session.__module__ = "openssl_bio.SSL"
