"""Every setter of SSLContext, found by introspection: before use, after use, and twice."""

from __future__ import annotations

import gc
import ssl
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from openssl_bio import Credential, SessionCache, TicketKeys, TrustStore, stdlib
from tests.core.world import DH_PARAMETERS
from tests.helpers import Identity
from tests.stdlib.helpers import Pair


@dataclass
class World:
    """What the calls below work with."""

    ca: Identity
    server: Identity
    folder: Path
    credential: Credential
    store: TrustStore
    keys: TicketKeys
    cache: SessionCache


def callback(*_arguments: Any) -> None:
    """One callback, equal to itself."""


# A name in DER: that of nobody.
NAME = bytes.fromhex("3000")


@dataclass(frozen=True)
class Row:
    """A call; ``client`` says that it is for a client's context."""

    call: Callable[[World, Any], object]
    client: bool = False


def setting(name: str, value: Any) -> Callable[[World, Any], object]:
    return lambda _world, context: setattr(context, name, value)


# By name: what changes an SSL_CTX.
SETTERS: dict[str, Row] = {
    "load_cert_chain": Row(lambda w, c: c.load_cert_chain(w.server.certificate_file, w.server.key_file)),
    "load_dh_params": Row(lambda w, c: c.load_dh_params(w.folder / "dh.pem")),
    "load_verify_locations": Row(lambda w, c: c.load_verify_locations(w.ca.certificate_file)),
    "set_alpn_protocols": Row(lambda w, c: c.set_alpn_protocols(["h2"])),
    "set_certificate_callback": Row(lambda w, c: c.set_certificate_callback(callback)),
    "set_ciphers": Row(lambda w, c: c.set_ciphers("ECDHE-ECDSA-AES128-GCM-SHA256")),
    "set_ciphersuites": Row(lambda w, c: c.set_ciphersuites("TLS_AES_128_GCM_SHA256")),
    "set_client_hello_callback": Row(lambda w, c: c.set_client_hello_callback(callback)),
    "set_client_sigalgs": Row(lambda w, c: c.set_client_sigalgs("ECDSA+SHA256")),
    "set_ecdh_curve": Row(lambda w, c: c.set_ecdh_curve("prime256v1")),
    "set_groups": Row(lambda w, c: c.set_groups("P-256")),
    "set_new_session_callback": Row(lambda w, c: c.set_new_session_callback(callback), client=True),
    "set_psk_client_callback": Row(lambda w, c: c.set_psk_client_callback(callback), client=True),
    "set_psk_server_callback": Row(lambda w, c: c.set_psk_server_callback(callback)),
    "set_server_sigalgs": Row(lambda w, c: c.set_server_sigalgs("ECDSA+SHA256")),
    "set_servername_callback": Row(lambda w, c: c.set_servername_callback(callback)),
    "set_ticket_keys": Row(lambda w, c: c.set_ticket_keys(w.keys)),
    "set_verifier": Row(lambda w, c: c.set_verifier(callback), client=True),
    "set_verify_chain": Row(lambda w, c: c.set_verify_chain(callback), client=True),
    "use_credentials": Row(lambda w, c: c.use_credentials(w.credential)),
    "use_trust_store": Row(lambda w, c: c.use_trust_store(w.store)),
    "_msg_callback": Row(setting("_msg_callback", callback)),
    "client_ca_names": Row(setting("client_ca_names", [NAME])),
    "info_callback": Row(setting("info_callback", callback)),
    "keylog_callback": Row(setting("keylog_callback", callback)),
    "msg_callback": Row(setting("msg_callback", callback)),
    "ocsp_callback": Row(setting("ocsp_callback", callback), client=True),
    "ocsp_response": Row(setting("ocsp_response", callback)),
    "request_ocsp": Row(setting("request_ocsp", True), client=True),
    "verify_depth": Row(setting("verify_depth", 3)),
    "check_hostname": Row(setting("check_hostname", False), client=True),
    "hostname_checks_common_name": Row(setting("hostname_checks_common_name", False), client=True),
    "keylog_filename": Row(lambda w, c: setattr(c, "keylog_filename", w.folder / "log")),
    "maximum_version": Row(setting("maximum_version", ssl.TLSVersion.TLSv1_2)),
    "minimum_version": Row(setting("minimum_version", ssl.TLSVersion.TLSv1_3)),
    "num_tickets": Row(setting("num_tickets", 5)),
    "options": Row(setting("options", ssl.OP_NO_TICKET)),
    "session_cache": Row(lambda w, c: setattr(c, "session_cache", w.cache), client=True),
    "sni_callback": Row(setting("sni_callback", callback)),
    "verify_flags": Row(setting("verify_flags", ssl.VERIFY_X509_STRICT)),
    "verify_mode": Row(setting("verify_mode", ssl.CERT_OPTIONAL)),
}
ELSEWHERE = {
    "load_default_certs": "what the machine trusts; tested with TrustStore",
    "set_default_verify_paths": "the same",
    "set_npn_protocols": "in test_npn.py: not every OpenSSL has it",
    "set_ticket_key_callback": "another form of set_ticket_keys, which it replaces",
    "set_replay_guard": "shown with replayed early data in sessions/test_replay.py",
    "set_session_store": "shown with two servers and a failing store in sessions/test_store.py",
    "max_early_data": "shown with what a client sends in sessions/test_early_data.py",
    "post_handshake_auth": "of connections: libssl has it for an SSL alone",
}


def test_the_table_has_every_setter() -> None:
    methods = {name for name in dir(stdlib.SSLContext) if name.startswith(("set_", "load_", "use_"))}
    attributes = {name: getattr(stdlib.SSLContext, name, None) for name in dir(stdlib.SSLContext)}
    properties = {name for name, found in attributes.items() if isinstance(found, property) and found.fset}
    private = {name for name in properties if name.startswith("_")} - {"_msg_callback"}
    assert (methods | properties) - private - SETTERS.keys() - ELSEWHERE.keys() == set()
    assert SETTERS.keys() | ELSEWHERE.keys() <= methods | properties


@pytest.fixture(scope="module")
def world(ca: Identity, server_identity: Identity, tmp_path_factory: pytest.TempPathFactory) -> World:
    folder = tmp_path_factory.mktemp("setters")
    (folder / "dh.pem").write_bytes(DH_PARAMETERS)
    credential = Credential.load(server_identity.certificate_file, server_identity.key_file)
    store = TrustStore(ca.certificate_file)
    return World(ca, server_identity, folder, credential, store, TicketKeys(), SessionCache())


def context_for(row: Row) -> Any:
    return stdlib.SSLContext(stdlib.PROTOCOL_TLS_CLIENT if row.client else stdlib.PROTOCOL_TLS_SERVER)


def connect(context: Any) -> Any:
    """A connection that has not begun."""
    is_client = context.protocol == stdlib.PROTOCOL_TLS_CLIENT
    bios = stdlib.MemoryBIO(), stdlib.MemoryBIO()
    return context.wrap_bio(*bios, server_side=not is_client, server_hostname="localhost" if is_client else None)


every_setter = pytest.mark.parametrize("name", SETTERS)


@every_setter
def test_a_used_context_is_left_to_its_connections(world: World, name: str) -> None:
    """A setter after use makes another SSL_CTX, for later connections; the first two keep theirs."""
    row = SETTERS[name]
    context = context_for(row)
    earlier = [connect(context), connect(context)]
    compiled = context.ctx
    row.call(world, context)
    later = connect(context)
    assert [connection._generation.ctx for connection in earlier] == [compiled] * 2
    assert later._generation.ctx == context.ctx != compiled


@every_setter
def test_before_use_it_takes_the_same_effect(world: World, name: str) -> None:
    """Before use there is nobody to leave anything to: the first connection has it."""
    row = SETTERS[name]
    context = context_for(row)
    row.call(world, context)
    assert connect(context)._generation.ctx == context.ctx


@every_setter
def test_an_equal_value_makes_no_new_context(world: World, name: str) -> None:
    row = SETTERS[name]
    context = context_for(row)
    row.call(world, context)
    connect(context)
    compiled = context.ctx
    row.call(world, context)
    assert connect(context)._generation.ctx == compiled


def is_freed_at_once(make: Callable[[], object]) -> bool:
    """Whether what is made here is gone without the cyclic collector when nobody refers to it."""
    gc.disable()
    try:
        made = weakref.ref(make())
        return made() is None
    finally:
        gc.enable()


@every_setter
def test_no_setting_keeps_its_context(world: World, name: str) -> None:
    def make() -> object:
        context = context_for(SETTERS[name])
        SETTERS[name].call(world, context)
        return context

    assert is_freed_at_once(make)


# What takes a callback away again.
TAKEN_AWAY: dict[str, Callable[[Any, Any], object]] = {
    "set_certificate_callback": lambda c, value: c.set_certificate_callback(value),
    "set_client_hello_callback": lambda c, value: c.set_client_hello_callback(value),
    "sni_callback": lambda c, value: setattr(c, "sni_callback", value),
    "_msg_callback": lambda c, value: setattr(c, "_msg_callback", value),
    "info_callback": lambda c, value: setattr(c, "info_callback", value),
    "keylog_callback": lambda c, value: setattr(c, "keylog_callback", value),
    "ocsp_response": lambda c, value: setattr(c, "ocsp_response", value),
}


@pytest.mark.parametrize("name", TAKEN_AWAY)
def test_no_callback_that_was_taken_away_keeps_its_context(name: str) -> None:
    def make() -> object:
        context = context_for(SETTERS[name])
        TAKEN_AWAY[name](context, callback)
        TAKEN_AWAY[name](context, None)
        return context

    assert is_freed_at_once(make)


# Calls that fail.
FAILURES: list[Callable[[Any], object]] = [
    lambda c: c.load_cert_chain("/nowhere"),
    lambda c: c.load_dh_params("/nowhere"),
    lambda c: c.load_verify_locations("/nowhere"),
    lambda c: c.load_verify_locations(cadata="nothing"),
    lambda c: c.set_alpn_protocols([""]),
    lambda c: c.set_certificate_callback(5),
    lambda c: c.set_ciphers("nonsense"),
    lambda c: c.set_ciphersuites("nonsense"),
    lambda c: c.set_client_hello_callback(5),
    lambda c: c.set_client_sigalgs("nonsense"),
    lambda c: c.set_ecdh_curve("nonsense"),
    lambda c: c.set_groups("nonsense"),
    lambda c: c.set_server_sigalgs("nonsense"),
    lambda c: c.set_servername_callback(5),
    lambda c: c.set_verifier(callback),
    lambda c: c.set_verify_chain(5),
    lambda c: c.use_credentials(),
    lambda c: c.use_credentials("a path"),
    lambda c: c.use_trust_store("a path"),
    lambda c: setattr(c, "client_ca_names", b"no list"),
    lambda c: setattr(c, "client_ca_names", [NAME, b"no name"]),
    lambda c: setattr(c, "client_ca_names", [NAME + b"more"]),
    lambda c: setattr(c, "client_ca_names", ["a name"]),
    lambda c: setattr(c, "info_callback", 5),
    lambda c: setattr(c, "keylog_callback", 5),
    lambda c: setattr(c, "keylog_filename", "/nowhere/at/all"),
    lambda c: setattr(c, "msg_callback", 5),
    lambda c: setattr(c, "ocsp_callback", callback),
    lambda c: setattr(c, "ocsp_response", b"no response"),
    lambda c: setattr(c, "ocsp_response", b""),
    lambda c: setattr(c, "ocsp_response", "text"),
    lambda c: setattr(c, "request_ocsp", True),
    lambda c: setattr(c, "verify_depth", -1),
    lambda c: setattr(c, "verify_depth", 2**31),
    lambda c: setattr(c, "verify_depth", None),
    lambda c: setattr(c, "minimum_version", 5),
    lambda c: setattr(c, "num_tickets", -1),
    lambda c: setattr(c, "options", -1),
    lambda c: setattr(c, "sni_callback", 5),
    lambda c: setattr(c, "verify_mode", 77),
]


@pytest.mark.parametrize("used", [False, True], ids=["new", "used"])
@pytest.mark.parametrize("call", FAILURES)
def test_a_failure_leaves_everything(world: World, call: Callable[[Any], object], used: bool) -> None:
    server = stdlib.SSLContext(stdlib.PROTOCOL_TLS_SERVER)
    server.use_credentials(world.credential)
    server.set_ciphers("ECDHE-ECDSA-AES128-GCM-SHA256")
    client = stdlib.SSLContext(stdlib.PROTOCOL_TLS_CLIENT)
    client.use_trust_store(world.store)
    client.maximum_version = ssl.TLSVersion.TLSv1_2
    if used:
        Pair(client, server).handshake()
    before = server.options, server.verify_mode, server.verify_flags, server.num_tickets, server.get_ciphers()
    with pytest.raises((ValueError, TypeError, OSError)):
        call(server)
    assert before == (
        server.options,
        server.verify_mode,
        server.verify_flags,
        server.num_tickets,
        server.get_ciphers(),
    )
    pair = Pair(client, server).handshake()
    assert pair.client.cipher()[0] == "ECDHE-ECDSA-AES128-GCM-SHA256"


def test_a_key_log_that_was_moved_away_is_opened_anew(world: World, tmp_path: Path) -> None:
    context = context_for(Row(SETTERS["keylog_filename"].call))
    for name in ("first", "second"):
        context.keylog_filename = tmp_path / "log"
        assert (tmp_path / "log").read_bytes().startswith(b"#")
        (tmp_path / "log").rename(tmp_path / name)
