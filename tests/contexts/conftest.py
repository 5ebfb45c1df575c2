"""Fixtures: each face, each version, and an authority with an intermediate."""

from __future__ import annotations

import pytest

from tests.contexts.faces import FACES, VERSIONS, Face
from tests.contexts.pki import Issued, new_root


@pytest.fixture(params=FACES)
def face(request: pytest.FixtureRequest) -> Face:
    """A face."""
    return FACES[request.param]


@pytest.fixture(params=VERSIONS)
def version(request: pytest.FixtureRequest) -> str:
    """A protocol version."""
    name: str = request.param
    return name


@pytest.fixture(scope="session")
def root() -> Issued:
    """A self-signed authority."""
    return new_root()


@pytest.fixture(scope="session")
def issuing(root: Issued) -> Issued:
    """An intermediate authority."""
    return root.issue("an intermediate", authority=True)


@pytest.fixture(scope="session")
def leaf(issuing: Issued) -> Issued:
    """A server's certificate."""
    return issuing.issue("localhost")
