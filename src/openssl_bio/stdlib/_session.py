"""``SSLSession``: what a later connection may resume."""

from __future__ import annotations

import ssl
from typing import Any, final

from openssl_bio._core._lib import lib
from openssl_bio._core.session import SessionCore, SessionValue

__all__ = ["SSLSession"]


@final
class SSLSession(SessionValue):
    """A session of a connection: what `SSLObject.session` gives, a new-session callback is given, `from_bytes` makes.

    Two are equal if their protocol versions and ids are. Of its attributes Python's has ``id``, ``time``, ``timeout``,
    ``ticket_lifetime_hint`` and ``has_ticket``.
    """

    __module__ = "openssl_bio.stdlib"
    __slots__ = ()
    __hash__ = None  # type: ignore[assignment]  # as in the original

    _core: SessionCore

    def __new__(cls, *_arguments: Any, **_options: Any) -> SSLSession:
        raise TypeError(f"cannot create '{cls.__name__}' instances")

    @property
    def protocol_version(self) -> ssl.TLSVersion:
        """The protocol version."""
        return ssl.TLSVersion(self._ask(lib.SSL_SESSION_get_protocol_version))

    @property
    def server_hostname(self) -> str | None:
        """The server name that the client sent, in A-labels, or None."""
        name = self._core.server_name
        return None if name is None else name.decode("ascii", "replace")

    @property
    def alpn_protocol(self) -> str | None:
        """The protocol that ALPN chose when it was made, or None."""
        return self._alpn().decode("ascii", "replace") or None
