"""What one connection trusts in place of its context.

Theory of operation.  libssl verifies with the store of the SSL, if it was given one, and else with that of its SSL_CTX.
A store that connections use is never changed (the module ``trust``), so a connection refers to it, and the same one
serves any number of connections.  libssl forgets it where the SSL is given another SSL_CTX; it is installed again then.

What is trusted is part of what is demanded of the peer: sessions are resumed by those alone that trust the same store,
on a client by `Demand.missing`, on a server by the session id context, which has a digest of it.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, ClassVar

from openssl_bio._core._lib import CData, ffi, lib
from openssl_bio._core.engines import Guard
from openssl_bio._core.errors import ErrorTable
from openssl_bio._core.records import replace
from openssl_bio._core.verification import Demand, store_digest

if TYPE_CHECKING:
    from openssl_bio._core.context import Generation
    from openssl_bio._core.trust_store import TrustStore

__all__ = ["OwnTrust"]


class OwnTrust:
    """The part of a connection that says whom it trusts."""

    ssl: CData
    _errors: ClassVar[ErrorTable]
    _guard: Guard
    _demand: Demand
    _generation: Generation
    _is_choosing: bool
    _is_told_client_hello: bool
    _own_trust: tuple[CData, tuple[bytes, ...]] | None = None  # a store and its directories

    if TYPE_CHECKING:

        def _demanding(self, demand: Demand) -> AbstractContextManager[None]: ...
        def _refuse_in_callback(self, deed: str) -> None: ...

    def use_trust_store(self, store: TrustStore) -> None:
        """Trust what a `TrustStore` does now in place of what the context does; TypeError if it is none.

        It stays in force when the connection is given another context. The flags of verification are the connection's
        and the store's together. Source: ``SSL_set1_verify_cert_store``, ``SSL_set1_chain_cert_store``.
        """
        from openssl_bio._core.trust_store import trust_of

        shared = trust_of(store).shared()
        with self._guard:
            if not (self._is_choosing or self._is_told_client_hello):
                self._refuse_in_callback("change what is trusted")  # which libssl may be looking at
            before, self._own_trust = self._own_trust, shared
            try:
                with self._demanding(replace(self._demand, trust=self._trust_beside(self._generation))):
                    self._install_own_trust()
            except BaseException:
                self._own_trust = before
                self._install_own_trust()
                raise

    def _trust_beside(self, generation: Generation) -> CData | None:
        """The connection's own store, if that is another than a context's."""
        return None if self._own_trust is None or self._own_trust[0] == generation.store else self._own_trust[0]

    def _trusts_otherwise_with(self, generation: Generation) -> bool:
        """Whether another context would have this connection trust another store."""
        return self._own_trust is None and bool(generation.store != self._generation.store)

    def _install_own_trust(self) -> None:
        store = ffi.NULL if self._own_trust is None else self._own_trust[0]
        done = lib.SSL_set1_chain_cert_store(self.ssl, store) and lib.SSL_set1_verify_cert_store(self.ssl, store)
        self._errors.check(done, "SSL_set1_verify_cert_store")

    def _trust_facts(self) -> object:
        """What tells the connection's own trust from another's, in this process and in others."""
        if self._own_trust is None or self._demand.trust is None or not self._demand.verifies:
            return None
        store, directories = self._own_trust
        return store_digest(store, self._errors), directories
