"""What the C engine tells of a connection is what the faces' own Python tells."""

from __future__ import annotations

import ssl
from typing import Any

import pytest

from openssl_bio import SSL
from tests import helpers
from tests.helpers import Identity
from tests.stdlib.helpers import Pair, client_context, ours, server_context

STDLIB = ["version", "cipher", "compression", "selected_alpn_protocol"]
CHAINS = ["get_verified_chain", "get_unverified_chain"]
PYOPENSSL = ["get_protocol_version_name", "get_protocol_version", "get_alpn_proto_negotiated", "get_cipher_name"]


def told(connection: Any, name: str, *arguments: Any) -> Any:
    """What a getter tells, whoever serves it."""
    served = getattr(connection, name)(*arguments)
    assert getattr(connection, f"_python_{name}", getattr(connection, name))(*arguments) == served
    return served


@pytest.mark.parametrize("protocols", [[], ["h2"]])
def test_of_the_stdlib(ca: Identity, server_identity: Identity, protocols: list[str]) -> None:
    """Before, after and beyond the handshake, of connections and of their views."""
    contexts = client_context(ca), server_context(server_identity)
    for context in contexts:
        context.set_alpn_protocols(protocols)
    pair = Pair(*contexts)
    assert [told(pair.client, name) for name in STDLIB] == [None] * 4
    assert [told(pair.client, name) for name in CHAINS] == [[], []]
    with pytest.raises(ValueError, match="handshake not done yet"):
        told(pair.client, "getpeercert", True)
    pair.handshake()
    for end in (pair.client, pair.server):
        version, cipher, compression, protocol = (told(end, name) for name in STDLIB)
        assert (version, compression, protocol) == (cipher[1], None, *(protocols or [None]))
        view = end.connection
        assert [told(view, name) for name in PYOPENSSL] == [version, 0x304, (protocol or "").encode(), cipher[0]]
    der = told(pair.client, "getpeercert", True)
    assert der == ssl.PEM_cert_to_DER_cert(server_identity.certificate_file.read_text())
    assert told(pair.client, "getpeercert", False) == told(pair.client, "getpeercert") == pair.client.getpeercert(0)
    assert pair.client.getpeercert(binary_form=True) == der
    assert told(pair.server, "getpeercert") is told(pair.server, "getpeercert", True) is None
    assert [told(pair.client, name)[0] for name in CHAINS] == [der, der]
    assert [told(pair.server, name) for name in CHAINS] == [[], []]


def test_of_pyopenssl(version: int, ca: Identity, server_identity: Identity) -> None:
    pair = helpers.Pair(helpers.client_context(version, ca), helpers.server_context(version, server_identity))
    assert [told(pair.client, name) for name in PYOPENSSL[2:]] == [b"", None]
    pair.handshake()
    for end in (pair.client, pair.server):
        name, number, protocol, cipher = (told(end, name) for name in PYOPENSSL)
        assert (name, number, protocol) == ({0x303: "TLSv1.2", 0x304: "TLSv1.3"}[version], version, b"")
        assert cipher == end.ssl_object.cipher()[0]
        assert [told(end.ssl_object, name) for name in STDLIB] == [name, end.ssl_object.cipher(), None, None]


def test_a_name_that_is_no_ascii(ca: Identity, server_identity: Identity) -> None:
    """ALPN's names are bytes; the stdlib's face has no text for all of them."""
    client, server = (helpers.client_context(0x304, ca), helpers.server_context(0x304, server_identity))
    client.set_alpn_protos([b"\xff\x00"])
    server.set_alpn_select_callback(lambda _connection, offered: offered[0])
    pair = helpers.Pair(client, server).handshake()
    assert told(pair.client, "get_alpn_proto_negotiated") == b"\xff\x00"
    for _ in range(2):
        with pytest.raises(UnicodeDecodeError):
            pair.client.ssl_object.selected_alpn_protocol()


def test_a_certificate_that_was_not_verified(ca: Identity, server_identity: Identity) -> None:
    """Nothing is told of it but its bytes."""
    context = client_context(ca)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    pair = Pair(context, server_context(server_identity))
    pair.handshake()
    assert told(pair.client, "getpeercert") == {}
    assert told(pair.client, "getpeercert", True)


def test_what_is_told_twice_is_nobody_elses(ca: Identity, server_identity: Identity) -> None:
    """What is done to a dict is seen by nobody else."""
    pairs = [Pair(client_context(ca), server_context(server_identity)) for _ in range(2)]
    for pair in pairs:
        pair.handshake()
    first = pairs[0].client.getpeercert()
    expected = dict(first)
    assert first["subject"] == ((("commonName", "example.test"),),)
    first.clear()
    assert pairs[0].client.getpeercert() == pairs[1].client.getpeercert() == expected


def test_subclasses_are_asked(ca: Identity, server_identity: Identity) -> None:
    """What a program overrides is what is called."""

    class Mine(ours.SSLObject):  # type: ignore[misc, name-defined]
        def version(self) -> str:
            return f"mine, {super().version()}"

    context = client_context(ca)
    context.sslobject_class = Mine
    pair = Pair(context, server_context(server_identity))
    pair.handshake()
    assert pair.client.version() == "mine, TLSv1.3"
    assert isinstance(pair.client.connection, SSL.Connection)
