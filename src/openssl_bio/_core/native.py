"""The C engine: what it leaves to Python.

Theory of operation.  The operations are methods of a C type (`_native/engine.c`), with the interface and the promises
of the reference engine (`engine`).  Pointers pass between C and cffi as integers.  The C type owns the SSL; cffi
is given a pointer when somebody asks for one.  What happens rarely is here: C calls `_classify` and `_error` to make
exceptions.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from openssl_bio._core._lib import CData, ffi, lib, load_engine
from openssl_bio._core.errors import ABORTED, LOST, ErrorTable, Kind, Outcome, classify
from openssl_bio._core.guard import NO_OTHER_ROLE, NOT_IN_A_CALLBACK

__all__ = ["Engine", "Guard", "Queue", "kept_session", "maker", "owner_of", "serve", "session_handle"]

if TYPE_CHECKING:
    from openssl_bio._core import bio, engine
    from openssl_bio._core.context import ContextCore, Generation
    from openssl_bio._core.guard import Guard

    _Engine = engine.Engine

    class _Queue(bio.Queue):
        _address: int

    def _owner(address: int) -> Any: ...

    def _method(face: type, name: str, documentation: str) -> Any: ...

    def _maker(*parts: Any) -> Any: ...

    def _session_handle(address: int) -> Any: ...

    def _kept_session(handle: Any) -> int: ...

else:
    _module = load_engine()
    _Engine, Guard, _Queue, _method = _module.Engine, _module.Guard, _module.Queue, _module.method
    _owner, _maker = _module.owner, _module.maker
    _session_handle, _kept_session = _module.session_handle, _module.kept_session


_SSL, _KEPT = ffi.typeof("SSL *"), ffi.typeof("obio_kept_session *")
_VARIADIC = 0x04 | 0x08  # inspect.CO_VARARGS and CO_VARKEYWORDS


def owner_of(ssl: CData) -> Any:
    """The connection an ``SSL *`` belongs to, or None while it is being freed."""
    return _owner(lib.obio_owner(ssl))


def session_handle(kept: CData, errors: ErrorTable) -> Any:
    """What has an ``obio_kept_session``, which it takes over; the table's exception for NULL."""
    if not kept:
        raise errors.failure("the session cannot be kept")
    return _session_handle(int(ffi.cast("uintptr_t", kept)))


def kept_session(handle: Any) -> CData:
    """The ``obio_kept_session`` of a handle, which is there as long as that."""
    return ffi.cast(_KEPT, _kept_session(handle))


class Engine(_Engine):
    """One TLS connection over memory; see `engine`."""

    _errors: ClassVar[ErrorTable]
    _aborted: ClassVar[Outcome] = ABORTED
    # What ends a connection that could not keep what it was sent, or what it is to send.
    _lost: ClassVar[Outcome] = LOST

    if not TYPE_CHECKING:
        ssl = _module.Pointer(ffi.from_buffer, _SSL)

    def _fail(self, what: str) -> NoReturn:
        raise self._errors.failure(what)

    def _classify(self, address: int) -> Outcome:
        """The Outcome for an ``obio_outcome`` in the C engine."""
        return classify(ffi.cast("obio_outcome *", address))

    def _error(self, outcome: Outcome) -> BaseException:
        """The exception for an outcome."""
        return self._errors.error(outcome)

    def _refuse_io(self) -> NoReturn:
        raise self._error(Outcome(Kind.MISUSE, detail=NOT_IN_A_CALLBACK))

    def _refuse_role(self) -> NoReturn:
        raise self._error(Outcome(Kind.MISUSE, detail=NO_OTHER_ROLE))

    def _only_memory(self) -> None:
        """A face whose connection may not be over memory raises here."""

    def _before_send_data(self) -> None:
        """What has to be done before `send_data`, where `_direct` is not set."""
        self._only_memory()


class Queue(_Queue):
    """Bytes that go in at one end and come out at the other, as a BIO; see `bio`."""

    __slots__ = ()

    @property
    def _pointer(self) -> CData:
        return ffi.cast("BIO *", self._address)


def maker(
    context: ContextCore, generation: Generation, errors: ErrorTable, stdlib: tuple[type, type, int] | None = None
) -> Any:
    """What lets C make plain connections of a generation that a context serves; see `_native/engine_making.c`.

    The errors are those of connections. For the stdlib's face: the classes of connections and BIOs, and which
    connections are plain, as in `Plain`.
    """
    connection, bio, plain = stdlib or (None, None, 0)
    of_generation = generation.address, generation, generation.demand, generation.trust, generation.store
    return _maker(context, *of_generation, errors.want_read, Engine._lost, connection, bio, plain)


def serve(face: type, names: Iterable[str]) -> None:
    """Put methods in C in place of a face's own ones, which stay as ``_python_NAME`` for unusual arguments."""
    for name in ("receive_data", "send_data") if issubclass(face, Engine) else ():
        inherited = getattr(face, name)
        documentation = f"{name}{inherited.__text_signature__}\n--\n\n{inherited.__doc__}"
        setattr(face, name, _method(face, name, documentation))
    for name in names:
        own = next(vars(one)[name] for one in face.__mro__ if name in vars(one))
        served = _method(face, name, f"{name}{_plain_signature(own)}\n--\n\n{own.__doc__ or ''}")
        for alias in [name, *(alias for alias, value in vars(face).items() if value is own)]:
            setattr(face, alias, served)
        setattr(face, f"_python_{name}", own)


def _plain_signature(function: Any) -> str:
    """The parameters as C methods have them in their documentation: without annotations, the first one marked.

    `inspect` would tell them, but takes as long to import as all of this package.
    """
    code, defaults = function.__code__, function.__defaults__ or ()
    positional, named = code.co_argcount, code.co_kwonlyargcount
    names = code.co_varnames[: positional + named]
    assert not code.co_flags & _VARIADIC
    values = dict(zip(names[positional - len(defaults) : positional], defaults, strict=True))
    values |= function.__kwdefaults__ or {}
    texts = [f"{name}={values[name]!r}" if name in values else name for name in names]
    texts[positional:positional] = ["*"] if named else []
    texts[code.co_posonlyargcount : code.co_posonlyargcount] = ["/"] if code.co_posonlyargcount else []
    return f"(${', '.join(texts)})"
