"""What users do with the stdlib's face, for the fault injection."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import Any

from cryptography import x509

from openssl_bio import stdlib
from openssl_bio._core._lib import lib
from tests.core.scenarios import steps
from tests.core.world import Scenario, World
from tests.stdlib.certificates import KINDS, certificate
from tests.stdlib.helpers import Pair, client_context, ours, server_context

RAISES = (ssl.SSLError,)


def client(world: World) -> Any:
    return client_context(world.ca)


def server(world: World) -> Any:
    return server_context(world.server)


def both(world: World, version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> tuple[Any, Any]:
    """Contexts that demand each other's certificates."""
    found = client_context(world.ca, version=version), server_context(world.server, version=version)
    found[0].load_cert_chain(world.client.certificate_file, world.client.key_file)
    found[1].load_verify_locations(world.ca.certificate_file)
    found[1].verify_mode = ssl.CERT_REQUIRED
    for context in found:
        context.set_alpn_protocols(["h2"])
        context._msg_callback = lambda *_: None
    found[1].sni_callback = lambda *_: None
    return found


def pair(world: World) -> Pair:
    return Pair(*both(world))


def done(world: World) -> Pair:
    return pair(world).handshake()


def used(context: Any) -> Any:
    """The context after a connection."""
    context.wrap_bio(
        ours.MemoryBIO(),
        ours.MemoryBIO(),
        server_side=context.protocol == ssl.PROTOCOL_TLS_SERVER,
        server_hostname="localhost" if context.protocol == ssl.PROTOCOL_TLS_CLIENT else None,
    )
    return context


def told(end: Any) -> list[Any]:
    """What one end of a finished handshake knows."""
    return [
        end.version(),
        end.cipher(),
        end.group(),
        end.selected_alpn_protocol(),
        end.get_verified_chain(),
        end.get_unverified_chain(),
        end.session_reused,
    ]


def met(found: Pair) -> list[Any]:
    """What becomes of a handshake."""
    ended: list[Any] = steps(found, ssl.SSLWantReadError)
    return [*ended, told(found.client), told(found.server)] if ended == ["done", "done"] else ended


def shown(context: Any) -> list[Any]:
    return [
        context.verify_mode,
        context.verify_flags,
        context.check_hostname,
        context.options,
        context.minimum_version,
        context.maximum_version,
        context.num_tickets,
        context.cert_store_stats(),
        context.get_ca_certs(binary_form=True),
    ]


def as_client(context: Any, world: World) -> list[Any]:
    """What a client with this context is."""
    peer = server(world)
    peer.set_alpn_protocols(["http/1.1"])
    return [*shown(context), *met(Pair(context, peer))]


def as_server(context: Any, world: World) -> list[Any]:
    """What a server with this context is."""
    peer = client(world)
    peer.load_cert_chain(world.client.certificate_file, world.client.key_file)
    peer.set_alpn_protocols(["http/1.1"])
    return [*shown(context), *met(Pair(peer, context))]


def assign(name: str, value: Any) -> Callable[[Any, World], None]:
    return lambda context, _world: setattr(context, name, value)


SETTERS: dict[str, Callable[[Any, World], Any]] = {
    "verify mode": assign("verify_mode", ssl.CERT_OPTIONAL),
    "verify flags": assign("verify_flags", ssl.VERIFY_X509_STRICT),
    "options": assign("options", ssl.OP_ALL),
    "minimum version": assign("minimum_version", ssl.TLSVersion.TLSv1_3),
    "maximum version": assign("maximum_version", ssl.TLSVersion.TLSv1_2),
    "ciphers": lambda c, w: c.set_ciphers("ECDHE-ECDSA-AES128-GCM-SHA256"),
    "ciphersuites": lambda c, w: c.set_ciphersuites("TLS_AES_128_GCM_SHA256"),
    "curve": lambda c, w: c.set_ecdh_curve("secp384r1"),
    "groups": lambda c, w: c.set_groups("P-521"),
    "client sigalgs": lambda c, w: c.set_client_sigalgs("ECDSA+SHA256"),
    "server sigalgs": lambda c, w: c.set_server_sigalgs("ECDSA+SHA256"),
    "ALPN": lambda c, w: c.set_alpn_protocols(["http/1.1"]),
    "certificate": lambda c, w: c.load_cert_chain(w.client.certificate_file, w.client.key_file),
    "chain": lambda c, w: c.load_cert_chain(w.chain_file, w.encrypted_key, "secret"),
    "chain in memory": lambda c, w: c.load_cert_chain(
        w.chain_file.read_bytes(), w.encrypted_key.read_bytes(), "secret"
    ),
    "chain of a store": lambda c, w: c.load_cert_chain(f"file:{w.chain_file}", w.encrypted_key, "secret"),
    "trust": lambda c, w: c.load_verify_locations(w.client.certificate_file),
    "trust in memory": lambda c, w: c.load_verify_locations([w.client.certificate, w.server.certificate_file]),
    "trusted data": lambda c, w: c.load_verify_locations(
        cadata=w.client.certificate_file.read_text() + w.server.certificate_file.read_text()
    ),
    "trusted DER": lambda c, w: c.load_verify_locations(
        w.client.certificate_file,
        w.folder,
        ssl.PEM_cert_to_DER_cert(w.server.certificate_file.read_text()),
    ),
    "system's trust": lambda c, w: c.load_default_certs(),
    "DH": lambda c, w: c.load_dh_params(w.dh_file),
    "key log": lambda c, w: setattr(c, "keylog_filename", w.folder / "keys"),
    "connection": lambda c, w: used(c),
}
OF_CLIENT: dict[str, Callable[[Any, World], Any]] = {
    "host name": assign("check_hostname", False),
    "PSK of a client": lambda c, w: c.set_psk_client_callback(lambda _: ("me", b"key")),
}
OF_SERVER: dict[str, Callable[[Any, World], Any]] = {
    "tickets": assign("num_tickets", 5),
    "SNI callback": assign("sni_callback", lambda *_: None),
    "PSK of a server": lambda c, w: c.set_psk_server_callback(lambda _: b"key", "hint"),
}


def contexts() -> list[Scenario]:
    """Every setter, of contexts that are new and in use."""
    sides: list[tuple[str, Any, Any, Any]] = [
        ("client", client, as_client, OF_CLIENT),
        ("server", server, as_server, OF_SERVER),
    ]
    found = []
    for side, make, observe, more in sides:
        for name, call in {**SETTERS, **more}.items():
            title = f"{name}, stdlib {side}"
            raises = (*RAISES, ValueError) if "version" in name else RAISES  # as in the original
            found += [
                Scenario(title, make, call, observe, raises),
                Scenario(f"{title} in use", lambda w, make=make: used(make(w)), call, observe, raises),
            ]
    return found


def talk(found: Pair, _world: World) -> None:
    """A handshake, data both ways, and its end."""
    found.handshake()
    for source, target in ((found.client, found.server), (found.server, found.client)):
        assert source.write(b"hello") == 5
        assert target.pending() == 0
        assert target.read(2) == b"he"
        assert target.read(3, bytearray(3)) == 3
    for end in (found.client, found.server, found.client):
        try:
            end.unwrap()
        except ssl.SSLWantReadError:
            continue


def resuming(world: World) -> tuple[Pair, Any]:
    """A new connection, and a session that it can resume."""
    first = done(world)
    return Pair(first.client.context, first.server.context), first.client.session


def resume(made: tuple[Pair, Any], _world: World) -> None:
    made[0].client.session = made[1]


def about_to_resume(world: World) -> tuple[Pair, Any]:
    made = resuming(world)
    resume(made, world)
    return made


def demand_more(made: tuple[Pair, Any], _world: World) -> None:
    made[0].client.verify_depth = 5


def post_handshake(world: World) -> Pair:
    """A pair whose server may ask for a certificate later."""
    client, server = both(world)
    client.post_handshake_auth = True
    return Pair(client, server).handshake()


GETTERS: dict[str, Callable[[Any], Any]] = {
    "negotiated": told,
    "peer": lambda e: (e.getpeercert(), e.getpeercert(True)),
    "ciphers": lambda e: (e.shared_ciphers(), e.compression(), e.context.get_ciphers()),
    "session": lambda e: (e.session.id, e.session.time, e.session.timeout, e.session.has_ticket),
    "binding": lambda e: e.get_channel_binding("tls-exporter"),
    "end point": lambda e: e.get_channel_binding("tls-server-end-point"),
    "keying material": lambda e: e.export_keying_material("EXPORTER-test", 32, b"context"),
    "stats": lambda e: (e.context.session_stats(), e.context.cert_store_stats(), e.context.get_ca_certs()),
    "another context": lambda e: setattr(e, "context", e.context),
}


# Settings of one connection; most are those of contexts, which are above, by other functions of libssl.
OF_ONE: dict[str, Callable[[Pair], Any]] = {
    "curve": lambda p: p.server.set_ecdh_curve("prime256v1"),
    "issuers": lambda p: setattr(p.server, "client_ca_names", [bytes.fromhex("3000")]),
    "host name": lambda p: setattr(p.client, "check_hostname", False),
    "request for a staple": lambda p: setattr(p.client, "request_ocsp", True),
    "staple": lambda p: setattr(p.server, "ocsp_response", bytes.fromhex("30030a0103")),
    "key log": lambda p: setattr(p.client, "keylog_callback", lambda *_: None),
    "protocols": lambda p: p.server.set_alpn_protocols(["h2"]),
    "depth": lambda p: setattr(p.client, "verify_depth", 5),
    "version": lambda p: setattr(p.client, "minimum_version", ssl.TLSVersion.TLSv1_3),
}


OTHERWISE: dict[str, tuple[type[Exception], ...]] = {
    f"{name} of one stdlib connection": (ValueError,) for name in ("issuers", "version")
}


def rich(world: World) -> Any:
    """A context that trusts a certificate with names of many kinds."""
    authority = x509.BasicConstraints(ca=True, path_length=None)
    context = client(world)
    context.load_verify_locations(cadata=certificate([authority, x509.SubjectAlternativeName(KINDS)], signer=world.ca))
    return context


def exchanges() -> list[Scenario]:
    python: Any = ssl.MemoryBIO
    found = [
        Scenario("a client's stdlib context", lambda w: None, lambda _, w: ours.SSLContext(ssl.PROTOCOL_TLS_CLIENT)),
        Scenario("a stdlib pair", both, lambda c, w: Pair(*c)),
        Scenario(
            "initial bytes",
            server,
            lambda c, w: c.wrap_bio(ours.MemoryBIO(), ours.MemoryBIO(), server_side=True, initial=b"x"),
        ),
        Scenario("a stdlib pair over Python's BIOs", both, lambda c, w: Pair(*c, python)),
        Scenario("stdlib TLS 1.3", pair, talk),
        Scenario("stdlib TLS 1.2", lambda w: Pair(*both(w, ssl.TLSVersion.TLSv1_2)), talk),
        Scenario("stdlib TLS over Python's BIOs", lambda w: Pair(*both(w), python), talk),
        Scenario("a stdlib session", resuming, resume, lambda made, _: met(made[0])),
        Scenario("a stdlib session that is too little", about_to_resume, demand_more, lambda made, _: met(made[0])),
        Scenario("post-handshake", post_handshake, lambda p, w: p.server.verify_client_post_handshake(), raises=RAISES),
        Scenario("random bytes", lambda w: None, lambda _, w: stdlib.RAND_bytes(8)),
        Scenario("names of many kinds", rich, lambda c, w: c.get_ca_certs()),
        Scenario("a BIO", lambda w: ours.MemoryBIO(), lambda b, w: b.write(b"some"), lambda b, _: b.pending),
    ]
    found += [
        Scenario(f"{name} of a stdlib {which}", done, lambda p, w, get=get, which=which: get(getattr(p, which)))
        for name, get in GETTERS.items()
        for which in ("client", "server")
    ]
    found += [
        Scenario(f"{name} of one stdlib connection", pair, lambda p, w, call=call: call(p), lambda p, _: met(p))
        for name, call in OF_ONE.items()
    ]
    # Since OpenSSL 3.4 and 3.5.
    if hasattr(lib, "SSL_get1_builtin_sigalgs"):
        found.append(Scenario("signature algorithms", lambda w: None, lambda _, w: ours.get_sigalgs()))
    if hasattr(lib, "SSL_CTX_get0_implemented_groups"):
        found.append(Scenario("groups", client, lambda c, w: c.get_groups()))
    # What cannot be read is no name, and what cannot be set no version, as far as users are told.
    return [Scenario(s.name, s.make, s.call, s.observe, (*RAISES, *OTHERWISE.get(s.name, ()))) for s in found]


SCENARIOS = [*contexts(), *exchanges()]
