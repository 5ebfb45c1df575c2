"""One TLS connection: the engine, what can be asked of it (`getters`), and what can be set on it.

Theory of operation.  A connection owns its ``SSL *`` and keeps the generation of the context it was made from, so that
a context may change meanwhile.  The SSL knows the connection by a weak reference: a connection that is dropped is freed
at once, and callbacks find it as long as it lives.  What must outlive the SSL (bytes that C points at) is kept by the
engine until it has freed that.

What the connection demands of its peer's certificate is its context's demand until it is given one of its own.  Every
change of it, of the context and of the session to resume passes `_refuse_session`; see the module ``verification``.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from openssl_bio._core._lib import CData, ffi, lib
from openssl_bio._core.chains import Verifier, install_verifier
from openssl_bio._core.context import ContextCore, Generation, Setting
from openssl_bio._core.cork import Corkable
from openssl_bio._core.engines import Queue
from openssl_bio._core.errors import Kind, Outcome
from openssl_bio._core.getters import Getters
from openssl_bio._core.guard import INITIALISED_BEFORE, AsMade
from openssl_bio._core.hosts import address_of
from openssl_bio._core.identity import Identity
from openssl_bio._core.late import LateModule
from openssl_bio._core.own_trust import OwnTrust
from openssl_bio._core.pointers import own
from openssl_bio._core.records import replace
from openssl_bio._core.suspension import Suspendable
from openssl_bio._core.twins import Call, TwinSettings, names_in
from openssl_bio._core.verification import HOST_FLAGS, Demand, session_id_context
from openssl_bio._core.views import original_of

if TYPE_CHECKING:
    from openssl_bio._core import resumption, ticket_keys
    from openssl_bio._core.bio import ByteBox
    from openssl_bio._core.credential import Credential
    from openssl_bio._core.pump import SocketPump
    from openssl_bio._core.session import SessionCore
else:
    resumption = LateModule("openssl_bio._core.resumption")
    ticket_keys = LateModule("openssl_bio._core.ticket_keys")

R = TypeVar("R")

NOT_IN_A_HANDSHAKE = "change the context, or set a callback that this has not, unless it is told the server name"
_OF_CONTEXT = Identity()  # none of its own
# What callbacks answer in effect that are not there, if it is not None.
_WITHOUT = {"ocsp_server": b"", "ocsp_client": True}
_COPIED = frozenset(
    {
        "info",
        "message",
        "psk_client",
        "psk_server",
        "new_session",
        "session_cache",
        "replay_guard",
        "ticket_key",
        "session_store",
        "get_session",
    }
)


class ConnectionCore(Corkable, Getters, TwinSettings, OwnTrust, Suspendable):
    """A connection over memory; the faces name its methods."""

    _pump: SocketPump | None = None
    _speaker: ConnectionCore | None = None  # the view that is being used
    _client_hello = b""  # the last one that came, if anybody asked

    # What a connection is made with; one that stays as it was made keeps none of it.
    _demand_is_mixed = False  # it changed after the handshake had begun
    _trusts_otherwise = False  # than the context that seals and opens its tickets
    _session_id_context: bytes | None = None  # the connection's own
    _resumes: SessionCore | None = None
    _given_psk = 0, b""  # on TLS 1.3: the mark of the key that was given last, and its name
    _is_choosing = False  # the callback for the server name runs, which may change the context
    _is_choosing_credentials = False
    _is_told_client_hello = False  # its callback runs
    _has_own_ctx = False
    _identity = _OF_CONTEXT
    _own_settings: Mapping[str, Call] = MappingProxyType({})
    _own_values: Mapping[str, Any] = MappingProxyType({})
    _own_callbacks: Mapping[str, Callable[..., Any]] = MappingProxyType({})
    _installers: Mapping[str, Call] = MappingProxyType({})  # what installs them in an SSL_CTX

    if TYPE_CHECKING:
        _verify_callback: Callable[..., Any]
    else:
        _verify_callback = AsMade(lambda generation: generation.callbacks.get("verify", _accept_as_is))

    # What a client is told when the callback for its server name raises.
    _servername_alert: ClassVar[int] = lib.SSL_AD_UNRECOGNIZED_NAME

    def _set_up(
        self, context: ContextCore, incoming: Queue | ByteBox | None = None, outgoing: Queue | ByteBox | None = None
    ) -> None:
        """Connect over these queues, or Python objects like ``ssl.MemoryBIO``, or memory of the connection's own."""
        generation = context._use()
        self._open(generation.address, incoming, outgoing)
        if generation.is_told_to_each:
            self._tell(generation.settings)
        self._context = context if context._original is None else context._original  # `original_of`, without a call
        self._first_generation = self._generation = generation
        self._demand = generation.demand

    def _refuse_second_init(self) -> None:
        """RuntimeError if this is a connection already, before anything of it is replaced."""
        if self._is_made:
            raise RuntimeError(INITIALISED_BEFORE)

    def _tell(self, settings: Mapping[str, Setting]) -> None:
        """Do what libssl does for one SSL alone."""
        keys, guard = settings.get("ticket_keys"), settings.get("replay_guard")
        if keys is not None and isinstance(keys.value, ticket_keys.TicketKeys):  # a callback is told in another way
            self._errors.check(lib.obio_ticket_keys_use(self.ssl, keys.value._ring), "SSL_set_ex_data")
        if guard is not None and guard.value is not None:
            lib.SSL_set_options(self.ssl, lib.SSL_OP_NO_ANTI_REPLAY)
            lib.SSL_set_allow_early_data_cb(self.ssl, lib.py_allow_early_data, ffi.NULL)

    def _error(self, outcome: Outcome) -> BaseException:
        """The exception for an outcome, of the face that is being used."""
        return (self._speaker or self)._exception(outcome)

    def _exception(self, outcome: Outcome) -> BaseException:
        """The face's exception for an outcome; it may say more than its table knows."""
        return self._errors.error(outcome)

    def _drive(self, operation: Callable[[], R]) -> R:
        """Run an operation in memory, or over the socket until its bytes are out; calling it again finishes it."""
        if self._pump is None:
            return operation()
        return self._pump.drive(self, operation.__name__, operation)  # type: ignore[no-any-return]

    # -- what callbacks need ----------------------------------------------------------------------------------------

    def _callback(self, name: str, otherwise: Callable[..., Any] | None = None) -> Callable[..., Any]:
        if name == "servername":  # libssl asks the first SSL_CTX where the present one has no such callback
            otherwise = self._first_generation.callbacks.get(name)
        callback = self._own_callbacks.get(name) or self._generation_for(name).callbacks.get(name, otherwise)
        if callback is None:
            raise KeyError(name)
        return callback

    def _generation_for(self, name: str) -> Generation:
        """libssl copies some callbacks to each SSL: those of the first SSL_CTX stay, whatever the context is now."""
        return self._first_generation if name in _COPIED else self._generation

    def _pin(self, name: str, data: bytes) -> CData:
        """A C copy of bytes that libssl reads later, kept as long as the SSL."""
        return self._keep(name, ffi.new("unsigned char[]", data))

    # -- what setting means for a connection (see `twins`) ----------------------------------------------------------

    def _put(self, name: str, value: Any, calls: tuple[Call, Call], detail: str = "", *, trust: bool = False) -> None:
        errors = self._errors  # what is recorded must not hold the connection

        def apply(ssl: CData) -> None:
            done = calls[1](ssl)
            if detail:
                errors.check(done, detail)

        with self._guard:
            if detail:  # what fails may leave an SSL half changed: it is tried on an SSL_CTX that nobody uses
                errors.check(calls[0](self._context._scratch()), detail)
            apply(self.ssl)
            self._own_settings = {**self._own_settings, name: apply}
            self._own_values = {**self._own_values, name: value}

    def _ask(self, calls: tuple[Call, Call]) -> int:
        return int(self._get(calls[1]))

    def _get_mode(self) -> int:
        mode, releases = super()._get_mode(), original_of(self)._releases
        if releases is None:
            return mode
        return mode & ~lib.SSL_MODE_RELEASE_BUFFERS | (lib.SSL_MODE_RELEASE_BUFFERS if releases else 0)

    def _set_mode(self, value: int) -> int:
        with self._guard:
            original_of(self)._releases = None  # libssl does as it is told
            return super()._set_mode(value)

    def _recorded(self, name: str, otherwise: Any) -> Any:
        with self._guard:
            if name in self._own_values:
                return self._own_values[name]
            setting = self._generation_for(name).settings.get(name)
            return otherwise if setting is None else setting.value

    def _set_identity(self, identity: Identity) -> None:
        if identity.extra and not identity.slots:
            raise self._errors.failure("a chain belongs to a certificate: give the connection one of its own first")
        identity.apply(self._context._scratch(), self._errors, 0)
        try:
            identity.apply(self.ssl, self._errors, 1)
        except BaseException:
            self._restore_identity()
            raise
        self._identity = identity

    def _identities(self) -> tuple[object, ...]:
        """The certificates that a handshake chooses from."""
        inherited = () if self._identity.alone else self._generation.identity.slots
        return tuple(dict((*inherited, *self._identity.slots)).values())

    def _restore_identity(self) -> None:
        """Be again who the context and the connection's own identity say, and nobody else."""
        level = lib.SSL_get_security_level(self.ssl)
        lib.SSL_set_security_level(self.ssl, 0)  # a level that was set later undoes nothing
        lib.SSL_certs_clear(self.ssl)
        replace(self._generation.identity, extra=()).apply(self.ssl, self._errors, 1)
        self._identity.apply(self.ssl, self._errors, 1)
        lib.SSL_set_security_level(self.ssl, level)

    def _set_verify(self, mode: int, callback: Callable[..., Any] | None, value: object) -> None:
        with self._guard, self._demanding(self._demand.judged_by(mode, value)):
            lib.SSL_set_verify(self.ssl, mode, ffi.NULL if callback is None else lib.py_verify)
            self._verify_callback = _accept_as_is if callback is None else self._told(callback)

    def _set_verifier(self, verifier: Verifier, value: object) -> None:
        with self._guard:
            self._demand_verification()
            demand = replace(self._demand, verifier=value)
            self._refuse_session(demand, self._context, self._generation)
            self._set_callback("verifier", verifier, value, install_verifier)
            self._record_demand(demand)

    def _verifier(self) -> Verifier:
        found = self._callback("verifier")
        assert isinstance(found, Verifier)
        return found

    def _client_ca_names(self) -> list[CData]:
        with self._guard:
            return names_in(lib.SSL_get_client_CA_list(self.ssl), self._errors)

    def _on_ocsp(self, side: str, callback: Callable[..., Any], value: object) -> None:
        with self._guard, self._demanding(self._with_staple(side, value)):
            super()._on_ocsp(side, callback, value)

    def _with_staple(self, name: str, value: object) -> Demand:
        """What is demanded with another judge of OCSP responses, if any is asked for."""
        asked = name == "ocsp_client" and self._recorded("request_ocsp", False)
        return replace(self._demand, staple=value) if asked else self._demand

    def _set_verify_depth(self, depth: int) -> None:
        with self._guard, self._demanding(replace(self._demand, depth=depth)):
            super()._set_verify_depth(depth)

    def _set_security_level(self, level: int) -> None:
        with self._guard, self._demanding(replace(self._demand, level=level)):
            super()._set_security_level(level)

    def _set_ciphers(self, ciphers: bytes) -> None:
        """A list of ciphers may set the security level, too."""
        with self._guard:
            scratch = self._context._scratch()
            lib.SSL_CTX_set_security_level(scratch, self._demand.level)
            self._errors.check(lib.SSL_CTX_set_cipher_list(scratch, ciphers), f"no usable cipher in {ciphers!r}")
            level = int(lib.SSL_CTX_get_security_level(scratch))
            with self._demanding(replace(self._demand, level=level)):
                super()._set_ciphers(ciphers)

    def _set_session_id_context(self, value: bytes) -> None:
        with self._guard:
            super()._set_session_id_context(value)
            self._session_id_context = value
            self._separate_sessions()

    def _set_callback(self, name: str, callback: Callable[..., Any], value: object, install: Call) -> None:
        """libssl looks most callbacks up in the SSL_CTX, so the connection may need one of its own."""
        told = self._told(callback)
        with self._guard:
            if name not in self._generation.callbacks:
                if not self._has_own_ctx:
                    self._move_to_own_ctx()
                install(self._generation.ctx)
                self._generation.callbacks[name] = told
            self._own_callbacks = {**self._own_callbacks, name: told}
            self._own_values = {**self._own_values, name: value}
            self._installers = {**self._installers, name: install}

    def _unset_callback(self, name: str) -> None:
        """Do what libssl does without one: who has looked the callback up in the SSL_CTX is answered so."""
        with self._guard, self._demanding(self._with_staple(name, None)):
            self._own_callbacks = {**self._own_callbacks, name: lambda *_arguments: _WITHOUT.get(name)}
            self._own_values = {**self._own_values, name: None}

    def use_credentials(self, *credentials: Credential) -> None:
        with self._guard:
            if not self._is_choosing_credentials and not lib.SSL_is_init_finished(self.ssl):
                # libssl may have chosen one of those that would be freed.
                self._refuse_in_callback("use other credentials unless it is asked for them")
            super().use_credentials(*credentials)

    use_credentials.__doc__ = TwinSettings.use_credentials.__doc__

    def _on_client_hello(self, callback: Callable[..., Any], value: object) -> None:
        with self._guard:
            super()._on_client_hello(callback, value)
            lib.SSL_set_msg_callback(self.ssl, lib.py_message)  # libssl looked it up when the SSL was made

    def _on_certificate(self, callback: Callable[..., Any], value: object) -> None:
        from openssl_bio._core.choices import install_own_certificate

        with self._guard:
            super()._on_certificate(callback, value)
            install_own_certificate(self.ssl)  # the SSL has what the SSL_CTX had when it was made
            self._own_settings = {**self._own_settings, "certificate": install_own_certificate}

    def _set_copied(
        self, name: str, callback: Callable[..., Any] | None, value: object, calls: tuple[Call, Call], detail: str = ""
    ) -> None:
        with self._guard:
            self._put(name, value, calls, detail)
            callbacks = {key: value for key, value in self._own_callbacks.items() if key != name}
            self._own_callbacks = callbacks if callback is None else {**callbacks, name: self._told(callback)}

    def _move_to_own_ctx(self) -> None:
        before = self._generation
        try:
            self._attach_with_own(self._context._twin_of(before))
        except BaseException:
            self._attach_with_own(before)
            raise
        self._has_own_ctx = True

    def _attach_with_own(self, generation: Generation) -> None:
        self._attach(generation)
        # SSL_set_SSL_CTX gave the SSL the certificates, and what goes with them, of the SSL_CTX.
        for apply in self._own_settings.values():
            apply(self.ssl)
        self._identity.apply(self.ssl, self._errors, 1)

    def _refuse_in_callback(self, deed: str) -> None:
        """Raise the face's error for misuse if a callback runs: libssl would crash, now or later."""
        if self._guard.busy:
            raise self._errors.error(Outcome(Kind.MISUSE, detail=f"a callback cannot {deed}"))

    def _attach(self, generation: Generation) -> None:
        """Use another SSL_CTX.

        libssl frees the old one's certificates, and in the middle of a handshake it may have chosen one of them. So it
        crashes unless that is done between its steps, or in the callback that is meant for it.
        """
        if not self._is_choosing and not lib.SSL_is_init_finished(self.ssl):
            self._refuse_in_callback(NOT_IN_A_HANDSHAKE)
        self._errors.check(lib.SSL_set_SSL_CTX(self.ssl, generation.ctx) != ffi.NULL, "SSL_set_SSL_CTX")
        if "client_hello" in generation.callbacks:
            lib.SSL_set_msg_callback(self.ssl, lib.py_message)  # which the SSL has from its first SSL_CTX
        self._verify_callback = self._verify_callback  # that of the first generation stays
        self._generation = generation
        if self._own_trust is not None:
            self._install_own_trust()

    def _set_context(self, context: ContextCore) -> None:
        """Be who another context says, with its callbacks.

        Callbacks that were set on the connection stay in force, and so does what it demands and trusts itself.
        """
        generation = context._use()
        with self._guard:
            trust = self._trust_beside(generation)
            demand = replace(self._demand, level=generation.demand.level, trust=trust)
            if self.suspended == "verification":
                raise self._errors.error(Outcome(Kind.MISUSE, detail="the context cannot change during verification"))
            self._refuse_session(demand, context, generation)
            trusts_otherwise = self._trusts_otherwise_with(generation)
            missing = self._installers.keys() - generation.callbacks.keys()
            if missing:
                generation = context._twin_of(generation)
            for name in missing:
                self._installers[name](generation.ctx)
                generation.callbacks[name] = self._own_callbacks[name]
            self._attach(generation)
            self._trusts_otherwise |= trusts_otherwise
            self._demand_is_mixed |= trusts_otherwise and not lib.SSL_in_before(self.ssl)
            self._context, self._has_own_ctx = original_of(context), bool(missing)
            self._identity, self._own_settings = _OF_CONTEXT, {}
            self._own_values = {name: self._own_values[name] for name in self._own_callbacks}
            self._record_demand(demand)
            self._separate_sessions()

    # -- what only a connection has ---------------------------------------------------------------------------------

    def _set_accept_state(self) -> None:
        """Be a server, whose sessions are for what is demanded of its clients."""
        if self._become_server():  # else nothing was changed yet that sessions depend on; what changes it names them
            with self._guard:
                self._separate_sessions()

    def _set_server_name(self, name: bytes) -> None:
        with self._guard:
            # libssl has thrown the old name away by the time it finds the new one too long.
            if not 1 <= len(name) <= lib.TLSEXT_MAXLEN_host_name:
                raise self._errors.failure(f"the server name has {len(name)} bytes, and may have 1 to 255")
            done = lib.SSL_set_tlsext_host_name(self.ssl, ffi.new("char[]", name))
            self._errors.check(done, "SSL_set_tlsext_host_name")

    def _set_verify_host(self, host: str, flags: int = HOST_FLAGS) -> None:
        """Let verification compare the certificate with a DNS name (A-labels) or an IP address, and no other."""
        with self._guard:
            demand, generation = self._demand, self._generation
            if demand.host is not None or not self._name_server(host, False, True, flags):
                self._change_verified_host(host, flags)
            elif demand is generation.demand and flags == demand.host_flags:
                self._demand = generation.demand_for(host)
            else:
                self._demand = demand.for_host(host.lower(), flags)

    def _change_verified_host(self, host: str, flags: int) -> None:
        address = address_of(host)
        name, is_address = address or host.lower(), address is not None
        what = f"{host!r} cannot be verified"
        with self._demanding(self._demand.for_host(name, flags)):
            param = lib.SSL_get0_param(self.ssl)
            # The other kind is forgotten last: where the new one fails, the old one is still verified.
            if is_address:
                self._errors.check(lib.X509_VERIFY_PARAM_set1_ip_asc(param, name.encode()), what)
                self._errors.check(lib.X509_VERIFY_PARAM_set1_host(param, ffi.NULL, 0), what)
            else:
                self._try_name(name.encode("ascii"), what)
                done = lib.X509_VERIFY_PARAM_set1_host(param, name.encode("ascii"), len(name))
                self._errors.check(done, what)
                lib.X509_VERIFY_PARAM_set_hostflags(param, flags)
                self._errors.check(lib.X509_VERIFY_PARAM_set1_ip(param, ffi.NULL, 0), what)

    def _try_name(self, name: bytes, what: str) -> None:
        """Raise what a connection would, whose name OpenSSL 4.0 has forgotten by the time it refuses another.

        This can go when 4.0 is supported no more, if later ones look at a name before they forget the last.
        """
        param = own(lib.X509_VERIFY_PARAM_new(), lib.X509_VERIFY_PARAM_free, self._errors, "X509_VERIFY_PARAM_new")
        self._errors.check(lib.X509_VERIFY_PARAM_set1_host(param, name, len(name)), what)

    def _unset_verify_host(self) -> None:
        """Let the certificate be for anybody."""
        with self._guard, self._demanding(self._demand.for_host(None, self._generation.demand.host_flags)):
            param = lib.SSL_get0_param(self.ssl)
            self._errors.check(lib.X509_VERIFY_PARAM_set1_host(param, ffi.NULL, 0), "X509_VERIFY_PARAM_set1_host")
            self._errors.check(lib.X509_VERIFY_PARAM_set1_ip(param, ffi.NULL, 0), "X509_VERIFY_PARAM_set1_ip")

    # -- what is demanded of the peer, and which sessions meet it ---------------------------------------------------

    def _demanding(self, demand: Demand) -> _Demanding:
        """Set in the block what is demanded from now on; if that fails, it is what it was."""
        return _Demanding(self, demand)

    def _record_demand(self, demand: Demand) -> None:
        if not demand.equals(self._demand):
            self._demand_is_mixed |= not lib.SSL_in_before(self.ssl)
            self._demand = demand
            self._separate_sessions()

    def _refuse_session(self, demand: Demand, context: ContextCore, generation: Generation) -> None:
        """ValueError if the session that is to be resumed, or is being resumed, was verified with less."""
        if lib.SSL_is_init_finished(self.ssl):
            return
        if self._resumes is not None:
            _refuse(self._resumes, demand, context, generation)
        elif lib.SSL_session_reused(self.ssl):
            missing = demand.missing(self._demand)
            if not missing and demand.verifies and self._trusts_otherwise_with(generation):
                missing = "the session was verified with another context's trust"
            if missing:
                raise ValueError(f"the client resumes a session: {missing}")

    def _separate_sessions(self) -> None:
        """Let this server connection's sessions be resumed only where at least the same is verified."""
        usual = self._generation
        is_server = bool(lib.SSL_is_server(self.ssl))
        if is_server and self._trusts_otherwise and self._demand.verifies:
            name = os.urandom(lib.SSL_MAX_SID_CTX_LENGTH)
        elif is_server:
            base = usual.session_id_context if self._session_id_context is None else self._session_id_context
            name = session_id_context(base, usual.demand, self._demand, self._trust_facts())
        else:  # libssl compares it on clients too: with that of a pre-shared key, which has none, or of a session
            name = b""
        separate = name != usual.session_id_context
        self._errors.check(self._name_sessions(name, separate), "SSL_set_session_id_context")

    # -- sessions ---------------------------------------------------------------------------------------------------

    def _refuse_late_session(self) -> None:
        """ValueError once the handshake has begun: libssl would lose what that put into its own session, and crash."""
        if not self._get(lib.SSL_in_before):
            raise ValueError("Cannot set session after the handshake has begun.")

    def _set_session(self, session: SessionCore) -> None:
        """Resume a session; ValueError if it is another context's, or was verified with less than is demanded."""
        with self._guard:
            self._refuse_in_callback("change the session of the connection it was called for")
            self._refuse_late_session()
            travelled = session.context is None
            if travelled:
                session = resumption.bound(self, session)
            _refuse(session, self._demand, self._context, self._generation)
            try:
                self._errors.check(self._resume(session.handle, travelled), "the session cannot be resumed here")
                if travelled and self._demand.mode & lib.SSL_VERIFY_PEER:
                    lib.SSL_set_verify_result(self.ssl, lib.X509_V_OK)  # which may have been another when it was made
                self._resumes = session
            except BaseException:  # a signal's, too: what is offered must be known, or it is offered to any demand
                if lib.SSL_in_before(self.ssl):
                    self._forget_session()
                raise
            if self._first_generation.tells_of_sessions:
                lib.obio_tell_end_of_handshake(self.ssl)

    def _forget_session(self) -> None:
        """Resume nothing."""
        with self._guard:
            self._errors.check(lib.SSL_set_session(self.ssl, ffi.NULL), "SSL_set_session")
            lib.SSL_set_verify_result(self.ssl, lib.X509_V_OK)  # libssl has taken it over from the session
            self._resumes = None

    def _peer_name(self) -> str | None:
        """What the face calls the server, if that says more than the name that is sent, or verified."""
        return None

    def _get_session(self) -> SessionCore | None:
        with self._guard:
            return resumption.remembered(self)

    def _new_session_ticket(self) -> None:
        """Let the next `_handshake` send a TLS 1.3 client one ticket more; error if this is no such server."""
        with self._guard:
            done = lib.SSL_is_init_finished(self.ssl) and lib.SSL_new_session_ticket(self.ssl)
            self._errors.check(done, "a ticket can be sent by a TLS 1.3 server after the handshake")


class _Demanding:
    """A block of which the demand is recorded first, and taken back if it fails."""

    __slots__ = ("_before", "_connection", "_demand")

    def __init__(self, connection: ConnectionCore, demand: Demand) -> None:
        self._connection, self._demand = connection, demand

    def __enter__(self) -> None:
        connection = self._connection
        before = connection._demand, connection._demand_is_mixed, connection._resumes
        connection._refuse_session(self._demand, connection._context, connection._generation)
        self._before = before
        try:
            connection._record_demand(self._demand)
        except BaseException:
            self._take_back()
            raise

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if kind is not None:
            self._take_back()

    def _take_back(self) -> None:
        connection = self._connection
        connection._demand, connection._demand_is_mixed, resumed = self._before
        connection._separate_sessions()
        if resumed is not None and connection._resumes is None:
            connection._set_session(resumed)


def _refuse(session: SessionCore, demand: Demand, context: ContextCore, generation: Generation) -> None:
    """ValueError if a client must not offer a session."""
    if session.context is not context:
        raise ValueError("session must have been created by a Connection using the same Context as this one")
    if session.trust_epoch != generation.trust_epoch:
        raise ValueError("the context's trust or verification settings have changed since the session was made")
    missing = demand.missing(session.verified)
    if missing:
        raise ValueError(missing)


def _accept_as_is(_connection: object, _certificate: CData, _error: int, _depth: int, ok: int) -> int:
    """What verification does without a callback."""
    return ok
