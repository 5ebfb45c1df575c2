"""Connections and contexts of the other face, as this one sees them."""

from __future__ import annotations

import ssl
from typing import Any

from openssl_bio._core._lib import lib
from openssl_bio._core.connection import ConnectionCore
from openssl_bio._core.verification import HOST_FLAGS
from openssl_bio._core.view_classes import ConnectionView, ContextView, share
from openssl_bio._core.views import register
from openssl_bio.stdlib import _constants as c
from openssl_bio.stdlib._context import SSLContext
from openssl_bio.stdlib._errors import FACE
from openssl_bio.stdlib._object import SSLObject

__all__: list[str] = []


class _SSLObjectView(ConnectionView, SSLObject):  # type: ignore[override]  # what can be set elsewhere is read here
    """A connection of the other face, in memory."""

    __slots__ = ("_original",)

    @property
    def _server_side(self) -> bool:  # type: ignore[override]  # it may be changed
        return bool(self._get(lib.SSL_is_server))

    @property
    def _server_hostname(self) -> str | None:  # type: ignore[override]  # it may be changed
        """What is sent, or if nothing is, what is verified."""
        if self._server_side:
            return None
        sent = self._get_server_name()
        return self._demand.host if sent is None else sent.decode("ascii", "replace")


class _SSLContextView(ContextView, SSLContext):  # type: ignore[override, misc]  # the same
    """A context of the other face."""

    __slots__ = ("_original",)

    _check_hostname: bool = False
    _host_flags_in_use: int = HOST_FLAGS
    _post_handshake_auth: bool = False

    @property
    def _protocol(self) -> ssl._SSLMethod:  # type: ignore[override]  # the other face has more
        sides = {lib.TLS_client_method(): c.PROTOCOL_TLS_CLIENT, lib.TLS_server_method(): c.PROTOCOL_TLS_SERVER}
        return ssl._SSLMethod(sides.get(self._method, c.PROTOCOL_TLS))


def _view(original: Any) -> SSLObject | SSLContext:
    if isinstance(original, ConnectionCore):
        if original._pump is not None:
            raise TypeError("a connection over a socket has no SSLObject: that is for connections in memory")
        if original._datagrams:
            raise TypeError("a DTLS connection has no SSLObject: that is for streams")
        view: Any = _SSLObjectView.__new__(_SSLObjectView)
    else:
        # As for any SSLContext, Python's own part is never configured.
        view = super(SSLContext, _SSLContextView).__new__(_SSLContextView, c.PROTOCOL_TLS_CLIENT)
    share(view, original)
    return view  # type: ignore[no-any-return]


register(FACE, _view)
