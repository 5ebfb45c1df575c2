"""Which engine runs is chosen when the package is imported."""

from __future__ import annotations

import subprocess
import sysconfig

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


@pytest.mark.skipif(not sysconfig.get_config_var("Py_GIL_DISABLED"), reason="this Python has a GIL")
@pytest.mark.parametrize("engine", ["c", "cffi"])
def test_no_face_needs_the_gil(engine: str) -> None:
    """Importing either face does not turn the GIL on, of which there would be a RuntimeWarning."""
    code = "import sys; from openssl_bio import SSL, crypto, stdlib; print(sys._is_gil_enabled())"
    done = python("-W", "error", "-c", code, OPENSSL_BIO_ENGINE=engine, PYTHON_GIL="")
    assert done.stdout.split() == ["False"], done.stderr


def test_one_of_many_threads_initialises() -> None:
    """Of threads that initialise one connection one does; others, and who uses it too early, get a RuntimeError."""
    code = """
import threading
from openssl_bio import SSL
context, made = SSL.Context(SSL.TLS_METHOD), []
def work(one, together):
    together.wait()
    try:
        one.pending()
    except RuntimeError:
        pass
    try:
        one.__init__(context)
        made.append(one)
    except RuntimeError:
        pass
for _ in range(200):
    one, together = SSL.Connection.__new__(SSL.Connection), threading.Barrier(4)
    threads = [threading.Thread(target=work, args=(one, together)) for _ in range(4)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    one.set_connect_state()
print(len(made), len(set(map(id, made))))
"""
    done = run("c", code)
    assert done.stdout.split() == ["200", "200"], done.stderr


LEFT_AT_THE_END = """
import threading
from openssl_bio import SSL

connection = SSL.Connection(SSL.Context(SSL.TLS_METHOD))
connection.set_connect_state()
connection.get_cipher_list()
connection.set_verify(SSL.VERIFY_PEER, lambda *_: connection.ssl)
thread = threading.Thread(target=lambda: connection.get_context())
thread.start()
thread.join()
"""


@pytest.mark.parametrize("engine", ["c", "cffi"])
def test_what_is_left_at_the_end(engine: str) -> None:
    """Without a GIL, Python frees it when modules have lost their names: no exception is printed."""
    done = run(engine, LEFT_AT_THE_END)
    assert (done.returncode, done.stderr) == (0, "")
