"""The one door to C: nobody else imports the extension module.

``ffi`` and ``lib`` are cffi's.  What the OpenSSL of the build did not have is absent from ``lib``; `needs` makes the
functions that use it say so, instead of an AttributeError.
"""

from __future__ import annotations

import functools

# Where `importlib.machinery` has them from, which takes as long to import as four modules of this package.
from _frozen_importlib import ModuleSpec
from _frozen_importlib_external import ExtensionFileLoader
from collections.abc import Callable
from types import TracebackType
from typing import Any, ParamSpec, TypeAlias, TypeVar

from openssl_bio import _openssl
from openssl_bio._openssl import ffi, lib

__all__ = ["CData", "called_by_c", "ffi", "lib", "load_engine", "needs", "version_text"]

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


def called_by_c(name: str, fails: int | None, keep: Callable[..., None]) -> Callable[[Callable[..., Any]], None]:
    """Make a function the body of the C function ``name``, and lose nothing that is raised in it.

    A signal handler may raise at the first instruction of what C calls, before that has a chance to catch anything;
    cffi would print it and go on. So ``keep(error, *arguments)`` is told, and C is given ``fails``.
    """

    def decorate(function: Callable[..., Any]) -> None:
        def called(*arguments: Any) -> Any:
            return function(*arguments)

        def lost(_kind: type[BaseException], error: BaseException, at: TracebackType) -> None:
            keep(error, *at.tb_frame.f_locals["arguments"])

        options: dict[str, Any] = {"onerror": lost}
        if fails is not None:  # a function that returns nothing must not be given None
            options["error"] = fails
        ffi.def_extern(name=name, **options)(called)

    return decorate


@functools.cache
def load_engine() -> Any:
    """The C engine: a second module in the shared object of the first, so that both are on one libssl."""
    name, path = "openssl_bio._engine", _openssl.__file__
    loader = ExtensionFileLoader(name, path)
    module = loader.create_module(ModuleSpec(name, loader, origin=path))
    loader.exec_module(module)
    return module


def _refuse_older_library() -> None:
    built, running = lib.OPENSSL_VERSION_NUMBER, lib.OpenSSL_version_num()
    if running < built:
        raise ImportError(
            f"openssl_bio was built for OpenSSL {built:#x}, but {version_text()} ({running:#x}) is loaded"
        )


_refuse_older_library()
