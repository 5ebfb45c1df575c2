"""A pytest plugin: ``import ssl`` gives this package's face, to the tests and to what they test."""

from __future__ import annotations

import _ssl
import gc
import ssl
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from openssl_bio import stdlib
from openssl_bio._core.pem import load_certificate
from openssl_bio.stdlib import _names
from openssl_bio.stdlib._certificates import certificate_dict
from openssl_bio.stdlib._errors import SETUP_ERRORS

# Private names of Python's ssl that its tests read, and that hold constants alone.
_TABLES = ("_PROTOCOL_NAMES", "_SSLv2_IF_EXISTS")


def _decoded(path: str) -> dict[str, Any]:
    """What Python's tests call to see a certificate of a file as a dict."""
    return certificate_dict(load_certificate(Path(path).read_bytes(), True, SETUP_ERRORS, path))


def _swapped() -> ModuleType:
    module = ModuleType("ssl", stdlib.__doc__)
    names = {name: getattr(stdlib, name) for name in dir(stdlib) if not name.startswith("__")}
    vars(module).update(names)
    vars(module).update({name: vars(ssl)[name] for name in _TABLES})
    inner = ModuleType("_ssl")
    vars(inner).update({name: value for name, value in vars(_ssl).items() if not name.startswith("__")})
    vars(inner).update({name: value for name, value in names.items() if name in vars(_ssl)})
    vars(inner)["_test_decode_cert"] = _decoded
    vars(module)["_ssl"] = inner
    return module


sys.modules["ssl"] = _swapped()
# The optional package, by which names are encoded as IDNA 2008 has it, is none of Python's.
_names._has_idna = lambda: False


def pytest_runtest_teardown() -> None:
    """What a test leaves behind is no matter of the next."""
    gc.collect()
