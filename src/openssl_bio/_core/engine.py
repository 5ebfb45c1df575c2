"""The reference engine: the dozen operations that move bytes, on libssl and two memory BIOs.

Theory of operation.  An engine is one TLS connection as a machine without input or output of its own.  Ciphertext from
the peer is put in (`_feed`, `_mark_eof`), ciphertext for the peer is taken out (`_take`), and in between the operations
run until they are done or want more.  This class does it with cffi over ``BIO_s_mem``; it is short and stays as the
oracle for any other engine.  The interface, for whoever writes the next one:

==================  ===================================================================================================
``_handshake``      Go on with the handshake. Returns None when it is done.
``_read``           Up to n bytes of plaintext, from as many records as there are; at least one byte unless n is 0.
``_read_into``      The same into a buffer; returns the count.
``_peek``           Up to n bytes of the next record, which stay there.
``_write``          Seal bytes; returns how many, which is all of them unless the peer must speak first.
``_shutdown``       Send close_notify. True when the peer's has come as well.
``_feed``           Ciphertext from the peer; returns its length. Any amount is kept.
``_take``           Up to n bytes of ciphertext for the peer; b"" when there are none.
``_mark_eof``       The peer will send no more.
``_pending_bytes``  How many decrypted bytes wait.
``_waiting_bytes``  How many bytes of ciphertext wait to be taken; on datagrams, in the next one.
``_wants_read``     Whether the last operation stopped for want of ciphertext.
``receive_data``    The one-call form: ciphertext in, all the plaintext out; the handshake goes on as well.
``send_data``       Plaintext in, all the ciphertext out.
``send_data_many``  The same for several, joined.
``data_to_send``    All the ciphertext that waits.
==================  ===================================================================================================

On datagrams (DTLS) ``_read`` never joins two and ``_write`` never splits one; ``_feed`` and ``_take`` move one
datagram a call, and ``_take`` raises ValueError where it would cut one.  Three more operations belong to them:
``_listen`` waits for a ClientHello with a valid cookie, ``_timeout`` tells the microseconds until ``_handle_timeout``
has to be called (-1 for never), which sends the last flight again if its timer has expired, and tells whether it did.

What every operation promises.  It runs under the connection's guard; called from one of the connection's own callbacks,
or from whatever else may run inside of an operation, it raises a RuntimeError and does nothing; only ``_take`` gives
what is there.  An exception that a callback raised comes first, also where libssl reported success; plaintext that came
with it is kept for the next read.  If that was before the end of the handshake, the connection is ended with an alert
to the peer.  An error that follows delivered bytes is kept for the next call.  After a fatal error every operation
raises that error again, without entering libssl.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from openssl_bio._core._lib import CData, ffi, lib
from openssl_bio._core.bio import ByteBox, Queue, foreign_bio
from openssl_bio._core.errors import ABORTED, LOST, ErrorTable, Kind, Outcome, classify, first_of
from openssl_bio._core.guard import INITIALISED_BEFORE, NO_OTHER_ROLE, NOT_IN_A_CALLBACK, Guard, Unset
from openssl_bio._core.pointers import INT_MAX, PIECE, RECORD, BytesLike, new_buffer, own, taken

if TYPE_CHECKING:
    from openssl_bio._core.context import Generation
    from openssl_bio._core.verification import Demand


class _Pins:
    """What must outlive an SSL: the handle that leads from it to its connection, and what C points at."""

    __slots__ = ("handle", "kept")

    def __init__(self, handle: CData) -> None:
        self.handle = handle
        self.kept: dict[str, Any] = {}

    def free(self, ssl: CData, free: Callable[[CData], None] = lib.obio_free) -> None:
        """Free the SSL, and then let go of all; maybe at Python's end, when this module has no names any more."""
        free(ssl)
        self.kept.clear()


def owner_of(ssl: CData) -> Any:
    """The connection an ``SSL *`` belongs to, or None while it is being freed."""
    handle = lib.SSL_get_ex_data(ssl, 0)
    return None if handle == ffi.NULL else ffi.from_handle(handle)()


def session_handle(kept: CData, errors: ErrorTable) -> Any:
    """What has an ``obio_kept_session``, which it takes over; the table's exception for NULL."""
    return own(kept, lib.obio_kept_session_free, errors, "the session cannot be kept")


def kept_session(handle: Any) -> CData:
    """The ``obio_kept_session`` of a handle, which is there as long as that."""
    return handle


def maker(*_arguments: object) -> None:
    """What would make connections without Python; this engine has nothing of the kind."""


class Engine:
    """One TLS connection over memory; see the module's theory of operation."""

    _errors: ClassVar[ErrorTable]
    _direct = True  # the face's calls work on memory alone, so an engine may serve them itself
    _has_role = False  # it was made a client, or a server
    _is_named = False  # it was given a session id context, as of a client, or for a demand of its own
    _releases: bool | None = None  # whether SSL_MODE_RELEASE_BUFFERS was wished, where the engine sets and clears it

    # What of the context a connection was made of, and what it is now; `ConnectionCore._set_up` sets them.
    _context: Any
    _first_generation: Generation
    _generation: Generation
    _demand: Demand

    if not TYPE_CHECKING:  # what `_open` sets, and `_set_up`
        ssl = _guard = _pending = _pins = _datagrams = Unset()
        _context = _first_generation = _generation = _demand = Unset()

    @property
    def _is_made(self) -> bool:
        """Whether it is a connection."""
        return "_is_stuck" in vars(self)

    def _open(self, address: int, incoming: Queue | ByteBox | None, outgoing: Queue | ByteBox | None) -> None:
        """Run on a new SSL of the SSL_CTX there; its ciphertext comes from and goes to these, or memory of its own."""
        if self._is_made:
            raise RuntimeError(INITIALISED_BEFORE)
        ctx = ffi.cast("SSL_CTX *", address)
        self._failure: Outcome | None = None
        self._unread = b""
        self._guard = Guard()
        self._pending: list[BaseException] = []  # what callbacks raised
        self._pins = pins = _Pins(ffi.new_handle(weakref.ref(self)))
        self.ssl: CData = own(lib.obio_new(ctx, pins.handle), pins.free, self._errors, "SSL_new")
        self._outcome = own(lib.obio_outcome_new(), lib.obio_outcome_free, self._errors, "obio_outcome_new")
        self._datagrams = bool(lib.SSL_is_dtls(self.ssl))
        self._incoming = self._attached("incoming", lib.SSL_set0_rbio, incoming)
        self._outgoing = self._attached("outgoing", lib.SSL_set0_wbio, outgoing)
        self._is_stuck = False  # a record was not written; set last, and by a name that subclasses hardly have

    def _attached(self, name: str, attach: Callable[[CData, CData], None], given: Queue | ByteBox | None) -> CData:
        if isinstance(given, Queue):
            bio = given._pointer
        elif given is not None:
            bio = self._keep(name, foreign_bio(given, self._guard, self._pending, self._errors))._pointer
        else:
            method = lib.obio_datagrams() if self._datagrams else lib.BIO_s_mem()
            self._errors.check(method != ffi.NULL, "obio_datagrams")
            bio = own(lib.BIO_new(method), lib.BIO_free, self._errors, "BIO_new")
        lib.BIO_up_ref(bio)  # the SSL takes one reference, and this object keeps one
        attach(self.ssl, bio)
        return bio

    def _become_client(self) -> None:
        """Be a client, without session id context; `_refuse_role` raises in a callback.

        libssl compares it on clients too: with that of a session, or of a pre-shared key, which has none.
        """
        with self._guard:
            if self._guard.busy:
                self._refuse_role()
            lib.SSL_set_connect_state(self.ssl)
            self._has_role = True
            self._errors.check(self._name_sessions(b"", True), "SSL_set_session_id_context")

    def _become_server(self) -> bool:
        """Be a server, and say whether `_name_sessions` was called before; `_refuse_role` raises in a callback."""
        with self._guard:
            if self._guard.busy:
                self._refuse_role()
            lib.SSL_set_accept_state(self.ssl)
            self._has_role = True
            return self._is_named

    def _refuse_role(self) -> NoReturn:
        raise self._error(Outcome(Kind.MISUSE, detail=NO_OTHER_ROLE))

    def _name_sessions(self, name: bytes, of_session: bool) -> bool:
        """Set the session id context, maybe also of the session that there is; the caller has the guard."""
        self._is_named = True
        return bool(lib.obio_name_sessions(self.ssl, name, len(name), of_session))

    def _name_server(self, name: str, send: bool, verify: bool, flags: int) -> bool:
        """Send this name, and where nothing depends on what is demanded verify it with these flags, if it is usual.

        Nothing does on a new connection that is no server yet; it must verify no host. An address is not sent. Whether
        that was done; where it was not, there is another way, which knows all names and says what is wrong.
        """
        with self._guard:
            encoded, later = name.encode(), verify and not self._has_role
            how = lib.OBIO_VERIFY_LATER if later else lib.OBIO_VERIFY if verify else lib.OBIO_LET
            done = bool(lib.obio_name_server(self.ssl, encoded, len(encoded), send, how, flags))
            self._is_named |= done and later  # a server's sessions will be for that
            return done

    def _keep_session(self, address: int, resumed: Any) -> Any:
        """A handle of the session there, or for 0 of the one that it has, None if it has none.

        ``resumed`` is the handle of the one that it may have resumed, or None. The caller has the guard.
        """
        kept = lib.obio_keep_session(self.ssl, ffi.cast("SSL_SESSION *", address), resumed or ffi.NULL)
        if kept == ffi.NULL and lib.SSL_get_session(self.ssl) == ffi.NULL:
            return None
        return session_handle(kept, self._errors)

    def _resume(self, handle: Any, travelled: bool) -> bool:
        """Offer a copy of a session, which may have travelled; the caller has the guard."""
        return bool(lib.obio_resume(self.ssl, kept_session(handle).session, travelled))

    def _keep(self, name: str, thing: Any) -> Any:
        """Keep something as long as the SSL, instead of what had this name; and return it."""
        self._pins.kept[name] = thing
        return thing

    # -- running one C operation ------------------------------------------------------------------------------------

    def _refuse_io(self) -> None:
        """Raise the face's error for misuse, a RuntimeError, inside of an operation, as callbacks are."""
        if self._guard.busy:
            raise self._error(Outcome(Kind.MISUSE, detail=NOT_IN_A_CALLBACK))

    def _refuse(self) -> None:
        self._refuse_io()
        if self._failure is not None:
            raise self._error(self._failure)

    def _refuse_output(self) -> None:
        self._refuse()
        if self._is_stuck:
            raise self._error(LOST)

    def _run(self, operation: Callable[..., int], *arguments: object) -> int:
        """Run an operation; raise what its callbacks raised; return the count of the outcome."""
        handshaking = not lib.SSL_is_init_finished(self.ssl)
        self._guard.operating = True
        try:
            operation(self.ssl, *arguments, self._outcome)
            if self._outcome.broken:
                self._failure = classify(self._outcome)
            if self._pending and self._failure is None:
                self._end_with_pending(handshaking)
        finally:
            self._guard.operating = False
        if self._pending:
            raise first_of(self._pending)
        return int(self._outcome.count)

    def _end_with_pending(self, handshaking: bool) -> None:
        """During the handshake an exception of a callback ends the connection; while a record is written, all writing.

        libssl would take any later data for the rest of that record's.
        """
        if handshaking:
            self._failure = ABORTED
            lib.obio_abort(self.ssl)
        elif lib.SSL_want_write(self.ssl):
            self._is_stuck = True

    def _unless_ok(self) -> None:
        """Raise what the last operation ended with, unless it succeeded."""
        self._guard.operating = True
        try:
            outcome = classify(self._outcome)
        finally:
            self._guard.operating = False
        if outcome.kind is not Kind.OK:
            raise self._error(outcome)

    def _error(self, outcome: Outcome) -> BaseException:
        """The exception for an outcome."""
        return self._errors.error(outcome)

    # -- the operations ---------------------------------------------------------------------------------------------

    def _handshake(self) -> None:
        with self._guard:
            self._refuse()
            self._run(lib.obio_handshake)
            self._unless_ok()

    def _read(self, size: int) -> bytes:
        with self._guard:
            self._refuse_io()
            if self._unread or size == 0:
                return self._take_unread(size)
            self._refuse()
            data = self._read_pieces(size)
            if not data:
                self._unless_ok()
            return data

    def _read_pieces(self, size: int) -> bytes:
        pieces: list[bytes] = []
        while size > 0:
            room = min(size, PIECE)
            buffer = new_buffer(room)
            self._outcome.count = 0  # a signal handler may raise before the operation begins
            try:
                count = self._run(lib.obio_read, buffer, room)
            except BaseException:
                self._unread = b"".join([*pieces, taken(buffer, self._outcome.count)])
                raise
            pieces.append(taken(buffer, count))
            size -= count
            if count < room:
                break
        return b"".join(pieces)

    def _take_unread(self, size: int) -> bytes:
        data, self._unread = self._unread[:size], self._unread[size:]
        return data

    def _read_into(self, buffer: bytearray | memoryview, size: int) -> int:
        with self._guard, memoryview(buffer).cast("B") as view:
            self._refuse_io()
            if self._unread or size == 0:
                data = self._take_unread(size)
                view[: len(data)] = data
                return len(data)
            self._refuse()
            with ffi.from_buffer("unsigned char[]", view, require_writable=True) as target:
                self._outcome.count = 0
                try:
                    count = self._run(lib.obio_read, target, size)
                except BaseException:
                    self._unread = taken(target, self._outcome.count)
                    raise
            if not count:
                self._unless_ok()
            return count

    def _peek(self, size: int) -> bytes:
        with self._guard:
            self._refuse_io()
            if self._unread or size == 0:
                return self._unread[:size]
            self._refuse()
            buffer = new_buffer(min(size, RECORD))
            count = self._run(lib.obio_peek, buffer, len(buffer))
            if not count:
                self._unless_ok()
            return taken(buffer, count)

    def _write(self, data: BytesLike) -> int:
        with self._guard, ffi.from_buffer("unsigned char[]", data) as source:
            self._refuse_io()
            if not len(source):
                return 0
            self._refuse_output()
            count = self._run(lib.obio_write, source, len(source))
            if not count:
                self._unless_ok()
            return count

    def _shutdown(self) -> bool:
        with self._guard:
            self._refuse_output()
            done = self._run(lib.obio_shutdown)
            self._unless_ok()
            return bool(done)

    def _listen(self) -> None:
        with self._guard:
            self._refuse()
            self._run(lib.obio_listen)
            self._unless_ok()

    def _timeout(self) -> int:
        with self._guard:
            return int(lib.obio_timeout(self.ssl))

    def _handle_timeout(self) -> bool:
        with self._guard:
            self._refuse()
            again = self._run(lib.obio_handle_timeout)
            self._unless_ok()
            return bool(again)

    def _feed(self, data: BytesLike) -> int:
        with self._guard, ffi.from_buffer("unsigned char[]", data) as source:
            self._refuse_io()
            for start in range(0, len(source), INT_MAX):
                part = min(INT_MAX, len(source) - start)
                done = lib.BIO_write(self._incoming, source + start, part) == part
                if self._pending:
                    raise first_of(self._pending)
                self._errors.check(done, "BIO_write")
            return len(source)

    def _take(self, size: int) -> bytes:
        with self._guard:
            waiting = lib.BIO_ctrl_pending(self._outgoing)
            if self._datagrams and size < waiting:
                raise ValueError(f"the next datagram has {waiting} bytes, and only {size} were asked for")
            size = min(size, waiting, INT_MAX)
            if size <= 0:
                return b""
            buffer = new_buffer(size)
            count = lib.BIO_read(self._outgoing, buffer, size)
            self._errors.check(count > 0, "BIO_read")
            return taken(buffer, count)

    def _mark_eof(self) -> None:
        with self._guard:
            self._refuse_io()
            lib.BIO_set_mem_eof_return(self._incoming, 0)

    def _pending_bytes(self) -> int:
        with self._guard:
            return len(self._unread) + int(lib.SSL_pending(self.ssl))

    def _waiting_bytes(self) -> int:
        with self._guard:
            return int(lib.BIO_ctrl_pending(self._outgoing))

    def _wants_read(self) -> bool:
        with self._guard:
            return bool(lib.SSL_want_read(self.ssl))

    # -- the one-call form, which users see -------------------------------------------------------------------------

    def receive_data(self, ciphertext: BytesLike, /) -> bytes:
        """Take ciphertext from the peer, go on with the handshake, and return all the plaintext there is.

        Any amount is taken, on DTLS one datagram; b"" begins the handshake. What comes back is b"" as long as there is
        no plaintext. Raises what reading raises, but never that it wants to read: so a clean close raises, after all
        plaintext was returned. Look at `data_to_send` afterwards, also after an exception: there may be an answer.
        """
        self._only_memory()
        with self._guard:
            self._feed(ciphertext)
            if self._unread:
                return self._take_unread(len(self._unread))
            self._refuse()
            data = self._read_pieces(sys.maxsize)
            if not data and self._outcome.ssl_error != lib.SSL_ERROR_WANT_READ:
                self._unless_ok()
            return data

    def send_data(self, plaintext: BytesLike, /) -> bytes:
        """Seal all of the plaintext, and return all the ciphertext there is for the peer.

        On DTLS that is one datagram, the oldest; `data_to_send` gives the others. Raises what writing raises: nothing
        is sealed before the end of the handshake. After an exception `data_to_send` has what there is.
        """
        self._before_send_data()
        with self._guard, memoryview(plaintext).cast("B") as view:
            if len(view) and self._write(view) < len(view):
                # Nobody is told how much of it was sealed, so nothing may follow.
                self._failure = Outcome(Kind.SSL, detail="a part of what was to be sent has been sealed")
                self._unless_ok()
            return self._take_all()

    def send_data_many(self, plaintexts: Iterable[BytesLike], /) -> bytes:
        """`send_data` for several pieces of plaintext, joined so that small ones share a record.

        ValueError on DTLS, where they must stay apart.
        """
        if self._datagrams:
            raise ValueError("datagrams are not joined: send them one by one")
        return self.send_data(b"".join(plaintexts))

    def data_to_send(self) -> bytes:
        """Return all the ciphertext there is for the peer, b"" if there is none; on DTLS one datagram.

        On a new client it begins the handshake first, and raises what that raises; in a callback it does not.
        """
        self._only_memory()
        with self._guard:
            is_new = lib.SSL_in_before(self.ssl) and not lib.SSL_is_server(self.ssl)
            if is_new and self._failure is None and not self._guard.busy:
                self._run(lib.obio_handshake)
                if self._outcome.ssl_error != lib.SSL_ERROR_WANT_READ:
                    self._unless_ok()
            return self._take_all()

    def _only_memory(self) -> None:
        """A face whose connection may not be over memory raises here."""

    def _before_send_data(self) -> None:
        """What has to be done before `send_data`, where `_direct` is not set."""
        self._only_memory()

    def _take_all(self) -> bytes:
        pieces = []
        while data := self._take_piece():
            pieces.append(data)
            if self._datagrams:
                break
        if self._pending and not pieces:  # what was raised behind some waits
            raise first_of(self._pending)
        return b"".join(pieces)

    def _take_piece(self) -> bytes:
        """Some ciphertext; not every BIO can tell how much there is."""
        buffer = new_buffer(PIECE)
        return taken(buffer, max(lib.BIO_read(self._outgoing, buffer, PIECE), 0))
