"""A TLS session as a value: what a later handshake may resume.

Theory of operation.  libssl changes a session object that a connection uses (a failing connection spoils it), so a
connection that resumes is given a copy, and the value that the user holds stays as it was.  libssl trusts a session
only together with the context it was made with, so it remembers its context, and what its connection verified.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from openssl_bio._core._lib import CData

if TYPE_CHECKING:
    from openssl_bio._core.context import ContextCore
    from openssl_bio._core.verification import Demand


class SessionCore:
    """An owned ``SSL_SESSION``, the context it belongs to, that context's trust epoch, and what was verified."""

    def __init__(self, session: CData, context: ContextCore, trust_epoch: int, verified: Demand | None) -> None:
        self.session = session
        self.context = context
        self.trust_epoch = trust_epoch
        self.verified = verified
