"""A connection's certificates as objects of ``cryptography``, and text where bytes are meant."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509

from openssl_bio import SSL
from tests.helpers import Identity, Pair, client_context, server_context


def test_certificates_as_cryptography(
    version: int, ca: Identity, server_identity: Identity, client_identity: Identity
) -> None:
    """Every getter gives what it gives by default, as objects of cryptography."""
    pair = Pair(client_context(version, ca, client_identity), server_context(version, server_identity, ca)).handshake()
    authority = ca.certificate.to_cryptography()
    theirs, ours = server_identity.certificate.to_cryptography(), client_identity.certificate.to_cryptography()
    client, server = pair.client, pair.server
    assert client.get_peer_certificate(as_cryptography=True) == theirs
    assert client.get_certificate(as_cryptography=True) == ours
    assert client.get_peer_cert_chain(as_cryptography=True) == [theirs, authority]
    assert client.get_verified_chain(as_cryptography=True) == [theirs, authority]
    assert client.get_client_ca_list(as_cryptography=True) == [authority.subject]
    assert server.get_peer_certificate(as_cryptography=True) == ours
    assert server.get_certificate(as_cryptography=True) == theirs
    assert server.get_verified_chain(as_cryptography=True) == [ours, authority]
    assert server.get_client_ca_list(as_cryptography=True) == [authority.subject]
    assert isinstance((client.get_verified_chain(as_cryptography=True) or [])[0], x509.Certificate)


def test_nothing_as_cryptography(client: SSL.Context, server: SSL.Context) -> None:
    """Before the handshake there is nothing, in either form."""
    connection = Pair(client, server).client
    assert connection.get_peer_certificate(as_cryptography=True) is None
    assert connection.get_certificate(as_cryptography=True) is None
    assert connection.get_peer_cert_chain(as_cryptography=True) is None
    assert connection.get_verified_chain(as_cryptography=True) is None
    assert connection.get_client_ca_list(as_cryptography=True) == []


TEXT: list[tuple[str, Callable[[Pair, Identity], object]]] = [
    ("buf", lambda pair, _: pair.client.send("text")),  # type: ignore[arg-type]
    ("buf", lambda pair, _: pair.client.sendall("text")),  # type: ignore[arg-type]
    ("buf", lambda pair, _: pair.client.bio_write("")),  # type: ignore[arg-type]
    ("cipher_list", lambda pair, _: pair.client.get_context().set_cipher_list("ALL")),  # type: ignore[arg-type]
    ("buf", lambda pair, _: pair.client.get_context().set_session_id("id")),  # type: ignore[arg-type]
    ("cafile", lambda pair, ca: pair.client.get_context().load_client_ca(str(ca.certificate_file))),
]


@pytest.mark.parametrize(("name", "use"), TEXT, ids=["send", "sendall", "bio_write", "ciphers", "session_id", "ca"])
def test_text_for_bytes_is_deprecated(
    name: str, use: Callable[[Pair, Identity], object], client: SSL.Context, server: SSL.Context, ca: Identity
) -> None:
    """It works, and the warning is for the line of the caller."""
    pair = Pair(client, server).handshake()
    with pytest.warns(DeprecationWarning, match=f"str for {name} is no longer accepted, use bytes") as caught:
        use(pair, ca)
    assert [Path(warning.filename) for warning in caught] == [Path(__file__)]
