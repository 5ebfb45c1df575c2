"""``SSL.Connection`` over memory, on both versions of TLS."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from openssl_bio import SSL, crypto
from tests.helpers import Identity, Pair, carry, client_context, context_of, digest, received, server_context

MEGABYTE = bytes(range(256)) * 4096


# -- the handshake and the getters -------------------------------------------------------------------------------------


def test_getters_after_the_handshake(version: int, pair: Pair, server_identity: Identity) -> None:
    name = {SSL.TLS1_2_VERSION: "TLSv1.2", SSL.TLS1_3_VERSION: "TLSv1.3"}[version]
    for connection in (pair.client, pair.server):
        assert connection.get_protocol_version() == version
        assert connection.get_protocol_version_name() == name
        assert connection.get_cipher_version() == name
        assert connection.get_cipher_name() in connection.get_cipher_list()
        assert connection.get_cipher_bits() in (128, 256)
        assert connection.get_group_name()
        assert connection.get_session() is not None
    assert pair.client.get_cipher_name() == pair.server.get_cipher_name()
    assert pair.client.get_group_name() == pair.server.get_group_name()
    assert digest(pair.client.get_peer_certificate()) == digest(server_identity.certificate)
    assert digest(pair.server.get_certificate()) == digest(server_identity.certificate)
    assert [digest(x) for x in pair.client.get_peer_cert_chain() or []] == [digest(server_identity.certificate)]
    assert len(pair.client.get_verified_chain() or []) == 2
    assert pair.client.get_verify_result() == 0
    assert pair.server.get_peer_certificate() is None


def test_secrets_are_equal_on_both_ends(version: int, pair: Pair) -> None:
    client, server = pair.client, pair.server
    assert client.client_random() == server.client_random() != client.server_random()
    assert client.server_random() == server.server_random()
    assert len(client.client_random() or b"") == 32
    assert client.master_key() == server.master_key()
    assert client.master_key()
    assert client.get_finished() == server.get_peer_finished()
    assert client.get_peer_finished() == server.get_finished()
    assert client.get_finished() != server.get_finished()


def test_sending_starts_the_handshake(client: SSL.Context, server: SSL.Context) -> None:
    pair = Pair(client, server)
    with pytest.raises(SSL.WantReadError):
        pair.client.send(b"early")
    assert pair.client.want_read()
    assert carry(pair.client, pair.server) > 0


# -- data --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("data", [b"x", b"\0" * 16384, b"y" * 16385, MEGABYTE], ids=len)
def test_data_both_ways(pair: Pair, data: bytes) -> None:
    for source, target in ((pair.client, pair.server), (pair.server, pair.client)):
        assert source.sendall(data) == len(data)
        pair.move()
        assert received(target) == data


def test_byte_by_byte(client: SSL.Context, server: SSL.Context) -> None:
    pair = Pair(client, server)
    waiting = {"client": (pair.client, pair.server), "server": (pair.server, pair.client)}
    for _ in range(20):
        for name, (source, target) in list(waiting.items()):
            try:
                source.do_handshake()
                del waiting[name]
            except SSL.WantReadError:
                pass
            trickle(source, target)
    assert not waiting
    pair.client.sendall(b"hello" * 100)
    assert trickle(pair.client, pair.server) == b"hello" * 100


def trickle(source: SSL.Connection, target: SSL.Connection) -> bytes:
    """Carry ciphertext one byte at a time, and try to get on after each."""
    data = b""
    while True:
        try:
            octet = source.bio_read(1)
        except SSL.WantReadError:
            return data
        assert target.bio_write(octet) == 1
        data += received(target)


# -- the end -----------------------------------------------------------------------------------------------------------


def test_data_before_the_close(pair: Pair) -> None:
    pair.client.send(b"last words")
    pair.client.shutdown()
    pair.move()
    assert pair.server.recv(100) == b"last words"
    with pytest.raises(SSL.ZeroReturnError):
        pair.server.recv(100)


def errors_of(operation: Callable[[], object]) -> list[Any]:
    """The errors that an operation raises three times, which are the same each time."""
    found = []
    for _ in range(3):
        with pytest.raises(SSL.Error) as caught:
            operation()
        assert type(caught.value) is SSL.Error
        found.append(caught.value.args[0])
    assert found[0]
    assert found[0] == found[1] == found[2]
    return list(found[0])


def test_garbage_after_the_handshake(pair: Pair) -> None:
    pair.server.bio_write(b"garbage" * 100)
    reasons = errors_of(lambda: pair.server.recv(1))
    assert errors_of(lambda: pair.server.send(b"x")) == reasons


def test_tampered_record(pair: Pair) -> None:
    pair.client.send(b"x" * 100)
    record = bytearray(pair.client.bio_read(1 << 20))
    record[-1] ^= 1
    pair.server.bio_write(record)
    assert "bad record mac" in str(errors_of(lambda: pair.server.recv(1)))


def test_garbage_for_a_handshake(client: SSL.Context, server: SSL.Context) -> None:
    pair = Pair(client, server)
    pair.server.bio_write(b"GET / HTTP/1.0\r\n\r\n")
    assert "http request" in str(errors_of(pair.server.do_handshake))


# -- sessions ----------------------------------------------------------------------------------------------------------


def test_resumption(client: SSL.Context, server: SSL.Context) -> None:
    first = Pair(client, server).handshake()
    assert not first.client.session_reused()
    session = first.client.get_session()
    assert session is not None
    second = Pair(client, server)
    second.client.set_session(session)
    second.handshake()
    assert second.client.session_reused()
    assert second.server.session_reused()
    second.client.send(b"x")
    second.move()
    assert second.server.recv(1) == b"x"


# -- verification ------------------------------------------------------------------------------------------------------


def test_mutual_tls(version: int, ca: Identity, client_identity: Identity, server_identity: Identity) -> None:
    server = server_context(version, server_identity, ca)
    pair = Pair(client_context(version, ca, client_identity), server).handshake()
    assert digest(pair.server.get_peer_certificate()) == digest(client_identity.certificate)
    assert digest(pair.client.get_certificate()) == digest(client_identity.certificate)
    assert [digest(x) for x in pair.server.get_verified_chain() or []][-1] == digest(ca.certificate)
    assert [name.CN for name in pair.client.get_client_ca_list()] == ["an authority"]
    with pytest.raises(SSL.Error) as caught:
        Pair(client_context(version, ca), server).handshake()
    assert caught.value.args[0][-1][-1] == "peer did not return a certificate"


def test_verify_failure(version: int, server: SSL.Context) -> None:
    client = context_of(version)
    client.set_verify(SSL.VERIFY_PEER)
    pair = Pair(client, server)
    with pytest.raises(SSL.Error) as caught:
        pair.handshake()
    assert caught.value.args[0][-1][-1] == "certificate verify failed"
    assert pair.client.get_verify_result() == SSL.X509VerificationCodes.ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY
    pair.move()
    with pytest.raises(SSL.Error) as caught:
        pair.server.recv(1)
    assert "alert" in caught.value.args[0][-1][-1]


def test_verify_callback(version: int, server: SSL.Context, server_identity: Identity) -> None:
    calls = []

    def accept(connection: SSL.Connection, x509: crypto.X509, error: int, depth: int, ok: int) -> bool:
        calls.append((connection, digest(x509), depth, ok))
        return True

    client = context_of(version)
    client.set_verify(SSL.VERIFY_PEER, accept)
    pair = Pair(client, server).handshake()
    assert (pair.client, digest(server_identity.certificate), 0, 0) in calls
    client.set_verify(SSL.VERIFY_PEER, lambda *_: False)
    with pytest.raises(SSL.Error):
        Pair(client, server).handshake()


@pytest.mark.parametrize("host", ["example.test", "localhost", "127.0.0.1"])
def test_verify_host(client: SSL.Context, server: SSL.Context, host: str) -> None:
    pair = Pair(client, server)
    pair.client.set_verify_host(host)
    pair.handshake()


@pytest.mark.parametrize(
    ("host", "code"), [("other.test", "ERR_HOSTNAME_MISMATCH"), ("127.0.0.2", "ERR_IP_ADDRESS_MISMATCH")]
)
def test_verify_host_mismatch(client: SSL.Context, server: SSL.Context, host: str, code: str) -> None:
    pair = Pair(client, server)
    pair.client.set_verify_host(host)
    with pytest.raises(SSL.Error) as caught:
        pair.handshake()
    assert caught.value.args[0][-1][-1] == "certificate verify failed"
    # The numbers are libssl's X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH.
    assert pair.client.get_verify_result() == {"ERR_HOSTNAME_MISMATCH": 62, "ERR_IP_ADDRESS_MISMATCH": 64}[code]


# -- extensions --------------------------------------------------------------------------------------------------------


def test_alpn(client: SSL.Context, server: SSL.Context) -> None:
    offered = []

    def select(connection: SSL.Connection, protocols: list[bytes]) -> bytes:
        offered.append(protocols)
        return b"http/1.1"

    server.set_alpn_select_callback(select)
    client.set_alpn_protos([b"h2", b"http/1.1"])
    pair = Pair(client, server).handshake()
    assert offered == [[b"h2", b"http/1.1"]]
    assert pair.client.get_alpn_proto_negotiated() == pair.server.get_alpn_proto_negotiated() == b"http/1.1"


def test_alpn_without_overlap(client: SSL.Context, server: SSL.Context) -> None:
    server.set_alpn_select_callback(lambda *_: SSL.NO_OVERLAPPING_PROTOCOLS)
    client.set_alpn_protos([b"h2"])
    assert Pair(client, server).handshake().client.get_alpn_proto_negotiated() == b""


def test_npn(ca: Identity, server_identity: Identity) -> None:
    client = client_context(SSL.TLS1_2_VERSION, ca)
    server = server_context(SSL.TLS1_2_VERSION, server_identity)
    try:
        server.set_npn_advertise_callback(lambda _: [b"http/1.1", b"spdy/2"])
        client.set_npn_select_callback(lambda _, advertised: advertised[1])
    except NotImplementedError as error:
        pytest.skip(str(error))
    pair = Pair(client, server).handshake()
    assert pair.client.get_next_proto_negotiated() == pair.server.get_next_proto_negotiated() == b"spdy/2"


# A whole OCSPResponse (tryLater): OpenSSL 3.6 and newer drop what they cannot parse.
@pytest.mark.parametrize("response", [b"\x30\x03\x0a\x01\x03", b""])
def test_ocsp_staple(client: SSL.Context, server: SSL.Context, response: bytes) -> None:
    seen = []
    server.set_ocsp_server_callback(lambda connection, data: data, response)
    client.set_ocsp_client_callback(lambda connection, staple, data: not seen.append((staple, data)), "data")
    pair = Pair(client, server)
    pair.client.request_ocsp()
    pair.handshake()
    assert seen == [(response, "data")]
