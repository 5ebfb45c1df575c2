"""Pre-shared keys of pyOpenSSL's face: TLS 1.2, TLS 1.3 and DTLS, for a context or one connection."""

from __future__ import annotations

import socket
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from openssl_bio import SSL, stdlib
from tests.helpers import TIMEOUT, Identity, Pair, context_of, received, server_context
from tests.interop.peers import gnutls_server, listening, openssl_server, program, started
from tests.stdlib.helpers import Pair as SSLPair

KEY = bytes(range(32))
PROTOCOLS = ["1.2", "1.3", "DTLS"]


def new_context(protocol: str) -> SSL.Context:
    """A context without certificates that may use pre-shared keys."""
    if protocol == "DTLS":
        context = SSL.Context(SSL.DTLS_METHOD)
    else:
        context = context_of({"1.2": SSL.TLS1_2_VERSION, "1.3": SSL.TLS1_3_VERSION}[protocol])
    if protocol != "1.3":
        context.set_cipher_list(b"PSK")
    return context


def pair_of(protocol: str, name: bytes = b"a client", key: bytes = KEY, hint: bytes | None = None) -> Pair:
    """A client that says who it is, and a server that knows one client."""
    client, server = new_context(protocol), new_context(protocol)
    client.set_psk_client_callback(lambda _connection, _hint: (name, key))
    server.set_psk_server_callback(lambda _connection, identity: KEY if identity == b"a client" else b"", hint)
    return Pair(client, server)


@pytest.fixture(params=PROTOCOLS)
def protocol(request: pytest.FixtureRequest) -> str:
    """TLS 1.2, TLS 1.3 or DTLS 1.2."""
    return str(request.param)


def test_of_contexts(protocol: str) -> None:
    pair = pair_of(protocol).handshake()
    assert pair.client.get_peer_certificate() is None
    pair.client.send(b"hello")
    pair.move()
    assert received(pair.server) == b"hello"


def test_of_connections(protocol: str) -> None:
    """Their callbacks come before those of the context."""
    client, server = new_context(protocol), new_context(protocol)
    client.set_psk_client_callback(lambda *_: (b"somebody else", b"x" * 32))
    pair = Pair(client, server)
    told: list[Any] = []
    pair.client.set_psk_client_callback(lambda connection, hint: (told.append((connection, hint)), (b"me", KEY))[1])
    pair.server.set_psk_server_callback(
        lambda connection, identity: (told.append((connection, identity)), KEY)[1], b"a hint"
    )
    pair.handshake()
    assert (pair.client, None if protocol == "1.3" else b"a hint") in told
    assert (pair.server, b"me") in told


def test_resumes(protocol: str) -> None:
    """A session that a key made, is resumed without it."""
    pair = pair_of(protocol).handshake()
    again = Pair(pair.client.get_context(), pair.server.get_context())
    session = pair.client.get_session()
    assert session is not None
    again.client.set_session(session)
    assert again.handshake().client.session_reused()


@pytest.mark.parametrize(("name", "key"), [(b"nobody", KEY), (b"a client", b"x" * 32), (b"a client", KEY[:31])])
def test_unknown_identity_or_wrong_key(protocol: str, name: bytes, key: bytes) -> None:
    # On DTLS what cannot be decrypted may be anybody's, and is dropped: then the handshake just does not end.
    dropped = protocol == "DTLS" and name == b"a client"
    with pytest.raises(AssertionError if dropped else SSL.Error, match="does not end" if dropped else None):
        pair_of(protocol, name, key).handshake()


def test_certificate_instead(ca: Identity, server_identity: Identity) -> None:
    """On TLS 1.3 a client whose key is unknown still gets the certificate, and verifies it."""
    server = server_context(SSL.TLS1_3_VERSION, server_identity)
    server.set_psk_server_callback(lambda *_: b"")
    client = new_context("1.3")
    client.get_cert_store().add_cert(ca.certificate)
    client.set_verify(SSL.VERIFY_PEER)
    client.set_psk_client_callback(lambda *_: (b"nobody", KEY))
    assert Pair(client, server).handshake().client.get_peer_certificate() is not None


def test_unset(protocol: str) -> None:
    pair = pair_of(protocol)
    pair.client.set_psk_client_callback(None)
    with pytest.raises(SSL.Error):
        pair.handshake()


@pytest.mark.parametrize(
    ("answer", "error", "text"),
    [
        ((b"i" * 5000, KEY), ValueError, "the identity is 5000 bytes long, and may be 255 at most"),
        ((b"me\0you", KEY), ValueError, "a PSK identity cannot have a zero byte"),
        ((b"me", b"k" * 5000), ValueError, "the pre-shared key is 5000 bytes long, and may be"),
        (("me", KEY), TypeError, "a PSK identity and its key are bytes"),
        ((b"me", "k"), TypeError, "a PSK identity and its key are bytes"),
        (b"me", TypeError, "returns a tuple of identity and key"),
    ],
)
def test_what_a_client_may_not_give(protocol: str, answer: Any, error: type[Exception], text: str) -> None:
    pair = pair_of(protocol)
    pair.client.set_psk_client_callback(lambda *_: answer)
    with pytest.raises(error, match=text):
        pair.handshake()


@pytest.mark.parametrize(
    ("answer", "error", "text"),
    [
        (b"k" * 5000, ValueError, "the pre-shared key is 5000 bytes long, and may be"),
        ("k", TypeError, "returns the key as bytes, not str"),
    ],
)
def test_what_a_server_may_not_give(protocol: str, answer: Any, error: type[Exception], text: str) -> None:
    pair = pair_of(protocol)
    pair.server.set_psk_server_callback(lambda *_: answer)
    with pytest.raises(error, match=text):
        pair.handshake()


@pytest.mark.parametrize(("name", "wrong"), [(b"i" * 255, False), (b"i" * 256, True), (b"", None)])
def test_length_of_identities(protocol: str, name: bytes, wrong: bool | None) -> None:
    """255 bytes are taken whole, 256 are refused; none is a name on TLS 1.2, and not on TLS 1.3."""
    client, server = new_context(protocol), new_context(protocol)
    seen: list[bytes] = []
    client.set_psk_client_callback(lambda *_: (name, KEY))
    server.set_psk_server_callback(lambda _connection, identity: (seen.append(identity), KEY)[1])
    if wrong or (wrong is None and protocol == "1.3"):
        with pytest.raises(ValueError, match=r"the identity is 256 bytes long|on TLS 1\.3 a PSK identity has one byte"):
            Pair(client, server).handshake()
        assert not seen
    else:
        Pair(client, server).handshake()
        assert set(seen) == {name}


def test_nameless_key_of_a_client_of_both_versions() -> None:
    """TLS 1.3 is not offered it; what was agreed on is TLS 1.2, which knows such keys."""
    client, server = SSL.Context(SSL.TLS_METHOD), new_context("1.2")
    client.set_cipher_list(b"PSK")
    client.set_psk_client_callback(lambda *_: (b"", KEY))
    server.set_psk_server_callback(lambda _connection, identity: KEY if identity == b"" else b"")
    assert Pair(client, server).handshake().client.get_protocol_version_name() == "TLSv1.2"


# -- hashes, and what was agreed on ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "suite", [b"TLS_AES_128_GCM_SHA256", b"TLS_CHACHA20_POLY1305_SHA256", b"TLS_AES_256_GCM_SHA384"]
)
@pytest.mark.parametrize("retry", [False, True])
@pytest.mark.parametrize("of_connection", [False, True])
def test_hashes_of_tls13(suite: bytes, retry: bool, of_connection: bool) -> None:
    """A key is for the hash of the cipher, also after a HelloRetryRequest."""
    hash_name = suite.decode()[-6:].lower()
    client, server = new_context("1.3"), new_context("1.3")
    server.set_tls13_ciphersuites(suite)
    if retry:
        server.set_groups(b"P-384")
    pair = Pair(client, server)
    one, other = (pair.client, pair.server) if of_connection else (client, server)
    one.set_psk_client_callback(lambda *_: (b"me", KEY, hash_name))
    other.set_psk_server_callback(lambda *_: (KEY, hash_name))
    pair = pair if of_connection else Pair(client, server)
    pair.handshake()
    assert pair.client.get_cipher_name() == suite.decode()
    assert pair.client.get_psk_identity() == pair.server.get_psk_identity() == b"me"


def contexts_of_the_stdlib() -> tuple[Any, Any]:
    """A client's and a server's context without certificates."""
    client, server = (stdlib.SSLContext(p) for p in (stdlib.PROTOCOL_TLS_CLIENT, stdlib.PROTOCOL_TLS_SERVER))
    client.check_hostname, client.verify_mode = False, stdlib.CERT_NONE
    return client, server


@pytest.mark.parametrize("suite", ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384"])
@pytest.mark.parametrize("set_on", ["contexts", "connections", "a connection of each face"])
def test_hashes_of_the_stdlibs_face(suite: str, set_on: str) -> None:
    """What Python's callbacks return, and the hash behind it."""
    hash_name = suite[-6:].lower()
    client, server = contexts_of_the_stdlib()
    server.set_ciphersuites(suite)
    pair = SSLPair(client, server)
    one, other = (client, server) if set_on == "contexts" else (pair.client, pair.server)
    answer = ("me", KEY) if hash_name == "sha256" else ("me", KEY, hash_name)
    one.set_psk_client_callback(lambda _hint: answer)
    if set_on == "a connection of each face":
        other.connection.set_psk_server_callback(lambda *_: (KEY, hash_name))
    else:
        other.set_psk_server_callback(lambda _identity: (KEY, hash_name))
    pair = SSLPair(client, server) if set_on == "contexts" else pair
    pair.handshake()
    assert pair.client.cipher()[0] == suite
    assert pair.client.connection.get_psk_identity() == pair.server.connection.get_psk_identity() == b"me"


@pytest.mark.parametrize("answer", [("me", KEY, "sha512"), ("me", KEY, None), ("me", KEY, "sha256", "more")])
def test_unknown_hash_in_the_stdlibs_face(answer: Any) -> None:
    client, server = contexts_of_the_stdlib()
    pair = SSLPair(client, server)
    pair.client.set_psk_client_callback(lambda _hint: answer)
    error: type[Exception] = TypeError if len(answer) == 4 else ValueError
    with pytest.raises(error, match=r"and maybe a hash|a pre-shared key is for sha256 or sha384, not"):
        pair.handshake()
    pair = SSLPair(client, server)
    pair.client.set_psk_client_callback(lambda _hint: ("me", KEY))
    pair.server.set_psk_server_callback(lambda _identity: answer[1:])
    with pytest.raises(error, match=r"returns the key as bytes|a pre-shared key is for sha256 or sha384, not"):
        pair.handshake()


@pytest.mark.parametrize("hashes", [("sha256", "sha384"), ("sha384", "sha256"), ("sha256", "sha256")])
def test_hash_that_does_not_fit(hashes: tuple[str, str], ca: Identity, server_identity: Identity) -> None:
    """The ends differ in it, or the cipher has the other one: a certificate is shown and verified instead."""
    server = server_context(SSL.TLS1_3_VERSION, server_identity)
    server.set_tls13_ciphersuites(b"TLS_AES_256_GCM_SHA384")
    server.set_psk_server_callback(lambda *_: (KEY, hashes[1]))
    client = new_context("1.3")
    client.set_verify(SSL.VERIFY_PEER)
    client.get_cert_store().add_cert(ca.certificate)
    client.set_psk_client_callback(lambda *_: (b"me", KEY, hashes[0]))
    try:
        pair = Pair(client, server).handshake()
    except SSL.Error:  # the binder is one of another hash
        assert hashes == ("sha256", "sha384")
    else:
        assert pair.client.get_peer_certificate() is not None
        assert pair.client.get_psk_identity() is pair.server.get_psk_identity() is None


def test_identity_and_hint(protocol: str) -> None:
    pair = pair_of(protocol, hint=b"a hint")
    assert pair.client.get_psk_identity() is None
    pair.handshake()
    assert pair.client.get_psk_identity() == pair.server.get_psk_identity() == b"a client"
    assert pair.client.get_psk_identity_hint() == (None if protocol == "1.3" else b"a hint")
    session = pair.client.get_session()
    assert session is not None
    again = Pair(pair.client.get_context(), pair.server.get_context())
    again.client.set_session(session)
    again.handshake()
    assert again.client.session_reused()
    assert again.server.get_psk_identity() == (None if protocol == "1.3" else b"a client")


def test_no_identity_with_certificates(version: str, ca: Identity, server_identity: Identity) -> None:
    number = {"1.2": SSL.TLS1_2_VERSION, "1.3": SSL.TLS1_3_VERSION}[version]
    pair = Pair(context_of(number), server_context(number, server_identity)).handshake()
    assert pair.client.get_psk_identity() is pair.server.get_psk_identity() is None
    assert pair.client.get_psk_identity_hint() is None


@pytest.mark.parametrize("answer", [(b"me", KEY, "md5"), (b"me", KEY, None), (b"me", KEY, 384)])
def test_unknown_hash(protocol: str, answer: Any) -> None:
    pair = pair_of(protocol)
    pair.client.set_psk_client_callback(lambda *_: answer)
    with pytest.raises(ValueError, match="a pre-shared key is for sha256 or sha384, not"):
        pair.handshake()
    pair = pair_of(protocol)
    pair.server.set_psk_server_callback(lambda *_: answer[1:])
    with pytest.raises(ValueError, match="a pre-shared key is for sha256 or sha384, not"):
        pair.handshake()


def test_longest(protocol: str) -> None:
    """What fits is taken whole."""
    client, server = new_context(protocol), new_context(protocol)
    seen: list[bytes] = []
    name, key = b"i" * 127, b"k" * 512
    client.set_psk_client_callback(lambda *_: (name, key))
    server.set_psk_server_callback(lambda _connection, identity: (seen.append(identity), key)[1])
    Pair(client, server).handshake()
    assert seen[-1] == name


def test_what_callbacks_raise(protocol: str) -> None:
    def fail(*_arguments: Any) -> Any:
        raise KeyError("who?")

    pair = pair_of(protocol)
    pair.client.set_psk_client_callback(fail)
    with pytest.raises(KeyError, match=r"who\?"):
        pair.handshake()


def test_bad_arguments() -> None:
    context = SSL.Context(SSL.TLS_METHOD)
    for call in (context.set_psk_client_callback, context.set_psk_server_callback):
        with pytest.raises(TypeError, match="callback must be callable"):
            call(1)  # type: ignore[operator]
    with pytest.raises(TypeError, match="identity_hint must be bytes or None, not str"):
        context.set_psk_server_callback(lambda *_: b"", "hint")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="identity_hint must not contain NUL byte"):
        context.set_psk_server_callback(lambda *_: b"", b"a\0b")
    with pytest.raises(SSL.Error, match="the PSK identity hint cannot be used"):
        context.set_psk_server_callback(lambda *_: b"", b"h" * 5000)


# -- with other programs ----------------------------------------------------------------------------------------------

FLAGS = {"1.2": "-tls1_2", "1.3": "-tls1_3"}


def connected(context: SSL.Context, sock: socket.socket, *, server: bool) -> SSL.Connection:
    sock.settimeout(None)
    connection = SSL.Connection(context, sock)
    (connection.set_accept_state if server else connection.set_connect_state)()
    connection.do_handshake()
    return connection


@pytest.mark.parametrize("peer", ["s_server", "gnutls-serv"])
def test_client_of(peer: str, version: str, tmp_path: Path) -> None:
    secrets = tmp_path / "psk"
    secrets.write_text(f"me:{KEY.hex()}\n")
    if peer == "s_server":
        options = ["-nocert", "-psk_identity", "me", "-psk", KEY.hex(), "-cipher", "PSK", "-rev"]
        server = partial(openssl_server, FLAGS[version], *options)
    else:
        priority = f"NORMAL:-VERS-ALL:+VERS-TLS{version}:-KX-ALL:+ECDHE-PSK:+DHE-PSK:+PSK"
        server = partial(gnutls_server, "--echo", "--pskpasswd", str(secrets), "--priority", priority)
    context = new_context(version)
    context.set_psk_client_callback(lambda *_: (b"me", KEY))
    with listening(server, tmp_path / "log") as (running, port), connect(port) as sock:
        connection = connected(context, sock, server=False)
        connection.send(b"hello\n")
        assert connection.recv(100) in (b"olleh\n", b"hello\n"), running.output


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), TIMEOUT)


@pytest.mark.parametrize("peer", ["s_client", "gnutls-cli"])
def test_server_of(peer: str, version: str, tmp_path: Path) -> None:
    context = new_context(version)
    seen: list[bytes] = []
    context.set_psk_server_callback(lambda _connection, identity: (seen.append(identity), KEY)[1])
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(TIMEOUT)
        port = str(listening.getsockname()[1])
        if peer == "s_client":
            options = ["-psk_identity", "me", "-psk", KEY.hex(), "-cipher", "PSK", "-quiet", "-no_ign_eof"]
            command = [program("openssl", "openssl"), "s_client", FLAGS[version]]
            command += ["-connect", f"127.0.0.1:{port}", *options]
        else:
            # gnutls-cli 3.7.9 crashes after ECDHE-PSK on TLS 1.2, with openssl s_server too.
            exchanges = "+PSK" if version == "1.2" else "+ECDHE-PSK:+DHE-PSK:+PSK"
            priority = f"NORMAL:-VERS-ALL:+VERS-TLS{version}:-KX-ALL:{exchanges}"
            secret = ["--pskusername", "me", "--pskkey", KEY.hex()]
            command = [program("gnutls-cli", "gnutls-bin"), "-p", port, *secret]
            command += ["--priority", priority, "127.0.0.1"]
        with started(command, tmp_path / "log") as running:
            sock, _address = listening.accept()
            with sock:
                connection = connected(context, sock, server=True)
                try:
                    running.write(b"hello\n")
                except BrokenPipeError:
                    raise AssertionError(running.output) from None
                assert connection.recv(100) == b"hello\n", running.output
    assert set(seen) == {b"me"}
