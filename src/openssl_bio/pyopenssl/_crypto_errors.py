"""How pyOpenSSL's exceptions look: the shared base class, and the table of ``openssl_bio.crypto``."""

from __future__ import annotations

from typing import Self

from openssl_bio._core.errors import ErrorTable, Outcome

__all__ = ["CRYPTO_ERRORS", "Error", "OpenSSLError", "error_args"]


def error_args(outcome: Outcome) -> list[tuple[str, str, str]]:
    """The ``(library, function, reason)`` of each error record, oldest first.

    OpenSSL 3 no longer names functions, so that is always "".  The list is never empty: without records it has one
    entry of our own, with the outcome's detail.
    """
    if not outcome.records:
        return [("openssl_bio", "", outcome.detail or outcome.kind.name)]
    return [(record.library, "", record.reason) for record in outcome.records]


class OpenSSLError(Exception):
    """Base of the faces' errors: ``args[0]`` is the list of `error_args`, ``detail`` what was tried, and on what."""

    detail: str = ""

    @classmethod
    def from_outcome(cls, outcome: Outcome) -> Self:
        """The exception for an outcome of the core."""
        error = cls(error_args(outcome))
        error.detail = outcome.detail
        return error

    def __str__(self) -> str:
        if not self.args:
            return self.detail
        text = str(self.args[0])
        # The entry of our own says it already.
        said = not self.detail or self.args[0] == [("openssl_bio", "", self.detail)]
        return text if said else f"{text}: {self.detail}"


class Error(OpenSSLError):
    """An error of libcrypto (``OpenSSL.crypto.Error``)."""

    __module__ = "openssl_bio.crypto"


CRYPTO_ERRORS = ErrorTable(Error.from_outcome)
