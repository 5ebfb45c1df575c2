"""``SSL.Session``."""

from __future__ import annotations

from openssl_bio._core.session import SessionCore


class Session:
    """A TLS session, as `Connection.get_session` gives it and `Connection.set_session` takes it.

    It has no methods. One that was made by calling the class is empty, and is refused by ``set_session``.
    """

    _core: SessionCore | None = None


Session.__module__ = "openssl_bio.SSL"
