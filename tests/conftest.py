"""Fixtures for all tests: versions, certificates, and contexts that trust each other."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings

from openssl_bio import SSL
from tests.helpers import Identity, Pair, client_context, new_authority, server_context

# What the developer's machine trusts is no matter of these tests.
for _name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
    os.environ.pop(_name, None)

# Nor is how busy it is: an example that takes long is no failure.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


@pytest.fixture(scope="session", autouse=True)
def _expected_openssl() -> None:
    """In CI, fail unless the library under test is the one that the job is about."""
    expected = os.environ.get("EXPECT_OPENSSL")
    if expected:
        found = SSL.OpenSSL_version(SSL.OPENSSL_VERSION).decode().split()[1]
        assert found == expected or found.startswith(f"{expected}."), f"OpenSSL {found}, but {expected} is expected"


@pytest.fixture(params=[SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION], ids=["TLSv1.2", "TLSv1.3"])
def version(request: pytest.FixtureRequest) -> int:
    """A protocol version."""
    number: int = request.param
    return number


@pytest.fixture(scope="session")
def ca(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    """The authority that issued the other certificates."""
    return new_authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="session")
def server_identity(ca: Identity, tmp_path_factory: pytest.TempPathFactory) -> Identity:
    """A certificate for example.test, localhost and 127.0.0.1."""
    return ca.issue("example.test", tmp_path_factory.mktemp("server"), b"DNS:example.test,DNS:localhost,IP:127.0.0.1")


@pytest.fixture(scope="session")
def client_identity(ca: Identity, tmp_path_factory: pytest.TempPathFactory) -> Identity:
    """A client's certificate."""
    return ca.issue("a client", tmp_path_factory.mktemp("client"), b"email:client@example.test")


@pytest.fixture
def client(version: int, ca: Identity) -> SSL.Context:
    """A client's context that verifies its server."""
    return client_context(version, ca)


@pytest.fixture
def server(version: int, server_identity: Identity) -> SSL.Context:
    """A server's context."""
    return server_context(version, server_identity)


@pytest.fixture
def pair(client: SSL.Context, server: SSL.Context) -> Pair:
    """A pair after its handshake."""
    return Pair(client, server).handshake()
