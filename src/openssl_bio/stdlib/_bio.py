"""``MemoryBIO``: ciphertext on its way between a connection and whoever carries it."""

from __future__ import annotations

import operator
import ssl
from typing import TYPE_CHECKING, Any, NoReturn, SupportsIndex, final

from openssl_bio._core._lib import lib
from openssl_bio._core.engines import Queue, hot
from openssl_bio._core.errors import clean_queue
from openssl_bio._core.pointers import INT_MAX, BytesLike

if TYPE_CHECKING:
    pass

__all__ = ["MemoryBIO", "fitted", "octets", "prepend", "refuse_ended", "refuse_unless_bio"]


def fitted(number: SupportsIndex, largest: int) -> int:
    """A number of bytes as a C type takes it. TypeError if it is none, OverflowError beyond that type."""
    found = operator.index(number)
    if not -largest - 1 <= found <= largest:
        raise OverflowError(f"Python int too large to convert to C {'int' if largest == INT_MAX else 'ssize_t'}")
    return found


@final
@hot("read", "write")
class MemoryBIO(Queue):
    """Bytes that are written at one end and read at the other, with an end that can be marked (``ssl.MemoryBIO``).

    One may be shared by connections and threads.
    """

    __slots__ = ()

    def __init_subclass__(cls, **_options: Any) -> NoReturn:
        raise TypeError("type 'MemoryBIO' is not an acceptable base type")

    def __reduce_ex__(self, _protocol: object) -> NoReturn:
        raise TypeError("cannot pickle 'MemoryBIO' object")

    def read(self, size: int = -1, /) -> bytes:
        """Take up to ``size`` bytes, or all of them if it is negative; b"" if there are none."""
        count = fitted(size, INT_MAX)
        return self._take(INT_MAX if count < 0 else count)

    def write(self, b: BytesLike, /) -> int:
        """Put bytes in, and return how many. ``ssl.SSLError`` after `write_eof`."""
        if isinstance(b, str):
            raise TypeError("a bytes-like object is required, not 'str'")
        if self._ended:
            raise ssl.SSLError("cannot write() after write_eof()")
        with memoryview(b) as view:
            if not view.c_contiguous:
                raise BufferError("memoryview: underlying buffer is not C-contiguous")
            if view.nbytes > INT_MAX:
                raise OverflowError(f"string longer than {INT_MAX} bytes")
        return self._put(b)

    def write_eof(self) -> None:
        """Say that there will be no more bytes."""
        self._end()

    @property
    def pending(self) -> int:
        """How many bytes there are."""
        return self._size

    @property
    def eof(self) -> bool:
        """`write_eof` was called, and all bytes have been read."""
        return self._ended and not self._size


def prepend(bio: MemoryBIO | ssl.MemoryBIO, data: bytes) -> None:
    """Put bytes in front of those that are there. ``ssl.SSLError`` where Python's BIO takes no more."""
    if isinstance(bio, MemoryBIO):
        with clean_queue:
            if not lib.obio_queue_put_first(bio._pointer, data, len(data)):
                raise MemoryError
    else:
        refuse_ended(bio)
        bio.write(data + bio.read())


def refuse_ended(bio: object) -> None:
    """``ssl.SSLError`` if nothing can be put in a MemoryBIO any more, which ours always lets us do."""
    if isinstance(bio, ssl.MemoryBIO):
        bio.write(b"")


def octets(data: object, name: str) -> bytes:
    """A copy of a bytes-like object; TypeError with the argument's name for anything else."""
    if type(data) is bytes:
        return data
    if not isinstance(data, bytes | bytearray | memoryview):
        raise TypeError(f"{name} must be a bytes-like object, not {type(data).__name__!r}")
    return bytes(data)


BIOS = MemoryBIO, ssl.MemoryBIO


def refuse_unless_bio(bio: object, name: str) -> None:
    """TypeError for what is no MemoryBIO of ours, nor of Python's."""
    if type(bio) not in BIOS and not isinstance(bio, ssl.MemoryBIO):
        raise TypeError(f"_wrap_bio() argument {name!r} must be _ssl.MemoryBIO, not {type(bio).__name__}")
