"""The C engine: what it leaves to Python.

Theory of operation.  The operations are methods of a C type (`_native/engine.c`), with the interface and the promises
of the reference engine (`engine`).  Pointers pass between C and cffi as integers.  The C type owns no SSL: it holds the
cdata that does.  What happens rarely is here: C calls `_classify` and `_error` to make exceptions.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from inspect import Parameter, Signature, signature
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from openssl_bio._core._lib import CData, ffi, load_engine
from openssl_bio._core.bio import ByteBox
from openssl_bio._core.errors import ABORTED, LOST, ErrorTable, Kind, Outcome, classify
from openssl_bio._core.guard import NOT_IN_A_CALLBACK

__all__ = ["Engine", "Guard", "Queue", "foreign_bio", "serve"]

if TYPE_CHECKING:
    from openssl_bio._core import bio, engine
    from openssl_bio._core.guard import Guard

    class _Engine(engine.Engine):
        def _open(self, *arguments: object) -> None: ...

    class _Queue(bio.Queue):
        _address: int

    class _Foreign:
        _address: int

    def _foreign(box: ByteBox, guard: Guard, problems: list[BaseException], sized: bool) -> _Foreign: ...

    def _method(face: type, name: str, documentation: str) -> Any: ...

else:
    _module = load_engine()
    _Engine, Guard, _Queue, _method = _module.Engine, _module.Guard, _module.Queue, _module.method
    _foreign = _module.foreign


_uintptr = ffi.typeof("uintptr_t")


def _address(pointer: CData) -> int:
    return int(ffi.cast(_uintptr, pointer))


class Engine(_Engine):
    """One TLS connection over memory; see `engine`."""

    _errors: ClassVar[ErrorTable]
    _aborted: ClassVar[Outcome] = ABORTED
    # What ends a connection that could not keep what it was sent, or what it is to send.
    _lost: ClassVar[Outcome] = LOST

    # The subclass makes these two, before there is an SSL that could call back.
    _guard: Guard
    _pending: list[BaseException]  # what callbacks raised

    def __init__(self, ssl: CData, incoming: _Queue | None = None, outgoing: _Queue | None = None) -> None:
        """Run on ``ssl``, whose ciphertext comes from and goes to these BIOs, or memory of its own."""
        self.ssl = ssl
        put_in, taken_out = 0 if incoming is None else incoming._address, 0 if outgoing is None else outgoing._address
        self._open(ssl, _address(ssl), self._guard, self._pending, self._errors.want_read, put_in, taken_out)

    def _classify(self, address: int) -> Outcome:
        """The Outcome for an ``obio_outcome`` in the C engine."""
        return classify(ffi.cast("obio_outcome *", address))

    def _error(self, outcome: Outcome) -> BaseException:
        """The exception for an outcome."""
        return self._errors.error(outcome)

    def _refuse_io(self) -> NoReturn:
        raise self._error(Outcome(Kind.MISUSE, detail=NOT_IN_A_CALLBACK))

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


def foreign_bio(box: ByteBox, guard: Guard, problems: list[BaseException], _errors: ErrorTable) -> _Foreign:
    """A BIO that reads from and writes to a Python object; what that raises is appended to ``problems``."""
    python_ssl = sys.modules.get("_ssl")  # who has a MemoryBIO of Python's has imported it
    return _foreign(box, guard, problems, type(box) is getattr(python_ssl, "MemoryBIO", None))


def serve(face: type[Engine | Queue], names: Iterable[str]) -> None:
    """Put methods in C in place of a face's own ones, which stay as ``_python_NAME`` for unusual arguments."""
    for name in names:
        own = vars(face)[name]
        served = _method(face, name, f"{name}{_plain_signature(own)}\n--\n\n{own.__doc__}")
        for alias in [alias for alias, value in vars(face).items() if value is own]:
            setattr(face, alias, served)
        setattr(face, f"_python_{name}", own)


def _plain_signature(function: Any) -> str:
    """The parameters as C methods have them in their documentation: without annotations, the first one marked."""
    bare = [p.replace(annotation=Parameter.empty) for p in signature(function).parameters.values()]
    return "($" + str(Signature(bare))[1:]
