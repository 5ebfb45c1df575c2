"""DTLS in memory: boundaries, cookies, timers, sizes, SRTP."""

from __future__ import annotations

import time

import pytest

from openssl_bio import SSL
from tests.helpers import Identity, Pair

ROOMY = 1 << 16
ALERT = 21  # the first byte of an alert's record


def datagrams(connection: SSL.Connection) -> list[bytes]:
    """Every datagram that waits for the peer."""
    found = []
    while True:
        try:
            found.append(connection.bio_read(ROOMY))
        except SSL.WantReadError:
            return found


def carry(source: SSL.Connection, target: SSL.Connection) -> list[int]:
    """Carry all datagrams; returns their sizes."""
    found = datagrams(source)
    for datagram in found:
        assert target.bio_write(datagram) == len(datagram)
    return [len(datagram) for datagram in found]


def wants(connection: SSL.Connection) -> bool:
    """Go on with the handshake; whether it wants more."""
    try:
        connection.do_handshake()
    except SSL.WantReadError:
        return True
    return False


@pytest.fixture
def client() -> SSL.Context:
    return SSL.Context(SSL.DTLS_METHOD)


@pytest.fixture
def server(server_identity: Identity) -> SSL.Context:
    context = SSL.Context(SSL.DTLS_METHOD)
    context.use_certificate(server_identity.certificate)
    context.use_privatekey(server_identity.key)
    return context


def shaken(pair: Pair) -> Pair:
    """Finish the handshake."""
    for _ in range(10):
        waiting = wants(pair.client), carry(pair.client, pair.server), wants(pair.server)
        carry(pair.server, pair.client)
        if not waiting[0] and not waiting[2]:
            return pair
    raise AssertionError("the handshake does not end")


def test_57_boundaries_are_kept(client: SSL.Context, server: SSL.Context) -> None:
    """What was sent in one call is received in one, and never joined with the next."""
    pair = shaken(Pair(client, server))
    assert pair.client.get_protocol_version_name() == "DTLSv1.2"
    for data in (b"one", b"two", b"x" * 1000):
        assert pair.client.send(data) == len(data)
    assert len(carry(pair.client, pair.server)) == 3
    assert [pair.server.recv(ROOMY) for _ in range(3)] == [b"one", b"two", b"x" * 1000]
    with pytest.raises(SSL.WantReadError):
        pair.server.recv(ROOMY)


def test_rest_of_a_datagram_stays(client: SSL.Context, server: SSL.Context) -> None:
    """A small recv takes a part of one datagram; the rest, and no byte of the next, is there for another."""
    pair = shaken(Pair(client, server))
    for data in (b"0123456789", b"next"):
        pair.client.send(data)
    carry(pair.client, pair.server)
    assert pair.server.recv(4) == b"0123"
    assert pair.server.pending() == 6
    assert pair.server.recv(100) == b"456789"
    assert pair.server.recv(100) == b"next"


def test_one_call_for_each_datagram(client: SSL.Context, server: SSL.Context) -> None:
    """The one-call form takes one and gives one, from the handshake on; nothing is joined or split."""
    ends = Pair(client, server).client, Pair(client, server).server
    for _ in range(4):
        for source, target in (ends, ends[::-1]):
            while datagram := source.data_to_send():
                assert target.receive_data(datagram) == b""
    sealed = [ends[0].send_data(data) for data in (b"one", b"two", b"x" * 1000)]
    assert [ends[1].receive_data(datagram) for datagram in sealed] == [b"one", b"two", b"x" * 1000]
    for data in (b"three", b"four"):
        ends[0].send(data)
    assert ends[1].receive_data(ends[0].data_to_send()) == b"three"
    assert ends[1].receive_data(ends[0].send_data(b"")) == b"four"
    with pytest.raises(ValueError, match="datagrams are not joined"):
        ends[0].send_data_many([b"a", b"b"])


def test_lost_and_doubled_datagrams(client: SSL.Context, server: SSL.Context) -> None:
    """Data that is lost stays lost, a replay is dropped, order is the network's."""
    pair = shaken(Pair(client, server))
    for data in (b"a", b"b", b"c"):
        pair.client.send(data)
    first, _lost, third = datagrams(pair.client)
    for datagram in (third, first, first, b"no DTLS at all"):
        pair.server.bio_write(datagram)
    assert pair.server.recv(10) == b"c"
    assert pair.server.recv(10) == b"a"
    with pytest.raises(SSL.WantReadError):
        pair.server.recv(10)


def test_too_small_a_bio_read_loses_nothing(client: SSL.Context) -> None:
    connection = SSL.Connection(client)
    connection.set_connect_state()
    assert wants(connection)
    with pytest.raises(ValueError, match=r"the next datagram has \d+ bytes, and only 10 were asked for"):
        connection.bio_read(10)
    (hello,) = datagrams(connection)
    assert hello[0] == 22


def test_too_large_a_message(client: SSL.Context, server: SSL.Context) -> None:
    """A record holds 16 KiB: more is refused, and the connection goes on."""
    pair = shaken(Pair(client, server))
    with pytest.raises(SSL.Error, match="dtls message too big"):
        pair.client.send(b"x" * 20_000)
    pair.client.send(b"small")
    carry(pair.client, pair.server)
    assert pair.server.recv(10) == b"small"


def test_close(client: SSL.Context, server: SSL.Context) -> None:
    pair = shaken(Pair(client, server))
    assert pair.client.shutdown() is False
    carry(pair.client, pair.server)
    with pytest.raises(SSL.ZeroReturnError):
        pair.server.recv(1)
    assert pair.server.shutdown() is True
    carry(pair.server, pair.client)
    assert pair.client.shutdown() is True


def test_end_without_close_notify(client: SSL.Context, server: SSL.Context) -> None:
    pair = shaken(Pair(client, server))
    pair.server.bio_shutdown()
    with pytest.raises(SSL.SysCallError) as end:
        pair.server.recv(1)
    assert end.value.args == (-1, "Unexpected EOF")


# -- cookies ----------------------------------------------------------------------------------------------------------


def with_cookies(context: SSL.Context, cookie: bytes = b"xyzzy") -> list[tuple[SSL.Connection, bytes]]:
    """Let a context ask for a cookie; returns the list of what it was asked to verify."""
    asked: list[tuple[SSL.Connection, bytes]] = []

    def verify(connection: SSL.Connection, returned: bytes) -> bool:
        asked.append((connection, returned))
        return returned == cookie

    context.set_cookie_generate_callback(lambda _connection: cookie)
    context.set_cookie_verify_callback(verify)
    return asked


@pytest.mark.parametrize("again", [False, True], ids=["once", "hello-twice"])
def test_57_listen(again: bool, client: SSL.Context, server: SSL.Context) -> None:
    """A ClientHello without a cookie is answered without state; with it, the handshake goes on."""
    asked = with_cookies(server)
    pair = Pair(client, server)
    with pytest.raises(SSL.WantReadError):
        pair.server.DTLSv1_listen()
    assert wants(pair.client)
    carry(pair.client, pair.server)
    with pytest.raises(SSL.WantReadError):
        pair.server.DTLSv1_listen()
    (size,) = carry(pair.server, pair.client)
    assert size < 50
    assert wants(pair.client)
    (hello,) = datagrams(pair.client)
    pair.server.bio_write(hello)
    pair.server.DTLSv1_listen()
    assert asked == [(pair.server, b"xyzzy")]
    if again:
        pair.server.bio_write(hello)
    shaken(pair)
    pair.server.send(b"hello")
    carry(pair.server, pair.client)
    assert pair.client.recv(10) == b"hello"


def listening(client: SSL.Context, server: SSL.Context) -> SSL.Connection:
    """A server that has a ClientHello with a cookie to judge."""
    pair = Pair(client, server)
    assert wants(pair.client)
    carry(pair.client, pair.server)
    with pytest.raises(SSL.WantReadError):
        pair.server.DTLSv1_listen()
    carry(pair.server, pair.client)
    assert wants(pair.client)
    carry(pair.client, pair.server)
    return pair.server


def test_wrong_cookie_is_asked_for_again(client: SSL.Context, server: SSL.Context) -> None:
    with_cookies(server)
    server.set_cookie_verify_callback(lambda _connection, _cookie: False)
    connection = listening(client, server)
    with pytest.raises(SSL.WantReadError):
        connection.DTLSv1_listen()
    assert len(datagrams(connection)) == 1


@pytest.mark.parametrize("error", [KeyError, KeyboardInterrupt])
def test_32_57_cookie_callbacks_raise(error: type[BaseException], client: SSL.Context, server: SSL.Context) -> None:
    """From DTLSv1_listen, and from the connection that ran it alone."""
    with_cookies(server)

    def boom(*_arguments: object) -> bytes:
        raise error("from the callback")

    server.set_cookie_verify_callback(boom)  # type: ignore[arg-type]
    connection = listening(client, server)
    with pytest.raises(error, match="from the callback"):
        connection.DTLSv1_listen()
    server.set_cookie_generate_callback(boom)
    pair = Pair(client, server)
    assert wants(pair.client)
    carry(pair.client, pair.server)
    with pytest.raises(error, match="from the callback"):
        pair.server.DTLSv1_listen()
    with_cookies(server)
    assert listening(client, server).DTLSv1_listen() is None  # type: ignore[func-returns-value]


@pytest.mark.parametrize(
    ("cookie", "error", "text"),
    [
        (b"x" * 256, ValueError, r"Cookie too long \(got 256 bytes, max 255\)"),
        ("text", TypeError, "the cookie callback must return bytes"),
        (None, TypeError, "the cookie callback must return bytes"),
    ],
    ids=["long", "text", "none"],
)
def test_32_wrong_cookies(
    cookie: object, error: type[Exception], text: str, client: SSL.Context, server: SSL.Context
) -> None:
    server.set_cookie_generate_callback(lambda _connection: cookie)  # type: ignore[arg-type,return-value]
    server.set_cookie_verify_callback(lambda _connection, _cookie: True)
    pair = Pair(client, server)
    assert wants(pair.client)
    carry(pair.client, pair.server)
    with pytest.raises(error, match=text):
        pair.server.DTLSv1_listen()
    assert [datagram[0] for datagram in datagrams(pair.server)] == [ALERT]


def test_32_longest_cookie(client: SSL.Context, server: SSL.Context) -> None:
    with_cookies(server, b"c" * 255)
    listening(client, server).DTLSv1_listen()


# -- timers and sizes -------------------------------------------------------------------------------------------------


def test_57_timer(client: SSL.Context) -> None:
    """The flight is sent again when its time is over, and not before; the next wait is longer."""
    connection = SSL.Connection(client)
    connection.set_connect_state()
    assert connection.DTLSv1_get_timeout() is None
    assert wants(connection)
    (hello,) = datagrams(connection)
    left = connection.DTLSv1_get_timeout()
    assert left is not None
    assert 0 < left <= 1
    assert connection.DTLSv1_handle_timeout() is False
    assert datagrams(connection) == []
    time.sleep(left + 0.01)
    assert connection.DTLSv1_get_timeout() == 0
    assert connection.DTLSv1_handle_timeout() is True
    (again,) = datagrams(connection)
    assert again[13:] == hello[13:]  # the records differ in their sequence numbers
    longer = connection.DTLSv1_get_timeout()
    assert longer is not None
    assert longer > 1


def test_no_timer_runs_after_the_handshake(client: SSL.Context, server: SSL.Context) -> None:
    pair = shaken(Pair(client, server))
    for connection in (pair.client, pair.server):
        assert connection.DTLSv1_get_timeout() is None
        assert connection.DTLSv1_handle_timeout() is False


@pytest.mark.parametrize("mtu", [300, 1500, None])
def test_57_mtu(mtu: int | None, client: SSL.Context, server: SSL.Context) -> None:
    """No datagram is larger, and what is said to fit does fit; by default it is what every IPv6 path carries."""
    pair = Pair(client, server)
    if mtu is not None:
        pair.client.set_ciphertext_mtu(mtu)
        pair.server.set_ciphertext_mtu(mtu)
    assert pair.client.get_cleartext_mtu() == 0
    assert wants(pair.client)
    carry(pair.client, pair.server)
    assert wants(pair.server)
    assert max(carry(pair.server, pair.client)) <= (mtu or 1232)
    shaken(pair)
    fits = pair.client.get_cleartext_mtu()
    assert 0 < fits < (mtu or 1232)
    pair.client.send(b"x" * fits)
    (size,) = carry(pair.client, pair.server)
    assert size <= (mtu or 1232)


def test_mtu_without_datagrams() -> None:
    """TLS over a stream has none: there is nothing to set, and libssl must not be asked."""
    connection = SSL.Connection(SSL.Context(SSL.TLS_METHOD))
    assert connection.get_cleartext_mtu() == 0
    with pytest.raises(SSL.Error, match="this is not DTLS"):
        connection.set_ciphertext_mtu(1200)


def test_57_wrong_mtu(client: SSL.Context) -> None:
    connection = SSL.Connection(client)
    with pytest.raises(SSL.Error, match="an MTU of 10 bytes is too small for DTLS"):
        connection.set_ciphertext_mtu(10)
    with pytest.raises(TypeError, match="mtu must be an integer"):
        connection.set_ciphertext_mtu("1500")  # type: ignore[arg-type]


# -- SRTP -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("twin", [False, True], ids=["context", "connection"])
def test_srtp(twin: bool, client: SSL.Context, server: SSL.Context) -> None:
    """The server's first choice among what both have."""
    pair = Pair(client, server)
    if twin:
        targets: tuple[SSL.Context | SSL.Connection, SSL.Context | SSL.Connection] = (pair.client, pair.server)
    else:
        targets = (client, server)
    targets[0].set_tlsext_use_srtp(b"SRTP_AES128_CM_SHA1_32:SRTP_AES128_CM_SHA1_80")
    targets[1].set_tlsext_use_srtp(b"SRTP_AES128_CM_SHA1_80")
    pair = shaken(pair if twin else Pair(client, server))
    for connection in (pair.client, pair.server):
        assert connection.get_selected_srtp_profile() == b"SRTP_AES128_CM_SHA1_80"
    label = b"EXTRACTOR-dtls_srtp"
    assert pair.client.export_keying_material(label, 60) == pair.server.export_keying_material(label, 60)


def test_15_51_no_srtp(client: SSL.Context, server: SSL.Context) -> None:
    assert shaken(Pair(client, server)).client.get_selected_srtp_profile() == b""
    with pytest.raises(SSL.Error, match="no usable SRTP profile in b'nonsense'"):
        client.set_tlsext_use_srtp(b"nonsense")
    with pytest.raises(TypeError, match=r"profiles must be a byte string\."):
        client.set_tlsext_use_srtp("SRTP_AES128_CM_SHA1_80")  # type: ignore[arg-type]
