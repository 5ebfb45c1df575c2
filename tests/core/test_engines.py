"""Which engine runs is chosen when the package is imported."""

from __future__ import annotations

import subprocess

import pytest

from tests.programs import python


def run(engine: str, code: str) -> subprocess.CompletedProcess[str]:
    return python("-c", code, OPENSSL_BIO_ENGINE=engine)


@pytest.mark.parametrize(
    ("engine", "module"), [("c", "openssl_bio._core.native"), ("cffi", "openssl_bio._core.engine")]
)
def test_the_environment_chooses(engine: str, module: str) -> None:
    """Connections are of the engine that OPENSSL_BIO_ENGINE names."""
    done = run(engine, "from openssl_bio import SSL; print([c.__module__ for c in SSL.Connection.__mro__])")
    assert module in done.stdout


def test_another_name_is_refused() -> None:
    """A name that is no engine fails the import, and is told."""
    done = run("fast", "import openssl_bio.SSL")
    assert "ImportError: OPENSSL_BIO_ENGINE must be c or cffi, not 'fast'" in done.stderr


def test_an_engine_that_was_not_initialised_says_so() -> None:
    """A subclass that forgets super().__init__() gets an exception from every operation, and no crash."""
    code = """
from openssl_bio import SSL
class Wrong(SSL.Connection):
    def __init__(self): pass
connection = Wrong()
for call in (connection.do_handshake, connection.shutdown, connection.pending, lambda: connection.recv(1),
             lambda: connection.send(b"x"), lambda: connection.bio_write(b"x"), lambda: connection.bio_read(1)):
    try:
        call()
    except (RuntimeError, AttributeError):
        print("refused")
"""
    for engine in ("c", "cffi"):
        assert run(engine, code).stdout.split() == ["refused"] * 7
