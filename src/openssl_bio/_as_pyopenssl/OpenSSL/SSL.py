"""``OpenSSL.SSL``: `openssl_bio.SSL`, with the private names that programs reach for."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

import openssl_bio
from openssl_bio.SSL import *  # noqa: F403

from ._util import exception_from_error_queue, make_assert
from ._util import ffi as _ffi  # noqa: F401
from ._util import lib as _lib  # noqa: F401

_F = TypeVar("_F", bound=Callable[..., Any])
_openssl_assert = make_assert(openssl_bio.SSL.Error)
_raise_current_error = functools.partial(exception_from_error_queue, openssl_bio.SSL.Error)
_NoOverlappingProtocols = type(openssl_bio.SSL.NO_OVERLAPPING_PROTOCOLS)

__all__ = openssl_bio.SSL.__all__


def _make_requires(flag: int, error: str) -> Callable[[_F], _F | Callable[..., NoReturn]]:
    """A decorator that lets a function be if ``flag`` is true, and else has it raise NotImplementedError(error)."""

    def decorate(function: _F) -> _F | Callable[..., NoReturn]:
        if flag:
            return function

        @functools.wraps(function)
        def missing(*_args: Any, **_kwargs: Any) -> NoReturn:
            raise NotImplementedError(error)

        return missing

    return decorate
