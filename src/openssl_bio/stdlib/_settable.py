"""What contexts and connections have in common to those who set something on them.

Each setting is a method or attribute of one of the classes ``Settings``, ``Callbacks`` and ``Stapling``, which
`SSLContext`, `SSLObject` and `SSLSocket` all have.  What they set it on differs, and that is what this class asks for.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any

from openssl_bio._core.twins import TwinSettings
from openssl_bio.stdlib._private import _SSLMethod

__all__ = ["Settable", "function"]


class Settable:
    """A context, or one connection before its handshake."""

    @abstractmethod
    def _to_set(self, name: str) -> TwinSettings:
        """What a setting is set on; ValueError, with its ``name``, if that is too late."""

    @abstractmethod
    def _to_get(self) -> TwinSettings:
        """What knows the settings."""

    @property
    @abstractmethod
    def _protocol_in_use(self) -> _SSLMethod:
        """What the context was made with."""

    @abstractmethod
    def _is_only(self, side: _SSLMethod) -> bool:
        """Whether it can be of this side (``PROTOCOL_TLS_CLIENT`` or ``PROTOCOL_TLS_SERVER``) alone."""


def function(callback: Any) -> Callable[..., Any]:
    """A callback as it is; TypeError if it cannot be called."""
    if not callable(callback):
        raise TypeError("callback must be callable")
    return callback  # type: ignore[no-any-return]
