"""``SSLSocket``: a connection over a socket, for code that blocks.

Python's own class does what a socket with TLS has to do: it keeps the socket, checks arguments, connects and accepts,
makes files.  It asks another object for the TLS, its ``_sslobj``.  Here that is a `SocketObject`: a connection in
memory and the core's pump between it and the socket.  The pump waits where the socket blocks; a socket with a timeout
does not block for the system, and `SocketObject` waits for it.

gevent puts a class of its own in the place of Python's, with sockets that never block and a constructor; patched first,
it is what ours is made of, and does the waiting.

Several threads may use one socket.  A write that has to wait is begun again later, so writers take turns; readers do
not take part in that, but when one of them has read, all look again: its bytes may be for another.
"""

from __future__ import annotations

import select
import socket
import ssl
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from openssl_bio._core.channel_binding import refuse_other_bindings
from openssl_bio._core.errors import Kind, Outcome
from openssl_bio._core.late import LateModule
from openssl_bio.stdlib._callbacks import Callbacks
from openssl_bio.stdlib._errors import IO_ERRORS, described
from openssl_bio.stdlib._key_files import KeyFiles
from openssl_bio.stdlib._settings import Settings
from openssl_bio.stdlib._stapling import Stapling

if TYPE_CHECKING:
    from openssl_bio._core import pump as pumps
    from openssl_bio._core.credential import Credential
    from openssl_bio._core.pump import SocketPump
    from openssl_bio._core.trust_store import TrustStore
    from openssl_bio.stdlib._context import SSLContext
    from openssl_bio.stdlib._object import SSLObject
else:
    pumps = LateModule("openssl_bio._core.pump")

__all__ = ["SSLSocket", "SocketObject"]

T = TypeVar("T")

_SLICE = 1 << 18  # what is sealed before it is sent


class _Patience:
    """How long one operation may wait for its socket: the socket's timeout."""

    def __init__(self, plain: socket.socket, verb: str) -> None:
        timeout = plain.gettimeout()
        self._plain = plain
        self._verb = verb
        self._end = None if timeout is None else time.monotonic() + timeout
        self.blocks = timeout != 0

    def run(self, pump: SocketPump, call: Callable[[], T]) -> T:
        """Call until it does not want to wait any more, or TimeoutError; a socket that does not block waits never."""
        while True:
            arrivals = pump.arrivals
            try:
                return call()
            except ssl.SSLWantReadError:
                if not self.blocks:
                    raise
                ready = pump.after_arrivals(arrivals, self._left(), lambda: self._is_ready(to_write=False))
            except ssl.SSLWantWriteError:
                if not self.blocks:
                    raise
                ready = self._is_ready(to_write=True)
            if not ready:
                raise self._is_over()

    @contextmanager
    def turn(self, lock: Any) -> Iterator[None]:
        """Hold a lock, an RLock, in the block; TimeoutError if others do not give it up in time."""
        if not _acquired(lock, self._left()):
            raise self._is_over() if self.blocks else IO_ERRORS.error(Outcome(Kind.WANT_WRITE))
        try:
            yield
        finally:
            lock.release()

    def _is_ready(self, *, to_write: bool) -> bool:
        return _is_ready(self._plain, to_write=to_write, seconds=self._left())

    def _is_over(self) -> TimeoutError:
        return TimeoutError(f"The {self._verb} operation timed out")

    def _left(self) -> float | None:
        return None if self._end is None else max(0.0, self._end - time.monotonic())


def _acquired(lock: Any, seconds: float | None) -> bool:
    acquired: bool = lock.acquire(timeout=-1 if seconds is None else seconds)
    return acquired


def _is_ready(plain: socket.socket, *, to_write: bool, seconds: float | None) -> bool:
    if hasattr(select, "poll"):
        poll = select.poll()
        poll.register(plain, select.POLLOUT if to_write else select.POLLIN)
        return bool(poll.poll(None if seconds is None else seconds * 1000))
    readers, writers = ([], [plain]) if to_write else ([plain], [])
    return any(select.select(readers, writers, [], seconds))


def _fileno_of(plain: weakref.ref[SSLSocket]) -> Callable[[], int]:
    """What tells the socket's descriptor, and -1 when it is gone."""

    def fileno() -> int:
        found = plain()
        return -1 if found is None else found.fileno()

    return fileno


class SocketObject:
    """What Python's ``SSLSocket`` calls its ``_sslobj``: a connection in memory, and the socket it is carried by."""

    def __init__(self, plain: SSLSocket, connection: SSLObject) -> None:
        self._socket = weakref.ref(plain)
        self._connection = connection
        self._turn = threading.RLock()
        self._pump = pumps.SocketPump(_fileno_of(self._socket), ssl.SSLWantReadError, IO_ERRORS)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    @property
    def owner(self) -> SSLSocket | None:
        """The socket, as long as it lives."""
        return self._socket()

    @property
    def context(self) -> SSLContext:
        """The connection's context."""
        return self._connection.context

    @context.setter
    def context(self, context: SSLContext) -> None:
        self._connection.context = context

    @property
    def session(self) -> Any:
        """The connection's session."""
        return self._connection.session

    @session.setter
    def session(self, session: Any) -> None:
        self._connection.session = session

    def _plain(self) -> SSLSocket:
        plain = self._socket()
        if plain is None:
            raise described(ssl.SSLError, 0, None, "Underlying socket connection gone")
        return plain

    def _drive(self, verb: str, name: str, operation: Callable[[], T]) -> T:
        return self._drive_patiently(_Patience(self._plain(), verb), name, operation)

    def _drive_patiently(self, patience: _Patience, name: str, operation: Callable[[], T]) -> T:
        with patience.turn(self._turn):
            result: T = patience.run(self._pump, lambda: self._pump.drive(self._connection, name, operation))
            return result

    def do_handshake(self) -> None:
        """Finish the handshake."""
        self._drive("handshake", "handshake", self._connection.do_handshake)

    def read(self, len: int = 1024, buffer: Any = None) -> Any:
        """Plaintext, as `SSLObject.read`."""
        patience = _Patience(self._plain(), "read")
        return patience.run(
            self._pump, lambda: self._pump.receive(self._connection, lambda: self._connection.read(len, buffer))
        )

    def write(self, data: Any) -> int:
        """Seal and send data, and return how many bytes; all of them if the socket blocks."""
        patience = _Patience(self._plain(), "write")
        view = memoryview(data).cast("B")
        written = self._write_part(patience, view[:_SLICE])
        while written < view.nbytes and patience.blocks:
            written += self._write_part(patience, view[written : written + _SLICE])
        return written

    def _write_part(self, patience: _Patience, part: memoryview) -> int:
        def seal() -> int:
            return self._connection.write(part)

        return self._drive_patiently(patience, "write", seal)

    def write_early_data(self, data: Any) -> int:
        """Send early data, as `SSLObject.write_early_data`."""
        return self._drive("write", "write_early_data", lambda: self._connection.write_early_data(data))

    def read_early_data(self, len: int = 1024) -> bytes:
        """Early data, as `SSLObject.read_early_data`."""
        return self._drive("read", "read_early_data", lambda: self._connection.read_early_data(len))

    def new_session_ticket(self) -> None:
        """Send one session ticket more, as `SSLObject.new_session_ticket`."""
        self._connection._new_session_ticket()
        self.do_handshake()

    def shutdown(self) -> SSLSocket:
        """Close the TLS connection, and return the socket, on which the next bytes are plain."""
        self._drive("read", "shutdown", self._connection.unwrap)
        return self._plain()


class SSLSocket(Settings, Callbacks, Stapling, KeyFiles, ssl.SSLSocket):
    """A socket with TLS: what `SSLContext.wrap_socket` returns.

    It can be given settings of its own, as `SSLObject` says, between ``wrap_socket(do_handshake_on_connect=False)`` of
    a socket that is connected, and `do_handshake`. ValueError later, and where there is no connection yet.
    """

    _sslobj: SocketObject | None

    @classmethod
    def _create(cls, *, context: SSLContext, session: Any = None, **options: Any) -> SSLSocket:
        """What `SSLContext.wrap_socket` calls. RuntimeError if Python's class is another one than on import."""
        if not issubclass(cls, ssl.SSLSocket):
            raise RuntimeError("ssl was patched after openssl_bio.stdlib had been imported: patch first (gevent)")
        make = getattr(super(), "_create", None)
        if make is None:
            return cls(_context=context, _session=session, **options)
        created: SSLSocket = make(context=context, session=session, **options)
        return created

    def _begin_with(self, early: bytes, handshake: bool) -> None:
        """Take bytes of TLS that were read before, and shake hands if that is wanted; close the socket if it fails."""
        try:
            sslobj = self._tls()
            sslobj._pump.begin_with(early)
            self.do_handshake_on_connect = handshake
            if handshake:
                if self.gettimeout() == 0:
                    raise ValueError("do_handshake_on_connect should not be specified for non-blocking sockets")
                self.do_handshake()
        except BaseException:
            self.close()
            raise

    def _tls(self) -> Any:
        self._checkClosed()  # type: ignore[attr-defined]
        if self._sslobj is None:
            raise ValueError("No SSL wrapper around " + str(self))
        return self._sslobj

    # -- settings of this connection alone --------------------------------------------------------------------------

    def _to_set(self, name: str) -> SSLObject:
        return self._to_get()._to_set(name)

    def _to_get(self) -> SSLObject:
        connection: SSLObject = self._tls()._connection
        return connection

    @property
    def _protocol_in_use(self) -> ssl._SSLMethod:
        return self._to_get()._protocol_in_use

    def _is_only(self, side: ssl._SSLMethod) -> bool:
        return self._to_get()._is_only(side)

    @property
    def check_hostname(self) -> bool:
        """As `SSLObject.check_hostname`."""
        return self._to_get().check_hostname

    @check_hostname.setter
    def check_hostname(self, value: object) -> None:
        self._to_get().check_hostname = value

    @property
    def post_handshake_auth(self) -> bool:
        """As `SSLObject.post_handshake_auth`."""
        return self._to_get().post_handshake_auth

    @post_handshake_auth.setter
    def post_handshake_auth(self, value: object) -> None:
        self._to_get().post_handshake_auth = value

    @property
    def security_level(self) -> int:
        """As `SSLObject.security_level`."""
        return self._to_get().security_level

    def get_ciphers(self) -> list[dict[str, Any]]:
        """As `SSLObject.get_ciphers`."""
        return self._to_get().get_ciphers()

    def use_credentials(self, *credentials: Credential) -> None:
        """As `SSLContext.use_credentials`, for this connection."""
        self._to_get().use_credentials(*credentials)

    def use_trust_store(self, store: TrustStore) -> None:
        """As `SSLObject.use_trust_store`."""
        self._to_get().use_trust_store(store)

    # -- suspended callbacks ----------------------------------------------------------------------------------------

    @property
    def suspended(self) -> str | None:
        """As `SSLObject.suspended`."""
        return self._to_get().suspended

    def resume_handshake(self, answer: object) -> None:
        """As `SSLObject.resume_handshake`; `do_handshake` goes on then."""
        self._to_get().resume_handshake(answer)

    # -- what there is ----------------------------------------------------------------------------------------------

    def get_verified_chain(self) -> list[bytes]:
        """As `SSLObject.get_verified_chain`."""
        chain: list[bytes] = self._tls().get_verified_chain()
        return chain

    def get_unverified_chain(self) -> list[bytes]:
        """As `SSLObject.get_unverified_chain`."""
        chain: list[bytes] = self._tls().get_unverified_chain()
        return chain

    def selected_npn_protocol(self) -> str | None:
        """As `SSLObject.selected_npn_protocol`."""
        self._checkClosed()  # type: ignore[attr-defined]
        name: str | None = None if self._sslobj is None else self._sslobj.selected_npn_protocol()
        return name

    def group(self) -> str | None:
        """As `SSLObject.group`."""
        name: str | None = self._tls().group()
        return name

    def client_sigalg(self) -> str | None:
        """As `SSLObject.client_sigalg`."""
        name: str | None = self._tls().client_sigalg()
        return name

    def server_sigalg(self) -> str | None:
        """As `SSLObject.server_sigalg`."""
        name: str | None = self._tls().server_sigalg()
        return name

    def get_channel_binding(self, cb_type: str = "tls-unique") -> bytes | None:
        """As `SSLObject.get_channel_binding`; None also where there is no TLS."""
        if self._sslobj is None:
            refuse_other_bindings(cb_type)
            return None
        binding: bytes | None = self._sslobj.get_channel_binding(cb_type)
        return binding

    def export_keying_material(self, label: str | bytes, length: int, context: Any = None) -> bytes:
        """As `SSLObject.export_keying_material`."""
        material: bytes = self._tls().export_keying_material(label, length, context)
        return material

    def new_session_ticket(self) -> None:
        """As `SSLObject.new_session_ticket`."""
        self._tls().new_session_ticket()

    def write_early_data(self, data: Any) -> int:
        """As `SSLObject.write_early_data`: with ``do_handshake_on_connect=False``, before `do_handshake`."""
        count: int = self._tls().write_early_data(data)
        return count

    def read_early_data(self, len: int = 1024) -> bytes:
        """As `SSLObject.read_early_data`: with ``do_handshake_on_connect=False``, before `do_handshake`."""
        data: bytes = self._tls().read_early_data(len)
        return data

    @property
    def early_data_status(self) -> str:
        """As `SSLObject.early_data_status`."""
        status: str = self._tls().early_data_status
        return status
