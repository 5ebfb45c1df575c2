"""The switch that makes ``import OpenSSL`` mean this package: see `install_as_pyopenssl`.

How it works: the folder beside this file holds a package that is called ``OpenSSL``, with the modules that pyOpenSSL
has.  A finder that comes before all others gives it to whoever imports that name, and answers for the distribution
``pyOpenSSL`` as well, so that programs which ask for its version (``importlib.metadata``) run too.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from importlib.metadata import Distribution, DistributionFinder
from pathlib import Path
from types import ModuleType

from openssl_bio import SSL, crypto

__all__ = ["PYOPENSSL_VERSION", "install_as_pyopenssl"]

# The release of pyOpenSSL whose names are here.
PYOPENSSL_VERSION = "26.4.0"

_FOLDER = Path(__file__).resolve().parent


class _Metadata(Distribution):
    """What ``importlib.metadata`` knows of pyOpenSSL while the switch is on: a name and a version."""

    def read_text(self, filename: str) -> str | None:
        if filename != "METADATA":
            return None
        return f"Metadata-Version: 2.1\nName: pyOpenSSL\nVersion: {PYOPENSSL_VERSION}\n"

    def locate_file(self, path: str | os.PathLike[str]) -> Path:
        return _FOLDER / path


class _Finder(DistributionFinder):
    """Finds our ``OpenSSL``, and the distribution that it stands for."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        return PathFinder.find_spec(fullname, [str(_FOLDER)], target) if fullname == "OpenSSL" else None

    def find_distributions(self, context: DistributionFinder.Context | None = None) -> Iterable[Distribution]:
        wanted = None if context is None else context.name
        return [_Metadata()] if wanted is None or wanted.lower() == "pyopenssl" else []


def install_as_pyopenssl() -> None:
    """From now on let ``import OpenSSL`` and its modules mean this package, in this process.

    Those are ``OpenSSL.SSL``, ``crypto``, ``version``, ``rand``, ``debug`` and ``_util``, with pyOpenSSL's version
    (26.4.0).  The classes of ``SSL`` and ``crypto`` then call ``OpenSSL.SSL`` and ``OpenSSL.crypto`` their
    ``__module__``, and ``importlib.metadata.version("pyOpenSSL")`` gives that version, installed or not.

    Call it before anything imports ``OpenSSL``; RuntimeError if pyOpenSSL itself is imported already, since programs
    would then hold classes of both.  A second call does nothing.  Child processes are not affected.
    """
    if any(isinstance(finder, _Finder) for finder in sys.meta_path):
        return
    _refuse_the_original()
    sys.meta_path.insert(0, _Finder())
    for module in (SSL, crypto):
        for value in [getattr(module, name) for name in dir(module)]:
            if isinstance(value, type) and value.__module__.startswith("openssl_bio."):
                value.__module__ = value.__module__.replace("openssl_bio.", "OpenSSL.", 1)


def _refuse_the_original() -> None:
    imported = [name for name in sys.modules if name.partition(".")[0] == "OpenSSL"]
    if not imported:
        return
    origin = getattr(sys.modules.get("OpenSSL"), "__file__", None) or "an unknown place"
    raise RuntimeError(
        f"pyOpenSSL is imported already, as {', '.join(sorted(imported))} from {origin}: call "
        "openssl_bio.install_as_pyopenssl() before the first `import OpenSSL`, of libraries too, or start the "
        "program with `python -m openssl_bio run --pyopenssl PROGRAM`"
    )
