"""`Connection.set_verify_host` never accepts a name that would match more than was meant."""

from __future__ import annotations

import pytest

from openssl_bio import SSL
from tests.helpers import Pair


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
