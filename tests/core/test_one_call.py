"""The one-call form, on connections of both faces: ciphertext in, plaintext out, and the other way round."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

import pytest

from openssl_bio import SSL
from openssl_bio import stdlib as ssl
from tests.helpers import Identity

Ends = tuple[Any, Any]
MAKERS = ["pyopenssl", "stdlib", "stdlib over Python's BIOs"]


@pytest.fixture(params=MAKERS)
def ends(
    request: pytest.FixtureRequest, client: SSL.Context, server: SSL.Context, version: int, server_identity: Identity
) -> Ends:
    """A client and a server that have not begun."""
    if request.param == "pyopenssl":
        pair = SSL.Connection(client), SSL.Connection(server)
        pair[0].set_connect_state()
        pair[1].set_accept_state()
        return pair
    import ssl as original

    bio: Callable[[], Any] = ssl.MemoryBIO if request.param == "stdlib" else original.MemoryBIO
    return stdlib_ends(bio, version, server_identity)


def stdlib_ends(bio: Callable[[], Any], version: int, identity: Identity) -> Ends:
    contexts = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    for context in contexts:
        context.minimum_version = context.maximum_version = ssl.TLSVersion(version)
    contexts[0].check_hostname, contexts[0].verify_mode = False, ssl.CERT_NONE
    contexts[1].load_cert_chain(identity.certificate_file, identity.key_file)
    return tuple(context.wrap_bio(bio(), bio(), server_side=bool(i)) for i, context in enumerate(contexts))  # type: ignore[return-value]


def handshake(ends: Ends) -> Ends:
    """With the one-call form alone."""
    client, server = ends
    data = client.data_to_send()
    assert data
    for _ in range(4):
        assert server.receive_data(data) == b""
        assert client.receive_data(server.data_to_send()) == b""
        data = client.data_to_send()
    assert data == b""
    return ends


@pytest.mark.parametrize("size", [1, 100, 16384, 16385, 100_000, 3_000_000])
def test_data_both_ways(ends: Ends, size: int) -> None:
    """All that is sent is received, of any size, in one call."""
    client, server = handshake(ends)
    data = bytes(range(256)) * (size // 256 + 1)
    for source, sink in ((client, server), (server, client)):
        assert sink.receive_data(source.send_data(data[:size])) == data[:size]
        assert sink.receive_data(source.send_data(bytearray(data[:size]))) == data[:size]
        assert source.data_to_send() == b""


def test_ciphertext_in_any_pieces(ends: Ends) -> None:
    """Records may come cut anywhere, and several at once."""
    client, server = handshake(ends)
    ciphertext = b"".join(client.send_data(bytes([i]) * 300) for i in range(20))
    received = b"".join(server.receive_data(ciphertext[i : i + 7]) for i in range(0, 2000, 7))
    at = len(range(0, 2000, 7)) * 7
    received += server.receive_data(ciphertext[at:])
    assert received == b"".join(bytes([i]) * 300 for i in range(20))


def test_many_pieces_share_records(ends: Ends) -> None:
    """send_data_many seals the pieces together."""
    client, server = handshake(ends)
    together = client.send_data_many([b"x" * 10] * 100)
    assert len(together) < 1100
    assert server.receive_data(together) == b"x" * 1000
    assert client.send_data_many([]) == b""
    for pieces in ((), (b"one",), (b"one", bytearray(b"two")), iter([b"one", b"two"])):
        joined = b"".join(pieces if isinstance(pieces, tuple) else [b"one", b"two"])
        assert server.receive_data(client.send_data_many(pieces)) == joined


def test_with_the_faces_own_calls(ends: Ends) -> None:
    """What the four calls leave waiting, the one-call form takes along, in order; and the other way round."""
    client, server = handshake(ends)
    write, read = (client.send, server.recv) if isinstance(client, SSL.Connection) else (client.write, server.read)
    write(b"first ")
    assert server.receive_data(client.send_data(b"second")) == b"first second"
    assert server.receive_data(b"") == b""
    if isinstance(client, SSL.Connection):
        server.bio_write(client.send_data(b"third"))
        assert read(100) == b"third"


def test_nothing_is_sealed_before_the_handshake(ends: Ends) -> None:
    """send_data raises "want read", and what the handshake has to send stays there for data_to_send."""
    client, server = ends
    with pytest.raises((SSL.WantReadError, ssl.SSLWantReadError)):
        client.send_data(b"too early")
    handshake(ends)
    assert server.receive_data(client.send_data(b"now")) == b"now"


def test_a_close_raises_after_the_data(ends: Ends) -> None:
    """Plaintext that came with close_notify is returned first."""
    client, server = handshake(ends)
    ciphertext = client.send_data(b"last words")
    if isinstance(client, SSL.Connection):
        client.shutdown()
    else:
        with pytest.raises(ssl.SSLWantReadError):
            client.unwrap()
    assert server.receive_data(ciphertext + client.data_to_send()) == b"last words"
    with pytest.raises((SSL.ZeroReturnError, ssl.SSLZeroReturnError)):
        server.receive_data(b"")


def test_damage_raises_and_the_peer_is_told(ends: Ends) -> None:
    """Records before the damaged one are returned; then the error, again and again; the alert can be sent."""
    client, server = handshake(ends)
    good, bad = client.send_data(b"good"), bytearray(client.send_data(b"bad"))
    bad[-1] ^= 1
    assert server.receive_data(good + bytes(bad)) == b"good"
    for _ in range(2):
        with pytest.raises((SSL.Error, ssl.SSLError)):
            server.receive_data(b"")
    with pytest.raises((SSL.Error, ssl.SSLError)):
        server.send_data(b"x")
    alert = server.data_to_send()
    assert alert
    with pytest.raises((SSL.Error, ssl.SSLError), match=r"bad record mac|BAD_RECORD_MAC"):
        client.receive_data(alert)


@pytest.mark.parametrize("method", ["receive_data", "send_data"])
def test_wrong_types(ends: Ends, method: str) -> None:
    """TypeError for what is no bytes, and nothing has changed."""
    client, server = handshake(ends)
    for wrong in ("text", None, 5):
        with pytest.raises(TypeError):
            getattr(client, method)(wrong)
    assert server.receive_data(client.send_data(b"fine")) == b"fine"


def test_without_a_role() -> None:
    """A connection that is neither client nor server has nothing to send, and takes nothing."""
    connection = SSL.Connection(SSL.Context(SSL.TLS_METHOD))
    assert connection.data_to_send() == b""
    with pytest.raises(SSL.Error):
        connection.receive_data(b"")


def test_over_a_socket_there_is_no_such_form(client: SSL.Context) -> None:
    """TypeError, as for bio_read."""
    one, other = socket.socketpair()
    with one, other:
        connection = SSL.Connection(client, one)
        connection.set_connect_state()
        calls = (connection.data_to_send, lambda: connection.receive_data(b""), lambda: connection.send_data(b""))
        for call in calls:
            with pytest.raises(TypeError, match="sock was not None"):
                call()


def test_callbacks_may_not_use_it(client: SSL.Context, server: SSL.Context) -> None:
    """From a callback of the same connection it is refused; ciphertext may be taken."""
    ends = SSL.Connection(client), SSL.Connection(server)
    ends[0].set_connect_state()
    ends[1].set_accept_state()
    refused: list[type[BaseException]] = []

    def info(connection: SSL.Connection, _where: int, _value: int) -> None:
        for call in (lambda: connection.receive_data(b""), lambda: connection.send_data(b"x")):
            with pytest.raises(RuntimeError) as raised:
                call()
            refused.append(raised.type)

    client.set_info_callback(info)
    connection = SSL.Connection(client)
    connection.set_connect_state()
    handshake((connection, ends[1]))
    assert refused
