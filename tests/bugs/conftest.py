"""Fixtures of the tests of bugs."""

from __future__ import annotations

import pytest

from tests.bugs.ends import Ends
from tests.helpers import Identity


@pytest.fixture(params=["pyOpenSSL", "ssl"])
def ends(request: pytest.FixtureRequest, version: int, ca: Identity, server_identity: Identity) -> Ends:
    """A face and a version."""
    return Ends(request.param, version, ca, server_identity)
