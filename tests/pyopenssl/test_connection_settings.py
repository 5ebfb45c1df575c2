"""The setters of Context on one connection: it has what the context would have given it, and no other has."""

from __future__ import annotations

import gc
import subprocess
import weakref
from pathlib import Path

import pytest

from openssl_bio import SSL, crypto
from tests.helpers import Identity, Pair, client_context, context_of, received, server_context
from tests.interop.peers import program
from tests.pyopenssl.test_context_setters import SETTERS, World

# What a Context has and one connection cannot have, and why.
ONLY_CONTEXTS = {
    "set_session_cache_mode": "libssl's cache belongs to the SSL_CTX",
    "set_timeout": "so do the sessions' lifetimes",
    "load_verify_locations": "trust belongs to the context",
}

# A chain belongs to a certificate of the connection's own: see test_identity.
TWINS = [name for name in SETTERS if name not in ONLY_CONTEXTS and name != "add_extra_chain_cert"]


@pytest.fixture
def world(ca: Identity, server_identity: Identity, client_identity: Identity) -> World:
    return World(ca, server_identity, client_identity, [], {})


def test_every_setter_is_there() -> None:
    assert {name for name in SETTERS if not hasattr(SSL.Connection, name)} == ONLY_CONTEXTS.keys()


@pytest.mark.parametrize("name", TWINS)
def test_one_connection_alone(world: World, name: str) -> None:
    """The connection shows what one of a context with that setting shows; its sister shows what it showed before."""
    row = SETTERS[name]
    if row.see is None:
        row.call(world, SSL.Connection(world.context()))
        return
    changed, context = world.context(), world.context()
    if row.bare:
        changed, context = SSL.Context(SSL.TLS_METHOD), SSL.Context(SSL.TLS_METHOD)
    plain = row.see(world, SSL.Connection(changed))
    row.call(world, changed)
    expected = row.see(world, SSL.Connection(changed))
    assert expected != plain
    one, other = SSL.Connection(context), SSL.Connection(context)
    row.call(world, one)
    assert row.see(world, one) == expected
    assert row.see(world, other) == plain


def test_identity(
    version: int, ca: Identity, server_identity: Identity, client_identity: Identity, tmp_path: Path
) -> None:
    """Two connections of one context are somebody else each, with a chain; a third is the context's."""
    server, client = server_context(version, server_identity), context_of(version)
    pairs = [Pair(client, server) for _ in range(3)]
    pairs[0].server.use_certificate(client_identity.certificate)
    pairs[0].server.use_privatekey(client_identity.key)
    pairs[0].server.add_extra_chain_cert(ca.certificate)
    chain = tmp_path / "chain.pem"
    chain.write_bytes(client_identity.certificate_file.read_bytes() + ca.certificate_file.read_bytes())
    pairs[1].server.use_certificate_chain_file(chain)
    pairs[1].server.use_privatekey_file(client_identity.key_file)
    pairs[1].server.check_privatekey()
    chains = [pair.handshake().client.get_peer_cert_chain() or [] for pair in pairs]
    names = [[certificate.get_subject().CN for certificate in found] for found in chains]
    assert names == [["a client", "an authority"], ["a client", "an authority"], ["example.test"]]


def test_chain_without_a_certificate_of_its_own(server: SSL.Context, ca: Identity) -> None:
    connection = SSL.Connection(server)
    with pytest.raises(SSL.Error, match="give the connection one of its own first"):
        connection.add_extra_chain_cert(ca.certificate)


def test_key_that_does_not_match(server: SSL.Context, client_identity: Identity) -> None:
    """It is refused, and the connection still has what it had."""
    connection = SSL.Connection(server)
    with pytest.raises(SSL.Error, match="private key"):
        connection.use_privatekey(client_identity.key)
    connection.check_privatekey()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("set_cipher_list", b"nonsense"),
        ("set_tls13_ciphersuites", b"nonsense"),
        ("set_groups", b"nonsense"),
        ("set_sigalgs", b"nonsense"),
        ("set_min_proto_version", 0x1234),
    ],
)
def test_failing_setter_changes_nothing(name: str, value: object, server: SSL.Context, client: SSL.Context) -> None:
    pair = Pair(client, server)
    before = pair.server.get_cipher_list()
    with pytest.raises(SSL.Error):
        getattr(pair.server, name)(value)
    assert pair.server.get_cipher_list() == before
    pair.handshake()


def test_settings_outlast_a_callback_of_its_own(
    version: int, client: SSL.Context, server: SSL.Context, client_identity: Identity
) -> None:
    """A callback gives the connection an SSL_CTX of its own, which must not undo what was set before."""
    pair = Pair(client, server)
    pair.client.set_verify(SSL.VERIFY_NONE)
    pair.server.use_certificate(client_identity.certificate)
    pair.server.use_privatekey(client_identity.key)
    pair.server.set_sigalgs(b"ECDSA+SHA256")
    seen: list[bytes] = []
    pair.server.set_keylog_callback(lambda _connection, line: seen.append(line))
    pair.handshake()
    assert seen
    certificate = pair.client.get_peer_certificate()
    assert certificate is not None
    assert certificate.get_subject().CN == "a client"
    assert pair.client.get_protocol_version() == version


def test_resumption_of_a_connection_with_an_own_callback(client: SSL.Context, server: SSL.Context) -> None:
    """Its sessions are the context's."""
    pair = Pair(client, server)
    pair.server.set_tlsext_servername_callback(lambda _connection: None)
    session = pair.handshake().client.get_session()
    assert session is not None
    again = Pair(client, server)
    again.client.set_session(session)
    assert again.handshake().client.session_reused()


def test_npn_on_one_connection(server_identity: Identity) -> None:
    """Advertised and selected by callbacks of the connections; their sisters negotiate nothing."""
    server, client = server_context(SSL.TLS1_2_VERSION, server_identity), context_of(SSL.TLS1_2_VERSION)
    pair, sister = Pair(client, server), Pair(client, server)
    pair.server.set_npn_advertise_callback(lambda _connection: [b"http/1.1", b"spdy/2"])
    pair.client.set_npn_select_callback(lambda _connection, offered: offered[1])
    for connections, chosen in ((pair, b"spdy/2"), (sister, b"")):
        connections.handshake()
        assert connections.client.get_next_proto_negotiated() == chosen
        assert connections.server.get_next_proto_negotiated() == chosen


def test_own_callback_raises_on_its_connection(version: int, client: SSL.Context, server: SSL.Context) -> None:
    """And is gone with it."""
    pair = Pair(client, server)

    def boom(_connection: SSL.Connection, _line: bytes) -> None:
        raise KeyError("mine")

    pair.client.set_keylog_callback(boom)
    with pytest.raises(KeyError, match="mine"):
        pair.handshake()
    assert Pair(client, server).handshake().client.get_protocol_version() == version


def test_own_callback_goes_before_the_contexts(client: SSL.Context, server: SSL.Context) -> None:
    seen: list[str] = []
    client.set_info_callback(lambda *_: seen.append("context"))
    pair = Pair(client, server)
    pair.client.set_info_callback(lambda *_: seen.append("connection"))
    pair.handshake()
    assert set(seen) == {"connection"}
    seen.clear()
    Pair(client, server).handshake()
    assert set(seen) == {"context"}


def test_groups_and_what_was_negotiated(ca: Identity, server_identity: Identity) -> None:
    client = client_context(SSL.TLS1_3_VERSION, ca)
    pair = Pair(client, server_context(SSL.TLS1_3_VERSION, server_identity))
    pair.client.set_groups(b"P-384:P-256")
    pair.server.set_tmp_ecdh(crypto.get_elliptic_curve("prime256v1"))
    assert pair.handshake().client.get_group_name() == pair.server.get_group_name() == "secp256r1"


@pytest.mark.parametrize("name", ["set_groups", "set_sigalgs", "set_client_sigalgs"])
def test_lists_are_bytes(client: SSL.Context, name: str) -> None:
    for target in (client, SSL.Connection(client)):
        with pytest.raises(TypeError, match=r"must be a byte string\."):
            getattr(target, name)("P-256")
        with pytest.raises(ValueError, match="NUL"):
            getattr(target, name)(b"P-256\0")


def test_curves_that_tls_does_not_know(client: SSL.Context) -> None:
    for target in (client, SSL.Connection(client)):
        with pytest.raises(SSL.Error, match="no usable group"):
            target.set_tmp_ecdh(crypto.get_elliptic_curve("secp112r1"))
        with pytest.raises(AttributeError):
            target.set_tmp_ecdh("prime256v1")


DH_PARAMETERS = b"""-----BEGIN DH PARAMETERS-----
MIIBCAKCAQEA//////////+t+FRYortKmq/cViAnPTzx2LnFg84tNpWp4TZBFGQz
+8yTnc4kmz75fS/jY2MMddj2gbICrsRhetPfHtXV/WVhJDP1H18GbtCFY2VVPe0a
87VXE15/V8k1mE8McODmi3fipona8+/och3xWKE2rec1MKzKT0g6eXq8CrGCsyT7
YdEIqUuyyOP7uWrat2DX9GgdT0Kj3jlN9K5W7edjcrsZCwenyO4KbXCeAvzhzffi
7MA0BM0oNC9hkXL+nOmFg/+OTxIy7vKBg8P+OxtMb61zO7X8vC7CIAXFjvGDfRaD
ssbzSibBsu/6iGtCOGEoXJf//////////wIBAg==
-----END DH PARAMETERS-----
"""


@pytest.mark.parametrize("twin", [False, True], ids=["context", "connection"])
def test_load_tmp_dh(twin: bool, tmp_path: Path) -> None:
    """Without parameters an anonymous DHE cipher cannot be used by a server; with them it can."""
    file = tmp_path / "dh.pem"
    file.write_bytes(DH_PARAMETERS)
    context = context_of(SSL.TLS1_2_VERSION)
    context.set_cipher_list(b"ADH-AES128-GCM-SHA256:@SECLEVEL=0")
    context.set_groups(b"X25519")  # since 4.0 a group of RFC 7919 serves as well
    with pytest.raises(SSL.Error):
        Pair(context, context).handshake()
    pair = Pair(context, context)
    (pair.server if twin else context).load_tmp_dh(file)
    pair = (pair if twin else Pair(context, context)).handshake()
    assert pair.client.get_cipher_name() == "ADH-AES128-GCM-SHA256"


def test_load_tmp_dh_names_the_file(client: SSL.Context, ca: Identity, tmp_path: Path) -> None:
    for path in (tmp_path / "missing.pem", ca.certificate_file):
        with pytest.raises(SSL.Error, match=path.name):
            client.load_tmp_dh(path)


# -- renegotiation ----------------------------------------------------------------------------------------------------


def test_renegotiation(ca: Identity, server_identity: Identity) -> None:
    """The server asks, the handshake runs again, data goes on."""
    version = SSL.TLS1_2_VERSION
    pair = Pair(client_context(version, ca), server_context(version, server_identity)).handshake()
    assert pair.server.total_renegotiations() == 0
    first = pair.server.get_finished()
    assert pair.server.renegotiate() is True
    assert pair.server.renegotiate_pending() is True
    assert pair.server.renegotiate() is False
    pair.server.do_handshake()
    for _ in range(4):
        pair.move()
        assert received(pair.client) == received(pair.server) == b""
    assert pair.server.renegotiate_pending() is False
    assert pair.server.total_renegotiations() == 1
    assert pair.server.get_finished() != first
    pair.server.send(b"after it")
    pair.move()
    assert pair.client.recv(10) == b"after it"


def test_refused_renegotiation(ca: Identity, server_identity: Identity) -> None:
    """OP_NO_RENEGOTIATION answers with a warning, and the connection goes on."""
    version = SSL.TLS1_2_VERSION
    server = server_context(version, server_identity)
    server.set_options(SSL.OP_NO_RENEGOTIATION)
    pair = Pair(client_context(version, ca), server).handshake()
    assert pair.client.renegotiate() is True
    with pytest.raises(SSL.WantReadError):
        pair.client.do_handshake()
    pair.move()
    with pytest.raises(SSL.WantReadError):
        pair.server.recv(1)
    pair.move()
    with pytest.raises(SSL.Error, match="no renegotiation"):
        pair.client.recv(1)


def test_no_renegotiation_on_tls13(ca: Identity, server_identity: Identity) -> None:
    version = SSL.TLS1_3_VERSION
    pair = Pair(client_context(version, ca), server_context(version, server_identity)).handshake()
    with pytest.raises(SSL.Error, match="wrong ssl version"):
        pair.client.renegotiate()


# -- signatures -------------------------------------------------------------------------------------------------------


def test_signature_names(version: int, ca: Identity, server_identity: Identity, client_identity: Identity) -> None:
    """Each end knows what both proved their certificates with; Python's own ssl gives no such names before 3.15."""
    server, client = server_context(version, server_identity, ca), client_context(version, ca, client_identity)
    client.set_sigalgs(b"ECDSA+SHA384:ECDSA+SHA256")
    server.set_client_sigalgs(b"ECDSA+SHA256")
    pair = Pair(client, server)
    assert pair.client.get_signature_name() is None
    assert pair.client.get_peer_signature_name() is None
    pair.handshake()
    names = {0x303: "ecdsa_secp384r1_sha384", 0x304: "ecdsa_secp256r1_sha256"}  # 1.3 ties the digest to the curve
    assert pair.client.get_peer_signature_name() == pair.server.get_signature_name() == names[version]
    assert pair.server.get_peer_signature_name() == pair.client.get_signature_name() == "ecdsa_secp256r1_sha256"


@pytest.mark.parametrize(
    ("algorithm", "options", "expected"),
    [
        ("RSA", ["rsa_keygen_bits:2048"], "rsa_pss_rsae_sha256"),
        ("RSA-PSS", ["rsa_keygen_bits:2048"], "rsa_pss_pss_sha256"),
        ("ED25519", [], "ed25519"),
    ],
)
def test_signature_names_of_keys(
    version: int, algorithm: str, options: list[str], expected: str, tmp_path: Path
) -> None:
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    openssl = program("openssl", "openssl")
    make = [openssl, "genpkey", "-algorithm", algorithm, "-out", str(key)]
    subprocess.run([*make, *(part for option in options for part in ("-pkeyopt", option))], check=True)
    sign = [openssl, "req", "-x509", "-key", str(key), "-subj", "/CN=signed", "-out", str(certificate)]
    subprocess.run(sign, check=True, capture_output=True)
    server, client = context_of(version), context_of(version)
    server.use_certificate_file(certificate)
    server.use_privatekey_file(key)
    client.set_sigalgs(b"RSA-PSS+SHA256:rsa_pss_pss_sha256:ed25519")
    pair = Pair(client, server).handshake()
    assert pair.client.get_peer_signature_name() == pair.server.get_signature_name() == expected


@pytest.mark.parametrize("name", TWINS)
def test_settings_hold_no_connection(world: World, name: str) -> None:
    """A connection that is dropped is freed at once, without the cyclic collector."""
    connection = SSL.Connection(world.context())
    SETTERS[name].call(world, connection)
    gone = weakref.ref(connection)
    gc.disable()
    try:
        del connection
        assert gone() is None
    finally:
        gc.enable()
