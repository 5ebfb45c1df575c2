"""``SSL.Connection``, over memory or over a socket."""

from __future__ import annotations

import sys
from collections.abc import Callable
from socket import MSG_PEEK
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, cast

from openssl_bio._core._lib import CData, lib
from openssl_bio._core.connection import ConnectionCore
from openssl_bio._core.engines import hot
from openssl_bio._core.errors import ErrorTable, Kind, Outcome
from openssl_bio._core.late import LateModule
from openssl_bio._core.pointers import INT_MAX, BytesLike
from openssl_bio._core.views import seen_as
from openssl_bio.pyopenssl._arguments import c_string, integer, without_text
from openssl_bio.pyopenssl._callbacks import Callbacks
from openssl_bio.pyopenssl._connection_certificates import ConnectionCertificates
from openssl_bio.pyopenssl._context import Context
from openssl_bio.pyopenssl._datagrams import Datagrams
from openssl_bio.pyopenssl._errors import FACE, SSL_ERRORS, WantReadError
from openssl_bio.pyopenssl._negotiated import Negotiated
from openssl_bio.pyopenssl._settings import Settings

if TYPE_CHECKING:
    from openssl_bio._core import pump as pumps
    from openssl_bio._core import resumption
    from openssl_bio._core.pump import SocketPump
    from openssl_bio.pyopenssl import _session as sessions
    from openssl_bio.pyopenssl._session import Session
    from openssl_bio.stdlib import SSLObject
else:
    pumps = LateModule("openssl_bio._core.pump")
    resumption = LateModule("openssl_bio._core.resumption")
    sessions = LateModule("openssl_bio.pyopenssl._session")


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


def _descriptor(socket: Any) -> Callable[[], int]:
    """What tells the file descriptor of a socket, or of whatever else has ``fileno()``, or is a descriptor."""
    number = socket if isinstance(socket, int) else getattr(socket, "fileno", lambda: None)()
    if not isinstance(number, int):
        raise TypeError("argument must be an int, or have a fileno() method.")
    if number < 0:
        raise ValueError(f"file descriptor cannot be a negative integer ({number})")
    fileno: Callable[[], int] = (lambda: number) if isinstance(socket, int) else socket.fileno
    return fileno


def _of_socket(connection: Connection, name: str) -> Any:
    """The socket's attribute, where the connection has none of that name."""
    if connection._socket is None:
        raise AttributeError(
            f"{type(connection).__name__!r} object has no attribute {name!r}", name=name, obj=connection
        )
    return getattr(connection._socket, name)


@hot(
    *("__init__", "send", "recv", "bio_read", "bio_write", "do_handshake", "pending", "set_connect_state"),
    *("set_accept_state", "set_tlsext_host_name"),
    *("get_protocol_version_name", "get_protocol_version", "get_alpn_proto_negotiated", "get_cipher_name"),
)
class Connection(ConnectionCertificates, Negotiated, Datagrams, Settings, Callbacks):
    """One TLS connection: pyOpenSSL's ``Connection``, driven through memory or over a socket.

    ``context`` is a Context, TypeError otherwise. Without a ``socket``, ciphertext from the peer goes in with
    `bio_write` and ciphertext for the peer comes out of `bio_read`; the other methods raise `WantReadError` when they
    need more.

    ``socket`` may be a socket, anything with a ``fileno()``, or a file descriptor; the connection does not close it.
    The methods then wait as the descriptor does: one that does not block (a socket with a time-out is one) makes them
    raise `WantReadError` or `WantWriteError`, and the same call has to be made again when it is ready. What the
    transport refuses is a `SysCallError`. Other attributes are the socket's.
    """

    _errors: ClassVar[ErrorTable] = SSL_ERRORS
    _face: ClassVar[str] = FACE

    _socket: Any = None
    _app_data: Any = None

    def __init__(self, context: Context, socket: Any = None) -> None:
        if not isinstance(context, Context):
            raise TypeError("context must be a Context instance")
        if socket is not None:
            self._refuse_second_init()
            self._socket = socket
            self._pump = pumps.SocketPump(_descriptor(socket), WantReadError, SSL_ERRORS)
            if type(self) is Connection:
                self.__class__ = _OverSocket
        self._set_up(context)
        if socket is not None:
            self._direct = False

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...

    def __init_subclass__(cls, **options: Any) -> None:
        """Give connections that may be over a socket the socket's attributes; all their own are slower to find then."""
        super().__init_subclass__(**options)
        if not hasattr(cls, "__getattr__"):
            cls.__getattr__ = _of_socket  # type: ignore[method-assign]

    def __reduce__(self) -> NoReturn:
        """TypeError: two connections cannot share one SSL."""
        raise TypeError("cannot copy or pickle a Connection")

    @property
    def _ssl(self) -> CData:
        """The ``SSL *``, for third parties."""
        return self.ssl

    # -- ciphertext, without a socket -------------------------------------------------------------------------------

    def _only_memory(self) -> None:
        if self._pump is not None:
            raise TypeError("Connection sock was not None")

    def bio_read(self, bufsiz: int) -> bytes:
        """Take up to ``bufsiz`` bytes for the peer, on DTLS one datagram. WantReadError if there are none.

        TypeError if the connection has a socket; ValueError if the datagram is larger than ``bufsiz``.
        """
        self._only_memory()
        data = self._take(_size(bufsiz))
        if not data and not self._waiting_bytes():
            raise WantReadError
        return data

    def bio_write(self, buf: BytesLike) -> int:
        """Put in ciphertext from the peer, on DTLS one datagram, and return its length in bytes. Any amount is kept.

        TypeError if the connection has a socket.
        """
        self._only_memory()
        return self._feed(_buffer(buf))

    def bio_shutdown(self) -> None:
        """Say that the peer will send no more. TypeError if the connection has a socket."""
        self._only_memory()
        self._mark_eof()

    # -- the socket -------------------------------------------------------------------------------------------------

    def connect(self, addr: Any) -> Any:
        """Be the client, and connect the socket: returns and raises what it does. The handshake comes later."""
        self.set_connect_state()
        return self._transport().connect(addr)

    def connect_ex(self, addr: Any) -> int:
        """`connect` with the socket's ``connect_ex``, which returns an errno instead of raising it."""
        self.set_connect_state()
        return int(self._transport().connect_ex(addr))

    def accept(self) -> tuple[Connection, Any]:
        """Accept a connection on a listening socket: a server's Connection with the same context, and the address."""
        socket, address = self._transport().accept()
        connection = Connection(self.get_context(), socket)
        connection.set_accept_state()
        return connection, address

    def sock_shutdown(self, *args: Any, **kwargs: Any) -> Any:
        """The socket's own ``shutdown``, which knows nothing of TLS."""
        return self._transport().shutdown(*args, **kwargs)

    def _transport(self) -> Any:
        if self._socket is None:
            raise AttributeError("this connection has no socket")
        return self._socket

    # -- the connection ---------------------------------------------------------------------------------------------

    def set_connect_state(self) -> None:
        """Be the client."""
        self._become_client()

    def set_accept_state(self) -> None:
        """Be the server."""
        self._set_accept_state()

    def do_handshake(self) -> None:
        """Go on with the handshake. WantReadError until it is done, Error if it failed."""
        self._drive(self._handshake)

    def send(self, buf: BytesLike, flags: int = 0) -> int:
        """Seal data, and return how many bytes: all in memory, up to 64 KiB over a socket. ``flags`` are ignored.

        WantReadError or WantWriteError means that nothing counts as sent yet: call again with the same data.
        ValueError for more than 2**31-1 bytes.
        """
        data = _buffer(buf)
        if memoryview(data).nbytes > INT_MAX:
            raise ValueError("Cannot send more than 2**31-1 bytes at once.")
        return self._write_or_gather(data) if self._pump is None else self._send(memoryview(data).cast("B"), self._pump)

    def _send(self, data: memoryview, pump: SocketPump) -> int:
        part = data if self._datagrams else data[: pump.slice]
        count: int = pump.drive(self, "send", lambda: self._write(part))
        if count > len(part):
            detail = f"bad write retry: {count} bytes wait to be sent, and {len(part)} were given"
            raise SSL_ERRORS.error(Outcome(Kind.SSL, detail=detail))
        return count

    write = send

    def sendall(self, buf: BytesLike, flags: int = 0) -> int:
        """`send` until all of the data is sent, and return how many bytes."""
        data = memoryview(_buffer(buf)).cast("B")
        sent = 0
        while sent < len(data):
            part = data[sent : sent + INT_MAX]
            sent += self._write_or_gather(part) if self._pump is None else self._send(part, self._pump)
        return sent

    def recv(self, bufsiz: int, flags: int | None = None) -> bytes:
        """Up to ``bufsiz`` bytes of plaintext. ZeroReturnError after a clean close, SysCallError after a cut.

        The only flag that counts is MSG_PEEK: leave what is returned to be read again.
        """
        size = _size(bufsiz)
        operation = self._peek if flags is not None and flags & MSG_PEEK else self._read
        if self._pump is None:
            return operation(size)
        return self._pump.receive(self, lambda: operation(size))  # type: ignore[no-any-return]

    read = recv

    def recv_into(self, buffer: Any, nbytes: int | None = None, flags: int | None = None) -> int:
        """Read into a writable buffer, ``nbytes`` at most, and return how many bytes there are in it now."""
        with memoryview(buffer) as view:
            if view.readonly:
                raise TypeError(f"{type(buffer).__name__!r} object does not support item assignment")
            with view.cast("B") as octets:
                room = len(octets) if nbytes is None else min(_size(nbytes, "nbytes"), len(octets))
                operation = self._peek_into if flags is not None and flags & MSG_PEEK else self._read_into
                if self._pump is None:
                    return operation(octets, room)
                return self._pump.receive(self, lambda: operation(octets, room))  # type: ignore[no-any-return]

    def _peek_into(self, buffer: memoryview, size: int) -> int:
        data = self._peek(size)
        buffer[: len(data)] = data
        return len(data)

    def pending(self) -> int:
        """How many decrypted bytes wait to be received."""
        return self._pending_bytes()

    def shutdown(self) -> bool:
        """Send close_notify. True when the peer's has come too, False while it is awaited."""
        self._uncork()
        return self._drive(self._shutdown)

    def renegotiate(self) -> bool:
        """Ask for a new handshake on TLS 1.2, which `do_handshake` begins; False if one was asked for already.

        Error on TLS 1.3, which has none.
        """
        if self.renegotiate_pending():
            return False
        with self._guard:
            self._errors.check(lib.SSL_renegotiate(self.ssl) == 1, "SSL_renegotiate")
            return True

    def renegotiate_pending(self) -> bool:
        """Whether a renegotiation was asked for and is not over."""
        return bool(self._get(lib.SSL_renegotiate_pending))

    def total_renegotiations(self) -> int:
        """How many renegotiations this connection has begun."""
        return int(self._get(lib.SSL_total_renegotiations))

    def get_shutdown(self) -> int:
        """The bits SENT_SHUTDOWN and RECEIVED_SHUTDOWN."""
        return int(self._get(lib.SSL_get_shutdown))

    def set_shutdown(self, state: int) -> None:
        """Set the bits SENT_SHUTDOWN and RECEIVED_SHUTDOWN."""
        flags = integer(state, "state")
        self._get(lambda ssl: lib.SSL_set_shutdown(ssl, flags))

    def want_read(self) -> bool:
        """The last operation needs ciphertext from the peer."""
        return self._wants_read()

    def want_write(self) -> bool:
        """The last operation needs room for ciphertext."""
        return self._pump is not None and self._pump.blocked

    def _passphrase_callback(self) -> Callable[[int, bool], bytes] | None:
        return self.get_context()._passphrase_callback()

    def _present_client_cas(self) -> list[CData]:
        return self._client_ca_names()

    def makefile(self, *args: Any, **kwargs: Any) -> NoReturn:
        """NotImplementedError, as in the original."""
        raise NotImplementedError("Cannot make file object of OpenSSL.SSL.Connection")

    # -- settings ---------------------------------------------------------------------------------------------------

    def get_context(self) -> Context:
        """The connection's context; if that is an `openssl_bio.stdlib.SSLContext`, the same one as a Context.

        What is set through either is set.
        """
        return cast("Context", seen_as(self._context, FACE))

    @property
    def ssl_object(self) -> SSLObject:
        """The same connection as an `openssl_bio.stdlib.SSLObject`, for code that knows Python's ``ssl``.

        Either may be used at any time, from any thread, and raises its own face's exceptions; whichever is left keeps
        the connection. Ciphertext goes as before, through ``bio_write()`` and ``bio_read()``. Its ``context`` gives
        `get_context` as an ``SSLContext``, and its ``connection`` this object. TypeError for a connection over a socket
        and for DTLS, which an SSLObject is not for.
        """
        return cast("SSLObject", seen_as(self, "stdlib"))

    @classmethod
    def from_ssl_object(cls, obj: SSLObject) -> Connection:
        """The connection of an `openssl_bio.stdlib.SSLObject`, as its own ``connection`` gives it: see `ssl_object`.

        TypeError for anything else, also for an ``ssl.SSLObject`` of Python's.
        """
        if not isinstance(obj, ConnectionCore) or obj._face == FACE:
            raise TypeError(f"obj must be an openssl_bio.stdlib.SSLObject, not {type(obj).__name__}")
        return cast("Connection", seen_as(obj, FACE))

    def set_context(self, context: Context) -> None:
        """Go on with another context's certificate and callbacks; meant for the server name callback.

        During a handshake any other callback of this connection, but that for the ClientHello, gets a RuntimeError (an
        Error as well): libssl may be using what it would free. So does a callback that sets one the context has not, or
        the role, or the session.
        """
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
        return None if core is None else sessions.Session._wrap(core)

    def set_session(self, session: Session) -> None:
        """Offer to resume a session, which a connection of the same context made, or `Session.from_bytes`.

        A resumed handshake checks no certificate. So it is a ValueError if the session is another context's, if the
        context's trust or verification settings changed since, and if the connection that made it verified less than
        this one demands: a weaker verify mode, another verify callback, or not the host of `set_verify_host`. Setting
        more afterwards, before the handshake is over, is refused in the same way, and so is a session that is set after
        the handshake has begun.
        """
        if not isinstance(session, sessions.Session):
            raise TypeError("session must be a Session instance")
        if session._core is None:
            raise ValueError("the session is empty: it was not returned by get_session()")
        self._set_session(session._core)

    def resume(self) -> bool:
        """Offer a session of the context's cache (`Context.set_session_cache`), and tell whether there is one.

        Call it on a client before the handshake, after the server name and what is to be verified were set. A TLS 1.3
        session is taken out of the cache by this. ValueError, and nothing is taken, after the handshake has begun.
        """
        return resumption.resume_from_cache(self)

    def write_early_data(self, buf: BytesLike) -> int:
        """As a TLS 1.3 client, send data with the first flight, before the handshake; returns how many bytes.

        It needs a session to resume (`set_session`) whose ``max_early_data`` is large enough; ValueError otherwise.
        Whoever records early data can send it again, and it has no forward secrecy: send nothing that must not happen
        twice. Go on with `do_handshake`; if `early_data_status` is "rejected" then, the server has seen none of it.
        Source: ``SSL_write_early_data``; pyOpenSSL has no such method.
        """
        data = _buffer(buf)
        if self._pump is None:
            return self._write_early_data(data)
        return self._pump.drive(self, "write_early_data", lambda: self._write_early_data(data))  # type: ignore[no-any-return]

    def read_early_data(self, bufsiz: int) -> bytes:
        """As a TLS 1.3 server, up to ``bufsiz`` bytes (1 or more) of early data; b"" when there are no more.

        Call it before `do_handshake`, until it returns b""; a server that does not, rejects early data. It raises
        WantReadError while it needs more, and ``set_max_early_data`` must have allowed it.
        Source: ``SSL_read_early_data``; pyOpenSSL has no such method.
        """
        size = _size(bufsiz)
        if size == 0:
            raise ValueError("bufsiz must be 1 or more")
        if self._pump is None:
            return self._read_early_data(size)
        return self._pump.drive(self, "read_early_data", lambda: self._read_early_data(size))  # type: ignore[no-any-return]

    def early_data_status(self) -> str:
        """What became of early data: "accepted", "rejected", or "not sent". ``SSL_get_early_data_status``."""
        return self._early_data_status()

    def new_session_ticket(self) -> None:
        """Send one session ticket more to a TLS 1.3 client. Error if this is no such server, or before the handshake.

        Over a socket it may raise WantWriteError, and the ticket goes out with what is sent next.
        Source: ``SSL_new_session_ticket``; pyOpenSSL has no such method.
        """
        self._new_session_ticket()
        self._drive(self._handshake)


class _OverSocket(Connection):
    __doc__ = Connection.__doc__


_OverSocket.__name__ = _OverSocket.__qualname__ = Connection.__name__
for _class in (Connection, _OverSocket):
    _class.__module__ = "openssl_bio.SSL"
