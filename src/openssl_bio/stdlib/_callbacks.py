"""What a context calls: for the server's name, for secrets, for messages, for pre-shared keys.

A callback is called while its connection is busy; what it raises is raised by the call that is running.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, BinaryIO, TypeAlias

from openssl_bio._core._lib import ffi, lib
from openssl_bio._core.settings import SettingsCore
from openssl_bio.stdlib._constants import (
    PROTOCOL_TLS_CLIENT,
    PROTOCOL_TLS_SERVER,
    TLSVersion,
)
from openssl_bio.stdlib._errors import described
from openssl_bio.stdlib._names import encoded_hostname
from openssl_bio.stdlib._private import _SSLMethod, _TLSAlertType, _TLSContentType, _TLSMessageType

if TYPE_CHECKING:
    from openssl_bio.stdlib._context import SSLContext
    from openssl_bio.stdlib._object import SSLObject

__all__ = ["CallbackSettings"]

# callback(connection, the server's name or None, the connection's context): None, or the number of an alert
ServerName: TypeAlias = Callable[[Any, str | None, "SSLContext"], int | None]
# callback(connection, "read" or "write", version, content type, message type, the message)
Message: TypeAlias = Callable[[Any, str, int, int, int, bytes], None]
# callback(the server's hint or None): the identity or None, and the key
ClientKey: TypeAlias = Callable[[str | None], tuple[str | None, bytes]]
# callback(the client's identity or None): the key
ServerKey: TypeAlias = Callable[[str | None], bytes]


class CallbackSettings(SettingsCore):
    """The part of `SSLContext` that takes callbacks."""

    _protocol: _SSLMethod
    _sni_callback: ServerName | None = None
    _message_callback: Message | None = None
    _keylog_filename: str | bytes | os.PathLike[str] | None = None

    # -- the server's name ------------------------------------------------------------------------------------------

    @property
    def sni_callback(self) -> Any:
        """Called on a server as ``callback(connection, name, context)`` when the client's server name is known.

        The name is None if there is none. The callback may set the connection's ``context``. It returns None, or the
        number of an alert (``ALERT_DESCRIPTION_*``) to refuse the client with. ValueError on a client's context.
        """
        return self._sni_callback

    @sni_callback.setter
    def sni_callback(self, callback: ServerName | None) -> None:
        if self._protocol == PROTOCOL_TLS_CLIENT:
            raise ValueError("sni_callback cannot be set on TLS_CLIENT context")
        if callback is None:
            self._unset_callback("servername", lambda ctx: lib.SSL_CTX_set_tlsext_servername_callback(ctx, ffi.NULL))
        elif callable(callback):
            self._on_servername(_servername_caller(callback), callback)
        else:
            raise TypeError("not a callable object")
        self._sni_callback = callback

    def set_servername_callback(self, server_name_callback: ServerName | None) -> None:
        """Set `sni_callback` to a function that passes the name on in A-labels; None unsets it."""
        if server_name_callback is None:
            self.sni_callback = None
            return
        if not callable(server_name_callback):
            raise TypeError("not a callable object")
        callback = server_name_callback

        def with_encoded_name(connection: Any, name: str | None, context: SSLContext) -> int | None:
            return callback(connection, encoded_hostname(name), context)

        self.sni_callback = with_encoded_name

    # -- secrets and messages ---------------------------------------------------------------------------------------

    @property
    def keylog_filename(self) -> Any:
        """A file that each secret is appended to, in the NSS key log format; None for no file."""
        return self._keylog_filename

    @keylog_filename.setter
    def keylog_filename(self, name: str | bytes | os.PathLike[str] | None) -> None:
        if name is None:
            self._unset_callback("keylog", lambda ctx: lib.SSL_CTX_set_keylog_callback(ctx, ffi.NULL))
        else:
            self._on_keylog(_line_writer(open(name, "ab", buffering=0)), object())  # noqa: SIM115 - it stays open
        self._keylog_filename = name

    @property
    def _msg_callback(self) -> Any:
        """Called as ``callback(connection, direction, version, content_type, msg_type, data)`` for each message."""
        return self._message_callback

    @_msg_callback.setter
    def _msg_callback(self, callback: Message | None) -> None:
        if callback is None:
            self._unset_callback("message", lambda ctx: lib.SSL_CTX_set_msg_callback(ctx, ffi.NULL))
        elif callable(callback):
            self._on_message(_message_caller(callback), callback)
        else:
            raise TypeError(f"{callback} is not callable.")
        self._message_callback = callback

    # -- pre-shared keys --------------------------------------------------------------------------------------------

    def set_psk_client_callback(self, callback: ClientKey | None) -> None:
        """As a client, use the pre-shared key that ``callback(hint)`` gives: a tuple of identity and key.

        The hint is None on TLS 1.3. None unsets the callback. ``ssl.SSLError`` on a server's context.
        """
        if self._protocol == PROTOCOL_TLS_SERVER:
            raise described(ssl.SSLError, 0, None, "Cannot add PSK client callback to a PROTOCOL_TLS_SERVER context")
        caller = None if callback is None else _client_key_caller(_function(callback))
        self._on_psk_client(caller, callback)

    def set_psk_server_callback(self, callback: ServerKey | None, identity_hint: str | None = None) -> None:
        """As a server, use the pre-shared key that ``callback(identity)`` gives; b"" refuses the client.

        None unsets the callback. ``ssl.SSLError`` on a client's context, and for a hint that is too long.
        """
        if self._protocol == PROTOCOL_TLS_CLIENT:
            raise described(ssl.SSLError, 0, None, "Cannot add PSK server callback to a PROTOCOL_TLS_CLIENT context")
        hint = identity_hint.encode() if identity_hint and callback is not None else None
        caller = None if callback is None else _server_key_caller(_function(callback))
        self._on_psk_server(caller, callback, hint)


def _function(callback: Any) -> Any:
    if not callable(callback):
        raise TypeError("callback must be callable")
    return callback


def _servername_caller(callback: ServerName) -> Callable[[SSLObject], int | None]:
    def call(connection: SSLObject) -> int | None:
        name = connection._get_server_name()
        return callback(connection._owner(), None if name is None else name.decode("ascii"), connection.context)

    return call


def _line_writer(file: BinaryIO) -> Callable[[SSLObject, bytes], object]:
    def write(_connection: SSLObject, line: bytes) -> None:
        file.write(line + b"\n")  # one call, so that lines of several processes do not mix

    return write


def _member(enum: Any, value: int) -> Any:
    try:
        return enum(value)
    except ValueError:
        return value


def _message_type(content_type: int, data: bytes) -> tuple[int, int]:
    """The content type as a member, and the type of the message, which depends on it."""
    kind = _member(_TLSContentType, content_type)
    if kind is _TLSContentType.CHANGE_CIPHER_SPEC:
        return kind, _TLSMessageType.CHANGE_CIPHER_SPEC
    if kind is _TLSContentType.ALERT:
        return kind, _member(_TLSAlertType, data[1] if len(data) > 1 else -1)  # the level comes first
    enum = _TLSContentType if kind is _TLSContentType.HEADER else _TLSMessageType
    return kind, _member(enum, data[0] if data else -1)


def _message_caller(callback: Message) -> Callable[[SSLObject, bool, int, int, bytes], None]:
    """What turns libssl's numbers into Python's enums."""

    def call(connection: SSLObject, sent: bool, version: int, content_type: int, data: bytes) -> None:
        kind, message_type = _message_type(content_type, data)
        direction = "write" if sent else "read"
        callback(connection._owner(), direction, _member(TLSVersion, version), kind, message_type, data)

    return call


def _client_key_caller(callback: ClientKey) -> Callable[[object, bytes | None], tuple[bytes, bytes]]:
    def call(_connection: object, hint: bytes | None) -> tuple[bytes, bytes]:
        answer = callback(None if hint is None else hint.decode())
        if not isinstance(answer, tuple) or len(answer) != 2:
            raise TypeError("a PSK client callback returns a tuple of identity and key")
        identity, key = answer
        if not isinstance(identity, str | None) or not isinstance(key, bytes | bytearray | memoryview):
            raise TypeError("a PSK identity is a str or None, and a key bytes")
        return (identity or "").encode(), bytes(key)

    return call


def _server_key_caller(callback: ServerKey) -> Callable[[object, bytes | None], bytes]:
    def call(_connection: object, identity: bytes | None) -> bytes:
        key = callback(None if identity is None else identity.decode())
        if not isinstance(key, bytes | bytearray | memoryview):
            raise TypeError(f"a PSK server callback returns the key as bytes, not {type(key).__name__}")
        return bytes(key)

    return call
