"""Settings of one connection: what its context would have given it, and no other connection has."""

from __future__ import annotations

import gc
import ssl
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from openssl_bio import SessionCache, TrustStore, stdlib
from openssl_bio.stdlib._callbacks import Callbacks
from openssl_bio.stdlib._key_files import KeyFiles
from openssl_bio.stdlib._settings import Settings
from openssl_bio.stdlib._stapling import Stapling
from tests.stdlib.helpers import VERSIONS, Pair, wants_read
from tests.stdlib.world import KEY, NAME, World, anything

STAPLE = bytes.fromhex("30030a0103")  # an OCSPResponse that says "try later"

# What only contexts have, and why.
ONLY_CONTEXTS = {
    "load_default_certs": "trust belongs to the context",
    "load_verify_locations": "the same",
    "set_default_verify_paths": "the same",
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
    "use_trust_store": Row(  # the server's chain is built from it
        lambda w, e: e.use_trust_store(TrustStore()), lambda w, p: len(p.client.get_unverified_chain()), server=True
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
