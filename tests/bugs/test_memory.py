"""A: memory safety. What fails here is a crash of the process; AddressSanitizer (``make asan``) sees more of them."""

from __future__ import annotations

import gc
import sys
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from openssl_bio import SSL, crypto, stdlib
from tests.bugs.ends import Ends
from tests.helpers import Identity, Pair, client_context, server_context
from tests.pyopenssl import test_datagrams as datagrams
from tests.stdlib import helpers as stdlib_helpers

ACCEPTS = {"verify": True}


def test_A1_callback_is_replaced_before_the_handshake(ends: Ends) -> None:
    """Contexts and, in pyOpenSSL's face, connections forget a callback while libssl still points at them."""
    client, server = ends.client(), ends.server()
    contexts = {"client": client, "server": server}
    called: list[tuple[str, int]] = []

    def install(number: int) -> None:
        for name, (side, put) in ends.installers().items():

            def call(*_arguments: Any, name: str = name) -> Any:
                called.append((name, number))
                return ACCEPTS.get(name)

            put(contexts[side], call)

    install(1)
    pair = ends.pair(client, server)
    install(2)
    gc.collect()
    if not ends.is_ssl:
        for number in (3, 4):
            pair.client.set_verify(SSL.VERIFY_PEER, lambda *_, number=number: called.append(("own", number)) or True)
            gc.collect()
    contexts.clear()
    del client, server
    gc.collect()
    assert ends.shake(pair) == {}
    # A connection has the callbacks that its context had when it was made, or its own last one.
    expected = {(name, 1) for name in ends.installers()}
    assert set(called) == (expected if ends.is_ssl else expected - {("verify", 1)} | {("own", 4)})


def test_A2_arguments_of_callbacks_live_on(ends: Ends) -> None:
    """Everything that callbacks were given is used after all else is gone."""
    client, server = ends.client(), ends.server()
    contexts = {"client": client, "server": server}
    kept: list[Any] = []
    for name, (side, put) in ends.installers().items():
        put(contexts[side], lambda *given, name=name: (kept.extend(given), ACCEPTS.get(name))[1])
    pair = ends.pair(client, server)
    assert ends.shake(pair) == {}
    del contexts, client, server, pair
    certificates = [thing for thing in kept if isinstance(thing, crypto.X509)]
    connections = {id(thing): thing for thing in kept if isinstance(thing, SSL.Connection | stdlib.SSLObject)}
    kept.clear()
    gc.collect()
    for connection in connections.values():
        assert connection.cipher() if ends.is_ssl else connection.get_cipher_name()
    connections.clear()
    gc.collect()
    assert [crypto.dump_certificate(crypto.FILETYPE_TEXT, one)[:11] for one in certificates] == (
        [b"Certificate"] * len(certificates)
    )
    assert bool(certificates) != ends.is_ssl


@pytest.mark.parametrize("size", [0, 255, 256, 257, 1 << 20])
def test_A3_cookie_of_any_size(size: int, server_identity: Identity) -> None:
    client, server = SSL.Context(SSL.DTLS_METHOD), SSL.Context(SSL.DTLS_METHOD)
    server.use_certificate(server_identity.certificate)
    server.use_privatekey(server_identity.key)
    server.set_cookie_generate_callback(lambda _connection: b"c" * size)
    server.set_cookie_verify_callback(lambda _connection, cookie: cookie == b"c" * size)
    pair = Pair(client, server)
    assert datagrams.wants(pair.client)
    datagrams.carry(pair.client, pair.server)
    if size <= 255:
        with pytest.raises(SSL.WantReadError):
            pair.server.DTLSv1_listen()
        datagrams.carry(pair.server, pair.client)
    else:
        with pytest.raises(ValueError, match="Cookie too long"):
            pair.server.DTLSv1_listen()


@pytest.mark.parametrize("size", [0, 1, 255, 256, 1 << 20])
def test_A3_protocol_of_any_size(size: int, version: int, ca: Identity, server_identity: Identity) -> None:
    client, server = client_context(version, ca), server_context(version, server_identity)
    client.set_alpn_protos([b"x", b"p" * 255])
    server.set_alpn_select_callback(lambda _connection, _offered: b"x" if size == 1 else b"p" * size)
    pair = Pair(client, server)
    if size in {1, 255}:
        assert pair.handshake().client.get_alpn_proto_negotiated() == (b"x" if size == 1 else b"p" * size)
    else:
        with pytest.raises(ValueError if size else SSL.Error, match=r"did not offer|no.application.protocol|callback"):
            pair.handshake()


@pytest.mark.parametrize(
    ("identity", "key", "good"),
    [(1, 1, True), (127, 32, True), (1, 0, False), (1, 513, False), (257, 32, False), (1 << 20, 1 << 20, False)],
)
def test_A3_pre_shared_key_of_any_size(identity: int, key: int, good: bool) -> None:
    client = stdlib.SSLContext(stdlib.PROTOCOL_TLS_CLIENT)
    server = stdlib.SSLContext(stdlib.PROTOCOL_TLS_SERVER)
    client.check_hostname, client.verify_mode = False, stdlib.CERT_NONE
    for context in (client, server):
        context.maximum_version = stdlib.TLSVersion.TLSv1_2
        context.set_ciphers("PSK")
    client.set_psk_client_callback(lambda _hint: ("i" * identity, b"k" * key))
    server.set_psk_server_callback(lambda _identity: b"k" * key)
    failed = stdlib_helpers.Pair(client, server, server_hostname=None).outcome()
    assert bool(failed) != good
    if key:
        client.set_psk_client_callback(lambda _hint: ("i", b"k"))
        server.set_psk_server_callback(lambda _identity: b"k" * key)
        failed = stdlib_helpers.Pair(client, server, server_hostname=None).outcome()
        assert failed if key > 1 else not failed


@pytest.mark.parametrize("size", [0, 1, 1023, 1024, 1025, 1 << 20])
def test_A3_passphrase_of_any_size(size: int, server_identity: Identity, tmp_path: Path) -> None:
    """The longest passphrase that OpenSSL has room for is right, and each other is an error, in both faces."""
    secret = b"s" * 1023
    pem = crypto.dump_privatekey(crypto.FILETYPE_PEM, server_identity.key, "aes256", secret)
    path = tmp_path / "key.pem"
    path.write_bytes(pem)
    context = stdlib.SSLContext(stdlib.PROTOCOL_TLS_SERVER)

    def load() -> None:
        context.load_cert_chain(server_identity.certificate_file, path, lambda: b"s" * size)

    if size == 1023:
        crypto.load_privatekey(crypto.FILETYPE_PEM, pem, lambda *_: b"s" * size)
        load()
        return
    with pytest.raises((crypto.Error, ValueError)):
        crypto.load_privatekey(crypto.FILETYPE_PEM, pem, lambda *_: b"s" * size)
    with pytest.raises((stdlib.SSLError, ValueError)):
        load()


def der(tag: int, content: bytes) -> bytes:
    """One element of DER."""
    size = len(content)
    octets = size.to_bytes(3, "big").lstrip(b"\0")
    return bytes([tag]) + (bytes([size]) if size < 128 else bytes([0x80 | len(octets)]) + octets) + content


def ocsp_response(size: int) -> bytes:
    """An OCSPResponse (RFC 6960, section 4.2.1) with ``size`` bytes of response; OpenSSL 3.6 staples nothing else."""
    basic = bytes.fromhex("06092b0601050507300101")
    return der(0x30, b"\x0a\x01\x00" + der(0xA0, der(0x30, basic + der(0x04, b"o" * size))))


@pytest.mark.parametrize("size", [1, 16000, 65535, 1 << 20])
def test_A3_staple_of_any_size(size: int, version: int, ca: Identity, server_identity: Identity) -> None:
    client, server = client_context(version, ca), server_context(version, server_identity)
    server.set_ocsp_server_callback(lambda _connection, _data: ocsp_response(size))
    got: list[bytes] = []
    client.set_ocsp_client_callback(lambda _connection, staple, _data: (got.append(staple), True)[1])
    pair = Pair(client, server)
    pair.client.request_ocsp()
    if size <= 16000:
        pair.handshake()
        assert got == [ocsp_response(size)]
    else:  # more than a message may have
        with pytest.raises(SSL.Error):
            pair.handshake()


@pytest.mark.parametrize(("size", "good"), [(0, True), (32, True), (33, False), (1 << 20, False)])
def test_A3_session_id_context_of_any_size(size: int, good: bool) -> None:
    context = SSL.Context(SSL.TLS_METHOD)
    if good:
        context.set_session_id(b"s" * size)
        return
    with pytest.raises((SSL.Error, ValueError)):
        context.set_session_id(b"s" * size)


def test_A4_owner_is_dropped_inside_its_callback(ends: Ends) -> None:
    """In each callback the last references to the pair go, and the callback is unset or replaced by itself."""
    for name, (side, put) in ends.installers().items():
        contexts = {"client": ends.client(), "server": ends.server()}
        held: list[Any] = []

        def call(*_arguments: Any, name: str = name, side: str = side, put: Any = put, held: Any = held) -> Any:
            if held:
                context = held.pop()
                held.clear()
                put(context, None if ends.is_ssl else lambda *_: ACCEPTS.get(name))
                gc.collect()
            return ACCEPTS.get(name)

        put(contexts[side], call)
        pair = ends.pair(contexts["client"], contexts["server"])
        watched = weakref.ref(getattr(pair, side))
        held += [pair.client, pair.server, contexts[side]]
        contexts.clear()
        assert ends.shake(pair) == {}
        del pair
        gc.collect()
        assert held == []
        assert watched() is None


def test_A4_callback_changes_while_it_is_called(ends: Ends) -> None:
    """Another thread sets and unsets a callback during handshakes."""
    server = ends.server()
    stop = threading.Event()

    def change() -> None:
        while not stop.wait(0.0005):
            if ends.is_ssl:
                server.sni_callback = lambda *_: None
                server.sni_callback = None
            else:
                server.set_tlsext_servername_callback(lambda *_: None)

    thread = threading.Thread(target=change)
    thread.start()
    try:
        for _ in range(40):
            assert ends.shake(ends.pair(server=server)) == {}
    finally:
        stop.set()
        thread.join()


def test_A5_constructor_that_fails(ends: Ends) -> None:
    """Arguments that are refused late leave nothing behind that could crash when it goes; nor do deleted attributes."""
    if ends.is_ssl:
        context: Any = ends.client()
        for arguments in ({"server_hostname": "x" * 300}, {"server_hostname": ""}, {"session": object()}):
            with pytest.raises((ValueError, TypeError, stdlib.SSLError)):
                context.wrap_bio(stdlib.MemoryBIO(), stdlib.MemoryBIO(), **{"server_hostname": "a"} | arguments)
        with pytest.raises(TypeError):
            context.wrap_bio(stdlib.MemoryBIO(), object(), server_hostname="a")
    else:
        context = ends.client()
        for arguments in ((None,), (context, object()), (context, -1), ()):
            with pytest.raises((ValueError, TypeError)):
                SSL.Connection(*arguments)
    gc.collect()
    for name in dir(type(context)):
        if isinstance(getattr(type(context), name), property):
            with pytest.raises((AttributeError, TypeError)):
                delattr(context, name)
    assert ends.shake(ends.pair(context)) == {}


def test_A6_session_of_another_context(ends: Ends) -> None:
    """A session is refused by a connection of another context, which then makes a full handshake."""
    client, server = ends.client(), ends.server()
    pair = ends.pair(client, server)
    assert ends.shake(pair) == {}
    session = ends.session(pair.client)
    del pair
    gc.collect()
    again, foreign = ends.pair(client, server), ends.pair(ends.client(), server)
    ends.resume(again.client, session)
    with pytest.raises(ValueError, match=r"(?i)context"):
        ends.resume(foreign.client, session)
    del session, client
    gc.collect()
    assert ends.shake(again) == {} == ends.shake(foreign)
    assert (ends.reused(again.client), ends.reused(foreign.client)) == (True, False)


def test_A7_context_is_changed_by_many_threads(ends: Ends) -> None:
    """Thirty-two threads connect, load trust and change settings of one pair of contexts."""
    client, server = ends.client(), ends.server()
    path = str(ends.ca.certificate_file)

    def work(number: int) -> None:
        for turn in range(3):
            client.load_verify_locations(path)
            if ends.is_ssl:
                server.set_ciphers("ECDHE+AESGCM" if turn % 2 else "ECDHE")
                client.verify_flags |= stdlib.VERIFY_X509_TRUSTED_FIRST
                server.set_alpn_protocols([f"p{number}"])
            else:
                server.set_cipher_list(b"ECDHE+AESGCM" if turn % 2 else b"ECDHE")
                client.get_cert_store().add_cert(ends.ca.certificate)
                server.set_session_id(b"%d" % number)
            assert ends.shake(ends.pair(client, server)) == {}

    with ThreadPoolExecutor(32) as pool:
        list(pool.map(work, range(32)))


def test_A8_buffers_move_between_calls(ends: Ends) -> None:
    """A call that has to be made again is given a moved buffer; no buffer stays exported, also not by failures."""
    pair = ends.pair()
    data = bytearray(b"data")
    with pytest.raises(ends.want_read):
        ends.write(pair.client, data)
    data += b"0123456789" * 10000  # BufferError if it is exported
    assert ends.shake(pair) == {}
    moved = bytearray(bytes(data))
    del data
    assert ends.write(pair.client, moved) == len(moved)
    moved.clear()
    ends.move(pair)
    buffer = bytearray(1000)
    assert ends.read_into(pair.server, buffer) == 1000
    expected = b"data" + b"0123456789" * 99 + b"012345"
    assert buffer == expected
    buffer.extend(b"x" * 5000)
    view = memoryview(bytearray(4))
    ends.read_into(pair.server, view)
    view.release()
    with pytest.raises(ends.want_read):
        ends.read_into(pair.client, buffer)
    buffer.clear()
    nobodys = bytearray()
    assert sys.getrefcount(buffer) == sys.getrefcount(nobodys)
