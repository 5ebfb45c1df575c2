"""Contexts: a list of settings, and the SSL_CTX compiled from them.

Theory of operation.  A setter applies its setting to the current SSL_CTX at once, so that a bad value fails where it
was given, and records it.  A failed setter may have left the SSL_CTX half changed; it is thrown away and compiled
again from what is recorded.  The first connection freezes the SSL_CTX; a setter that comes later compiles a new
*generation* for later connections, and those that exist keep theirs.  Setting an equal value does nothing.

What is recorded is values: parsed certificates and keys, the trust store, callbacks; never paths or passphrases.  A
new generation takes over the ticket keys and the cached sessions of the one before, so that a change does not end
resumption, unless the settings of trust or verification changed, or the security level rose: what was verified then is
not verified now.

Invariants: ``_generation`` is None or agrees with ``_settings``; no user code runs while the guard is held, except what
can run anywhere: a signal's handler, and what the cyclic collector finalizes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, Final

from openssl_bio._core._lib import CData, ffi, lib
from openssl_bio._core.chains import Verifier, install_verifier
from openssl_bio._core.engines import Guard, maker
from openssl_bio._core.errors import ErrorTable
from openssl_bio._core.identity import Identity
from openssl_bio._core.pointers import own
from openssl_bio._core.records import Record, replace
from openssl_bio._core.trust import Trust
from openssl_bio._core.twins import Call, TwinSettings, names_in
from openssl_bio._core.verification import HOST_FLAGS, Demand, same, store_digest, trust_digest
from openssl_bio._core.views import original_of

if TYPE_CHECKING:
    from openssl_bio._core.session_cache import SessionCache
    from openssl_bio._core.trust_store import TrustStore

# Resumption fails in libssl on a server that verifies its clients and has no session id context.
DEFAULT_SESSION_ID_CONTEXT = b"openssl_bio"

# Settings of verification that `Demand` has.
_IN_DEMAND = frozenset({"verify", "verifier"})
# Settings that let other contexts and processes resume this one's sessions.
_SHARED = frozenset({"ticket_keys", "session_store"})
# Callbacks that are told of sessions.
_OF_SESSIONS = frozenset({"new_session", "session_cache"})
# Settings that a connection has to do something for when it is made.
_TOLD_TO_EACH = frozenset({"ticket_keys", "replay_guard"})


class Setting(Record):
    """One recorded setting: its value, and what applies it to a fresh SSL_CTX."""

    __slots__ = ("apply", "trust", "value")

    def __init__(self, value: Any, apply: Callable[[CData], object], trust: bool = False) -> None:
        self.value: Final = value
        self.apply: Final = apply
        self.trust: Final = trust  # it says how the peer is verified


class Generation:
    """One compiled SSL_CTX, its callbacks, and the store that it trusts."""

    __slots__ = (
        "address",
        "callbacks",
        "ctx",
        "demand",
        "demand_of_last",
        "identity",
        "is_told_to_each",
        "session_id_context",
        "settings",
        "store",
        "tells_of_sessions",
        "trust",
        "trust_epoch",
        "used",
    )

    trust: Trust  # the context's, of one that serves connections

    def __init__(self, ctx: CData, store: CData, identity: Identity, callbacks: dict[str, Callable[..., Any]]) -> None:
        self.ctx = ctx
        self.address = int(ffi.cast("uintptr_t", ctx))
        self.store = store
        self.identity = identity
        self.callbacks = callbacks
        self.settings: dict[str, Setting] = {}  # what it was compiled from, once it is used
        self.used = False
        self.is_told_to_each = False  # some of the settings concern each SSL
        self.tells_of_sessions = False  # there is a callback for them
        self.trust_epoch = 0  # higher than the last generation's if trust or verification changed between them
        self.demand = self.demand_of_last = Demand()
        self.session_id_context = DEFAULT_SESSION_ID_CONTEXT

    def demand_for(self, name: str) -> Demand:
        """What its connections demand of a host. The last one is kept, since most go where others went."""
        last, host = self.demand_of_last, name.lower()
        if last.host != host:
            last = self.demand_of_last = self.demand.for_host(host, self.demand.host_flags)
        return last

    def over_again(self, ctx: CData) -> Generation:
        """The same on another SSL_CTX, with callbacks of its own."""
        twin = Generation(ctx, self.store, self.identity, dict(self.callbacks))
        twin.settings, twin.used, twin.trust_epoch = self.settings, self.used, self.trust_epoch
        twin.is_told_to_each, twin.tells_of_sessions = self.is_told_to_each, self.tells_of_sessions
        twin.demand, twin.session_id_context = self.demand, self.session_id_context
        return twin


class ContextCore(TwinSettings):
    """What connections are made from; see the module's theory of operation."""

    _errors: ClassVar[ErrorTable]
    # What libssl calls for each certificate of a chain where the user has no verify callback: a function of C.
    _certificate_check: ClassVar[CData] = ffi.NULL

    def __init__(self, method: CData, lowest: int = 0, highest: int = 0, mode: int = 0) -> None:
        self._guard = Guard()
        self._original = None  # it is read for each connection, and found sooner here than in the class
        self._method = method
        self._settings: dict[str, Setting] = {}
        self._callbacks: dict[str, Callable[..., Any]] = {}
        self._identity = Identity()
        self._live_identity: Identity | None = None
        self._trust = Trust(self._errors)
        self._generation: Generation | None = None
        self._stand_in: Generation | None = None
        self._last_used: Generation | None = None
        self._served: Generation | None = None
        self._maker: Any = None  # there is one only of what is served
        self._trust_changed = False
        self._session_cache: SessionCache | None = None
        if lowest:
            self._set_min_version(lowest)
            self._set_max_version(highest)
        if mode:
            self._add_mode(mode)
        self._set_session_id_context(DEFAULT_SESSION_ID_CONTEXT)

    # -- compiling --------------------------------------------------------------------------------------------------

    def _compile(self, identity: Identity, store: CData | None = None) -> Generation:
        """A new SSL_CTX with everything that is recorded, which trusts this X509_STORE or the present one."""
        store = self._trust.pointer if store is None else store
        ctx = self._new_ctx(store, identity, self._settings)
        return Generation(ctx, store, identity, dict(self._callbacks))

    def _new_ctx(self, store: CData, identity: Identity, settings: dict[str, Setting]) -> CData:
        errors = self._errors
        ctx = own(lib.SSL_CTX_new(self._method), lib.obio_free_ctx, errors, "SSL_CTX_new")
        lib.SSL_CTX_set1_cert_store(ctx, store)
        lib.obio_watch_verification(ctx)
        # The identity was checked when it was set; a security level set since then must not undo it.
        level = lib.SSL_CTX_get_security_level(ctx)
        lib.SSL_CTX_set_security_level(ctx, 0)
        identity.apply(ctx, errors, 0)
        lib.SSL_CTX_set_security_level(ctx, level)
        for setting in settings.values():
            setting.apply(ctx)
        return ctx

    def _twin_of(self, generation: Generation) -> Generation:
        """A used generation over again, for one connection to change."""
        with self._guard:
            ctx = self._new_ctx(generation.store, generation.identity, generation.settings)
            twin = generation.over_again(ctx)
            self._name_sessions(twin)
            return twin

    def _scratch(self) -> CData:
        """An empty SSL_CTX, to try something out on."""
        with self._guard:
            return own(lib.SSL_CTX_new(self._method), lib.SSL_CTX_free, self._errors, "SSL_CTX_new")

    def _recorded(self, name: str, otherwise: Any) -> Any:
        """The value of a setting."""
        setting = self._settings.get(name)
        return otherwise if setting is None else setting.value

    def _current(self) -> Generation:
        """The generation that getters read, which may be in use."""
        if self._generation is None:
            return self._replace(self._compile(self._identity))
        return self._generation

    def _replace(self, generation: Generation) -> Generation:
        """Have another generation for connections to come."""
        self._generation = generation
        self._stop_serving()
        return generation

    def _drop(self) -> None:
        """Compile another generation for them."""
        self._generation = None
        self._stop_serving()

    def _stop_serving(self) -> None:
        """Look again what the next connection is made with."""
        self._served = self._maker = None

    def _new_maker(self, generation: Generation) -> Any:
        """What makes plain connections of the generation, if the engine has such a thing."""
        return maker(self, generation, self._errors)

    def _writable(self) -> Generation:
        """A generation that no connection uses yet."""
        current = self._current()
        return self._compile(self._identity) if current.used else current

    def _use(self) -> Generation:
        """The generation for a new connection, which is frozen by this."""
        served = self._served
        if served is not None and served.store is served.trust.store:
            return served  # as it was for the last connection
        with self._guard:
            store = self._trust.freeze()  # by now there may be another, which is not frozen, and is the next one's
            if self._generation is None or self._generation.store != store:
                self._trust_in(store)
            if self._stand_in is not None and self._stand_in.store != store:
                self._stand_in = None
            self._trust_changed |= self._last_used is not None and self._last_used.store != store
            generation = self._serving(store)
            self._take_into_use(generation)
            generation.trust = original_of(self)._trust
            plain = self._original is None and not generation.is_told_to_each
            if generation is self._generation:
                self._served = generation
                made = self._new_maker(generation) if plain else None
                if self._served is generation:  # a signal's handler may have set something meanwhile
                    self._maker = made
            return generation

    def _trust_in(self, store: CData) -> None:
        """Let the generation for connections to come trust this store."""
        if self._generation is None or self._generation.used:
            self._replace(self._compile(self._identity, store))
        else:
            lib.SSL_CTX_set1_cert_store(self._generation.ctx, store)
            self._generation.store = store

    def _serving(self, store: CData) -> Generation:
        """The current generation, or between a new certificate and its key one with the last matching pair."""
        known = self._identity is self._live_identity  # to look whether it is complete takes time
        if known or self._identity.complete or self._live_identity is None:
            self._live_identity, self._stand_in = self._identity if self._identity.slots else None, None
            return self._current()
        if self._stand_in is None:
            self._stand_in = self._compile(self._live_identity, store)
        return self._stand_in

    def _take_into_use(self, generation: Generation) -> None:
        if generation.used:
            return
        before = self._last_used
        level = int(lib.SSL_CTX_get_security_level(generation.ctx))
        if before is not None:
            self._trust_changed |= level > before.demand.level
            generation.trust_epoch = before.trust_epoch + self._trust_changed
            if not self._trust_changed:
                done = lib.obio_inherit_sessions(generation.ctx, before.ctx)
                self._errors.check(done, "the sessions cannot be taken over")
        demand = replace(Demand(*self._recorded("verify", ())), verifier=self._recorded("verifier", None))
        if self._recorded("request_ocsp", False):
            demand = replace(demand, staple=self._recorded("ocsp_client", None))
        generation.demand = replace(demand, level=level, host_flags=self._recorded("host_flags", HOST_FLAGS))
        generation.used, generation.settings = True, dict(self._settings)
        generation.is_told_to_each = not _TOLD_TO_EACH.isdisjoint(self._settings)
        generation.tells_of_sessions = not _OF_SESSIONS.isdisjoint(generation.callbacks)
        generation.session_id_context = self._shared_name(generation)
        self._name_sessions(generation)
        self._last_used, self._trust_changed = generation, False

    def _shared_name(self, generation: Generation) -> bytes:
        """The session id context: where sessions leave this context, it says how clients are verified."""
        name: bytes = self._recorded("session_id_context", DEFAULT_SESSION_ID_CONTEXT)
        if not generation.demand.verifies or not _SHARED & generation.settings.keys():
            return name
        settings = generation.settings.items()
        rules = sorted(
            (key, repr(setting.value)) for key, setting in settings if setting.trust and key not in _IN_DEMAND
        )
        facts = (name, store_digest(generation.store, self._errors), self._trust.directories, rules)
        return trust_digest(generation.demand, generation.trust_epoch, *facts)

    def _name_sessions(self, generation: Generation) -> None:
        name = generation.session_id_context
        done = lib.SSL_CTX_set_session_id_context(generation.ctx, name, len(name))
        self._errors.check(done, "SSL_CTX_set_session_id_context")

    @property
    def ctx(self) -> CData:
        """The current generation's ``SSL_CTX *``."""
        with self._guard:
            return self._current().ctx

    def _set(
        self,
        name: str,
        value: Any,
        apply: Callable[[CData], object],
        *,
        callbacks: dict[str, Callable[..., Any]] | None = None,
        trust: bool = False,
    ) -> None:
        """Apply one setting and record it; nothing is changed if it fails."""
        with self._guard:
            old = self._settings.get(name)
            if old is not None and same(old.value, value):
                return
            previous = self._current()
            present = self._replace(self._writable())
            try:
                apply(present.ctx)
            except BaseException:
                if present is not previous and self._generation is present:
                    self._replace(previous)
                else:
                    self._drop()
                raise
            self._stand_in = None
            self._settings[name] = Setting(value, apply, trust)
            self._callbacks.update(callbacks or {})
            present.callbacks.update(callbacks or {})
            self._trust_changed |= trust
            if present.used or self._generation is not present:
                self._drop()  # a signal's handler, or a finalizer, has used the context here, or set something

    # -- what setting means for a context (see `twins`) -------------------------------------------------------------

    def _put(self, name: str, value: Any, calls: tuple[Call, Call], detail: str = "", *, trust: bool = False) -> None:
        self._set(name, value, self._checked(calls[0], detail), trust=trust)

    def _checked(self, call: Call, detail: str) -> Call:
        errors = self._errors  # what is recorded must not hold the context: it could only be freed by the collector

        def apply(ctx: CData) -> None:
            done = call(ctx)
            if detail:
                errors.check(done, detail)

        return apply

    def _ask(self, calls: tuple[Call, Call]) -> int:
        return int(calls[0](self.ctx))

    def _set_identity(self, identity: Identity) -> None:
        if not identity.equals(self._identity):
            self._replace(self._compile(identity))
            self._identity = identity
            if self._live_identity is not None and identity.complete:
                self._live_identity, self._stand_in = identity, None

    def _set_verify(self, mode: int, callback: Callable[..., Any] | None, value: object) -> None:
        entry = self._certificate_check if callback is None else lib.py_verify
        self._set(
            "verify",
            (mode, value),
            lambda ctx: lib.SSL_CTX_set_verify(ctx, mode, entry),
            callbacks={} if callback is None else {"verify": self._told(callback)},
            trust=True,
        )

    def _set_verifier(self, verifier: Verifier, value: object) -> None:
        with self._guard:
            self._demand_verification()
            self._set("verifier", value, install_verifier, callbacks={"verifier": self._told(verifier)}, trust=True)

    def _client_ca_names(self) -> list[CData]:
        with self._guard:
            return names_in(lib.SSL_CTX_get_client_CA_list(self._current().ctx), self._errors)

    def _set_callback(self, name: str, callback: Callable[..., Any], value: object, install: Call) -> None:
        self._set(name, value, install, callbacks={name: self._told(callback)})

    def _unset_callback(self, name: str) -> None:
        """Compile a generation as if the callback had never been set."""
        with self._guard:
            if name in self._callbacks:
                settings = {key: setting for key, setting in self._settings.items() if key != name}
                callbacks = {key: callback for key, callback in self._callbacks.items() if key != name}
                store, identity = self._trust.pointer, self._identity
                generation = Generation(self._new_ctx(store, identity, settings), store, identity, callbacks)
                self._settings, self._callbacks, self._stand_in = settings, dict(callbacks), None
                self._replace(generation)

    def use_trust_store(self, store: TrustStore) -> None:
        """Trust what a `TrustStore` does now, and nothing else; TypeError if it is none.

        Its certificates are not copied.  What is added to the store or to the context later is not seen by the other.
        """
        from openssl_bio._core.trust_store import trust_of

        self._trust.adopt(trust_of(store))

    def _set_copied(
        self, name: str, callback: Callable[..., Any] | None, value: object, calls: tuple[Call, Call], detail: str = ""
    ) -> None:
        callbacks = {} if callback is None else {name: self._told(callback)}
        self._set(name, value, self._checked(calls[0], detail), callbacks=callbacks)
