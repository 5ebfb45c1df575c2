"""The keys with which a server seals its sessions into tickets.

Theory of operation.  The keys are made, used and wiped in C (`_native/ticket_keys.c`), and no Python object ever holds
one: `TicketKeys` passes on names, which are in each ticket for all to see, and encrypted bytes.  libssl calls C for
each ticket; each SSL carries a pointer to its context's ring, which the connection's generation keeps alive.

A ring is shared by contexts, and maybe by servers, that could differ in whom they trust.  What was verified is in the
ticket; so the session id context of a server that verifies its clients says how (`verification.trust_digest`), and
libssl refuses a ticket that was made by another rule.

Keys that a callback gives (`TicketKey`) are Python bytes, and stay in memory as those do.
"""

# No annotations from the future: `NamedTuple` compiles those that are text, which takes longer than the rest.
from typing import NamedTuple, NoReturn

from openssl_bio._core._lib import CData, ffi, lib
from openssl_bio._core.errors import clean_queue
from openssl_bio._core.load_errors import LOAD_ERRORS, LoadError
from openssl_bio._core.pointers import new_buffer, own, taken
from openssl_bio._core.sealing import checked_key

__all__ = ["TicketKey", "TicketKeys", "checked_ticket_key", "new_ring"]

_LONGEST_LIFETIME = 10**9


class TicketKey(NamedTuple):
    """A key that a callback gives, for AES-256-CBC with HMAC-SHA256 (RFC 5077, section 4)."""

    name: bytes
    """What tells it from others: 16 bytes, which can be read in each ticket."""
    cipher_key: bytes
    """32 bytes."""
    mac_key: bytes
    """32 bytes."""
    renew: bool = False
    """Where it opens a ticket: the client is to get another (TLS 1.3 always sends new ones)."""


TicketKey.__module__ = "openssl_bio"


def checked_ticket_key(key: object, name: bytes | None) -> TicketKey | None:
    """What a callback answered; TypeError or ValueError for what libssl could not take."""
    if key is None:
        return None
    if not isinstance(key, TicketKey):
        raise TypeError(f"a ticket key callback returns a TicketKey or None, not {type(key).__name__}")
    sizes = (lib.OBIO_TICKET_NAME, lib.OBIO_TICKET_SECRET, lib.OBIO_TICKET_SECRET)
    for part, what, size in zip(key, ("name", "cipher_key", "mac_key"), sizes, strict=False):
        if not isinstance(part, bytes):
            raise TypeError(f"the {what} of a TicketKey is bytes, not {type(part).__name__}")
        if len(part) != size:
            raise ValueError(f"the {what} of a TicketKey has {size} bytes, not {len(part)}")
    if name is not None and key.name != name:
        raise ValueError("the callback gave another key than the one that it was asked for")
    return key


def new_ring(lifetime: int, grace: int) -> CData:
    """An owned ring of keys; one with a ``grace`` is a fleet's, and rotates alone that many seconds late."""
    if not 0 <= lifetime <= _LONGEST_LIFETIME:
        raise ValueError(f"lifetime must be from 0 to {_LONGEST_LIFETIME} seconds, not {lifetime}")
    with clean_queue:
        ring = lib.obio_ticket_keys_new(lifetime, grace)
        return own(ring, lib.obio_ticket_keys_free, LOAD_ERRORS, "making ticket keys")


class TicketKeys:
    """Three keys for session tickets: the current one seals, it and the previous and the next one open.

    Contexts of both faces take it (``set_ticket_keys``), any number of them and of threads may share it. The keys are
    random, in C memory, and are overwritten when they retire.

    ``lifetime`` is for how many seconds a key is the current one; it opens tickets for as long again. 0 means until
    `rotate` is called. There is no clock running: a rotation that is due happens when the keys are used next.
    ValueError for a lifetime below 0 or above 10**9.
    """

    __module__ = "openssl_bio"
    __slots__ = ("__weakref__", "_ring")

    def __init__(self, lifetime: int = 12 * 3600) -> None:
        self._ring: CData = new_ring(lifetime, 0)

    def __reduce__(self) -> NoReturn:
        """TypeError: keys leave the process encrypted, by `wrap`."""
        raise TypeError("cannot copy or pickle TicketKeys: send wrap(key), and unwrap it there")

    @property
    def names(self) -> tuple[bytes | None, bytes, bytes]:
        """The names (16 bytes) of the previous key, None if there is none yet, of the current and of the next one."""
        size = lib.OBIO_TICKET_NAME
        buffer = new_buffer(3 * size)
        lib.obio_ticket_keys_names(self._ring, buffer)
        names = taken(buffer, 3 * size)
        previous = names[:size]
        return previous if any(previous) else None, names[size : 2 * size], names[2 * size :]

    @property
    def generation(self) -> int:
        """How often these keys have been rotated."""
        return int(lib.obio_ticket_keys_generation(self._ring))

    def rotate(self) -> None:
        """Let the next key be the current one, the current one the previous, and forget the previous one."""
        with clean_queue:
            LOAD_ERRORS.check(lib.obio_ticket_keys_rotate(self._ring), "making a ticket key")

    def wrap(self, key: bytes) -> bytes:
        """All keys, and when they rotate, encrypted and authenticated with a ``key`` of 32 bytes, for `unwrap`."""
        secret = checked_key(key)
        with clean_queue:
            buffer = ffi.new("unsigned char[]", lib.OBIO_TICKET_KEYS_WRAPPED)
            LOAD_ERRORS.check(lib.obio_ticket_keys_wrap(self._ring, secret, buffer), "encrypting ticket keys")
            return taken(buffer, lib.OBIO_TICKET_KEYS_WRAPPED)

    def unwrap(self, wrapped: bytes, key: bytes) -> bool:
        """Take over the keys of another `TicketKeys`; False, and nothing happens, if they were rotated less often.

        So nobody who kept old bytes can bring a retired key back. `LoadError`, a ValueError, if the bytes are no ticket
        keys, were changed, or were encrypted with another key.
        """
        secret = checked_key(key)
        if not isinstance(wrapped, bytes):
            raise TypeError(f"wrapped keys are bytes, not {type(wrapped).__name__}")
        with clean_queue:
            result = lib.obio_ticket_keys_unwrap(self._ring, secret, wrapped, len(wrapped))
        if result == 0:
            raise LoadError("these are no ticket keys, or they were changed, or encrypted with another key")
        return bool(result > 0)
