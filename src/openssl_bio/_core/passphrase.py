"""Passphrases: what OpenSSL calls when it meets, or writes, an encrypted key.

Theory of operation.  Whoever reads or writes PEM passes ``lib.py_passphrase`` and the `PassphraseRequest.handle` of a
request.  Without a callback OpenSSL would ask at the terminal, and so the callback is passed even when there is no
passphrase.  A Python exception cannot cross C: it waits in the request, and `PassphraseRequest.raise_problem` lets it
go on.  Once a request has failed it is not asked again, although OpenSSL may try a second decoder.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable
from typing import TypeAlias

from openssl_bio._core._lib import CData, called_by_c, ffi

__all__ = ["NO_PASSPHRASE", "Ask", "PassphraseRequest"]

# ask(maxlen, writing): the passphrase, of maxlen bytes at most; writing if a key is being encrypted.
Ask: TypeAlias = Callable[[int, bool], bytes]

NO_PASSPHRASE = "the private key is encrypted and no passphrase was given"


class PassphraseRequest:
    """One passphrase, for one call of OpenSSL; to be kept alive until that call has returned."""

    def __init__(self, passphrase: bytes | Ask | None = None, *, truncate: bool = False) -> None:
        """Take the passphrase, a function that is asked for it, or None if there is none.

        With ``truncate`` a passphrase that is too long is cut, as ``Context.set_passwd_cb`` does; else it is refused.
        """
        self._passphrase = passphrase
        self._truncate = truncate
        self._problem: BaseException | None = None
        self.missing = False  # a passphrase was wanted, and there was none
        self.asked = False  # a passphrase was wanted, and given
        self.handle: CData = ffi.new_handle(weakref.ref(self))  # a reference to itself would be a cycle

    def _get(self, maxlen: int, writing: bool) -> bytes:
        given = self._passphrase(maxlen, writing) if callable(self._passphrase) else self._passphrase
        if not isinstance(given, bytes):
            raise ValueError("Bytes expected")
        if len(given) > maxlen and not self._truncate:
            raise ValueError("passphrase returned by callback is too long")
        return given[:maxlen]

    def answer(self, buffer: CData, size: int, writing: bool) -> int:
        """Write the passphrase into OpenSSL's buffer and return its length, or -1 if there is none to give."""
        if self._problem is not None or self._passphrase is None:
            self.missing = self._passphrase is None
            return -1
        try:
            secret = self._get(size, writing)
        except BaseException:  # it goes on in raise_problem, even if it is a KeyboardInterrupt
            self._problem = sys.exc_info()[1]
            return -1
        ffi.memmove(buffer, secret, len(secret))
        self.asked = True
        return len(secret)

    def raise_problem(self) -> None:
        """Raise what the user's function raised, or the ValueError for what it returned, if there is any."""
        try:
            if self._problem is not None:
                raise self._problem
        finally:
            # A reference from here to the exception would make a cycle with its traceback.
            self._problem = None


def _keep(error: BaseException, _buffer: CData, _size: int, _writing: int, request: CData) -> None:
    ffi.from_handle(request)()._problem = error


@called_by_c("py_passphrase", -1, _keep)
def _passphrase(buffer: CData, size: int, writing: int, request: CData) -> int:
    """OpenSSL's ``pem_password_cb``; ``request`` is the handle of a `PassphraseRequest`."""
    asked: PassphraseRequest = ffi.from_handle(request)()  # who called OpenSSL keeps it alive
    return asked.answer(buffer, size, bool(writing))
