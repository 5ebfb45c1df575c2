"""Fixtures of the stdlib face's tests."""

from __future__ import annotations

import ssl
from typing import Any

import pytest

from openssl_bio import stdlib
from tests.helpers import Identity
from tests.stdlib.helpers import VERSIONS, Pair, client_context, server_context


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
