"""The C engine: what it leaves to Python.

Theory of operation.  The operations are methods of a C type (`_native/engine.c`), with the interface and the promises
of the reference engine (`engine`).  Pointers pass between C and cffi as integers.  The C type owns no SSL: it holds the
cdata that does.  What happens rarely is here: C calls `_classify` and `_error` to make exceptions.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar, NoReturn

from openssl_bio._core._lib import CData, ffi, load_engine
from openssl_bio._core.errors import ErrorTable, Kind, Outcome, classify
from openssl_bio._core.guard import NOT_IN_A_CALLBACK
from openssl_bio._core.pointers import BytesLike

__all__ = ["Engine", "Guard"]

if TYPE_CHECKING:
    from openssl_bio._core import engine
    from openssl_bio._core.guard import Guard

    class _Engine(engine.Engine):
        def _open(self, *arguments: object) -> None: ...

else:
    _module = load_engine()
    _Engine, Guard = _module.Engine, _module.Guard


def _address(pointer: CData) -> int:
    return int(ffi.cast("uintptr_t", pointer))


class Engine(_Engine):
    """One TLS connection over memory; see `engine`."""

    _errors: ClassVar[ErrorTable]
    # What ended a connection whose callback raised during the handshake.
    _aborted: ClassVar[Outcome] = Outcome(Kind.SSL, detail="a callback raised an exception during the handshake")

    # The subclass makes these two, before there is an SSL that could call back.
    _guard: Guard
    _pending: list[BaseException]  # what callbacks raised

    def __init__(self, ssl: CData, incoming: CData | None = None, outgoing: CData | None = None) -> None:
        """Run on ``ssl``, whose ciphertext comes from and goes to these BIOs, or memory of its own."""
        self.ssl = ssl
        bios = [0 if bio is None else _address(bio) for bio in (incoming, outgoing)]
        self._open(ssl, _address(ssl), self._guard, self._pending, self._errors.want_read, *bios)

    def _classify(self, address: int) -> Outcome:
        """The Outcome for an ``obio_outcome`` in the C engine."""
        return classify(ffi.cast("obio_outcome *", address))

    def _error(self, outcome: Outcome) -> BaseException:
        """The exception for an outcome; a face may say more than its table knows."""
        return self._errors.error(outcome)

    def _refuse_io(self) -> NoReturn:
        raise self._errors.error(Outcome(Kind.MISUSE, detail=NOT_IN_A_CALLBACK))

    def _write_many(self, parts: Iterable[BytesLike]) -> int:
        if self._datagrams:
            return sum(self._write(part) for part in parts)
        return self._write(b"".join(parts))
