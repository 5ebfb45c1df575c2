"""What is raised for a certificate, a key, a session or a trust store that cannot be used, by either face's objects.

Theory of operation.  `openssl_bio.LoadError` belongs to no face, so the core has an `ErrorTable` of its own for it.
"""

from __future__ import annotations

from openssl_bio._core.errors import ErrorRecord, ErrorTable, Outcome

__all__ = ["LOAD_ERRORS", "LoadError"]


class LoadError(ValueError):
    """A certificate, a key or a chain cannot be used; the message says which, and why."""

    __module__ = "openssl_bio"

    _records: tuple[ErrorRecord, ...] = ()  # what OpenSSL said, for a face that tells it in another way


def _load_error(outcome: Outcome) -> BaseException:
    reasons = "; ".join(f"{record.library}: {record.reason}" for record in outcome.records if record.reason)
    error = LoadError(f"{outcome.detail} ({reasons})" if reasons else outcome.detail)
    error._records = outcome.records
    return error


LOAD_ERRORS = ErrorTable(_load_error)
