"""`Connection.set_verify_host` never accepts a name that would match more than was meant."""

from __future__ import annotations

import pytest

from openssl_bio import SSL


@pytest.mark.parametrize(
    ("host", "error"), [("", ValueError), (".example.test", ValueError), ("a\0b", ValueError), (b"x", TypeError)]
)
def test_name_that_would_match_anything_is_refused(host: str, error: type[Exception]) -> None:
    """An empty name would switch the check off in libssl, a leading dot would widen it."""
    with pytest.raises(error):
        SSL.Connection(SSL.Context(SSL.TLS_METHOD)).set_verify_host(host)
