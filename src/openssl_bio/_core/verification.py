"""What a connection demands of its peer's certificate, and which sessions meet that.

Theory of operation.  A resumed handshake shows no certificate: what was verified when the session was made stands in
for it.  So a session may only be resumed by a connection that demands no more than the one that made it.  A client is
refused such a session (`Demand.missing`).  On a server libssl chooses the session, by its session id context alone; a
server connection whose demand is its own therefore gets a session id context of its own (`session_id_context`).
"""

from __future__ import annotations

import os
from types import MethodType
from typing import Any, Final

from openssl_bio._core._lib import CData, lib
from openssl_bio._core.errors import ErrorTable
from openssl_bio._core.pointers import new_buffer, taken
from openssl_bio._core.records import Record

_SHA256 = 32  # bytes
_COMPARED = (int, bytes, str, MethodType)
HOST_FLAGS = lib.X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS  # what is usual
_BITS = lib.SSL_VERIFY_PEER | lib.SSL_VERIFY_FAIL_IF_NO_PEER_CERT


def same(left: Any, right: Any) -> bool:
    """Equality that never runs a user's code."""
    if left is right:
        return True
    if type(left) is tuple and type(right) is tuple:
        return len(left) == len(right) and all(map(same, left, right))
    return type(left) is type(right) and isinstance(left, _COMPARED) and left == right


class Demand(Record):
    """``SSL_VERIFY_*`` bits, what tells the verify callback from another, the host that is verified, a depth, a level.

    The host's flags are ``X509_CHECK_FLAG_*`` bits, each of which lets less of a certificate count as the host's name.
    The level is libssl's security level, which demands keys and signatures of some strength of a certificate.  An OCSP
    response comes with the certificate, and so with none when a session is resumed.
    """

    __slots__ = ("callback", "depth", "host", "host_flags", "level", "mode", "staple", "trust", "verifier")

    def __init__(  # noqa: PLR0917 - a field each
        self,
        mode: int = lib.SSL_VERIFY_NONE,
        callback: object = None,
        host: str | None = None,
        depth: int | None = None,
        verifier: object = None,
        level: int = 0,
        staple: object = None,
        trust: object = None,
        host_flags: int = HOST_FLAGS,
    ) -> None:
        self.mode: Final = mode
        self.callback: Final = callback
        self.host: Final = host
        self.depth: Final = depth  # the connection's own
        self.verifier: Final = verifier  # what tells the judge of whole chains from another
        self.level: Final = level
        self.staple: Final = staple  # what tells the judge of OCSP responses from another
        self.trust: Final = trust  # the connection's own X509_STORE, unless it is the same as its context's
        self.host_flags: Final = host_flags

    @property
    def verifies(self) -> bool:
        """Whether anything can fail for the peer's certificate."""
        return bool(self.mode & lib.SSL_VERIFY_PEER) or self.callback is not None or self.verifier is not None

    def judged_by(self, mode: int, callback: object) -> Demand:
        """The same with another mode and verify callback: `replace` takes five times as long."""
        kept = self.host, self.depth, self.verifier, self.level, self.staple, self.trust, self.host_flags
        return Demand(mode, callback, *kept)

    def for_host(self, host: str | None, flags: int) -> Demand:
        """The same with another host, which every new client has."""
        kept = self.depth, self.verifier, self.level, self.staple, self.trust
        return Demand(self.mode, self.callback, host, *kept, flags)

    def equals(self, other: Demand) -> bool:
        """Whether another connection demands the same."""
        for name in () if self is other else Demand.__slots__:
            mine, theirs = getattr(self, name), getattr(other, name)
            if mine is not theirs and not same(mine, theirs):
                return False
        return True

    def missing(self, verified: Demand | None) -> str:
        """What a connection that demanded ``verified`` left undone, "" if nothing; None means that nobody knows."""
        if verified is self or (not self.verifies and self.host is None and self.staple is None):
            return ""
        if verified is None:
            return "verification was changed while the session was being made"
        if self.host is not None and (missing := self._missing_of_host(verified)):
            return missing
        if self.staple is not None and not same(self.staple, verified.staple):
            return "the session was made with another OCSP callback"
        if self.mode & ~verified.mode & _BITS:
            return f"the session was made with verify mode {verified.mode}, which demands less than {self.mode}"
        return self._missing_of_certificates(verified) if self.verifies else ""

    def _missing_of_host(self, verified: Demand) -> str:
        if self.host != verified.host:
            made_for = "no host" if verified.host is None else f"the host {verified.host!r}"
            return f"the session was verified for {made_for}, and not for the host {self.host!r}"
        if self.host_flags & ~verified.host_flags:
            return "the session was made where a certificate's common name may be the host's"
        return ""

    def _missing_of_certificates(self, verified: Demand) -> str:
        mine = (self.callback, self.verifier, self.depth)
        if not same(mine, (verified.callback, verified.verifier, verified.depth)):
            return "the session was made with another verify callback or depth"
        if self.trust is not verified.trust:
            return "the session was made with another trust store"
        if self.level > verified.level:
            return f"the session was made on security level {verified.level}, and not on {self.level}"
        return ""


def session_id_context(base: bytes, usual: Demand, demand: Demand, trust: object) -> bytes:
    """Where the sessions of a server connection can be resumed: ``base`` if it demands what is usual there.

    Otherwise it is where the same is demanded; with a verify callback of its own that is nowhere. ``trust`` are the
    facts about what it trusts itself, in place of its context.
    """
    if demand.equals(usual):
        return base
    if not same((demand.callback, demand.verifier), (usual.callback, usual.verifier)):
        return os.urandom(lib.SSL_MAX_SID_CTX_LENGTH)
    import hashlib

    of_host = demand.host, demand.host_flags
    facts = (base, demand.mode, *of_host, demand.depth, demand.level, *([trust] if demand.trust is not None else []))
    return hashlib.sha256(repr(facts).encode()).digest()


def store_digest(store: CData, errors: ErrorTable) -> bytes:
    """The SHA-256 of what is in an X509_STORE, in any order, and of how it says to verify."""
    buffer = new_buffer(_SHA256)
    errors.check(lib.obio_digest_store(store, buffer), "the digest of the trust store")
    return taken(buffer, _SHA256)


def trust_digest(demand: Demand, trust_epoch: int, *facts: object) -> bytes:
    """What tells apart how servers verify their clients, for sessions that several of them may resume.

    ``facts`` are bytes, numbers and texts: what is trusted, and all settings of verification. It is the same in other
    processes with the same settings. A verify callback is known there by its name alone; in one process, where another
    function of that name may take its place, the epoch tells.
    """
    import hashlib

    verifier = demand.verifier
    callbacks = (demand.callback, *(verifier if isinstance(verifier, tuple) else (verifier,)))
    facts += (isinstance(verifier, tuple),)
    for callback in filter(None, callbacks):
        facts += (getattr(callback, "__module__", ""), getattr(callback, "__qualname__", ""), trust_epoch)
    return hashlib.sha256(repr((demand.mode, demand.depth, demand.level, *facts)).encode()).digest()
