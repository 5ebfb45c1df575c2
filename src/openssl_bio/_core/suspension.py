"""Callbacks that may answer later: the handshake stops, and goes on when it is told the answer.

Theory of operation.  libssl lets three callbacks ask to be called again: for the verification of a server's chain
(`SSL_set_retry_verify`), for the ClientHello, and for the choice of a certificate.  A callback that returns `SUSPEND`
makes the running operation raise the face's form of `Suspended`.  libssl calls the C entry point again whenever the
handshake is continued; a user's callback is called once: until `resume_handshake` has been given the answer, the entry
point asks libssl to wait again, and then it returns what was given, which was checked as the callback's own answer is.

Invariant: no answer lets a handshake go on that the callback could not have given.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from openssl_bio._core.engines import Guard

__all__ = ["SUSPEND", "Suspend", "Suspendable", "Suspended"]


class Suspend:
    """The type of `SUSPEND`, of which there is one alone."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "openssl_bio.SUSPEND"

    def __reduce__(self) -> str:
        """The name by which `copy` and `pickle` find it."""
        return "SUSPEND"


# What a callback returns that will answer later.
SUSPEND: Final = Suspend()


class Suspended(Exception):
    """A callback has answered `SUSPEND`: the handshake waits for ``resume_handshake()``.

    Both faces raise a class of their own that is their ``Error`` or ``ssl.SSLError`` as well.  ``what`` is what waits:
    "verification", "client_hello" or "certificate".
    """

    __module__ = "openssl_bio"

    what: str = ""


class Suspendable:
    """What a connection keeps about a callback that has not answered yet."""

    _guard: Guard
    _waiting: str | None = None  # for which callback's answer
    _check_answer: Callable[[Any], Any] | None = None
    _answer: tuple[Any, ...] = ()

    @property
    def suspended(self) -> str | None:
        """What the handshake waits for: "verification", "client_hello", "certificate", or None."""
        return None if self._answer else self._waiting

    def resume_handshake(self, answer: object) -> None:
        """Give the answer that a callback has put off: what it could have returned, such as True for a verified chain.

        The next ``do_handshake()``, or read or write, goes on.  ValueError if nothing waits, or it is answered already;
        TypeError, and the handshake still waits, for what the callback must not return either.
        """
        with self._guard:
            if self._waiting is None or self._answer:
                raise ValueError("no callback of this connection waits to be answered")
            if answer is SUSPEND:
                raise TypeError("the answer cannot be put off again")
            assert self._check_answer is not None
            self._answer = (self._check_answer(answer),)

    def _decide(self, what: str, check: Callable[[Any], Any], ask: Callable[[], Any]) -> Any:
        """The answer, checked: the callback's, or the one given since, or SUSPEND while there is none."""
        if self._waiting == what:
            if not self._answer:
                return SUSPEND
            (answer,) = self._answer
            self._waiting, self._check_answer, self._answer = None, None, ()
            return answer
        answer = ask()
        if answer is SUSPEND:
            self._waiting, self._check_answer, self._answer = what, check, ()
            return SUSPEND
        return check(answer)
