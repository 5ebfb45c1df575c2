"""The peer's certificates: without verification, and after one that failed."""

from __future__ import annotations

import ssl
from typing import Any

import pytest

from openssl_bio import Credential
from tests.contexts.pki import Issued, new_root
from tests.stdlib.helpers import Pair, of_version, ours, wants_read
from tests.stdlib.test_sockets import connected, serving

UNKNOWN_ISSUER = 20  # X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY


@pytest.fixture(scope="module")
def root() -> Issued:
    return new_root()


@pytest.fixture(scope="module")
def leaf(root: Issued) -> Issued:
    """A certificate with an intermediate."""
    return root.issue("an issuer", authority=True).issue("localhost")


def server_of(leaf: Issued, version: Any) -> Any:
    context = ours.SSLContext(ours.PROTOCOL_TLS_SERVER)
    context.use_credentials(Credential.load(leaf.certificate, leaf.key, leaf.chain))
    return of_version(context, version)


def client_of(version: Any, mode: ssl.VerifyMode, *trusted: Issued) -> Any:
    context = ours.SSLContext(ours.PROTOCOL_TLS_CLIENT)
    context.check_hostname = mode != ssl.CERT_NONE
    context.verify_mode = mode
    for authority in trusted:
        context.load_verify_locations(cadata=authority.der)
    return of_version(context, version)


def names_of(chain: list[bytes], leaf: Issued) -> list[str]:
    known = {leaf.der: "leaf", leaf.issuers[0].der: "issuer", leaf.issuers[1].der: "root"}
    return [known[certificate] for certificate in chain]


@pytest.mark.parametrize("trusting", [False, True])
def test_without_verification(version: Any, root: Issued, leaf: Issued, trusting: bool) -> None:
    """Everything is there, in DER. What was built was not verified then: an authority nobody trusts is just missing."""
    client = client_of(version, ssl.CERT_NONE, *([root] if trusting else []))
    end = Pair(client, server_of(leaf, version)).handshake().client
    assert end.getpeercert(True) == leaf.der
    assert end.getpeercert() == {}
    assert names_of(end.get_unverified_chain(), leaf) == ["leaf", "issuer"]
    assert names_of(end.get_verified_chain(), leaf) == ["leaf", "issuer", *(["root"] if trusting else [])]


def test_of_a_resumed_session(version: Any, leaf: Issued) -> None:
    """The certificates are those of the session; no chain was built."""
    client, server = client_of(version, ssl.CERT_NONE), server_of(leaf, version)
    first = Pair(client, server).handshake()
    again = Pair(client, server, session=first.client.session).handshake().client
    assert again.session_reused
    assert again.getpeercert(True) == leaf.der
    assert names_of(again.get_unverified_chain(), leaf) == ["leaf", "issuer"]
    assert again.get_verified_chain() == []


def test_of_clients(version: Any, root: Issued, leaf: Issued) -> None:
    """A server that asks without insisting."""
    client, server = client_of(version, ssl.CERT_REQUIRED, root), server_of(leaf, version)
    server.verify_mode = ssl.CERT_OPTIONAL
    server.load_verify_locations(cadata=root.der)
    end = Pair(client, server).handshake().server
    assert end.getpeercert(True) is None
    assert end.get_unverified_chain() == end.get_verified_chain() == []
    client.use_credentials(Credential.load(leaf.certificate, leaf.key, leaf.chain))
    end = Pair(client, server).handshake().server
    assert end.getpeercert(True) == leaf.der
    assert names_of(end.get_unverified_chain(), leaf) == ["leaf", "issuer"]
    assert names_of(end.get_verified_chain(), leaf) == ["leaf", "issuer", "root"]


def refusal(error: Any, leaf: Issued) -> tuple[Any, ...]:
    return error.verify_code, error.depth, error.name, names_of(error.chain, leaf)


def test_after_a_failure(version: Any, leaf: Issued) -> None:
    """The exception has all of it; the connection that failed has none."""
    pair = Pair(client_of(version, ssl.CERT_REQUIRED), server_of(leaf, version))
    with pytest.raises(ssl.SSLCertVerificationError) as caught:
        pair.handshake()
    assert refusal(caught.value, leaf) == (UNKNOWN_ISSUER, 1, "localhost", ["leaf", "issuer"])
    assert caught.value.verify_message == "unable to get local issuer certificate"
    with pytest.raises(ValueError, match="handshake not done yet"):
        pair.client.getpeercert(True)


def test_after_a_failure_over_a_socket(version: Any, leaf: Issued) -> None:
    client, server = client_of(version, ssl.CERT_REQUIRED), server_of(leaf, version)
    with (
        pytest.raises(ssl.SSLError, match=r"(?i)alert unknown ca"),
        serving(server, lambda connection: connection.recv(1)) as address,
        pytest.raises(ssl.SSLCertVerificationError) as caught,
    ):
        connected(client, address)
    assert refusal(caught.value, leaf) == (UNKNOWN_ISSUER, 1, "localhost", ["leaf", "issuer"])


def test_without_verification_over_a_socket(version: Any, leaf: Issued) -> None:
    with (
        serving(server_of(leaf, version), lambda connection: connection.recv(1)) as address,
        connected(client_of(version, ssl.CERT_NONE), address) as end,
    ):
        assert end.getpeercert(True) == leaf.der
        assert names_of(end.get_unverified_chain(), leaf) == ["leaf", "issuer"]
        assert names_of(end.get_verified_chain(), leaf) == ["leaf", "issuer"]
        end.send(b"x")


def test_a_certificate_that_came_later_is_refused(root: Issued, leaf: Issued) -> None:
    """After the handshake, on TLS 1.3: the server's read raises the exception that says why."""
    client, server = client_of(ssl.TLSVersion.TLSv1_3, ssl.CERT_REQUIRED, root), server_of(leaf, None)
    client.use_credentials(Credential.load(leaf.certificate, leaf.key, leaf.chain))
    client.post_handshake_auth = server.post_handshake_auth = True
    server.verify_mode = ssl.CERT_REQUIRED
    pair = Pair(client, server).handshake()
    pair.server.verify_client_post_handshake()
    pair.server.write(b"x")
    assert pair.client.read(1) == b"x"
    assert wants_read(lambda: pair.client.read(1))
    with pytest.raises(ssl.SSLCertVerificationError) as caught:
        pair.server.read(1)
    assert refusal(caught.value, leaf) == (UNKNOWN_ISSUER, 1, None, ["leaf", "issuer"])
