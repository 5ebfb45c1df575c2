"""Where OpenSSL calls Python: the one boundary, and every callback behind it.

Theory of operation.  Each C entry point is a static function (``extern "Python"``), so nothing can dangle.  An ``SSL
*`` carries a handle to a weak reference to its connection; `entry_point` finds the connection, marks it as running a
callback, runs the body, and on any exception stores it on that connection and returns the failure value that stands
at the top of the function.  The engine raises the stored exception when the C call returns.  After the first
exception of an operation its later callbacks fail without being run, so the first one is what the caller sees.

libssl may be in the middle of reporting an error when it calls back; what it has queued is put aside while Python
runs, and put back.

The bodies speak cdata, bytes and ints.  A face registers functions that take those and pass on what its users expect.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from openssl_bio._core._lib import CData, called_by_c, ffi, lib
from openssl_bio._core.engines import owner_of
from openssl_bio._core.errors import ErrorsAside
from openssl_bio._core.late import LateModule
from openssl_bio._core.pointers import fill, shared_certificate, taken
from openssl_bio._core.protocols import join_protocols, split_protocols

if TYPE_CHECKING:
    from openssl_bio._core import resumption
    from openssl_bio._core.connection import ConnectionCore
    from openssl_bio._core.session import SessionCore
    from openssl_bio._core.ticket_keys import TicketKey
else:
    resumption = LateModule("openssl_bio._core.resumption")

Body = Callable[..., Any]

# Index 0 of ex_data is libssl's "app data", which is the application's, and so ours.
HANDLE_INDEX = 0

# Entry points that are declared with a feature that libssl may be built without.
_OPTIONAL = ("py_npn", "py_cookie")
# RFC 6347, section 4.2.1; libssl's buffer has the same room.
LONGEST_COOKIE = 255
_CLIENT_HELLO = b"\1"


def _first_argument(*arguments: CData) -> CData:
    return arguments[0]


def ssl_of(store_ctx: CData) -> CData:
    """The ``SSL *`` whose peer is being verified."""
    return lib.X509_STORE_CTX_get_ex_data(store_ctx, lib.SSL_get_ex_data_X509_STORE_CTX_idx())


def entry_point(name: str, *, fails: Any, ssl: Callable[..., CData] = _first_argument) -> Callable[[Body], Body]:
    """Make a function the body of the C function ``name``; ``fails`` is what C gets when it raises."""

    def keep(error: BaseException, *arguments: Any) -> None:
        connection = owner_of(ssl(*arguments))
        if connection is not None:
            connection._pending.append(error)

    def decorate(body: Body) -> Body:
        def entry(*arguments: Any) -> Any:
            connection = owner_of(ssl(*arguments))
            if connection is None or connection._pending:
                return fails
            speaker, connection._speaker = connection._speaker, None
            with ErrorsAside():
                connection._guard.callbacks += 1
                try:
                    return body(connection, *arguments)
                except BaseException as error:
                    connection._pending.append(error)
                    return fails
                finally:
                    connection._guard.callbacks -= 1
                    connection._speaker = speaker

        if hasattr(lib, name) or not name.startswith(_OPTIONAL):
            called_by_c(name, fails, keep)(entry)
        return body

    return decorate


@entry_point("py_verify", fails=0, ssl=lambda _ok, store_ctx: ssl_of(store_ctx))
def verify(connection: ConnectionCore, ok: int, store_ctx: CData) -> int:
    """A certificate of the chain was checked; true accepts it, whatever was found wrong."""
    certificate = lib.X509_STORE_CTX_get_current_cert(store_ctx)
    accepted = connection._verify_callback(
        connection,
        None if certificate == ffi.NULL else shared_certificate(certificate, connection._errors),
        lib.X509_STORE_CTX_get_error(store_ctx),
        lib.X509_STORE_CTX_get_error_depth(store_ctx),
        ok,
    )
    if not accepted:
        return 0
    lib.X509_STORE_CTX_set_error(store_ctx, lib.X509_V_OK)
    return 1


@entry_point("py_servername", fails=lib.SSL_TLSEXT_ERR_ALERT_FATAL)
def servername(connection: ConnectionCore, _ssl: CData, alert: CData, _arg: CData) -> int:
    """The client's server name is known; the callback may change the context, or answer with an alert's number."""
    alert[0] = connection._servername_alert
    connection._is_choosing = True
    try:
        answer = connection._callback("servername")(connection)
    finally:
        connection._is_choosing = False
    if answer is None:
        return int(lib.SSL_TLSEXT_ERR_OK)
    alert[0] = answer if isinstance(answer, int) else lib.SSL_AD_INTERNAL_ERROR
    if not isinstance(answer, int):
        raise TypeError(f"a servername callback returns None or the number of an alert, not {type(answer).__name__}")
    return int(lib.SSL_TLSEXT_ERR_ALERT_FATAL)


@entry_point("py_alpn_select", fails=lib.SSL_TLSEXT_ERR_ALERT_FATAL)
def alpn_select(
    connection: ConnectionCore, _ssl: CData, out: CData, out_size: CData, offered: CData, size: int, _arg: CData
) -> int:
    """Choose one of the client's protocols; None refuses them all without an alert, b"" with one."""
    protocols = split_protocols(taken(offered, size))
    chosen = connection._callback("alpn_select")(connection, protocols)
    if chosen is None:
        return int(lib.SSL_TLSEXT_ERR_NOACK)
    if not chosen:
        return int(lib.SSL_TLSEXT_ERR_ALERT_FATAL)
    if chosen not in protocols:
        raise ValueError(f"the ALPN callback chose {chosen!r}, which the client did not offer: {protocols!r}")
    out[0] = connection._pin("alpn", chosen)
    out_size[0] = len(chosen)
    return int(lib.SSL_TLSEXT_ERR_OK)


@entry_point("py_npn_advertise", fails=lib.SSL_TLSEXT_ERR_ALERT_FATAL)
def npn_advertise(connection: ConnectionCore, _ssl: CData, out: CData, out_size: CData, _arg: CData) -> int:
    """The protocols that a server advertises."""
    wire = join_protocols(connection._callback("npn_advertise")(connection))
    out[0] = connection._pin("npn_advertise", wire)
    out_size[0] = len(wire)
    return int(lib.SSL_TLSEXT_ERR_OK)


@entry_point("py_npn_select", fails=lib.SSL_TLSEXT_ERR_ALERT_FATAL)
def npn_select(
    connection: ConnectionCore, _ssl: CData, out: CData, out_size: CData, offered: CData, size: int, _arg: CData
) -> int:
    """The client's choice among what the server advertised; NPN lets it choose another as well."""
    chosen = connection._callback("npn_select")(connection, split_protocols(taken(offered, size)))
    join_protocols([chosen])
    out[0] = connection._pin("npn_select", chosen)
    out_size[0] = len(chosen)
    return int(lib.SSL_TLSEXT_ERR_OK)


@entry_point("py_status", fails=-1)
def status(connection: ConnectionCore, ssl: CData, _arg: CData) -> int:
    """OCSP stapling: a server gives a response, a client judges the one it was given."""
    if lib.SSL_is_server(ssl):
        return _staple(connection, ssl, connection._callback("ocsp_server", lambda _connection: b"")(connection))
    return _judge_staple(connection)


def _staple(connection: ConnectionCore, ssl: CData, response: bytes) -> int:
    if not response:
        return int(lib.SSL_TLSEXT_ERR_NOACK)
    copy = lib.OPENSSL_malloc(len(response))  # libssl frees it
    if copy == ffi.NULL:
        raise MemoryError
    ffi.memmove(copy, response, len(response))
    if not lib.SSL_set_tlsext_status_ocsp_resp(ssl, copy, len(response)):
        lib.OPENSSL_free(copy)
        raise connection._errors.failure("SSL_set_tlsext_status_ocsp_resp")
    return int(lib.SSL_TLSEXT_ERR_OK)


def _judge_staple(connection: ConnectionCore) -> int:
    judge = connection._callback("ocsp_client", lambda _connection, _staple: True)
    return 1 if judge(connection, connection._stapled()) else 0


@entry_point("py_cookie_generate", fails=0)
def cookie_generate(connection: ConnectionCore, _ssl: CData, cookie: CData, size: CData) -> int:
    """The cookie of a HelloVerifyRequest."""
    size[0] = fill(cookie, LONGEST_COOKIE, connection._callback("cookie_generate")(connection), "the cookie")
    return 1


@entry_point("py_cookie_verify", fails=0)
def cookie_verify(connection: ConnectionCore, _ssl: CData, cookie: CData, size: int) -> int:
    """A client has returned a cookie; true if it is ours."""
    return 1 if connection._callback("cookie_verify")(connection, taken(cookie, size)) else 0


def _ignore(*_arguments: object) -> None:
    """For what libssl goes on telling after the context was changed for one that does not want to know."""


@entry_point("py_info", fails=None)
def info(connection: ConnectionCore, _ssl: CData, where: int, value: int) -> None:
    """Something happened in the handshake, or an alert passed."""
    if where & lib.SSL_CB_HANDSHAKE_DONE and connection._resumes is not None:
        core = resumption.renewed(connection)
        if core is not None:
            _tell_of_session(connection, core)
    connection._callback("info", _ignore)(connection, where, value)


@entry_point("py_keylog", fails=None)
def keylog(connection: ConnectionCore, _ssl: CData, line: CData) -> None:
    """A secret was derived, told in the NSS key log format without a newline."""
    connection._callback("keylog")(connection, ffi.string(line))


@entry_point("py_new_session", fails=0)
def new_session(connection: ConnectionCore, _ssl: CData, session: CData) -> int:
    """There is a session to be resumed later: on TLS 1.3 one for each ticket, on TLS 1.2 after the handshake."""
    core = resumption.remembered(connection, int(ffi.cast("uintptr_t", session)))
    if core is not None:
        _tell_of_session(connection, core)
    return 0  # libssl's own reference stays its own


def _tell_of_session(connection: ConnectionCore, core: SessionCore) -> None:
    """Tell all who want to know of a session."""
    for name in ("session_cache", "session_store", "new_session"):
        connection._callback(name, _ignore)(connection, core)


@entry_point("py_get_session", fails=ffi.NULL)
def get_session(connection: ConnectionCore, _ssl: CData, session_id: CData, size: int, copy: CData) -> CData:
    """A client names a session that libssl's own cache has not; what is returned becomes libssl's."""
    copy[0] = 0
    session = connection._callback("get_session")(taken(session_id, size))
    if session is None:
        return ffi.NULL
    lib.SSL_SESSION_up_ref(session)
    return session


@ffi.def_extern(name="py_remove_session")
def remove_session(ctx: CData, session: CData) -> None:
    """A session must not be resumed any more; libssl does not say which connection it was."""
    handle = lib.SSL_CTX_get_ex_data(ctx, HANDLE_INDEX)
    if handle != ffi.NULL:
        size = ffi.new("unsigned int *")
        data = lib.SSL_SESSION_get_id(session, size)
        with ErrorsAside():
            ffi.from_handle(handle).remove(taken(data, size[0]))


@entry_point("py_allow_early_data", fails=0)
def allow_early_data(connection: ConnectionCore, _ssl: CData, _arg: CData) -> int:
    """A client resumes with early data; 0 rejects that, and no more."""
    return 1 if connection._callback("replay_guard", lambda _connection: False)(connection) else 0


@entry_point("py_ticket_key", fails=-1)
def ticket_key(  # noqa: PLR0917 - libssl's
    connection: ConnectionCore, ssl: CData, name: CData, iv: CData, cipher: CData, mac: CData, sealing: int
) -> int:
    """A ticket is to be sealed, or to be opened; None for a key means that nobody knows it any more."""
    wanted = None if sealing else taken(name, lib.OBIO_TICKET_NAME)
    key: TicketKey | None = connection._callback("ticket_key")(connection, wanted)
    if key is None:
        return 0
    if sealing:
        fill(name, lib.OBIO_TICKET_NAME, key.name, "the name of a ticket key")
    done = lib.obio_ticket_key_start(key.cipher_key, key.mac_key, iv, cipher, mac, sealing)
    connection._errors.check(done, "the ticket key cannot be used")
    # A ticket of TLS 1.3 is used once: who has used his last one needs another.
    renew = key.renew or lib.SSL_version(ssl) == lib.TLS1_3_VERSION
    return 2 if renew and not sealing else 1


@entry_point("py_message", fails=None, ssl=lambda *arguments: arguments[5])
def message(  # noqa: PLR0917 - libssl's
    connection: ConnectionCore, sent: int, version: int, content_type: int, data: CData, size: int, *_rest: CData
) -> None:
    """A protocol message, or the header of a record, was sent or received."""
    octets = taken(data, size)
    if content_type == lib.SSL3_RT_HANDSHAKE and not sent and octets[:1] == _CLIENT_HELLO:
        connection._client_hello = octets
    connection._callback("message", _ignore)(connection, bool(sent), version, content_type, octets)
