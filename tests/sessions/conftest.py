"""Both faces, TLS 1.2 and 1.3, and contexts that trust each other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.helpers import Identity
from tests.sessions.faces import FACES, Face
from tests.sessions.redis_server import RedisServer


@pytest.fixture(params=FACES)
def face(request: pytest.FixtureRequest) -> Face:
    """A face."""
    return FACES[request.param]


@pytest.fixture(params=["1.2", "1.3"])
def version(request: pytest.FixtureRequest) -> str:
    """A protocol version."""
    return str(request.param)


@pytest.fixture
def client(face: Face, version: str, ca: Identity) -> Any:
    """A client's context that verifies its server."""
    return face.client(version, ca)


@pytest.fixture
def server(face: Face, version: str, server_identity: Identity) -> Any:
    """A server's context."""
    return face.server(version, server_identity)


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[RedisServer]:
    """A running redis-server."""
    server = RedisServer(tmp_path)
    server.start()
    yield server
    server.kill()
