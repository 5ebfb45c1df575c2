"""Every callback, every kind of exception: raised at the right connection by the right call, and the peer is told."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from openssl_bio import SSL, crypto

MAKE = Callable[[], SSL.Context]


class Boom(Exception):
    """What a callback raises here."""


def make_identity() -> tuple[crypto.X509, crypto.PKey]:
    key = crypto.PKey()
    key.generate_key(crypto.TYPE_EC, 256)
    cert = crypto.X509()
    cert.set_version(2)
    cert.set_serial_number(7)
    cert.get_subject().CN = "callback.test"
    cert.set_issuer(cert.get_subject())
    cert.gmtime_adj_notBefore(-60)
    cert.gmtime_adj_notAfter(3600)
    cert.set_pubkey(key)
    cert.sign(key, "sha256")
    return cert, key


CERT, KEY = make_identity()


class Side:
    """One end: its connection, and what stopped it."""

    def __init__(self, context: SSL.Context, *, server: bool) -> None:
        self.connection = SSL.Connection(context, None)
        self.done = False
        self.error: BaseException | None = None
        if server:
            self.connection.set_accept_state()
        else:
            self.connection.set_connect_state()
            self.connection.set_tlsext_host_name(b"callback.test")
            self.connection.request_ocsp()

    def step(self) -> None:
        if self.done or self.error is not None:
            return
        try:
            self.connection.do_handshake()
            self.done = True
        except SSL.WantReadError:
            return
        except BaseException as error:
            self.error = error.with_traceback(None)  # its frames hold this Side


def carry(source: SSL.Connection, sink: SSL.Connection) -> None:
    try:
        sink.bio_write(source.bio_read(1 << 20))
    except SSL.WantReadError:
        return


def shake(client: Side, server: Side) -> None:
    """Handshake until nothing moves any more; then let each read what the other sent at the end."""
    for _ in range(8):
        client.step()
        carry(client.connection, server.connection)
        server.step()
        carry(server.connection, client.connection)
    for side in (client, server):
        if side.error is None:
            try:
                side.connection.recv(1)
            except SSL.WantReadError:
                continue
            except SSL.Error as error:
                side.error = error.with_traceback(None)


def contexts(version: int) -> tuple[SSL.Context, SSL.Context]:
    client, server = SSL.Context(SSL.TLS_METHOD), SSL.Context(SSL.TLS_METHOD)
    for context in (client, server):
        context.set_min_proto_version(version)
        context.set_max_proto_version(version)
    server.use_certificate(CERT)
    server.use_privatekey(KEY)
    client.set_alpn_protos([b"h2"])
    return client, server


# name, the end that is called, how it is installed, whether its result can be of a wrong type, versions
CALLBACKS: dict[str, tuple[str, Callable[[SSL.Context, Any], None], Any, tuple[int, ...]]] = {
    "verify": ("client", lambda c, f: c.set_verify(SSL.VERIFY_PEER, f), None, (0x303, 0x304)),
    "info": ("client", lambda c, f: c.set_info_callback(f), None, (0x303, 0x304)),
    "info on the server": ("server", lambda c, f: c.set_info_callback(f), None, (0x303, 0x304)),
    "keylog": ("client", lambda c, f: c.set_keylog_callback(f), None, (0x303, 0x304)),
    "keylog on the server": ("server", lambda c, f: c.set_keylog_callback(f), None, (0x303, 0x304)),
    "servername": ("server", lambda c, f: c.set_tlsext_servername_callback(f), None, (0x303, 0x304)),
    "alpn select": ("server", lambda c, f: c.set_alpn_select_callback(f), "h2", (0x303, 0x304)),
    "ocsp server": ("server", lambda c, f: c.set_ocsp_server_callback(f), "staple", (0x303, 0x304)),
    "ocsp client": ("client", lambda c, f: c.set_ocsp_client_callback(f), None, (0x303, 0x304)),
}
CASES = [(name, version) for name, row in CALLBACKS.items() for version in row[3]]


def raising(kind: type[BaseException]) -> tuple[Callable[..., Any], BaseException]:
    error = kind("from the callback")

    def callback(*_arguments: Any) -> Any:
        raise error

    return callback, error


@pytest.mark.parametrize("kind", [Boom, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize(("name", "version"), CASES)
def test_exception_surfaces_and_peer_is_alerted(name: str, version: int, kind: type[BaseException]) -> None:
    """The running call raises the very object, the peer's handshake or next read fails, the next connection works."""
    end, install, _, _ = CALLBACKS[name]
    client_context, server_context = contexts(version)
    callback, error = raising(kind)
    failing = client_context if end == "client" else server_context
    install(failing, callback)
    client, server = Side(client_context, server=False), Side(server_context, server=True)
    shake(client, server)
    mine, peer = (client, server) if end == "client" else (server, client)
    assert mine.error is error
    assert isinstance(peer.error, SSL.Error)
    assert peer.error.args[0]
    with pytest.raises(SSL.Error):
        mine.connection.do_handshake()
    install(failing, lambda *_: b"" if "server" in name and "ocsp" in name else SSL.NO_OVERLAPPING_PROTOCOLS)
    client, server = Side(client_context, server=False), Side(server_context, server=True)
    shake(client, server)
    assert (client.error, server.error) == (None, None)


@pytest.mark.parametrize(("name", "version"), [case for case in CASES if CALLBACKS[case[0]][2] is not None])
def test_result_of_wrong_type_is_a_type_error(name: str, version: int) -> None:
    """A callback that must return bytes and returns something else raises TypeError, and fails the handshake."""
    _, install, wrong, _ = CALLBACKS[name]
    client_context, server_context = contexts(version)
    install(server_context, lambda *_: wrong)
    client, server = Side(client_context, server=False), Side(server_context, server=True)
    shake(client, server)
    assert type(server.error) is TypeError
    assert isinstance(client.error, SSL.Error)


@pytest.mark.parametrize("choice", [b"x" * 256, b"x" * 100_000, b"http/9"])
@pytest.mark.parametrize("version", [0x303, 0x304])
def test_alpn_choice_that_was_not_offered_is_a_value_error(version: int, choice: bytes) -> None:
    """Too long or not offered: never sent."""
    client_context, server_context = contexts(version)
    server_context.set_alpn_select_callback(lambda *_: choice)
    client, server = Side(client_context, server=False), Side(server_context, server=True)
    shake(client, server)
    assert type(server.error) is ValueError
    assert isinstance(client.error, SSL.Error)


def npn_contexts() -> tuple[SSL.Context, SSL.Context]:
    _, server = contexts(0x303)
    plain = SSL.Context(SSL.TLSv1_2_METHOD)  # a client that offers ALPN does not do NPN
    plain.set_npn_select_callback(lambda _connection, advertised: advertised[0])
    server.set_npn_advertise_callback(lambda _connection: [b"h2", b"spdy/3"])
    return plain, server


@pytest.mark.parametrize("kind", [Boom, KeyboardInterrupt])
@pytest.mark.parametrize("end", ["client", "server"])
def test_npn_exception_surfaces(end: str, kind: type[BaseException]) -> None:
    """NPN's callbacks fail closed like the others."""
    client_context, server_context = npn_contexts()
    callback, error = raising(kind)
    if end == "client":
        client_context.set_npn_select_callback(callback)
    else:
        server_context.set_npn_advertise_callback(callback)
    client, server = Side(client_context, server=False), Side(server_context, server=True)
    shake(client, server)
    assert (client if end == "client" else server).error is error


def test_callbacks_of_two_threads_do_not_mix() -> None:
    """Connections of one context in two threads each get their own exception."""
    client_context, server_context = contexts(0x304)
    problems: list[object] = []

    def verify(connection: SSL.Connection, *_rest: Any) -> bool:
        raise connection.get_app_data()

    client_context.set_verify(SSL.VERIFY_PEER, verify)

    def work() -> None:
        for i in range(150):
            client, server = Side(client_context, server=False), Side(server_context, server=True)
            mine = Boom(threading.get_ident(), i)
            client.connection.set_app_data(mine)
            shake(client, server)
            if client.error is not mine or not isinstance(server.error, SSL.Error):
                problems.append((client.error, server.error))

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []


def test_io_in_a_callback_is_refused_and_getters_work() -> None:
    """A callback may ask its connection anything, and read or write nothing."""
    client_context, server_context = contexts(0x304)
    seen: list[object] = []

    def verify(connection: SSL.Connection, _cert: crypto.X509, _error: int, _depth: int, _ok: int) -> bool:
        seen.append(connection.get_protocol_version_name())
        for call in (
            lambda: connection.recv(1),
            lambda: connection.send(b"x"),
            lambda: connection.bio_write(b"x"),
            connection.do_handshake,
            connection.shutdown,
        ):
            with pytest.raises(RuntimeError):
                call()
        return True

    client_context.set_verify(SSL.VERIFY_PEER, verify)
    client, server = Side(client_context, server=False), Side(server_context, server=True)
    shake(client, server)
    assert client.done
    assert server.done
    assert "TLSv1.3" in seen


def test_a_callback_that_gives_up_its_connection() -> None:
    """Twisted's way, when a host name is wrong: shut down, send what is there, go. The refusal is an Error to it."""
    client_context, server_context = contexts(0x304)
    given_up: list[bytes] = []

    def info(connection: SSL.Connection, where: int, _value: int) -> None:
        if where & SSL.SSL_CB_HANDSHAKE_DONE:
            with pytest.raises(SSL.Error, match="a callback cannot read, write, shut down"):
                connection.shutdown()
            given_up.append(connection.bio_read(65536))
            with pytest.raises(SSL.WantReadError):
                connection.bio_read(65536)

    client_context.set_info_callback(info)
    client, server = Side(client_context, server=False), Side(server_context, server=True)
    client.step()
    carry(client.connection, server.connection)
    server.step()
    carry(server.connection, client.connection)
    client.step()
    assert client.done
    assert len(given_up) == 1
    server.connection.bio_write(given_up[0])
    server.step()
    assert server.done


def test_data_that_came_with_an_exception_is_kept() -> None:
    """An info callback raises while a ticket and data are read: the exception comes first, the data next."""
    client_context, server_context = contexts(0x304)
    armed = [False]

    def info(_connection: SSL.Connection, _where: int, _value: int) -> None:
        if armed[0]:
            armed[0] = False
            raise Boom

    client_context.set_info_callback(info)
    client = Side(client_context, server=False)
    server = Side(server_context, server=True)
    client.step()
    carry(client.connection, server.connection)
    server.step()
    carry(server.connection, client.connection)
    client.step()
    carry(client.connection, server.connection)
    server.step()
    server.connection.send(b"precious")
    carry(server.connection, client.connection)
    armed[0] = True
    with pytest.raises(Boom):
        client.connection.recv(100)
    assert client.connection.recv(100) == b"precious"
