"""Settings of one connection: what its context would have given it, and no other connection has."""

from __future__ import annotations

import gc
import ssl
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from openssl_bio import SUSPEND, Credential, SessionCache, stdlib
from openssl_bio.stdlib._callbacks import Callbacks
from openssl_bio.stdlib._key_files import KeyFiles
from openssl_bio.stdlib._settings import Settings
from openssl_bio.stdlib._stapling import Stapling
from tests.core.world import DH_PARAMETERS
from tests.helpers import Identity
from tests.stdlib.helpers import VERSIONS, Pair, client_context, server_context, wants_read
from tests.stdlib.test_sockets import connected, serving

KEY = b"k" * 32
NAME = bytes.fromhex("3000")  # of nobody, in DER
STAPLE = bytes.fromhex("30030a0103")  # an OCSPResponse that says "try later"

# What only contexts have, and why.
ONLY_CONTEXTS = {
    "load_default_certs": "trust belongs to the context",
    "load_verify_locations": "the same",
    "set_default_verify_paths": "the same",
    "use_trust_store": "the same",
    "verify_flags": "the same",
    "hostname_checks_common_name": "the same",
    "session_cache": "it is for many connections",
    "set_new_session_callback": "sessions belong to the context",
    "set_replay_guard": "the same",
    "set_session_store": "the same",
    "set_ticket_key_callback": "the same",
    "set_ticket_keys": "the same",
    "set_npn_protocols": "NPN is deprecated",
}


@dataclass
class World:
    """Two contexts, and what callbacks were told."""

    client: Any
    server: Any
    other: Credential
    other_files: Identity
    mine: Identity
    folder: Path
    version: ssl.TLSVersion
    told: list[Any] = field(default_factory=list)

    def tell(self, *what: Any) -> None:
        self.told.append(what)

    def pair(self) -> Pair:
        self.told.clear()
        return Pair(self.client, self.server)


@pytest.fixture
def world(ca: Identity, server_identity: Identity, client_identity: Identity, version: Any, tmp_path: Path) -> World:
    client, server = client_context(ca, version=version), server_context(server_identity, version=version)
    client.load_cert_chain(client_identity.certificate_file, client_identity.key_file)
    client.check_hostname, client.request_ocsp = False, True
    client.set_alpn_protocols(["http/1.1", "h2"])
    client.set_psk_client_callback(lambda _hint: ("me", KEY))
    client.set_ciphersuites("TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256")  # what a key is for on TLS 1.3
    server.load_verify_locations(ca.certificate_file)
    other = Credential.load(client_identity.certificate_file, client_identity.key_file)
    (tmp_path / "dh.pem").write_bytes(DH_PARAMETERS)
    return World(client, server, other, client_identity, server_identity, tmp_path, version)


Ends = Callable[[World, Any], object]


@dataclass(frozen=True)
class Row:
    """A setting: how it is set on a connection, whose, and what is another on such a pair after its handshake."""

    call: Ends
    see: Callable[[World, Pair], object]
    server: bool = False
    only: ssl.TLSVersion | None = None


def put(name: str, value: Any) -> Ends:
    return lambda _world, end: setattr(end, name, value)


def log_keys(world: World, end: Any) -> None:
    end.keylog_filename = world.folder / f"keys of {id(end)}"


def log_of(world: World, pair: Pair) -> bool:
    return any(path.stat().st_size for path in world.folder.glob("keys of *"))


def answered(value: Any) -> Any:
    """What makes a callback that tells that it was called, and answers."""
    return lambda world: lambda *arguments: (world.tell(arguments[0]), value)[1]


def given(name: str, value: Any = None) -> Ends:
    return lambda world, end: setattr(end, name, answered(value)(world))


def called(name: str, value: Any = None) -> Ends:
    return lambda world, end: getattr(end, name)(answered(value)(world))


def was_told(world: World, pair: Pair) -> bool:
    return bool(world.told) and {who for (who,) in world.told} <= {pair.client, pair.server}


def alpn_of_both(world: World, pair: Pair) -> Any:
    return pair.client.selected_alpn_protocol(), pair.server.selected_alpn_protocol()


NEW, OLD = ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_2
ROWS: dict[str, Row] = {
    "_msg_callback": Row(given("_msg_callback"), was_told),
    "check_hostname": Row(put("check_hostname", True), lambda w, p: p.client.check_hostname),
    "client_ca_names": Row(
        lambda w, e: [setattr(e, "client_ca_names", [NAME]), setattr(e, "verify_mode", ssl.CERT_OPTIONAL)],
        lambda w, p: (p.client.client_ca_names, p.server.client_ca_names),
        server=True,
    ),
    "info_callback": Row(given("info_callback"), was_told, server=True),
    "keylog_callback": Row(given("keylog_callback"), was_told),
    "keylog_filename": Row(log_keys, log_of, server=True),
    "load_cert_chain": Row(
        lambda w, e: e.load_cert_chain(w.other_files.certificate_file, w.other_files.key_file),
        lambda w, p: p.client.getpeercert(True),
        server=True,
    ),
    "load_dh_params": Row(lambda w, e: e.load_dh_params(w.folder / "dh.pem"), lambda w, p: w.version, server=True),
    "max_early_data": Row(put("max_early_data", 99), lambda w, p: p.client.session.max_early_data, True, NEW),
    "maximum_version": Row(
        put("maximum_version", ssl.TLSVersion.MAXIMUM_SUPPORTED), lambda w, p: p.client.maximum_version
    ),
    "minimum_version": Row(
        put("minimum_version", ssl.TLSVersion.TLSv1_2), lambda w, p: p.client.minimum_version, only=NEW
    ),
    "msg_callback": Row(given("msg_callback"), was_told, server=True),
    "num_tickets": Row(put("num_tickets", 0), lambda w, p: p.client.session.has_ticket, True, NEW),
    "ocsp_callback": Row(given("ocsp_callback", True), was_told),
    "ocsp_response": Row(put("ocsp_response", STAPLE), lambda w, p: p.client.ocsp_response, server=True),
    "options": Row(put("options", ssl.OP_NO_TICKET), lambda w, p: p.client.session.has_ticket, True, OLD),
    "post_handshake_auth": Row(put("post_handshake_auth", True), lambda w, p: p.client.post_handshake_auth),
    "request_ocsp": Row(put("request_ocsp", False), lambda w, p: p.client.request_ocsp),
    "set_alpn_protocols": Row(lambda w, e: e.set_alpn_protocols(["h2"]), alpn_of_both, server=True),
    "set_certificate_callback": Row(called("set_certificate_callback"), was_told, server=True),
    "set_ciphers": Row(
        lambda w, e: e.set_ciphers("ECDHE-ECDSA-CHACHA20-POLY1305"), lambda w, p: p.client.cipher(), only=OLD
    ),
    "set_ciphersuites": Row(
        lambda w, e: e.set_ciphersuites("TLS_AES_128_GCM_SHA256"), lambda w, p: p.client.cipher(), only=NEW
    ),
    "set_client_hello_callback": Row(called("set_client_hello_callback"), was_told, server=True),
    "set_client_sigalgs": Row(lambda w, e: e.set_client_sigalgs("ed25519:ECDSA+SHA256"), lambda w, p: w.version, True),
    "set_ecdh_curve": Row(lambda w, e: e.set_ecdh_curve("prime256v1"), lambda w, p: p.client.group()),
    "set_groups": Row(lambda w, e: e.set_groups("P-521:P-384"), lambda w, p: p.server.group(), server=True),
    "set_psk_client_callback": Row(
        lambda w, e: e.set_psk_client_callback(answered(("me", KEY))(w)), lambda w, p: bool(w.told), only=NEW
    ),
    "set_psk_server_callback": Row(
        lambda w, e: e.set_psk_server_callback(answered(KEY)(w)), lambda w, p: bool(w.told), True, NEW
    ),
    "set_server_sigalgs": Row(
        lambda w, e: e.set_server_sigalgs("ECDSA+SHA384:ECDSA+SHA256"),
        lambda w, p: p.client.cipher(),
    ),
    "set_servername_callback": Row(called("set_servername_callback"), was_told, server=True),
    "set_verifier": Row(called("set_verifier", True), was_told),
    "set_verify_chain": Row(called("set_verify_chain", True), was_told),
    "sni_callback": Row(given("sni_callback"), was_told, server=True),
    "use_credentials": Row(
        lambda w, e: e.use_credentials(w.other), lambda w, p: p.client.getpeercert(True), server=True
    ),
    "verify_depth": Row(put("verify_depth", 5), lambda w, p: p.client.verify_depth),
    "verify_mode": Row(put("verify_mode", ssl.CERT_REQUIRED), lambda w, p: p.server.getpeercert(True), server=True),
}
# Shown by a test of their own: the next, and for DH parameters that of pyOpenSSL's face, which sets them likewise.
UNSEEN = {"load_dh_params", "set_client_sigalgs", "set_server_sigalgs"}


def setters(kind: type) -> set[str]:
    """The names of all that can be set."""
    names = {name for name in dir(kind) if not name.startswith("_") or name == "_msg_callback"}
    methods = {name for name in names if name.startswith(("set_", "load_", "use_"))}
    properties = {name for name in names - methods if getattr(getattr(kind, name, None), "fset", None)}
    return methods | properties


def test_every_setter_of_contexts_is_there() -> None:
    """Or has a reason not to be."""
    here = setters(stdlib.SSLContext)
    assert here - setters(stdlib.SSLObject) == ONLY_CONTEXTS.keys()
    assert here - setters(stdlib.SSLSocket) == ONLY_CONTEXTS.keys()
    assert here - ONLY_CONTEXTS.keys() == ROWS.keys()
    twins = {name for kind in (Settings, Callbacks, KeyFiles, Stapling) for name in setters(kind)}
    assert twins <= ROWS.keys()


def on_its_versions(*names: str) -> Any:
    """The test for each of these settings, on the versions that it shows on."""
    cases = [(version, name) for name in names for version in VERSIONS if ROWS[name].only in (None, version)]
    ids = [f"{version.name}-{name}" for version, name in cases]
    return pytest.mark.parametrize(("version", "name"), cases, ids=ids, indirect=["version"])


def one_with(world: World, row: Row) -> Any:
    pair = world.pair()
    row.call(world, pair.server if row.server else pair.client)
    return row.see(world, pair.handshake())


@on_its_versions(*ROWS)
def test_one_connection_alone(world: World, name: str) -> None:
    """It shows the setting; its sisters, of before and after, show none."""
    row = ROWS[name]
    plain = row.see(world, world.pair().handshake())
    sister = world.pair()
    changed = one_with(world, row)
    assert (changed != plain) is (name not in UNSEEN)
    for path in world.folder.glob("keys of *"):
        path.unlink()
    world.told.clear()
    assert row.see(world, sister.handshake()) == plain
    assert row.see(world, world.pair().handshake()) == plain


@pytest.mark.parametrize("server", [False, True])
def test_signatures_of_one_connection(world: World, server: bool) -> None:
    """Who takes nothing but Ed25519 gets no certificate on another curve."""
    pair, sister = world.pair(), world.pair()
    for found in (pair, sister):
        found.server.verify_mode = ssl.CERT_REQUIRED
    if server:
        pair.server.set_client_sigalgs("ed25519")
    else:
        pair.client.set_server_sigalgs("ed25519")
    with pytest.raises(ssl.SSLError):
        pair.handshake()
    sister.handshake()


@on_its_versions(*sorted(ROWS.keys() - {"use_credentials"}))  # which can be called at any time, as the context's
def test_too_late(world: World, name: str) -> None:
    """After the handshake has begun nothing can be set, and the handshake goes on as if nobody had tried."""
    row = ROWS[name]
    pair = world.pair()
    assert wants_read(pair.client.do_handshake)
    assert wants_read(pair.server.do_handshake)
    end = pair.server if row.server else pair.client
    for _ in range(2):
        with pytest.raises(ValueError, match=r"Cannot set .* after the handshake has begun"):
            row.call(world, end)
        pair.handshake()
    assert world.told == []


@on_its_versions(*ROWS)
def test_settings_hold_no_connection(world: World, name: str) -> None:
    """A connection that is dropped is freed at once, without the cyclic collector."""
    row = ROWS[name]
    pair = Pair(world.client, world.server)
    end = pair.server if row.server else pair.client
    row.call(world, end)
    gone = weakref.ref(end)
    gc.disable()
    try:
        del pair, end
        assert gone() is None
    finally:
        gc.enable()


# -- what getters tell ------------------------------------------------------------------------------------------------

CALLBACKS = ["_msg_callback", "info_callback", "keylog_callback", "msg_callback", "ocsp_callback"]


def anything(*_arguments: Any) -> None:
    """A callback."""


def other(*_arguments: Any) -> None:
    """Another one."""


@pytest.mark.parametrize("name", [*CALLBACKS, "sni_callback", "ocsp_response"])
def test_callbacks_of_the_context_are_told(world: World, name: str) -> None:
    """Until the connection has its own; the context's own is another matter."""
    server = name in {"sni_callback", "ocsp_response"}
    context = world.server if server else world.client
    assert getattr(context, name) is None
    setattr(context, name, anything)
    pair = world.pair()
    end = pair.server if server else pair.client
    setattr(context, name, None)
    assert getattr(context, name) is None
    assert getattr(end, name) is anything
    setattr(end, name, other)
    assert getattr(end, name) is other
    setattr(end, name, None)
    assert getattr(end, name) is None


def test_what_is_told_before_anything_is_set(world: World) -> None:
    """The context's values."""
    world.client.options |= ssl.OP_NO_TICKET
    world.client.set_ciphers("ECDHE-ECDSA-AES128-GCM-SHA256:@SECLEVEL=1")
    end = world.pair().client
    for name in ("options", "minimum_version", "maximum_version", "verify_mode", "security_level", "verify_depth"):
        assert getattr(end, name) == getattr(world.client, name), name
    assert end.get_ciphers() == world.client.get_ciphers()
    end.set_ciphers("ECDHE-ECDSA-AES256-GCM-SHA384:@SECLEVEL=2")
    assert (end.security_level, world.client.security_level) == (2, 1)


# -- what the context's setters refuse, and what has no meaning here -------------------------------------------------


REFUSED: dict[str, tuple[bool, Ends, type[Exception], str]] = {
    "a server's name callback": (False, put("sni_callback", anything), ValueError, "sni_callback cannot be set"),
    "a ClientHello": (False, lambda w, e: e.set_client_hello_callback(anything), ValueError, "gets no ClientHello"),
    "a staple": (False, put("ocsp_response", STAPLE), ValueError, "for servers to set"),
    "issuers": (False, put("client_ca_names", [NAME]), ValueError, "what servers send"),
    "tickets": (False, put("num_tickets", 1), ValueError, "a client sends no tickets"),
    "a key for clients": (False, lambda w, e: e.set_psk_server_callback(anything), ssl.SSLError, "PSK server callback"),
    "a key for servers": (True, lambda w, e: e.set_psk_client_callback(anything), ssl.SSLError, "PSK client callback"),
    "a request": (True, put("request_ocsp", True), ValueError, "for clients"),
    "a judge of staples": (True, put("ocsp_callback", anything), ValueError, "for clients"),
    "a host name": (True, put("check_hostname", True), ValueError, "check_hostname requires server_hostname"),
    "a version": (True, put("minimum_version", 5), ValueError, "Unsupported"),
    "a mode": (True, put("verify_mode", 7), ValueError, "invalid value for verify_mode"),
    "ciphers": (True, lambda w, e: e.set_ciphers("nonsense"), ssl.SSLError, "No cipher can be selected"),
    "ciphersuites": (True, lambda w, e: e.set_ciphersuites("nonsense"), ssl.SSLError, "No cipher suite"),
    "groups": (True, lambda w, e: e.set_groups("nonsense"), ssl.SSLError, "unrecognized group"),
    "a curve": (True, lambda w, e: e.set_ecdh_curve("secp112r1"), ssl.SSLError, "group cannot be used"),
    "signatures": (True, lambda w, e: e.set_server_sigalgs("nonsense"), ssl.SSLError, "unrecognized signature"),
    "protocols": (True, lambda w, e: e.set_alpn_protocols(["x" * 256]), ssl.SSLError, "1 to 255"),
    "options": (True, put("options", "all"), TypeError, "integer"),
    "a file": (True, lambda w, e: e.load_cert_chain("/nowhere"), FileNotFoundError, "nowhere"),
    "another's key": (
        True,
        lambda w, e: e.load_cert_chain(w.mine.certificate_file, w.other_files.key_file),
        ssl.SSLError,
        "KEY_VALUES_MISMATCH",
    ),
    "no DH parameters": (
        True,
        lambda w, e: e.load_dh_params(w.other_files.certificate_file),
        ssl.SSLError,
        "NO_START_LINE",
    ),
    "a path": (True, lambda w, e: e.use_credentials("a path"), TypeError, r"Credential\.load"),
    "a verifier": (True, lambda w, e: e.set_verifier(anything), ValueError, "verification is switched off"),
    "a hint in bytes": (True, lambda w, e: e.set_psk_server_callback(anything, b"a hint"), TypeError, "must be a str"),
    "a hint with a null": (True, lambda w, e: e.set_psk_server_callback(anything, "a\0b"), ValueError, "null"),
    "a hint": (
        True,
        lambda w, e: e.set_psk_server_callback(anything, "h" * 5000),
        ValueError,
        "failed to set identity hint",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(world: World, name: str) -> None:
    """As by a context, and nothing is set by it."""
    server, call, error, text = REFUSED[name]
    pair = world.pair()
    with pytest.raises(error, match=text):
        call(world, pair.server if server else pair.client)
    pair.handshake()
    assert world.told == []


def test_a_mode_that_would_not_check_the_host_name(world: World) -> None:
    end = world.pair().client
    end.check_hostname = True
    with pytest.raises(ValueError, match="Cannot set verify_mode to CERT_NONE when check_hostname is enabled"):
        end.verify_mode = ssl.CERT_NONE
    end.check_hostname = False
    end.verify_mode = ssl.CERT_NONE
    end.check_hostname = True
    assert end.verify_mode == ssl.CERT_REQUIRED


def test_host_names_are_checked_for_one(world: World) -> None:
    """One connection checks the name, and one of a context that does, does not."""
    strict = Pair(world.client, world.server, server_hostname="elsewhere.test")
    strict.client.check_hostname = True
    with pytest.raises(ssl.SSLCertVerificationError, match=r"not valid for 'elsewhere\.test'"):
        strict.handshake()
    world.client.check_hostname = True
    lenient = Pair(world.client, world.server, server_hostname="elsewhere.test")
    lenient.client.check_hostname = False
    assert lenient.handshake().client.getpeercert()


# -- sessions ---------------------------------------------------------------------------------------------------------


def test_a_session_is_not_resumed_by_who_demands_more(world: World) -> None:
    """The demand that is made later counts too; that of less does not matter."""
    world.client.verify_mode = ssl.CERT_NONE
    session = world.pair().handshake().client.session
    again = Pair(world.client, world.server, session=session)
    again.client.verify_mode = ssl.CERT_REQUIRED
    again.client.check_hostname = True
    assert not again.handshake().client.session_reused
    session = again.client.session
    third = Pair(world.client, world.server, session=session)
    third.client.verify_mode = ssl.CERT_NONE
    assert third.handshake().client.session_reused


def test_a_cached_session_is_not_resumed_by_who_demands_more(world: World) -> None:
    world.client.verify_mode, world.client.session_cache = ssl.CERT_NONE, SessionCache()
    world.pair().handshake()
    demanding = world.pair()
    demanding.client.verify_mode = ssl.CERT_REQUIRED
    assert not demanding.handshake().client.session_reused
    assert demanding.client.getpeercert()


def test_a_server_that_demands_more_resumes_nothing(world: World) -> None:
    session = world.pair().handshake().client.session
    again = Pair(world.client, world.server, session=session)
    again.server.verify_mode = ssl.CERT_REQUIRED
    assert not again.handshake().client.session_reused
    assert again.server.getpeercert()


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
