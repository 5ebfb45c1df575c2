"""Contexts that are changed after connections were made from them."""

from __future__ import annotations

from pathlib import Path

import pytest

from openssl_bio import SSL
from tests.helpers import Identity, Pair, client_context, context_of, server_context


def test_session_from_before_a_verification_change_is_refused(version: int, server_identity: Identity) -> None:
    """A session that was made without verification cannot stand in for it later."""
    client, server = context_of(version), server_context(version, server_identity)
    session = Pair(client, server).handshake().client.get_session()
    assert session is not None
    client.set_verify(SSL.VERIFY_PEER)
    with pytest.raises(ValueError, match="verification settings have changed"):
        Pair(client, server).client.set_session(session)


@pytest.mark.parametrize("side", ["client", "server"])
def test_resumption_survives_a_harmless_change(
    version: int, side: str, ca: Identity, server_identity: Identity
) -> None:
    """A new timeout makes a new generation, which still resumes the sessions of the one before."""
    client, server = client_context(version, ca), server_context(version, server_identity)
    session = Pair(client, server).handshake().client.get_session()
    assert session is not None
    (client if side == "client" else server).set_timeout(1234)
    pair = Pair(client, server)
    pair.client.set_session(session)
    assert pair.handshake().client.session_reused()


def test_failed_setter_changes_nothing(version: int, server_identity: Identity) -> None:
    """A cipher list without a cipher is refused and forgotten."""
    server = server_context(version, server_identity)
    before = SSL.Connection(server).get_cipher_list()
    with pytest.raises(SSL.Error):
        server.set_cipher_list(b"nonsense")
    assert SSL.Connection(server).get_cipher_list() == before


def test_between_certificate_and_key_the_old_pair_serves(
    version: int, ca: Identity, server_identity: Identity, client_identity: Identity
) -> None:
    """A used context keeps its last matching pair until the new one is complete."""
    server = server_context(version, server_identity)
    client = client_context(version, ca)
    served = []
    for change in (
        lambda: None,
        lambda: server.use_certificate(client_identity.certificate),
        lambda: server.use_privatekey(client_identity.key),
    ):
        change()
        certificate = Pair(client, server).handshake().client.get_peer_certificate()
        assert certificate is not None
        served.append(certificate.get_subject().CN)
    assert served == ["example.test", "example.test", "a client"]


def test_the_last_pair_serves_also_the_second_time(
    version: int, ca: Identity, server_identity: Identity, client_identity: Identity, tmp_path: Path
) -> None:
    """What stands in for an incomplete pair is the pair before it, not one from before that."""
    server = server_context(version, server_identity)
    client = client_context(version, ca)
    third = ca.issue("a third", tmp_path, b"DNS:third.test")

    def served() -> str | None:
        certificate = Pair(client, server).handshake().client.get_peer_certificate()
        assert certificate is not None
        return certificate.get_subject().CN

    assert served() == "example.test"
    server.use_certificate(client_identity.certificate)
    assert served() == "example.test"
    server.use_privatekey(client_identity.key)
    server.use_certificate(third.certificate)
    assert served() == "a client"
    server.use_privatekey(third.key)
    assert served() == "a third"


def test_session_id_that_is_too_long() -> None:
    """The Error is libssl's own, and says how long it may be."""
    context = SSL.Context(SSL.TLS_METHOD)
    context.set_session_id(b"x" * 32)
    with pytest.raises(SSL.Error, match="32 bytes at most, not 33") as caught:
        context.set_session_id(b"x" * 33)
    assert caught.value.args[0] == [("SSL routines", "", "ssl session id context too long")]
