"""OCSP stapling (RFC 6066, section 8): a server sends its authority's word that its certificate is not revoked.

libssl carries the response, and judges nothing of it: whether it is signed, current, and about this certificate, is for
the client's user to say.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from openssl_bio._core.connection import ConnectionCore
from openssl_bio.stdlib._constants import PROTOCOL_TLS_CLIENT, PROTOCOL_TLS_SERVER
from openssl_bio.stdlib._der import children
from openssl_bio.stdlib._settable import Settable, function

__all__ = ["Stapling"]

# The identifier octet of OCSPResponse.responseStatus, RFC 6960 section 4.2.1.
_ENUMERATED = 0x0A

# callback(connection): an OCSPResponse in DER, or None
MakeResponse: TypeAlias = Callable[[Any], bytes | None]
# callback(connection, the response or None): whether it is accepted
JudgeResponse: TypeAlias = Callable[[Any, bytes | None], bool]


class Stapling(Settable):
    """The settings of OCSP stapling."""

    @property
    def ocsp_response(self) -> Any:
        """What a server staples for clients that ask: an OCSPResponse in DER, or None.

        Instead of bytes it may be ``callback(connection)``, which gives such bytes or None for each client; what it
        raises is raised by the call that is running. On a client's connection it is what the server has stapled, None
        if nothing, and cannot be set. A resumed session has none: no certificate was sent. ValueError for bytes that
        are no such response, and when it is set on a client.
        Source: ``SSL_CTX_set_tlsext_status_cb``; Python's ssl has no such attribute.
        """
        target = self._to_get()
        if isinstance(target, ConnectionCore) and self._is_only(PROTOCOL_TLS_CLIENT):
            return target._stapled() or None
        return target._recorded("ocsp_server", None)

    @ocsp_response.setter
    def ocsp_response(self, response: bytes | MakeResponse | None) -> None:
        if self._is_only(PROTOCOL_TLS_CLIENT):
            raise ValueError("ocsp_response is for servers to set: a client can request_ocsp")
        target = self._to_set("ocsp_response")
        if response is None:
            target._unset_callback("ocsp_server")
        elif callable(response):
            make = response
            target._on_ocsp("ocsp_server", lambda connection: _given(make(connection._owner())), response)
        else:
            data = _checked(response)
            target._on_ocsp("ocsp_server", lambda _connection: data, data)

    @property
    def request_ocsp(self) -> bool:
        """A client asks the server to staple an OCSP response, which is the connection's `ocsp_response` then.

        A server may staple none. ValueError when it is set on a server, and when it is switched off although there is
        an `ocsp_callback`. Source: ``SSL_CTX_set_tlsext_status_type``; Python's ssl has no such attribute.
        """
        return bool(self._to_get()._recorded("request_ocsp", False))

    @request_ocsp.setter
    def request_ocsp(self, value: object) -> None:
        self._refuse_servers("request_ocsp")
        if not value and self.ocsp_callback is not None:
            raise ValueError("Cannot switch request_ocsp off when there is an ocsp_callback.")
        self._to_set("request_ocsp")._request_ocsp(wanted=bool(value))

    @property
    def ocsp_callback(self) -> Any:
        """Called on a client as ``callback(connection, response)`` in the handshake; setting it sets `request_ocsp`.

        ``response`` is what the server has stapled, or None. It returns True to go on, and False to end the handshake
        with an alert (``ssl.SSLError``); TypeError for anything else. What it raises is raised by the call that is
        running. It is not called for a resumed session, and a session is not resumed that was made without it.
        ValueError when it is set on a server; None unsets it.
        """
        return self._to_get()._recorded("ocsp_client", None)

    @ocsp_callback.setter
    def ocsp_callback(self, callback: JudgeResponse | None) -> None:
        self._refuse_servers("ocsp_callback")
        target = self._to_set("ocsp_callback")
        if callback is None:
            target._unset_callback("ocsp_client")
            return
        judge = function(callback)
        target._request_ocsp()  # first: who is not asked demands nothing of sessions
        target._on_ocsp(
            "ocsp_client",
            # On TLS 1.3 libssl calls for resumed sessions too, which bring no certificate.
            lambda connection, response: (
                connection.session_reused or _verdict(judge(connection._owner(), response or None))
            ),
            callback,
        )

    def _refuse_servers(self, name: str) -> None:
        if self._is_only(PROTOCOL_TLS_SERVER):
            raise ValueError(f"{name} is for clients: a server has an ocsp_response")


def _checked(response: object) -> bytes:
    """The response as bytes; TypeError for what is no bytes, ValueError for what is no OCSPResponse at first sight."""
    if not isinstance(response, bytes | bytearray | memoryview):
        raise TypeError(f"an OCSP response is bytes in DER, not {type(response).__name__}")
    data = bytes(response)
    try:
        status, *_ = children(data)
    except ValueError:
        status = (0, b"")
    if status[0] != _ENUMERATED:
        raise ValueError("the bytes are no OCSPResponse in DER")
    return data


def _given(response: object) -> bytes:
    """What a callback has given, as the core takes it."""
    return b"" if response is None else _checked(response)


def _verdict(answer: object) -> bool:
    if not isinstance(answer, bool):
        raise TypeError(f"an OCSP callback returns True or False, not {type(answer).__name__}")
    return answer
