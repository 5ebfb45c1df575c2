"""The one door to C: nobody else imports the extension module.

``ffi`` and ``lib`` are cffi's.  What the OpenSSL of the build did not have is absent from ``lib``; `needs` makes the
functions that use it say so, instead of an AttributeError.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from importlib.machinery import ExtensionFileLoader
from importlib.util import module_from_spec, spec_from_file_location
from typing import Any, ParamSpec, TypeAlias, TypeVar

from openssl_bio import _openssl
from openssl_bio._openssl import ffi, lib

__all__ = ["CData", "ffi", "lib", "load_engine", "needs", "version_text"]

P = ParamSpec("P")
R = TypeVar("R")

# A pointer or a C function.  The types of Python end here: what libssl is given is checked by the functions that give
# it, not by mypy.
CData: TypeAlias = Any


def version_text() -> str:
    """The libssl that is really loaded, such as ``OpenSSL 3.0.19 27 Jan 2026``."""
    text: bytes = ffi.string(lib.OpenSSL_version(lib.OPENSSL_VERSION))
    return text.decode()


def needs(symbol: str, since: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Mark a function that calls ``symbol``, which libssl has since a version, or may be built without."""

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        if hasattr(lib, symbol):
            return function

        @functools.wraps(function)
        def missing(*_args: P.args, **_kwargs: P.kwargs) -> R:
            raise NotImplementedError(f"{symbol} needs {since}; this is {version_text()} as it was built")

        return missing

    return decorate


def load_engine() -> Any:
    """The C engine: a second module in the shared object of the first, so that both are on one libssl."""
    name, path = "openssl_bio._engine", _openssl.__file__
    spec = spec_from_file_location(name, path, loader=ExtensionFileLoader(name, path))
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _refuse_older_library() -> None:
    built, running = lib.OPENSSL_VERSION_NUMBER, lib.OpenSSL_version_num()
    if running < built:
        raise ImportError(
            f"openssl_bio was built for OpenSSL {built:#x}, but {version_text()} ({running:#x}) is loaded"
        )


_refuse_older_library()
