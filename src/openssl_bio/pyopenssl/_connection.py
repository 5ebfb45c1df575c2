"""``SSL.Connection``, over memory BIOs."""

from __future__ import annotations

import sys
from socket import MSG_PEEK
from typing import Any, ClassVar, NoReturn

from openssl_bio._core._lib import CData, ffi, lib
from openssl_bio._core.engine import INT_MAX
from openssl_bio._core.errors import ErrorTable, Kind, Outcome
from openssl_bio._core.pointers import BytesLike
from openssl_bio.pyopenssl._arguments import bits, c_string, integer, protocols, without_text
from openssl_bio.pyopenssl._connection_certificates import ConnectionCertificates
from openssl_bio.pyopenssl._context import Context, VerifyCallback, verifier
from openssl_bio.pyopenssl._errors import SSL_ERRORS
from openssl_bio.pyopenssl._session import Session

_LONGEST_EXPORT = 65535


def _buffer(data: BytesLike | str) -> BytesLike:
    octets: BytesLike = without_text(data, "buf", stacklevel=4)
    try:
        memoryview(octets).release()
    except TypeError:
        raise TypeError(f"a bytes-like object is required, not {type(data).__name__!r}") from None
    return octets


def _size(value: object, what: str = "bufsiz") -> int:
    size = integer(value, what, -sys.maxsize, sys.maxsize)
    if size < 0:
        raise ValueError("negative array length")
    return size


class Connection(ConnectionCertificates):
    """One TLS connection: pyOpenSSL's ``Connection``, driven through memory.

    Ciphertext from the peer goes in with `bio_write` and ciphertext for the peer comes out of `bio_read`; the other
    methods raise `WantReadError` when they need more of it.

    ``context`` is a Context; ``socket`` must be None. A TypeError otherwise, or a NotImplementedError for a socket.
    """

    _errors: ClassVar[ErrorTable] = SSL_ERRORS

    def __init__(self, context: Context, socket: None = None) -> None:
        if not isinstance(context, Context):
            raise TypeError("context must be a Context instance")
        if socket is not None:
            raise NotImplementedError("connections over sockets are not there yet: use memory (socket=None)")
        super().__init__(context)
        self._app_data: Any = None

    @property
    def _ssl(self) -> CData:
        """The ``SSL *``, for third parties."""
        return self.ssl

    # -- ciphertext -------------------------------------------------------------------------------------------------

    def bio_read(self, bufsiz: int) -> bytes:
        """Take up to ``bufsiz`` bytes for the peer. WantReadError if there are none."""
        data = self._take(_size(bufsiz))
        if not data and not self._waiting():
            raise SSL_ERRORS.error(Outcome(Kind.WANT_READ))
        return data

    def _waiting(self) -> int:
        with self._guard:
            return int(lib.BIO_ctrl_pending(self._outgoing))

    def bio_write(self, buf: BytesLike) -> int:
        """Put in ciphertext from the peer, and return its length in bytes. Any amount is kept."""
        return self._feed(_buffer(buf))

    def bio_shutdown(self) -> None:
        """Say that the peer will send no more."""
        self._mark_eof()

    # -- the connection ---------------------------------------------------------------------------------------------

    def set_connect_state(self) -> None:
        """Be the client."""
        self._set_role(server=False)

    def set_accept_state(self) -> None:
        """Be the server."""
        self._set_role(server=True)

    def do_handshake(self) -> None:
        """Go on with the handshake. WantReadError until it is done, Error if it failed."""
        self._handshake()

    def send(self, buf: BytesLike, flags: int = 0) -> int:
        """Seal data, and return how many bytes: all, unless the peer must speak first. ``flags`` are ignored."""
        data = _buffer(buf)
        if memoryview(data).nbytes > INT_MAX:
            raise ValueError("Cannot send more than 2**31-1 bytes at once.")
        return self._write(data)

    write = send

    def sendall(self, buf: BytesLike, flags: int = 0) -> int:
        """Seal all of the data, and return how many bytes."""
        data = memoryview(_buffer(buf)).cast("B")
        sent = 0
        while sent < len(data):
            sent += self._write(data[sent : sent + INT_MAX])
        return sent

    def recv(self, bufsiz: int, flags: int | None = None) -> bytes:
        """Up to ``bufsiz`` bytes of plaintext. ZeroReturnError after a clean close, SysCallError after a cut.

        The only flag that counts is MSG_PEEK: leave what is returned to be read again.
        """
        size = _size(bufsiz)
        return self._peek(size) if flags is not None and flags & MSG_PEEK else self._read(size)

    read = recv

    def recv_into(self, buffer: Any, nbytes: int | None = None, flags: int | None = None) -> int:
        """Read into a writable buffer, ``nbytes`` at most, and return how many bytes there are in it now."""
        with memoryview(buffer) as view:
            if view.readonly:
                raise TypeError(f"{type(buffer).__name__!r} object does not support item assignment")
            with view.cast("B") as octets:
                room = len(octets) if nbytes is None else min(_size(nbytes, "nbytes"), len(octets))
                if flags is None or not flags & MSG_PEEK:
                    return self._read_into(octets, room)
                data = self._peek(room)
                octets[: len(data)] = data
                return len(data)

    def pending(self) -> int:
        """How many decrypted bytes wait to be received."""
        return self._pending_bytes()

    def shutdown(self) -> bool:
        """Send close_notify. True when the peer's has come too, False while it is awaited."""
        return self._shutdown()

    def get_shutdown(self) -> int:
        """The bits SENT_SHUTDOWN and RECEIVED_SHUTDOWN."""
        return int(self._get(lib.SSL_get_shutdown))

    def set_shutdown(self, state: int) -> None:
        """Set the bits SENT_SHUTDOWN and RECEIVED_SHUTDOWN."""
        flags = integer(state, "state")
        self._get(lambda ssl: lib.SSL_set_shutdown(ssl, flags))

    def want_read(self) -> bool:
        """The last operation needs ciphertext from the peer."""
        return bool(self._get(lib.SSL_want_read))

    def want_write(self) -> bool:
        """The last operation needs room for ciphertext."""
        return bool(self._get(lib.SSL_want_write))

    def makefile(self, *args: Any, **kwargs: Any) -> NoReturn:
        """NotImplementedError, as in the original."""
        raise NotImplementedError("Cannot make file object of OpenSSL.SSL.Connection")

    # -- settings ---------------------------------------------------------------------------------------------------

    def get_context(self) -> Context:
        """The connection's context."""
        assert isinstance(self._context, Context)
        return self._context

    def set_context(self, context: Context) -> None:
        """Go on with another context's certificate and callbacks; meant for the server name callback."""
        if not isinstance(context, Context):
            raise TypeError("context must be a Context instance")
        self._set_context(context)

    def set_tlsext_host_name(self, name: bytes) -> None:
        """Send a server name (1 to 255 bytes) as a client. Error if it is longer."""
        if not isinstance(name, bytes):
            raise TypeError("name must be a byte string")
        if b"\0" in name:
            raise TypeError("name must not contain NUL byte")
        self._set_server_name(name)

    def get_servername(self) -> bytes | None:
        """The name the client sent, or None."""
        return self._get_server_name()

    def set_verify(self, mode: int, callback: VerifyCallback | None = None) -> None:
        """`Context.set_verify` for this connection alone. ValueError if a session that verified less is resumed."""
        self._set_verify(bits(mode, "mode"), verifier(callback), callback)

    def get_verify_mode(self) -> int:
        """The ``VERIFY_*`` bits of this connection."""
        return int(self._get(lib.SSL_get_verify_mode))

    def set_verify_host(self, host: str) -> None:
        """Verify also that the peer's certificate is for this DNS name or IP address.

        pyOpenSSL has no such method. A name outside ASCII must be given as A-labels; UnicodeEncodeError otherwise.
        ValueError for an empty name or one that begins with a dot.
        Source: ``X509_VERIFY_PARAM_set1_host``, ``X509_VERIFY_PARAM_set1_ip_asc``; partial wildcards do not match.
        """
        if not isinstance(host, str):
            raise TypeError("host must be a str")
        c_string(host.encode("ascii"), "host")
        if not host or host.startswith("."):
            # To libssl an empty name means any, and one with a leading dot all below it.
            raise ValueError(f"host must be a DNS name or an IP address, not {host!r}")
        self._set_verify_host(host)

    def get_verify_result(self) -> int:
        """How verification ended (``X509VerificationCodes``); ``OK`` also if there was none."""
        return int(self._get(lib.SSL_get_verify_result))

    def set_alpn_protos(self, protos: list[bytes]) -> None:
        """`Context.set_alpn_protos` for this connection alone."""
        self._set_alpn(protocols(protos))

    def request_ocsp(self) -> None:
        """Ask the server to staple an OCSP response; see `Context.set_ocsp_client_callback`."""
        self._request_ocsp()

    def set_app_data(self, data: Any) -> None:
        """Keep any object with the connection."""
        self._app_data = data

    def get_app_data(self) -> Any:
        """What `set_app_data` was given; None by default."""
        return self._app_data

    # -- sessions ---------------------------------------------------------------------------------------------------

    def get_session(self) -> Session | None:
        """The session to resume later, or None. On TLS 1.3 it can be resumed once data has been received."""
        core = self._get_session()
        if core is None:
            return None
        session = Session()
        session._core = core
        return session

    def set_session(self, session: Session) -> None:
        """Offer to resume a session, which a connection of the same context made.

        A resumed handshake checks no certificate. So it is a ValueError if the session is another context's, if the
        context's trust or verification settings changed since, and if the connection that made it verified less than
        this one demands: a weaker verify mode, another verify callback, or not the host of `set_verify_host`. Setting
        more afterwards, before the handshake is over, is refused in the same way.
        """
        if not isinstance(session, Session):
            raise TypeError("session must be a Session instance")
        if session._core is None:
            raise ValueError("the session is empty: it was not returned by get_session()")
        self._set_session(session._core)

    def session_reused(self) -> bool:
        """Whether the handshake resumed a session. ``SSL_session_reused``."""
        return bool(self._get(lib.SSL_session_reused))

    # -- what was negotiated ----------------------------------------------------------------------------------------

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

    def get_state_string(self) -> bytes:
        """What the handshake is doing, in libssl's words."""
        return self._get_text(lib.SSL_state_string_long) or b""

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
        if not 0 <= olen <= _LONGEST_EXPORT:
            raise ValueError(f"olen must be from 0 to {_LONGEST_EXPORT}")
        return self._export(label, olen, context)


def _bytes(text: CData) -> bytes:
    return bytes(ffi.string(text))


def _text(data: bytes | None) -> str | None:
    return None if data is None else data.decode()


Connection.__module__ = "openssl_bio.SSL"
