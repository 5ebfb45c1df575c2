"""The optional package ``cryptography``, which only the conversions to and from its objects need."""

from __future__ import annotations

__all__ = ["require_cryptography"]


def require_cryptography(what: str) -> None:
    """Raise an ImportError that says what needs ``cryptography``, if it is not installed."""
    try:
        import cryptography  # noqa: F401
    except ImportError as error:
        raise ImportError(
            f"{what} needs the package cryptography, which is not installed: pip install cryptography"
        ) from error
