"""What users do with pyOpenSSL's face, for the fault injection."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding

from openssl_bio import SSL, Credential, LoadError, TrustStore, crypto
from tests import helpers
from tests.core.world import Scenario, World, nothing
from tests.helpers import Pair

# -- observing ----------------------------------------------------------------------------------------------------


def steps(pair: Any, want: type[BaseException]) -> list[str]:
    """Go on with a handshake until nothing moves; how each end ended."""
    ended = {"client": "wants", "server": "wants"}
    for _ in range(8):
        for name in [name for name, how in ended.items() if how == "wants"]:
            try:
                getattr(pair, name).do_handshake()
                ended[name] = "done"
            except want:
                pass
            except Exception as error:
                ended[name] = f"{type(error).__name__}: {error}"
        if hasattr(pair, "move"):
            pair.move()
    return list(ended.values())


def digests(certificates: list[crypto.X509] | None) -> list[bytes] | None:
    return None if certificates is None else [certificate.digest("sha256") for certificate in certificates]


def negotiated(end: SSL.Connection) -> list[Any]:
    """What one end of a finished handshake knows."""
    return [
        end.get_protocol_version_name(),
        end.get_cipher_name(),
        end.get_group_name(),
        end.get_signature_name(),
        end.get_alpn_proto_negotiated(),
        end.get_next_proto_negotiated(),
        end.get_servername(),
        digests(end.get_peer_cert_chain()),
        digests(end.get_verified_chain()),
        [name.der() for name in end.get_client_ca_list()],
        end.session_reused(),
        end.get_verify_result(),
        len(end.get_cipher_list()),
    ]


def met(pair: Pair) -> list[Any]:
    """What becomes of a handshake."""
    ended: list[Any] = steps(pair, SSL.WantReadError)
    if ended == ["done", "done"]:
        ended += [negotiated(pair.client), negotiated(pair.server)]
    return ended


def shown(target: SSL.Context | SSL.Connection) -> list[Any]:
    """What a context or a connection tells about its settings."""
    return [
        target.get_verify_mode(),
        target.get_verify_depth(),
        target.get_num_tickets(),
        target.get_security_level(),
        target.set_mode(0),
        target.set_options(0),
    ]


def as_server(context: SSL.Context, world: World) -> list[Any]:
    """What a server with this context is."""
    peer = SSL.Context(SSL.TLS_METHOD)
    peer.get_cert_store().add_cert(world.ca.certificate)
    peer.set_alpn_protos([b"h2", b"http/1.1"])
    peer.use_certificate(world.client.certificate)
    peer.use_privatekey(world.client.key)
    peer.set_max_proto_version(SSL.TLS1_2_VERSION if context.get_app_data() == "TLS 1.2" else 0)
    pair = Pair(peer, context)
    pair.client.set_verify(SSL.VERIFY_PEER)
    pair.client.set_tlsext_host_name(b"example.test")
    return [*shown(context), context.get_timeout(), context.get_session_cache_mode(), *met(pair)]


def as_client(context: SSL.Context, world: World) -> list[Any]:
    """What a client with this context is."""
    peer = helpers.server_context(SSL.TLS1_3_VERSION, world.server, world.ca)
    peer.set_min_proto_version(0)
    peer.set_verify(SSL.VERIFY_PEER)
    peer.set_alpn_select_callback(lambda _connection, offered: offered[-1])
    return [*shown(context), *met(Pair(context, peer))]


# -- contexts -----------------------------------------------------------------------------------------------------


def server(world: World) -> SSL.Context:
    context = SSL.Context(SSL.TLS_METHOD)
    context.use_certificate(world.server.certificate)
    context.use_privatekey(world.server.key)
    context.get_cert_store().add_cert(world.ca.certificate)
    return context


def old_server(world: World) -> SSL.Context:
    """A server that speaks TLS 1.2 at most."""
    context = server(world)
    context.set_max_proto_version(SSL.TLS1_2_VERSION)
    context.set_app_data("TLS 1.2")
    return context


def used(context: SSL.Context) -> SSL.Context:
    """The context after a connection, and a session in its cache."""
    context.set_session_id(b"scenarios")
    context.set_session_cache_mode(SSL.SESS_CACHE_SERVER)
    SSL.Connection(context)
    return context


def other_names(world: World) -> list[crypto.X509Name]:
    return [world.ca.certificate.get_subject(), world.client.certificate.get_subject()]


def refuse(*_arguments: Any) -> bool:
    return False


def pick(_connection: SSL.Connection, offered: list[bytes]) -> bytes:
    return offered[-1]


# For a context and for a connection alike.
SETTERS: dict[str, Callable[[Any, World], Any]] = {
    "min version": lambda c, w: c.set_min_proto_version(SSL.TLS1_2_VERSION),
    "max version": lambda c, w: c.set_max_proto_version(SSL.TLS1_2_VERSION),
    "options": lambda c, w: c.set_options(SSL.OP_NO_TICKET),
    "mode": lambda c, w: c.set_mode(SSL.MODE_RELEASE_BUFFERS),
    "mode cleared": lambda c, w: c.clear_mode(SSL.MODE_RELEASE_BUFFERS),
    "ciphers": lambda c, w: c.set_cipher_list(b"ECDHE-ECDSA-AES128-GCM-SHA256"),
    "ciphersuites": lambda c, w: c.set_tls13_ciphersuites(b"TLS_AES_128_GCM_SHA256"),
    "groups": lambda c, w: c.set_groups(b"P-384"),
    "curve": lambda c, w: c.set_tmp_ecdh(crypto.get_elliptic_curve("secp521r1")),
    "DH": lambda c, w: c.load_tmp_dh(w.dh_file),
    "sigalgs": lambda c, w: c.set_sigalgs(b"ECDSA+SHA256"),
    "client sigalgs": lambda c, w: c.set_client_sigalgs(b"ECDSA+SHA256"),
    "security level": lambda c, w: c.set_security_level(2),
    "SRTP": lambda c, w: c.set_tlsext_use_srtp(b"SRTP_AES128_CM_SHA1_80"),
    "certificate": lambda c, w: (c.use_certificate(w.client.certificate), c.use_privatekey(w.client.key)),
    "certificate file": lambda c, w: (
        c.use_certificate_file(str(w.client.certificate_file)),
        c.use_privatekey_file(str(w.client.key_file)),
    ),
    "DER key": lambda c, w: c.use_privatekey_file(w.key_der, SSL.FILETYPE_ASN1),
    "chain file": lambda c, w: c.use_certificate_chain_file(w.chain_file),
    "credential": lambda c, w: c.use_credentials(w.credential),
    "extra chain": lambda c, w: (c.use_certificate(w.server.certificate), c.add_extra_chain_cert(w.ca.certificate)),
    "verify": lambda c, w: c.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, lambda *_: True),
    "verify depth": lambda c, w: c.set_verify_depth(5),
    "client CA file": lambda c, w: c.load_client_ca(bytes(w.chain_file)),
    "client CAs": lambda c, w: c.set_client_ca_list(other_names(w)),
    "another client CA": lambda c, w: c.add_client_ca(w.client.certificate),
    "session id context": lambda c, w: c.set_session_id(b"another"),
    "tickets": lambda c, w: c.set_num_tickets(5),
    "ALPN": lambda c, w: c.set_alpn_protos([b"spdy", b"http/1.1"]),
    "ALPN callback": lambda c, w: c.set_alpn_select_callback(pick),
    "NPN callbacks": lambda c, w: (
        c.set_npn_advertise_callback(lambda _: [b"spdy"]),
        c.set_npn_select_callback(pick),
    ),
    "servername callback": lambda c, w: c.set_tlsext_servername_callback(lambda _: None),
    "OCSP callbacks": lambda c, w: (c.set_ocsp_server_callback(lambda *_: b""), c.set_ocsp_client_callback(refuse)),
    "info callback": lambda c, w: c.set_info_callback(lambda *_: None),
    "keylog callback": lambda c, w: c.set_keylog_callback(lambda *_: None),
    "cookie callbacks": lambda c, w: (
        c.set_cookie_generate_callback(lambda _: b"cookie"),
        c.set_cookie_verify_callback(refuse),
    ),
}
CONTEXT_SETTERS: dict[str, Callable[[Any, World], Any]] = {
    "trust file": lambda c, w: c.load_verify_locations(w.chain_file),
    "trust file and folder": lambda c, w: c.load_verify_locations(w.chain_file, w.folder),
    "trusted certificate": lambda c, w: c.get_cert_store().add_cert(w.client.certificate),
    "default trust": lambda c, w: c.set_default_verify_paths(),
    "cache mode": lambda c, w: c.set_session_cache_mode(SSL.SESS_CACHE_BOTH),
    "timeout": lambda c, w: c.set_timeout(77),
    "key check": lambda c, w: c.check_privatekey(),
    "another connection": lambda c, w: SSL.Connection(c),
}
TOGETHER = {"certificate", "certificate file", "extra chain", "NPN callbacks", "OCSP callbacks", "cookie callbacks"}
# What does not matter on TLS 1.3.
OLD = {"DH", "NPN callbacks", "ciphers"}
AS_CLIENT = {"ALPN", "client sigalgs", "NPN callbacks"}


def contexts() -> list[Scenario]:
    """Every setter of a context, one that is new and one that is in use."""
    found: list[Scenario] = []
    for name, call in {**SETTERS, **CONTEXT_SETTERS}.items():
        observe = nothing if name in TOGETHER else as_client if name in AS_CLIENT else as_server
        make = old_server if name in OLD else server
        found += [
            Scenario(f"{name} of a context", make, call, observe),
            Scenario(f"{name} of a used context", lambda world, make=make: used(make(world)), call, observe),
        ]
    return found


# -- connections --------------------------------------------------------------------------------------------------


def new_pair(world: World) -> Pair:
    client = SSL.Context(SSL.TLS_METHOD)
    client.get_cert_store().add_cert(world.ca.certificate)
    return Pair(client, server(world))


def own_context(world: World) -> Pair:
    """A pair whose server has settings and a callback of its own."""
    pair = new_pair(world)
    pair.server.set_cipher_list(b"ECDHE-ECDSA-AES128-GCM-SHA256")
    pair.server.use_certificate(world.server.certificate)
    pair.server.use_privatekey(world.server.key)
    return pair


def verifying(world: World) -> Pair:
    """A pair whose client verifies a host, and whose server verifies more than its context."""
    pair = new_pair(world)
    pair.client.set_verify(SSL.VERIFY_PEER)
    pair.client.set_verify_host("other.test")
    pair.server.set_verify(SSL.VERIFY_PEER)
    return pair


def changed(world: World) -> SSL.Context:
    """A context that was changed after use."""
    context = used(old_server(world))
    context.set_options(SSL.OP_NO_TICKET)
    return context


def demanding_later(world: World) -> Pair:
    """A server connection that demands something else when the server name is known."""
    pair = new_pair(world)
    pair.server.get_context().set_tlsext_servername_callback(lambda c: c.set_verify(SSL.VERIFY_PEER))
    return Pair(pair.client.get_context(), pair.server.get_context())


def after(pair: Pair, _world: World) -> list[Any]:
    """What the settings of the pair's ends are, and what becomes of them."""
    return [*shown(pair.client), *shown(pair.server), *met(pair)]


def connections() -> list[Scenario]:
    """Every setter of a connection."""

    def of_server(call: Callable[[Any, World], Any]) -> Callable[[Any, World], Any]:
        return lambda pair, world: call(pair.server, world)

    found = [
        Scenario(f"{name} of a connection", make, of_server(call), nothing if name in TOGETHER else after)
        for name, call in SETTERS.items()
        for make in (new_pair, own_context)
    ]
    more: dict[str, Callable[[Pair, World], Any]] = {
        "server name": lambda p, w: p.client.set_tlsext_host_name(b"example.test"),
        "unusual server name": lambda p, w: p.client.set_tlsext_host_name(b"*.test"),
        "host": lambda p, w: p.client.set_verify_host("example.test"),
        "other hosts": lambda p, w: [p.client.set_verify_host(host) for host in ("1234", "example.test")],
        "address": lambda p, w: p.client.set_verify_host("127.0.0.1"),
        "OCSP request": lambda p, w: p.client.request_ocsp(),
        "another context": lambda p, w: p.server.set_context(server(w)),
        "less verification": lambda p, w: p.server.set_verify(SSL.VERIFY_NONE),
        "key check": lambda p, w: p.server.check_privatekey(),
        "role": lambda p, w: p.server.set_accept_state(),
        "client's trust": lambda p, w: p.client.use_trust_store(TrustStore(w.client.certificate_file)),
        "server's trust": lambda p, w: p.server.use_trust_store(TrustStore(w.client.certificate_file)),
    }
    found += [
        Scenario(f"{name} of a connection", make, call, after, raises=(SSL.Error, crypto.Error, LoadError))
        for name, call in more.items()
        for make in (new_pair, verifying)
    ]
    return found


# -- handshakes and data ------------------------------------------------------------------------------------------


def full_pair(world: World, version: int = SSL.TLS1_3_VERSION) -> Pair:
    """Both ends verify; every callback is set."""
    client = helpers.client_context(version, world.ca, world.client)
    server = helpers.server_context(version, world.server, world.ca)
    for context in (client, server):
        context.set_info_callback(lambda *_: None)
        context.set_keylog_callback(lambda *_: None)
    client.set_verify(SSL.VERIFY_PEER, lambda _connection, _certificate, _error, _depth, ok: bool(ok))
    client.set_ocsp_client_callback(lambda *_: True)
    server.set_tlsext_servername_callback(lambda connection: connection.get_servername())
    server.set_ocsp_server_callback(lambda *_: b"a response")
    if version == SSL.TLS1_2_VERSION:
        client.set_npn_select_callback(pick)
        server.set_npn_advertise_callback(lambda _: [b"spdy"])
    else:
        client.set_alpn_protos([b"h2", b"http/1.1"])
        server.set_alpn_select_callback(pick)
    pair = Pair(client, server)
    pair.client.set_tlsext_host_name(b"example.test")
    pair.client.request_ocsp()
    return pair


def talk(pair: Pair, _world: World) -> None:
    """A handshake, data both ways, and its end."""
    pair.handshake()
    for source, target in ((pair.client, pair.server), (pair.server, pair.client)):
        assert source.send(b"hello") == 5
        pair.move()
        assert target.recv(1, SSL_PEEK) == b"h"
        assert target.recv(2) == b"he"
        assert target.recv_into(bytearray(3)) == 3
    for end in (pair.client, pair.server, pair.server, pair.client):
        done = end.shutdown()
        pair.move()
    assert done


SSL_PEEK = 2


def done_pair(world: World) -> Pair:
    return full_pair(world).handshake()


def done_old_pair(world: World) -> Pair:
    return full_pair(world, SSL.TLS1_2_VERSION).handshake()


GETTERS: dict[str, Callable[[SSL.Connection], Any]] = {
    "negotiated": negotiated,
    "certificate": lambda c: c.get_certificate(),
    "certificates": lambda c: (c.get_peer_certificate(), c.get_certificate(as_cryptography=True)),
    "names": lambda c: c.get_client_ca_list(as_cryptography=True),
    "peer's signature": lambda c: c.get_peer_signature_name(),
    "session": lambda c: c.get_session(),
    "secrets": lambda c: (c.master_key(), c.client_random(), c.server_random(), c.get_finished()),
    "exported": lambda c: c.export_keying_material(b"EXPORTER-x", 32, b"context"),
    "cipher": lambda c: (c.get_cipher_bits(), c.get_cipher_version(), c.get_state_string()),
    "empty cipher list": lambda c: c.total_renegotiations(),
}


def resuming(world: World) -> tuple[Pair, SSL.Session]:
    """A new connection, and a session that it can resume."""
    first = full_pair(world)
    first.handshake()
    session = first.client.get_session()
    assert session is not None
    return Pair(first.client.get_context(), first.server.get_context()), session


def resume(made: tuple[Pair, SSL.Session], _world: World) -> None:
    made[0].client.set_session(made[1])


def datagrams(world: World) -> Pair:
    client, server = SSL.Context(SSL.DTLS_METHOD), SSL.Context(SSL.DTLS_METHOD)
    server.use_certificate(world.server.certificate)
    server.use_privatekey(world.server.key)
    server.set_cookie_generate_callback(lambda _: b"cookie")
    server.set_cookie_verify_callback(lambda _, cookie: cookie == b"cookie")
    for context in (client, server):
        context.set_tlsext_use_srtp(b"SRTP_AES128_CM_SHA1_80")
    pair = Pair(client, server)
    pair.client.set_ciphertext_mtu(1400)
    return pair


def listen(pair: Pair, _world: World) -> None:
    """A handshake that begins with a cookie."""
    listening = True
    for _ in range(10):
        for end, step in (
            (pair.client, pair.client.do_handshake),
            (pair.server, pair.server.DTLSv1_listen if listening else pair.server.do_handshake),
        ):
            try:
                step()
                listening = listening and end is pair.client
            except SSL.WantReadError:
                pass
            end.DTLSv1_get_timeout()
            end.DTLSv1_handle_timeout()
            helpers.carry(end, pair.server if end is pair.client else pair.client)
    pair.client.send(b"datagram")
    pair.move()
    assert pair.server.recv(100) == b"datagram"
    assert pair.client.get_selected_srtp_profile()
    assert pair.client.get_cleartext_mtu()


def over_a_socket(context: SSL.Context, _world: World) -> None:
    near, far = socket.socketpair()
    with near, far:
        SSL.Connection(context, near).set_connect_state()


def judged(world: World) -> Pair:
    """A pair whose client has a callback for the whole chain."""
    pair = new_pair(world)
    client = pair.client.get_context()
    client.set_verify(SSL.VERIFY_PEER)
    client.set_verify_chain(lambda _connection, _chain, refusal: refusal is None)
    return Pair(client, pair.server.get_context())


def add_revocations(store: TrustStore, world: World) -> None:
    """CRLs in PEM, as an object of ours, and as one of cryptography."""
    store.add(world.crl.public_bytes(Encoding.PEM))
    store.add(crypto.CRL.from_cryptography(world.crl))
    store.add(world.crl)


def mismatched(made: tuple[Any, Any], what: str) -> None:
    """Loading fails with this text."""
    try:
        Credential.load(*made)
    except LoadError as error:
        if what not in str(error):
            raise
    else:
        raise AssertionError("it is loaded")


def exchanges() -> list[Scenario]:
    found = [
        Scenario("a context", lambda w: None, lambda _, w: SSL.Context(SSL.TLS_METHOD)),
        Scenario("a context of one version", lambda w: None, lambda _, w: SSL.Context(SSL.TLSv1_2_METHOD)),
        Scenario(
            "two connections",
            new_pair,
            lambda p, w: Pair(p.client.get_context(), p.server.get_context()),
            after,
        ),
        Scenario("TLS 1.3", full_pair, talk, again=False),
        Scenario("TLS 1.2", lambda w: full_pair(w, SSL.TLS1_2_VERSION), talk, again=False),
        Scenario("a changed context", changed, lambda c, w: SSL.Connection(c), as_server),
        Scenario("a demand in a callback", demanding_later, lambda p, w: p.handshake(), again=False),
        Scenario("a session", resuming, resume, lambda made, _: met(made[0])),
        Scenario("a connection over a socket", server, over_a_socket),
        Scenario("a judge of chains", judged, lambda p, w: p.handshake(), again=False),
        Scenario("CRLs of a trust store", lambda w: TrustStore(), add_revocations, raises=(LoadError, crypto.Error)),
        Scenario(
            "a key of another certificate",
            lambda w: (w.client.certificate_file, w.server.key_file),
            lambda made, w: mismatched(made, "does not belong"),
            raises=(LoadError,),
        ),
        Scenario(
            "a key of the second certificate",
            lambda w: ([w.ca.certificate, w.server.certificate], w.server.key_file),
            lambda made, w: mismatched(made, "wrong order"),
            raises=(LoadError,),
        ),
        Scenario("two DTLS connections", datagrams, lambda p, w: Pair(p.client.get_context(), p.server.get_context())),
        Scenario("DTLS", datagrams, listen, again=False),
        Scenario("MTU", datagrams, lambda p, w: p.client.set_ciphertext_mtu(1300)),
        Scenario("renegotiation", done_old_pair, lambda p, w: p.client.renegotiate()),
    ]
    found += [
        Scenario(
            f"{name} of a {which}", done_pair, lambda pair, _world, get=get, which=which: get(getattr(pair, which))
        )
        for name, get in GETTERS.items()
        for which in ("client", "server")
    ]
    return found


SCENARIOS = [*contexts(), *connections(), *exchanges()]
