"""Every setter of Context: before use, after use, twice, and failing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from openssl_bio import SSL, crypto
from tests.helpers import Identity, Pair, context_of

See = Callable[["World", SSL.Connection], object]


@dataclass
class World:
    """What the rows of the table work with."""

    ca: Identity
    server: Identity
    client: Identity
    calls: list[object]
    callbacks: dict[object, Callable[..., Any]]

    def context(self) -> SSL.Context:
        """A context that can be a server and verifies nothing."""
        context = SSL.Context(SSL.TLS_METHOD)
        context.use_certificate(self.server.certificate)
        context.use_privatekey(self.server.key)
        context.set_cipher_list(b"ALL")
        return context

    def callback(self, result: object = None) -> Callable[..., Any]:
        """The callback with this result, which counts its calls."""

        def call(*_arguments: object) -> object:
            self.calls.append(None)
            return result

        return self.callbacks.setdefault(result, call)

    def handshake(self, connection: SSL.Connection, peer: SSL.Context, *, server: bool) -> Pair | str:
        """The pair after a handshake of the connection, or what went wrong in it."""
        pair = Pair(peer, peer)
        if server:
            pair.server = connection
            connection.set_accept_state()
        else:
            pair.client = connection
            connection.set_connect_state()
        pair.client.request_ocsp()
        try:
            return pair.handshake()
        except SSL.Error as error:
            return str(error)


def called(peer_setup: Callable[[SSL.Context], object] = lambda _: None, *, server: bool = False) -> See:
    """Whether a handshake calls the callback."""

    def see(world: World, connection: SSL.Connection) -> object:
        before, peer = len(world.calls), world.context()
        peer_setup(peer)
        world.handshake(connection, peer, server=server)
        return len(world.calls) > before

    return see


def version(world: World, connection: SSL.Connection) -> object:
    pair = world.handshake(connection, world.context(), server=True)
    return pair if isinstance(pair, str) else pair.server.get_protocol_version()


def with_old_server(world: World, connection: SSL.Connection) -> object:
    return isinstance(world.handshake(connection, context_of(SSL.TLS1_2_VERSION, world.server), server=False), str)


def group(world: World, connection: SSL.Connection) -> object:
    pair = world.handshake(connection, world.context(), server=True)
    return pair if isinstance(pair, str) else pair.server.get_group_name()


def with_p256_server(world: World, connection: SSL.Connection) -> object:
    return isinstance(world.handshake(connection, context_of(SSL.TLS1_3_VERSION, world.server), server=False), str)


def security_level(_world: World, connection: SSL.Connection) -> object:
    return connection.get_security_level()


def tickets(_world: World, connection: SSL.Connection) -> object:
    return connection.get_num_tickets()


def verified(world: World, connection: SSL.Connection) -> object:
    pair = world.handshake(connection, world.context(), server=False)
    return pair if isinstance(pair, str) else pair.client.get_verify_result()


def chain(world: World, connection: SSL.Connection) -> object:
    pair = world.handshake(connection, world.context(), server=True)
    assert not isinstance(pair, str)
    return len(pair.client.get_peer_cert_chain() or ())


def offered(world: World, connection: SSL.Connection) -> object:
    seen: list[list[bytes]] = []
    peer = world.context()
    peer.set_alpn_select_callback(lambda _, protocols: seen.append(protocols) or protocols[0])  # type: ignore[func-returns-value]
    world.handshake(connection, peer, server=False)
    return seen


def certificate(_world: World, connection: SSL.Connection) -> object:
    found = connection.get_certificate()
    return None if found is None else found.get_subject().CN


def ciphers(_world: World, connection: SSL.Connection) -> object:
    return connection.get_cipher_list()


def authorities(_world: World, connection: SSL.Connection) -> object:
    connection.set_accept_state()
    return [name.CN for name in connection.get_client_ca_list()]


def verify_mode(_world: World, connection: SSL.Connection) -> object:
    return connection.get_verify_mode()


def alpn(context: SSL.Context) -> object:
    return context.set_alpn_protos([b"h2"])  # type: ignore[func-returns-value]


@dataclass(frozen=True)
class Row:
    """A setter's call; what a connection shows of it, if that can be seen; how it is not like the others."""

    call: Callable[[World, SSL.Context], object]
    see: See | None = None
    adds: bool = False  # the same call again adds once more
    bare: bool = False  # it wants a context without a certificate


SETTERS: dict[str, Row] = {
    "set_min_proto_version": Row(lambda w, c: c.set_min_proto_version(SSL.TLS1_3_VERSION), with_old_server),
    "set_max_proto_version": Row(lambda w, c: c.set_max_proto_version(SSL.TLS1_2_VERSION), version),
    "set_options": Row(lambda w, c: c.set_options(SSL.OP_NO_TLSv1_3), version),
    "set_mode": Row(lambda w, c: c.set_mode(SSL.MODE_RELEASE_BUFFERS)),
    "clear_mode": Row(lambda w, c: c.clear_mode(-1)),
    "set_cipher_list": Row(lambda w, c: c.set_cipher_list(b"ECDHE-ECDSA-AES256-GCM-SHA384"), ciphers),
    "set_tls13_ciphersuites": Row(lambda w, c: c.set_tls13_ciphersuites(b"TLS_AES_256_GCM_SHA384"), ciphers),
    "use_certificate": Row(lambda w, c: c.use_certificate(w.client.certificate), certificate, bare=True),
    "use_certificate_file": Row(lambda w, c: c.use_certificate_file(w.client.certificate_file), certificate, bare=True),
    "use_certificate_chain_file": Row(
        lambda w, c: c.use_certificate_chain_file(w.client.certificate_file), certificate, bare=True
    ),
    "use_privatekey": Row(lambda w, c: c.use_privatekey(w.server.key), bare=True),
    "use_privatekey_file": Row(lambda w, c: c.use_privatekey_file(w.server.key_file), bare=True),
    "add_extra_chain_cert": Row(lambda w, c: c.add_extra_chain_cert(w.ca.certificate), chain, adds=True),
    "load_verify_locations": Row(lambda w, c: c.load_verify_locations(w.ca.certificate_file), verified),
    "set_verify": Row(lambda w, c: c.set_verify(SSL.VERIFY_PEER), verify_mode),
    "set_verify_depth": Row(lambda w, c: c.set_verify_depth(7)),
    "load_client_ca": Row(lambda w, c: c.load_client_ca(w.ca.certificate_file), authorities),
    "set_client_ca_list": Row(lambda w, c: c.set_client_ca_list([w.ca.certificate.get_subject()]), authorities),
    "add_client_ca": Row(lambda w, c: c.add_client_ca(w.ca.certificate), authorities, adds=True),
    "set_groups": Row(lambda w, c: c.set_groups(b"P-384"), group),
    "set_tmp_ecdh": Row(lambda w, c: c.set_tmp_ecdh(crypto.get_elliptic_curve("secp384r1")), group),
    "set_sigalgs": Row(lambda w, c: c.set_sigalgs(b"ECDSA+SHA384"), with_p256_server),
    "set_client_sigalgs": Row(lambda w, c: c.set_client_sigalgs(b"ECDSA+SHA384")),
    "set_security_level": Row(lambda w, c: c.set_security_level(4), security_level),
    "set_num_tickets": Row(lambda w, c: c.set_num_tickets(0), tickets),
    "set_session_cache_mode": Row(lambda w, c: c.set_session_cache_mode(SSL.SESS_CACHE_OFF)),
    "set_session_id": Row(lambda w, c: c.set_session_id(b"my sessions")),
    "set_timeout": Row(lambda w, c: c.set_timeout(77)),
    "set_info_callback": Row(lambda w, c: c.set_info_callback(w.callback()), called()),
    "set_keylog_callback": Row(lambda w, c: c.set_keylog_callback(w.callback()), called()),
    "set_alpn_protos": Row(lambda w, c: c.set_alpn_protos([b"h2", b"http/1.1"]), offered),
    "set_alpn_select_callback": Row(
        lambda w, c: c.set_alpn_select_callback(w.callback(SSL.NO_OVERLAPPING_PROTOCOLS)), called(alpn, server=True)
    ),
    "set_tlsext_servername_callback": Row(
        lambda w, c: c.set_tlsext_servername_callback(w.callback()), called(server=True)
    ),
    "set_ocsp_server_callback": Row(lambda w, c: c.set_ocsp_server_callback(w.callback(b"")), called(server=True)),
    "set_ocsp_client_callback": Row(lambda w, c: c.set_ocsp_client_callback(w.callback(True)), called()),
}

# These are not in the table, and why.
ELSEWHERE = {
    "load_tmp_dh": "only anonymous ciphers show it with a key on a curve; tested with the key exchange",
    "set_verify_chain": "of both faces; tested with what both have",
    "set_verifier": "of both faces; tested with what both have",
    "set_client_hello_callback": "of both faces; tested with what both have",
    "set_certificate_callback": "of both faces; tested with what both have",
    "use_trust_store": "of both faces; tested with what both have",
    "use_credentials": "of both faces; tested with what both have",
    "set_new_session_callback": "of both faces; tested with what both have",
    "set_ticket_keys": "of both faces; tested with what both have",
    "set_ticket_key_callback": "of both faces; tested with what both have",
    "set_psk_client_callback": "tests/sessions/test_psk.py",
    "set_psk_server_callback": "tests/sessions/test_psk.py",
    "set_max_early_data": "of both faces; tested with what both have",
    "set_session_store": "of both faces; tested with what both have",
    "set_replay_guard": "of both faces; tested with what both have",
    "set_session_cache": "of both faces; tested with what both have",
    "set_tlsext_use_srtp": "for datagrams",
    "set_cookie_generate_callback": "for datagrams",
    "set_cookie_verify_callback": "for datagrams",
    "set_app_data": "no connection sees it",
    "set_passwd_cb": "no connection sees it: it is for use_privatekey_file",
    "set_default_verify_paths": "what the machine trusts; tested below with SSL_CERT_FILE",
    "set_npn_advertise_callback": "not in every OpenSSL; tested with the other callbacks",
    "set_npn_select_callback": "not in every OpenSSL; tested with the other callbacks",
}


def test_the_table_has_every_setter() -> None:
    prefixes = ("set_", "clear_", "use_", "add_", "load_")
    names = {name for name in dir(SSL.Context) if name.startswith(prefixes)}
    assert names - SETTERS.keys() - ELSEWHERE.keys() == set()
    assert SETTERS.keys() <= names


@pytest.fixture
def world(ca: Identity, server_identity: Identity, client_identity: Identity) -> World:
    """Certificates, and callbacks that count."""
    return World(ca, server_identity, client_identity, [], {})


every_setter = pytest.mark.parametrize("name", SETTERS)


def start(world: World, row: Row) -> SSL.Context:
    return SSL.Context(SSL.TLS_METHOD) if row.bare else world.context()


@every_setter
def test_later_connections_see_it_and_earlier_ones_do_not(world: World, name: str) -> None:
    """Set before use and after use it does the same, and never to a connection that exists."""
    row = SETTERS[name]
    fresh, used = start(world, row), start(world, row)
    row.call(world, fresh)
    earlier = [SSL.Connection(used), SSL.Connection(used)]
    compiled = used._context
    row.call(world, used)
    later = SSL.Connection(used)
    assert used._context != compiled
    if row.see is None:
        return
    expected = row.see(world, SSL.Connection(fresh))
    untouched = row.see(world, SSL.Connection(start(world, row)))
    assert expected != untouched
    assert row.see(world, earlier[0]) == untouched
    assert row.see(world, later) == expected
    assert row.see(world, earlier[1]) == untouched


@every_setter
def test_equal_value_makes_no_new_context(world: World, name: str) -> None:
    """The same call again leaves the SSL_CTX that connections use, unless it adds once more."""
    row = SETTERS[name]
    context = start(world, row)
    row.call(world, context)
    SSL.Connection(context)
    compiled = context._context
    row.call(world, context)
    SSL.Connection(context)
    assert (context._context == compiled) is not row.adds


def state(context: SSL.Context) -> dict[str, object]:
    """What a context and its connections show."""
    connection = SSL.Connection(context)
    connection.set_accept_state()
    return {
        "options": context.set_options(0),
        "mode": context.set_mode(0),
        "cache mode": context.get_session_cache_mode(),
        "timeout": context.get_timeout(),
        "depth": context.get_verify_depth(),
        "verify": (context.get_verify_mode(), connection.get_verify_mode()),
        "ciphers": connection.get_cipher_list(),
        "certificate": certificate_of(connection),
        "authorities": [name.CN for name in connection.get_client_ca_list()],
    }


def certificate_of(connection: SSL.Connection) -> bytes | None:
    found = connection.get_certificate()
    return None if found is None else found.digest("sha256")


# Calls that fail, and with what.
FAILURES: list[tuple[type[Exception], Callable[[World, Any], object]]] = [
    (SSL.Error, lambda w, c: c.set_min_proto_version(0x9999)),
    (SSL.Error, lambda w, c: c.set_min_proto_version(-1)),
    (SSL.Error, lambda w, c: c.set_max_proto_version(0x9999)),
    (OverflowError, lambda w, c: c.set_min_proto_version(2**31)),
    (OverflowError, lambda w, c: c.set_options(-1)),
    (OverflowError, lambda w, c: c.set_options(2**64)),
    (OverflowError, lambda w, c: c.set_mode(-1)),
    (OverflowError, lambda w, c: c.set_mode(2**64)),
    (OverflowError, lambda w, c: c.clear_mode(2**64)),
    (OverflowError, lambda w, c: c.set_verify(-1)),
    (OverflowError, lambda w, c: c.set_verify(2**40, lambda *_: True)),
    (OverflowError, lambda w, c: c.set_verify_depth(2**40)),
    (OverflowError, lambda w, c: c.set_session_cache_mode(-1)),
    (OverflowError, lambda w, c: c.set_session_cache_mode(2**70)),
    (OverflowError, lambda w, c: c.set_timeout(2**80)),
    (OverflowError, lambda w, c: c.set_timeout(-1)),
    (TypeError, lambda w, c: c.set_verify(SSL.VERIFY_PEER, "no callback")),
    (TypeError, lambda w, c: c.set_timeout(1.5)),
    (SSL.Error, lambda w, c: c.set_cipher_list(b"nonsense")),
    (ValueError, lambda w, c: c.set_cipher_list(b"AES128-SHA\0:junk")),
    (SSL.Error, lambda w, c: c.set_tls13_ciphersuites(b"nonsense")),
    (TypeError, lambda w, c: c.use_certificate(b"certificate")),
    (SSL.Error, lambda w, c: c.use_certificate(crypto.X509())),
    (SSL.Error, lambda w, c: c.use_privatekey(crypto.PKey())),
    (SSL.Error, lambda w, c: c.use_privatekey(w.client.key)),
    (ValueError, lambda w, c: c.use_privatekey(w.server.certificate.get_pubkey())),
    (SSL.Error, lambda w, c: c.use_certificate_file("absent")),
    (SSL.Error, lambda w, c: c.use_privatekey_file("absent")),
    (SSL.Error, lambda w, c: c.add_extra_chain_cert(crypto.X509())),
    (TypeError, lambda w, c: c.set_client_ca_list([w.ca.certificate.get_subject(), "x"])),
    (SSL.Error, lambda w, c: c.load_client_ca(b"absent")),
    (SSL.Error, lambda w, c: c.load_verify_locations("absent")),
    (SSL.Error, lambda w, c: c.load_verify_locations(None)),
    (SSL.Error, lambda w, c: c.set_session_id(b"x" * 33)),
    (ValueError, lambda w, c: c.set_alpn_protos([])),
    (ValueError, lambda w, c: c.set_alpn_protos([b"h2", b"x" * 256])),
    (TypeError, lambda w, c: c.set_alpn_protos([b"h2", "http/1.1"])),
    (TypeError, lambda w, c: c.set_info_callback(None)),
]  # fmt: skip


@pytest.mark.parametrize("used", [False, True], ids=["fresh", "used"])
@pytest.mark.parametrize("case", FAILURES, ids=range(len(FAILURES)))
def test_failing_setter_changes_nothing(
    world: World, case: tuple[type[Exception], Callable[[World, Any], object]], used: bool
) -> None:
    """The state is the old one, a used SSL_CTX stays the very same, and handshakes go on."""
    error, call = case
    context, untouched = world.context(), world.context()
    for one in (context, untouched):
        one.set_client_ca_list([world.ca.certificate.get_subject()])
    compiled = context._context
    if used:
        SSL.Connection(context)
    with pytest.raises(error) as caught:
        call(world, context)
    assert str(caught.value)
    if used:
        assert context._context == compiled
    assert state(context) == state(untouched)
    assert isinstance(world.handshake(SSL.Connection(context), world.context(), server=True), Pair)


# -- trust -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["add_cert", "load_verify_locations", "load_locations", "directory", "default paths"])
def test_trust_added_after_use_is_for_later_connections(
    world: World, way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However it is added; the connection that was there before still refuses the server."""
    context = world.context()
    context.set_verify(SSL.VERIFY_PEER)
    store = context.get_cert_store()
    earlier = SSL.Connection(context)
    if way == "add_cert":
        store.add_cert(world.ca.certificate)
    elif way == "load_verify_locations":
        context.load_verify_locations(world.ca.certificate_file)
    elif way == "load_locations":
        store.load_locations(str(world.ca.certificate_file))
    elif way == "directory":
        name = f"{world.ca.certificate.subject_name_hash():08x}.0"
        (tmp_path / name).write_bytes(world.ca.certificate_file.read_bytes())
        context.load_verify_locations(None, tmp_path)
    else:
        monkeypatch.setenv("SSL_CERT_FILE", str(world.ca.certificate_file))
        context.set_default_verify_paths()
    later = SSL.Connection(context)
    assert "certificate verify failed" in str(verified(world, earlier))
    assert verified(world, later) == SSL.X509VerificationCodes.OK


def test_session_from_before_a_trust_change_is_refused(world: World) -> None:
    """Also where another setter compiled a new SSL_CTX in between."""
    context = world.context()
    first = world.handshake(SSL.Connection(context), world.context(), server=False)
    assert isinstance(first, Pair)
    session = first.client.get_session()
    assert session is not None
    store = context.get_cert_store()
    store.add_cert(world.ca.certificate)
    context.set_timeout(1234)
    store.add_cert(world.client.certificate)
    with pytest.raises(ValueError, match="trust or verification settings have changed"):
        SSL.Connection(context).set_session(session)


@pytest.mark.parametrize("name", ["load_client_ca", "set_client_ca_list", "add_client_ca"])
def test_offered_names_outlive_their_certificates(world: World, name: str) -> None:
    """A later setter sends the same names, though what they came from is gone or changed."""
    context = SSL.Context(SSL.TLS_METHOD)
    pem = world.ca.certificate_file.read_bytes()
    certificate = crypto.load_certificate(crypto.FILETYPE_PEM, pem)
    if name == "load_client_ca":
        context.load_client_ca(world.ca.certificate_file)
    elif name == "set_client_ca_list":
        context.set_client_ca_list([certificate.get_subject()])
    else:
        context.add_client_ca(certificate)
    certificate.get_subject().CN = "changed"
    del certificate
    for i in range(20):
        crypto.load_certificate(crypto.FILETYPE_PEM, pem)
        context.set_timeout(1000 + i)
        assert authorities(world, SSL.Connection(context)) == ["an authority"]


# -- files -------------------------------------------------------------------------------------------------------------

LOADERS: dict[str, Callable[[SSL.Context, Path], None]] = {
    "use_certificate_file": lambda c, path: c.use_certificate_file(path),
    "use_certificate_chain_file": lambda c, path: c.use_certificate_chain_file(path),
    "use_privatekey_file": lambda c, path: c.use_privatekey_file(path),
    "load_verify_locations": lambda c, path: c.load_verify_locations(path),
    "load_client_ca": lambda c, path: c.load_client_ca(path),
}


@pytest.mark.parametrize("content", ["missing", "empty", "directory", "binary", "text", "half", "another kind"])
@pytest.mark.parametrize("loader", LOADERS)
def test_file_error_names_the_path(world: World, loader: str, content: str, tmp_path: Path) -> None:
    """Whatever is wrong with a file, the Error says which file, and the context serves as before."""
    is_key = "privatekey" in loader
    right, wrong = world.server.certificate_file, world.server.key_file
    if is_key:
        right, wrong = wrong, right
    path = tmp_path / "a file.pem"
    contents = {
        "empty": b"",
        "binary": bytes(range(256)),
        "text": b"no PEM",
        "half": right.read_bytes()[:100],
        "another kind": wrong.read_bytes(),
    }
    if content == "directory":
        path.mkdir()
    elif content in contents:
        path.write_bytes(contents[content])
    context = world.context()
    with pytest.raises(SSL.Error, match=r"a file\.pem") as caught:
        LOADERS[loader](context, path)
    assert caught.value.args[0]
    assert isinstance(world.handshake(SSL.Connection(context), world.context(), server=True), Pair)


@pytest.fixture
def encrypted(world: World, tmp_path: Path) -> Path:
    """The server's key, encrypted with b"secret"."""
    path = tmp_path / "encrypted.pem"
    path.write_bytes(crypto.dump_privatekey(crypto.FILETYPE_PEM, world.server.key, "aes256", b"secret"))
    return path


def test_encrypted_key(world: World, encrypted: Path) -> None:
    """The callback is asked with maxlen, 0 and its data; without one there is no prompt, but an Error."""
    context = SSL.Context(SSL.TLS_METHOD)
    context.use_certificate(world.server.certificate)
    with pytest.raises(SSL.Error, match="encrypted and no passphrase was given"):
        context.use_privatekey_file(encrypted)
    asked: list[tuple[object, ...]] = []

    def ask(*arguments: object) -> bytes:
        asked.append(arguments)
        return b"secret"

    context.set_passwd_cb(ask, "data")
    context.use_privatekey_file(encrypted)
    assert asked == [(1024, 0, "data")]
    context.check_privatekey()


@pytest.mark.parametrize("answer", [b"wrong", b"", b"secret2"])
def test_wrong_passphrase(encrypted: Path, answer: bytes) -> None:
    context = SSL.Context(SSL.TLS_METHOD)
    context.set_passwd_cb(lambda *_: answer)
    with pytest.raises(SSL.Error, match=r"encrypted\.pem") as caught:
        context.use_privatekey_file(encrypted)
    assert caught.value.args[0]


@pytest.mark.parametrize("error", [KeyError("mine"), KeyboardInterrupt()])
def test_passphrase_callback_raises(encrypted: Path, error: BaseException) -> None:
    """The very object is raised, and the callback can be replaced."""

    def ask(*_arguments: object) -> bytes:
        raise error

    context = SSL.Context(SSL.TLS_METHOD)
    context.set_passwd_cb(ask)
    with pytest.raises(type(error)) as caught:
        context.use_privatekey_file(encrypted)
    assert caught.value is error
    context.set_passwd_cb(lambda *_: b"secret")
    context.use_privatekey_file(encrypted)


def test_mismatched_key(world: World) -> None:
    """It is refused where it is given, the pair before stays; after a new certificate there is no key to check."""
    context = world.context()
    with pytest.raises(SSL.Error) as caught:
        context.use_privatekey(world.client.key)
    assert caught.value.args[0][-1] == ("x509 certificate routines", "", "key values mismatch")
    context.check_privatekey()
    context.use_certificate(world.client.certificate)
    with pytest.raises(SSL.Error, match="no private key assigned"):
        context.check_privatekey()
    context.use_privatekey(world.client.key)
    context.check_privatekey()


def test_incomplete_identity_is_compiled_once(world: World) -> None:
    """Between a certificate and its key all connections share one SSL_CTX, and its sessions."""
    context = world.context()
    client = context_of(SSL.TLS1_2_VERSION)
    Pair(client, context).handshake()
    context.use_certificate(world.client.certificate)
    session = Pair(client, context).handshake().client.get_session()
    assert session is not None
    generations = {id(SSL.Connection(context)._generation) for _ in range(3)}
    assert len(generations) == 1
    context.set_timeout(99)
    pair = Pair(client, context)
    pair.client.set_session(session)
    assert pair.handshake().server.session_reused()
    assert certificate(world, pair.server) == "example.test"
