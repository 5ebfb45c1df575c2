"""Connections and contexts of the other face, as this one sees them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from openssl_bio._core._lib import CData
from openssl_bio._core.connection import ConnectionCore
from openssl_bio._core.guard import INITIALISED_BEFORE
from openssl_bio._core.view_classes import ConnectionView, ContextView, share
from openssl_bio._core.views import register
from openssl_bio.pyopenssl._connection import Connection
from openssl_bio.pyopenssl._context import Context
from openssl_bio.pyopenssl._errors import FACE

__all__: list[str] = []


class _ConnectionView(ConnectionView, Connection):  # type: ignore[override]  # what can be set elsewhere is read here
    """A connection of the other face, in memory."""

    __slots__ = ("_original",)

    _socket: Any = None
    _app_data: Any = None

    def __init__(self, *_arguments: object, **_options: object) -> None:
        """RuntimeError: a view is of a connection that there is."""
        raise RuntimeError(INITIALISED_BEFORE)


class _ContextView(ContextView, Context):  # type: ignore[override]  # the same
    """A context of the other face."""

    __slots__ = ("_original",)

    _app_data: Any = None
    _passphrase: Callable[[int, bool], bytes] | None = None
    _client_cas: list[CData] = []  # noqa: RUF012 - it is replaced, never changed


def _view(original: Any) -> Connection | Context:
    if isinstance(original, ConnectionCore):
        view: Connection | Context = _ConnectionView.__new__(_ConnectionView)
    else:
        view = _ContextView.__new__(_ContextView)
    share(view, original)
    return view


register(FACE, _view)
