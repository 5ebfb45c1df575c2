"""Callbacks, keys and sockets of one connection, which no other connection of its context has."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import Any

import pytest

from openssl_bio import SUSPEND
from tests.helpers import Identity
from tests.stdlib.helpers import Pair, client_context, server_context, wants_read
from tests.stdlib.test_sockets import connected, serving
from tests.stdlib.world import KEY, NAME, World, anything

# -- callbacks --------------------------------------------------------------------------------------------------------


class Problem(Exception):
    """What callbacks raise in these tests."""


RAISING: dict[str, tuple[bool, Callable[[Any, Any], object]]] = {
    "msg_callback": (False, lambda e, f: setattr(e, "msg_callback", f)),
    "info_callback": (False, lambda e, f: setattr(e, "info_callback", f)),
    "keylog_callback": (False, lambda e, f: setattr(e, "keylog_callback", f)),
    "ocsp_callback": (False, lambda e, f: setattr(e, "ocsp_callback", f)),
    "set_verify_chain": (False, lambda e, f: e.set_verify_chain(f)),
    "ocsp_response": (True, lambda e, f: setattr(e, "ocsp_response", f)),
    "sni_callback": (True, lambda e, f: setattr(e, "sni_callback", f)),
    "set_client_hello_callback": (True, lambda e, f: e.set_client_hello_callback(f)),
    "set_certificate_callback": (True, lambda e, f: e.set_certificate_callback(f)),
    "server's keylog_callback": (True, lambda e, f: setattr(e, "keylog_callback", f)),
    "server's info_callback": (True, lambda e, f: setattr(e, "info_callback", f)),
}


# Those whose answer libssl waits for: the peer is sent an alert at once.
TELLING = {
    "ocsp_callback",
    "set_verify_chain",
    "ocsp_response",
    "sni_callback",
    "set_client_hello_callback",
    "set_certificate_callback",
}


@pytest.mark.parametrize("of", ["context", "object"])
@pytest.mark.parametrize("name", RAISING)
def test_what_callbacks_raise(world: World, name: str, of: str) -> None:
    """That very object is raised by the running call; the peer is told; the sister does not notice."""
    problem = Problem(name)

    def fail(*_arguments: Any) -> Any:
        raise problem

    server, call = RAISING[name]
    world.client.request_ocsp = True
    if of == "context":
        call(world.server if server else world.client, fail)
        pair = world.pair()
    else:
        pair, sister = world.pair(), world.pair()
        call(pair.server if server else pair.client, fail)
    failed = pair.outcome()
    assert failed["server" if server else "client"] is problem
    if name in TELLING:
        assert isinstance(failed["client" if server else "server"], ssl.SSLError)
    if of == "object":
        sister.handshake()


def test_a_callback_may_set_nothing(world: World) -> None:
    """During a handshake only that for the ClientHello may."""

    def choose(connection: Any, _name: Any, _context: Any) -> None:
        connection.set_alpn_protocols(["h2"])

    pair = world.pair()
    pair.server.sni_callback = choose
    with pytest.raises(ValueError, match="Cannot set ALPN protocols after the handshake has begun"):
        pair.handshake()


def test_settings_by_client_hello(world: World) -> None:
    """A server's connection is set up when it is known who calls."""

    def choose(connection: Any, hello: Any) -> None:
        world.tell(hello.server_name)
        connection.set_alpn_protocols(["h2"])
        connection.set_groups("P-256")
        connection.verify_mode = ssl.CERT_REQUIRED
        connection.keylog_callback = lambda _connection, line: world.tell(line)

    pair, sister = world.pair(), world.pair()
    pair.server.set_client_hello_callback(choose)
    pair.handshake()
    assert pair.client.selected_alpn_protocol() == "h2"
    assert pair.client.group() == "secp256r1"
    assert pair.server.getpeercert()
    assert ("localhost",) in world.told
    assert len(world.told) > 1
    sister.handshake()
    assert sister.client.selected_alpn_protocol() is None


def test_versions_by_client_hello(ca: Identity, server_identity: Identity) -> None:
    server = server_context(server_identity)

    def choose(connection: Any, _hello: Any) -> None:
        connection.maximum_version = ssl.TLSVersion.TLSv1_2
        connection.set_ciphers("ECDHE-ECDSA-AES256-GCM-SHA384")

    server.set_client_hello_callback(choose)
    pair = Pair(client_context(ca), server).handshake()
    assert pair.client.version() == "TLSv1.2"
    assert pair.client.cipher()[0] == "ECDHE-ECDSA-AES256-GCM-SHA384"


def test_settings_outlast_a_callback_of_its_own(world: World) -> None:
    """A callback gives the connection an SSL_CTX of its own, which must not undo what was set before."""
    pair = world.pair()
    server = pair.server
    server.verify_mode = ssl.CERT_REQUIRED
    server.client_ca_names = [NAME]
    server.set_groups("P-256")
    server.use_credentials(world.other)
    server.options |= ssl.OP_NO_TICKET
    server.set_alpn_protocols(["h2"])
    server.sni_callback = anything
    server.keylog_callback = anything
    pair.client.keylog_callback = anything
    pair.handshake()
    assert pair.client.getpeercert(True) == server.getpeercert(True)
    assert pair.client.client_ca_names == [NAME]
    assert pair.client.group() == "secp256r1"
    assert pair.client.selected_alpn_protocol() == "h2"


def test_another_context_in_the_server_name_callback(world: World, server_identity: Identity) -> None:
    """Callbacks of the connection stay, with and without those of its context; other settings are the new one's."""
    second = server_context(server_identity, version=world.version)
    second.set_alpn_protocols(["http/1.1"])
    lines: list[str] = []
    world.server.info_callback = anything
    pair = world.pair()
    pair.server.sni_callback = lambda connection, _name, _context: setattr(connection, "context", second)
    pair.server.keylog_callback = lambda _connection, line: lines.append(line)
    pair.server.set_psk_server_callback(lambda _identity: b"")
    pair.server.msg_callback = anything
    pair.server.info_callback = None
    pair.handshake()
    assert pair.client.selected_alpn_protocol() == "http/1.1"
    assert pair.server.context is second
    assert pair.server.msg_callback is anything
    assert pair.server.info_callback is None
    if world.version == ssl.TLSVersion.TLSv1_3:
        assert lines


def test_another_context_before_the_server_name_is_known(world: World, server_identity: Identity) -> None:
    """As with libssl, the callback of the first context is called if the second has none."""
    second = server_context(server_identity, version=world.version)
    world.server.sni_callback = lambda connection, name, context: world.tell(name, context is second)
    pair = world.pair()
    pair.server.context = second
    pair.handshake()
    assert world.told == [("localhost", True)]


def test_another_context_that_sees_client_hellos(world: World, server_identity: Identity) -> None:
    """It is shown the whole of it, though the first context did not ask for any."""
    second = server_context(server_identity, version=world.version)
    second.set_client_hello_callback(lambda _connection, hello: world.tell(hello.server_name))
    pair = world.pair()
    pair.server.context = second
    pair.handshake()
    assert world.told == [("localhost",)]


def test_suspended_by_its_own_judge(world: World) -> None:
    pair = world.pair()
    pair.client.set_verify_chain(lambda *_: SUSPEND)
    assert wants_read(pair.client.do_handshake)
    assert wants_read(pair.server.do_handshake)
    with pytest.raises(ssl.SSLError, match="verification"):
        pair.client.do_handshake()
    pair.client.resume_handshake(True)
    pair.handshake()


# -- pre-shared keys --------------------------------------------------------------------------------------------------


def keyed(world: World) -> Pair:
    """A pair whose ends have a key each, and ask for nothing else on TLS 1.2."""
    for context in (world.client, world.server):
        context.verify_mode = ssl.CERT_NONE
        if world.version == ssl.TLSVersion.TLSv1_2:
            context.set_ciphers("PSK")
    pair = world.pair()
    pair.client.set_psk_client_callback(lambda hint: (world.tell(hint), ("me", KEY))[1])
    pair.server.set_psk_server_callback(lambda identity: (world.tell(identity), KEY)[1], "a hint")
    return pair


def test_keys_of_one_connection(world: World) -> None:
    """It needs no certificate; a sister without a key gets one, or fails."""
    pair = keyed(world).handshake()
    assert pair.client.getpeercert() is None
    assert ("me",) in world.told
    assert ("a hint" if world.version == ssl.TLSVersion.TLSv1_2 else None,) in world.told
    sister = world.pair()
    if world.version == ssl.TLSVersion.TLSv1_2:
        with pytest.raises(ssl.SSLError):
            sister.handshake()
    else:
        assert sister.handshake().client.getpeercert(True)


def test_keys_come_before_those_of_the_context(world: World) -> None:
    """And a key that was taken away is the context's no more."""
    world.client.set_psk_client_callback(lambda _hint: ("somebody else", b"x" * 32))
    assert keyed(world).handshake().client.getpeercert() is None
    pair = keyed(world)
    pair.client.set_psk_client_callback(None)
    if world.version == ssl.TLSVersion.TLSv1_2:
        with pytest.raises(ssl.SSLError):
            pair.handshake()
    else:
        assert pair.handshake().client.getpeercert(True)


@pytest.mark.parametrize(
    ("answer", "error", "text"),
    [
        (("i" * 5000, KEY), ValueError, "the identity is 5000 bytes long, and may be"),
        (("me\0you", KEY), ValueError, "a PSK identity cannot have a zero byte"),
        (("me", b"k" * 5000), ValueError, "the pre-shared key is 5000 bytes long, and may be"),
        ((b"me", KEY), TypeError, "a PSK identity is a str or None"),
        (("me", "k"), TypeError, "and a key bytes"),
        ("me", TypeError, "returns a tuple of identity and key"),
    ],
)
def test_keys_that_clients_may_not_give(world: World, answer: Any, error: type[Exception], text: str) -> None:
    """Nothing is cut to fit."""
    pair = keyed(world)
    pair.client.set_psk_client_callback(lambda _hint: answer)
    with pytest.raises(error, match=text):
        pair.handshake()


@pytest.mark.parametrize(
    ("answer", "error", "text"),
    [
        (b"k" * 5000, ValueError, "the pre-shared key is 5000 bytes long, and may be"),
        ("k", TypeError, "returns the key as bytes, not str"),
    ],
)
def test_keys_that_servers_may_not_give(world: World, answer: Any, error: type[Exception], text: str) -> None:
    pair = keyed(world)
    pair.server.set_psk_server_callback(lambda _identity: answer)
    with pytest.raises(error, match=text):
        pair.handshake()


@pytest.mark.parametrize("key", [b"", KEY[:31], b"x" * 32])
def test_keys_that_are_not_the_clients(world: World, key: bytes) -> None:
    pair = keyed(world)
    pair.server.set_psk_server_callback(lambda _identity: key)
    if not key and world.version == ssl.TLSVersion.TLSv1_3:
        assert pair.handshake().client.getpeercert(True)  # RFC 8446: an unknown identity is ignored
    else:
        with pytest.raises(ssl.SSLError):
            pair.handshake()


# -- verification after the handshake ---------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_3], indirect=True)
def test_post_handshake_authentication_of_one(world: World) -> None:
    pair = world.pair()
    pair.client.post_handshake_auth = pair.server.post_handshake_auth = True
    pair.server.verify_mode = ssl.CERT_REQUIRED
    assert pair.server.verify_mode == ssl.CERT_REQUIRED
    pair.handshake()
    assert pair.server.getpeercert() is None
    pair.server.verify_client_post_handshake()
    pair.server.write(b"x")
    assert pair.client.read(1) == b"x"
    assert wants_read(lambda: pair.client.read(1))
    assert wants_read(lambda: pair.server.read(1))
    assert pair.server.getpeercert()
    again = world.pair()
    again.server.post_handshake_auth = True
    again.server.verify_mode = ssl.CERT_REQUIRED
    again.server.post_handshake_auth = False
    assert again.handshake().server.getpeercert()  # it asked in the handshake


# -- over sockets -----------------------------------------------------------------------------------------------------


def test_settings_of_a_socket(world: World) -> None:
    """Between wrapping and the handshake; too late afterwards, and too early before there is a connection."""
    lines: list[Any] = []

    def talk(connection: Any) -> None:
        connection.set_alpn_protocols(["h2"])
        connection.sni_callback = lambda *told: lines.append(told[:2])
        connection.verify_mode = ssl.CERT_REQUIRED
        connection.do_handshake()
        assert connection.getpeercert()
        assert (connection, "localhost") in lines
        with pytest.raises(ValueError, match="Cannot set verify_mode after the handshake has begun"):
            connection.verify_mode = ssl.CERT_NONE
        connection.recv(1)

    with (
        serving(world.server, talk, do_handshake_on_connect=False) as address,
        connected(world.client, address, do_handshake_on_connect=False) as connection,
    ):
        connection.set_alpn_protocols(["http/1.1", "h2"])
        connection.keylog_callback = lambda owner, line: lines.append((owner, line))
        connection.check_hostname = True
        connection.set_groups("P-256")
        assert connection.check_hostname is True
        assert connection.get_ciphers() == world.client.get_ciphers()
        assert connection.security_level == world.client.security_level
        assert connection.post_handshake_auth is False
        connection.post_handshake_auth = True
        connection.do_handshake()
        assert connection.selected_alpn_protocol() == "h2"
        assert connection.group() == "secp256r1"
        assert connection in {owner for owner, _ in lines}
        for late in ("check_hostname", "post_handshake_auth", "keylog_callback"):
            with pytest.raises(ValueError, match=f"Cannot set {late} after"):
                setattr(connection, late, None)
        connection.send(b"x")
    with pytest.raises((ValueError, OSError)):
        connection.verify_mode = ssl.CERT_NONE


def test_a_socket_without_a_connection(world: World) -> None:
    import socket

    with (
        socket.socket() as plain,
        world.client.wrap_socket(plain, server_hostname="localhost", do_handshake_on_connect=False) as waiting,
        pytest.raises(ValueError, match="No SSL wrapper around"),
    ):
        waiting.verify_mode = ssl.CERT_NONE


def test_a_suspended_socket(world: World) -> None:
    """Its handshake is resumed as an object's is."""
    with (
        serving(world.server, lambda connection: connection.recv(1)) as address,
        connected(world.client, address, do_handshake_on_connect=False) as connection,
    ):
        connection.set_verify_chain(lambda *_: SUSPEND)
        with pytest.raises(ssl.SSLError, match="verification"):
            connection.do_handshake()
        assert connection.suspended == "verification"
        connection.resume_handshake(True)
        connection.do_handshake()
        assert connection.suspended is None
        connection.send(b"x")


def test_credentials_of_a_socket(world: World) -> None:
    def talk(connection: Any) -> None:
        connection.use_credentials(world.other)
        connection.do_handshake()
        connection.recv(1)

    with (
        serving(world.server, talk, do_handshake_on_connect=False) as address,
        connected(world.client, address) as connection,
    ):
        assert connection.getpeercert()["subject"] == ((("commonName", "a client"),),)
        connection.send(b"x")


def test_loading_by_client_hello(world: World) -> None:
    """The certificate too may be chosen when it is known who calls; another connection has the context's."""

    def choose(connection: Any, _hello: Any) -> None:
        connection.load_cert_chain(world.other_files.certificate_file, world.other_files.key_file)

    pair, sister = world.pair(), world.pair()
    pair.server.set_client_hello_callback(choose)
    assert pair.handshake().client.getpeercert()["subject"] == ((("commonName", "a client"),),)
    assert sister.handshake().client.getpeercert()["subject"] == ((("commonName", "example.test"),),)
