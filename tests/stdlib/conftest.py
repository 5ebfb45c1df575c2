"""Fixtures of the stdlib face's tests."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import pytest

from openssl_bio import Credential, stdlib
from tests.core.world import DH_PARAMETERS
from tests.helpers import Identity
from tests.stdlib.helpers import VERSIONS, Pair, client_context, server_context
from tests.stdlib.views import Both, Views
from tests.stdlib.world import KEY, World


@pytest.fixture(params=VERSIONS, ids=["TLSv1.2", "TLSv1.3"])
def version(request: pytest.FixtureRequest) -> ssl.TLSVersion:
    """A protocol version."""
    found: ssl.TLSVersion = request.param
    return found


@pytest.fixture(params=[stdlib.MemoryBIO, ssl.MemoryBIO], ids=["our BIO", "Python's BIO"])
def bio(request: pytest.FixtureRequest) -> Any:
    """A class of memory BIOs."""
    return request.param


@pytest.fixture
def pair(ca: Identity, server_identity: Identity, version: ssl.TLSVersion, bio: Any) -> Pair:
    """Two ends that have not begun."""
    client, server = client_context(ca, version=version), server_context(server_identity, version=version)
    return Pair(client, server, bio)


@pytest.fixture
def done(pair: Pair) -> Pair:
    """Two ends after the handshake."""
    return pair.handshake()


@pytest.fixture
def world(ca: Identity, server_identity: Identity, client_identity: Identity, version: Any, tmp_path: Path) -> World:
    client, server = client_context(ca, version=version), server_context(server_identity, version=version)
    client.load_cert_chain(client_identity.certificate_file, client_identity.key_file)
    client.check_hostname, client.request_ocsp = False, True
    client.set_alpn_protocols(["http/1.1", "h2"])
    client.set_psk_client_callback(lambda _hint: ("me", KEY))
    client.set_ciphersuites("TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256")  # what a key is for on TLS 1.3
    server.load_verify_locations(ca.certificate_file)
    other = Credential.load(client_identity.certificate_file, client_identity.key_file)
    (tmp_path / "dh.pem").write_bytes(DH_PARAMETERS)
    return World(client, server, other, client_identity, server_identity, tmp_path, version)


@pytest.fixture
def views(pair: Pair) -> Views:
    """Before the handshake."""
    return Views(pair)


@pytest.fixture(params=["SSLObject", "Connection"])
def first(request: pytest.FixtureRequest) -> str:
    """Which face made the connection."""
    name: str = request.param
    return name


@pytest.fixture
def both(first: str, version: ssl.TLSVersion, ca: Identity, server_identity: Identity) -> Both:
    """Before the handshake."""
    return Both(first, version, ca, server_identity)
