"""``SSL.Connection`` over memory, on both versions of TLS."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from pathlib import Path
from socket import MSG_PEEK
from typing import Any

import pytest

from openssl_bio import SSL, crypto
from tests.helpers import Identity, Pair, carry, client_context, context_of, received, server_context

MEGABYTE = bytes(range(256)) * 4096


@pytest.fixture
def pair(client: SSL.Context, server: SSL.Context) -> Pair:
    """A pair after its handshake."""
    return Pair(client, server).handshake()


def digest(certificate: crypto.X509 | None) -> bytes:
    assert certificate is not None
    return certificate.digest("sha256")


# -- the handshake and the getters -------------------------------------------------------------------------------------


def test_getters_before_the_handshake(client: SSL.Context, server: SSL.Context) -> None:
    pair = Pair(client, server)
    for connection in (pair.client, pair.server):
        for name in (
            "get_session",
            "client_random",
            "server_random",
            "master_key",
            "get_finished",
            "get_peer_finished",
            "get_cipher_name",
            "get_cipher_version",
            "get_cipher_bits",
            "get_group_name",
            "get_peer_certificate",
            "get_peer_cert_chain",
            "get_verified_chain",
            "get_servername",
            "get_app_data",
        ):
            assert getattr(connection, name)() is None, name
        assert connection.get_alpn_proto_negotiated() == b""
        assert connection.get_client_ca_list() == []
        assert connection.get_shutdown() == 0
        assert connection.pending() == 0
        assert not connection.session_reused()
        assert isinstance(connection.get_state_string(), bytes)
        with pytest.raises(SSL.Error) as caught:
            connection.export_keying_material(b"label", 32)
        assert caught.value.args[0]
    assert pair.client.get_certificate() is None
    assert pair.server.get_certificate() is not None


def test_version_of_a_fresh_connection() -> None:
    connection = SSL.Connection(SSL.Context(SSL.TLS_METHOD))
    assert connection.get_protocol_version() == SSL.TLS1_3_VERSION
    assert connection.get_protocol_version_name() == "TLSv1.3"


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


def test_export(version: int, pair: Pair) -> None:
    for context in (None, b"", b"context"):
        key = pair.client.export_keying_material(b"EXPERIMENTAL label", 77, context)
        assert len(key) == 77
        assert key == pair.server.export_keying_material(b"EXPERIMENTAL label", 77, context)
    none, empty = (pair.client.export_keying_material(b"EXPERIMENTAL label", 32, c) for c in (None, b""))
    assert (none == empty) is (version == SSL.TLS1_3_VERSION)
    with pytest.raises(ValueError, match="olen"):
        pair.client.export_keying_material(b"EXPERIMENTAL label", -1)


def test_without_a_role(client: SSL.Context) -> None:
    with pytest.raises(SSL.Error) as caught:
        SSL.Connection(client).do_handshake()
    assert caught.value.args[0][-1][-1] == "connection type not set"
    for operation in (lambda c: c.recv(1), lambda c: c.send(b"x"), lambda c: c.shutdown()):
        with pytest.raises(SSL.Error) as caught:
            operation(SSL.Connection(client))
        assert caught.value.args[0][-1][-1] == "uninitialized"


def test_shutdown_during_the_handshake(client: SSL.Context, server: SSL.Context) -> None:
    pair = Pair(client, server)
    with pytest.raises(SSL.WantReadError):
        pair.client.do_handshake()
    with pytest.raises(SSL.Error) as caught:
        pair.client.shutdown()
    assert caught.value.args[0]


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


def test_recv_sizes(pair: Pair) -> None:
    pair.client.send(b"0123456789")
    pair.client.send(b"abcdef")
    pair.move()
    assert pair.server.recv(4) == b"0123"
    assert pair.server.pending() == 6
    assert pair.server.recv(0) == b""
    assert pair.server.recv(1000) == b"456789abcdef"
    assert pair.server.pending() == 0
    assert pair.server.recv(0) == b""
    with pytest.raises(SSL.WantReadError):
        pair.server.recv(1)
    with pytest.raises(ValueError, match="negative array length"):
        pair.server.recv(-1)


def test_recv_into(pair: Pair) -> None:
    pair.client.send(b"0123456789")
    pair.move()
    buffer = bytearray(b"....")
    with pytest.raises(TypeError, match="'bytes' object does not support item assignment"):
        pair.server.recv_into(b"....")  # type: ignore[arg-type]
    assert pair.server.recv_into(buffer, 2) == 2
    assert buffer == b"01.."
    assert pair.server.recv_into(buffer, 2, MSG_PEEK) == 2
    assert buffer == b"23.."
    assert pair.server.recv_into(buffer, 1000) == 4
    assert buffer == b"2345"
    assert pair.server.recv_into(buffer, 0) == 0
    view = memoryview(bytearray(8))
    assert pair.server.recv_into(view[2:]) == 4
    assert view.tobytes() == b"\0\0" + b"6789" + b"\0\0"
    with pytest.raises(SSL.WantReadError):
        pair.server.recv_into(buffer)


def test_peek(pair: Pair) -> None:
    pair.client.send(b"0123456789")
    pair.move()
    for _ in range(3):
        assert pair.server.recv(4, MSG_PEEK) == b"0123"
        assert pair.server.pending() == 10
    assert pair.server.recv(100) == b"0123456789"
    with pytest.raises(SSL.WantReadError):
        pair.server.recv(1, MSG_PEEK)


def test_nothing(pair: Pair) -> None:
    assert pair.client.send(b"") == 0
    assert pair.client.sendall(b"") == 0
    with pytest.raises(SSL.WantReadError):
        pair.client.bio_read(100)
    with pytest.raises(SSL.WantReadError):
        pair.client.bio_read(0)
    assert pair.client.bio_write(b"") == 0
    with pytest.raises(ValueError, match="negative array length"):
        pair.client.bio_read(-1)


def test_buffers_are_counted_in_bytes(pair: Pair) -> None:
    numbers = array("H", range(1000))
    assert pair.client.send(numbers) == 2000
    assert pair.client.sendall(memoryview(b"end")) == 3
    ciphertext = bytearray(pair.client.bio_read(1 << 20))
    assert pair.server.bio_write(ciphertext) == len(ciphertext)
    assert received(pair.server) == numbers.tobytes() + b"end"
    with pytest.raises(BufferError):
        pair.client.send(memoryview(b"123456")[::2])
    with pytest.raises(BufferError):
        pair.client.bio_write(memoryview(b"123456")[::2])


def test_bio_read_gives_at_most_what_was_asked(pair: Pair) -> None:
    pair.client.send(b"x" * 100)
    assert len(pair.client.bio_read(10)) == 10
    assert len(pair.client.bio_read(1 << 20)) > 100


# -- the end -----------------------------------------------------------------------------------------------------------


def test_half_close_and_close(pair: Pair) -> None:
    assert pair.client.shutdown() is False
    assert pair.client.get_shutdown() == SSL.SENT_SHUTDOWN
    pair.move()
    for _ in range(3):
        with pytest.raises(SSL.ZeroReturnError):
            pair.server.recv(1)
    assert pair.server.get_shutdown() == SSL.RECEIVED_SHUTDOWN
    pair.server.send(b"still here")
    pair.move()
    assert pair.client.recv(100) == b"still here"
    assert pair.server.shutdown() is True
    pair.move()
    with pytest.raises(SSL.ZeroReturnError):
        pair.client.recv(1)
    assert pair.client.shutdown() is True
    assert pair.client.get_shutdown() == SSL.SENT_SHUTDOWN | SSL.RECEIVED_SHUTDOWN


def test_set_shutdown(pair: Pair) -> None:
    pair.client.set_shutdown(SSL.RECEIVED_SHUTDOWN)
    with pytest.raises(SSL.ZeroReturnError):
        pair.client.recv(1)


def test_data_before_the_close(pair: Pair) -> None:
    pair.client.send(b"last words")
    pair.client.shutdown()
    pair.move()
    assert pair.server.recv(100) == b"last words"
    with pytest.raises(SSL.ZeroReturnError):
        pair.server.recv(100)


def test_truncation(pair: Pair) -> None:
    pair.client.send(b"last words")
    pair.move()
    pair.server.bio_shutdown()
    assert pair.server.recv(100) == b"last words"
    for _ in range(3):
        with pytest.raises(SSL.SysCallError) as caught:
            pair.server.recv(100)
        assert caught.value.args == (-1, "Unexpected EOF")


def test_truncated_handshake(client: SSL.Context, server: SSL.Context) -> None:
    pair = Pair(client, server)
    pair.server.bio_shutdown()
    for _ in range(3):
        with pytest.raises(SSL.SysCallError) as caught:
            pair.server.do_handshake()
        assert caught.value.args == (-1, "Unexpected EOF")


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


def test_session_of_another_context(version: int, pair: Pair, ca: Identity) -> None:
    session = pair.client.get_session()
    assert session is not None
    other = SSL.Connection(client_context(version, ca))
    with pytest.raises(ValueError, match="session must have been created by a Connection using the same Context"):
        other.set_session(session)
    with pytest.raises(ValueError, match="empty"):
        other.set_session(SSL.Session())


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


def test_ocsp_refused(client: SSL.Context, server: SSL.Context) -> None:
    server.set_ocsp_server_callback(lambda *_: b"a response")
    client.set_ocsp_client_callback(lambda *_: False)
    pair = Pair(client, server)
    pair.client.request_ocsp()
    with pytest.raises(SSL.Error) as caught:
        pair.handshake()
    assert caught.value.args[0][-1][-1] == "invalid status response"


def test_server_name_switches_the_context(
    version: int, ca: Identity, client: SSL.Context, server: SSL.Context, tmp_path: Path
) -> None:
    other = ca.issue("other.test", tmp_path, b"DNS:other.test")
    contexts = {b"other.test": server_context(version, other)}
    names = []

    def switch(connection: SSL.Connection) -> None:
        name = connection.get_servername()
        names.append(name)
        if name in contexts:
            connection.set_context(contexts[name])

    server.set_tlsext_servername_callback(switch)
    pair = Pair(client, server)
    pair.client.set_tlsext_host_name(b"other.test")
    pair.client.set_verify_host("other.test")
    pair.handshake()
    assert names == [b"other.test"]
    assert pair.server.get_context() is contexts[b"other.test"]
    assert digest(pair.client.get_peer_certificate()) == digest(other.certificate)
    assert digest(Pair(client, server).handshake().client.get_peer_certificate()) != digest(other.certificate)
    assert names[1:] == [None]


def test_long_server_name(client: SSL.Context) -> None:
    with pytest.raises(SSL.Error, match="256"):
        SSL.Connection(client).set_tlsext_host_name(b"x" * 256)


# -- arguments ---------------------------------------------------------------------------------------------------------

WRONG: list[tuple[str, Callable[[SSL.Context, SSL.Connection], object]]] = [
    ("options must be an integer", lambda x, _: x.set_options("1")),
    ("mode must be an integer", lambda x, _: x.set_mode("1")),
    ("mode must be an integer", lambda x, _: x.set_verify("1")),
    ("mode must be an integer", lambda x, _: x.set_session_cache_mode("1")),
    ("callback must be callable", lambda x, _: x.set_info_callback(1)),
    ("callback must be callable", lambda x, _: x.set_verify(0, 1)),
    ("depth must be an integer", lambda x, _: x.set_verify_depth("1")),
    ("timeout must be an integer", lambda x, _: x.set_timeout("1")),
    ("filetype must be an integer", lambda x, _: x.use_privatekey_file("file", "1")),
    ("filetype must be an integer", lambda x, _: x.use_certificate_file("file", "1")),
    ("cipher_list must be a byte string.", lambda x, _: x.set_cipher_list(1)),
    ("ciphersuites must be a byte string.", lambda x, _: x.set_tls13_ciphersuites(1)),
    ("client CAs must be X509Name objects, not str objects", lambda x, _: x.set_client_ca_list(["name"])),
    ("Must be a certificate", lambda x, _: x.use_certificate("x")),
    ("Must be a certificate", lambda x, _: x.add_extra_chain_cert("x")),
    ("Unsupported key type", lambda x, _: x.use_privatekey("x")),
    ("name must be a byte string", lambda _, c: c.set_tlsext_host_name("name")),
    ("name must not contain NUL byte", lambda _, c: c.set_tlsext_host_name(b"a\0b")),
    ("session must be a Session instance", lambda _, c: c.set_session(1)),
    ("context must be a Context instance", lambda _, c: c.set_context(1)),
    ("context must be a Context instance", lambda *_: SSL.Connection(1)),
    ("state must be an integer", lambda _, c: c.set_shutdown("1")),
    ("bufsiz must be an integer", lambda _, c: c.bio_read("1")),
    ("a bytes-like object is required, not 'int'", lambda _, c: c.bio_write(1)),
]  # fmt: skip


@pytest.mark.parametrize(("text", "call"), WRONG, ids=[f"{i}-{text}" for i, (text, _) in enumerate(WRONG)])
def test_wrong_types(text: str, call: Callable[[Any, Any], object]) -> None:
    context = SSL.Context(SSL.TLS_METHOD)
    with pytest.raises(TypeError) as caught:
        call(context, SSL.Connection(context))
    if text != "Must be a certificate" or "cryptography" not in str(caught.value):
        assert str(caught.value).startswith(text)


def test_files_are_refused(client: SSL.Context) -> None:
    with pytest.raises(NotImplementedError, match="Cannot make file object"):
        SSL.Connection(client).makefile()
