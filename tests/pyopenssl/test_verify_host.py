"""`Connection.set_verify_host` never accepts a name that would match more than was meant."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest

from openssl_bio import SSL
from tests.helpers import Identity, Pair, client_context, server_context


@pytest.mark.parametrize(
    ("host", "error"), [("", ValueError), (".example.test", ValueError), ("a\0b", ValueError), (b"x", TypeError)]
)
def test_name_that_would_match_anything_is_refused(host: str, error: type[Exception]) -> None:
    """An empty name would switch the check off in libssl, a leading dot would widen it."""
    with pytest.raises(error):
        SSL.Connection(SSL.Context(SSL.TLS_METHOD)).set_verify_host(host)


def test_refused_name_changes_nothing(client: SSL.Context, server: SSL.Context) -> None:
    """After an error the name that was set before is still verified."""
    pair = Pair(client, server)
    pair.client.set_verify_host("another.test")
    with pytest.raises(SSL.Error, match="fe80::1%eth0"):
        pair.client.set_verify_host("fe80::1%eth0")
    with pytest.raises(SSL.Error, match="certificate verify failed"):
        pair.handshake()


@pytest.mark.parametrize("first", ["another.test", "192.0.2.1"])
def test_a_name_is_verified_whatever_libssl_says_of_the_next(
    client: SSL.Context, server: SSL.Context, first: str
) -> None:
    """OpenSSL 4.0 refuses names that no certificate could have, and forgets the one before; others take them."""
    for name in ("odd!.test", "-.test", "a..test", f"{'a' * 64}.test", " "):
        pair = Pair(client, server)
        pair.client.set_verify_host(first)
        with suppress(SSL.Error):
            pair.client.set_verify_host(name)
        with pytest.raises(SSL.Error, match="certificate verify failed"):
            pair.handshake()


def test_names_and_addresses_take_turns(client: SSL.Context, server: SSL.Context) -> None:
    """The last one counts, before and after the role is known."""
    turns = [
        (["localhost"], True),
        (["another.test", "localhost"], True),
        (["localhost", "another.test"], False),
        (["127.0.0.1", "localhost"], True),
        (["192.0.2.1", "localhost"], True),
        (["localhost", "127.0.0.1"], True),
        (["localhost", "192.0.2.1"], False),
        (["127.0.0.1"], True),
        (["127.0.0.1", "::1"], False),
        (["::1", "127.0.0.1"], True),
        (["::1", "localhost"], True),
        (["another.test", "127.0.0.1", "LOCALHOST"], True),
    ]
    for hosts, matches in turns:
        for before in range(len(hosts) + 1):
            pair = Pair(client, server)
            pair.client = SSL.Connection(client)
            for number, host in enumerate([*hosts, None]):
                if number == before:
                    pair.client.set_connect_state()
                if host is not None:
                    pair.client.set_verify_host(host)
            if matches:
                pair.handshake()
            else:
                with pytest.raises(SSL.Error, match="certificate verify failed"):
                    pair.handshake()


def test_a_host_that_is_set_late(client: SSL.Context, server: SSL.Context) -> None:
    """A session that is offered must have been verified for it; what is resumed already cannot be for another."""
    first = Pair(client, server)
    first.client.set_verify_host("localhost")
    session = first.handshake().client.get_session()
    assert session is not None
    offered = Pair(client, server)
    offered.client.set_verify_host("localhost")
    offered.client.set_session(session)
    with pytest.raises(ValueError, match=r"verified for the host 'localhost', and not for the host 'example\.test'"):
        offered.client.set_verify_host("example.test")
    assert offered.handshake().client.session_reused()
    late = Pair(client, server)
    late.client.set_session(session)
    with pytest.raises(ValueError, match=r"and not for the host 'example\.test'"):
        late.client.set_verify_host("example.test")
    late.client.set_verify_host("localhost")
    assert late.handshake().client.session_reused()
    late.client.set_verify_host("example.test")
    assert late.client.get_session() is not None


@pytest.mark.parametrize(("right", "wrong"), [("client.test", "other.test"), ("192.0.2.7", "192.0.2.8")])
@pytest.mark.parametrize("first", ["host", "role", "neither"])
def test_a_server_that_verifies_a_host_has_sessions_of_its_own(
    ca: Identity, server_identity: Identity, tmp_path: Path, version: int, first: str, right: str, wrong: str
) -> None:
    """Whether it is told of the host or of its role first: what others verified less is not resumed."""
    named = ca.issue("a client", tmp_path, b"DNS:client.test,IP:192.0.2.7")
    client, server = client_context(version, ca, named), server_context(version, server_identity, ca)

    def pair_of(session: SSL.Session | None, host: str | None) -> Pair:
        pair = Pair(client, server)
        pair.server = SSL.Connection(server)
        if first == "role":
            pair.server.set_accept_state()
        if host is not None:
            pair.server.set_verify_host(host)
        if first == "host":
            pair.server.set_accept_state()
        elif first == "neither":
            pair.server.set_connect_state()
            pair.server.set_accept_state()
        if session is not None:
            pair.client.set_session(session)
        return pair.handshake()

    sessions = {}
    for host in (None, right):
        pair = pair_of(None, host)
        sessions[host] = pair.client.get_session()
    assert pair_of(sessions[None], None).client.session_reused()
    assert pair_of(sessions[right], right).client.session_reused()
    assert not pair_of(sessions[None], right).client.session_reused()
    with pytest.raises(SSL.Error):
        pair_of(sessions[None], wrong)
