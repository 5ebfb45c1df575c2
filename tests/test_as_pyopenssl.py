"""The switch that makes ``import OpenSSL`` mean this package, in processes of their own."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from tests import programs

INSTALL = "import openssl_bio\nopenssl_bio.install_as_pyopenssl()\n"


def python(*arguments: str, folder: Path | None = None, status: int = 0) -> str:
    """Run Python, and give what it prints; on stderr, if its exit status is to be another than 0."""
    done = programs.python(*arguments, folder=folder, PYTHONWARNINGS="default")
    assert done.returncode == status, done.stderr
    return done.stderr if status else done.stdout


def code(text: str, status: int = 0) -> str:
    return python("-c", INSTALL + textwrap.dedent(text), status=status)


def test_the_modules_are_ours() -> None:
    """Every module that pyOpenSSL has is there, and its classes are those of this package."""
    code("""
        import OpenSSL, OpenSSL.SSL, OpenSSL.crypto, OpenSSL._util, OpenSSL.version, OpenSSL.rand, OpenSSL.debug
        from OpenSSL import SSL, crypto
        assert SSL.Context is openssl_bio.SSL.Context and SSL.Error is openssl_bio.SSL.Error
        assert crypto.X509 is openssl_bio.crypto.X509 and crypto.Error is openssl_bio.crypto.Error
        assert set(SSL.__all__) == set(openssl_bio.SSL.__all__)
        assert set(crypto.__all__) == set(openssl_bio.crypto.__all__)
        assert OpenSSL.rand.status() == 1
    """)


def test_versions() -> None:
    """OpenSSL's version is that of the pyOpenSSL whose names are here, by every way to ask; ours is our own."""
    code("""
        import importlib.metadata, OpenSSL, OpenSSL.version
        assert OpenSSL.__version__ == OpenSSL.version.__version__ == "26.4.0"
        assert importlib.metadata.version("pyOpenSSL") == importlib.metadata.version("pyopenssl") == "26.4.0"
        assert importlib.metadata.metadata("pyOpenSSL")["Name"] == "pyOpenSSL"
        assert "pyOpenSSL" in [d.name for d in importlib.metadata.distributions()]
        assert openssl_bio.__version__ != "26.4.0"
    """)


def test_other_distributions_are_found_as_before() -> None:
    code("""
        import importlib.metadata
        assert importlib.metadata.version("cffi")
        try:
            importlib.metadata.version("no-such-package")
        except importlib.metadata.PackageNotFoundError:
            pass
        else:
            raise AssertionError
    """)


def test_classes_say_that_they_are_pyopenssls() -> None:
    """Some programs look at ``__module__`` to know a context; exceptions are printed with it."""
    code("""
        from OpenSSL import SSL, crypto
        context = SSL.Context(SSL.TLS_METHOD)
        assert type(context).__module__ == "OpenSSL.SSL"
        assert SSL.Connection.__module__ == SSL.Session.__module__ == SSL.WantReadError.__module__ == "OpenSSL.SSL"
        assert crypto.X509.__module__ == crypto.X509StoreContextError.__module__ == "OpenSSL.crypto"
    """)


def test_without_the_switch_classes_are_ours() -> None:
    python(
        "-c",
        "from openssl_bio import SSL, crypto\n"
        "assert {c.__module__ for c in (SSL.Context, SSL.Connection, SSL.Session, SSL.Error)} == {'openssl_bio.SSL'}\n"
        "assert {c.__module__ for c in (crypto.X509, crypto.PKey, crypto.Error)} == {'openssl_bio.crypto'}\n",
    )


def test_exceptions_can_be_pickled() -> None:
    """With the new ``__module__``, by which pickle finds classes."""
    code("""
        import pickle
        from OpenSSL import SSL
        assert type(pickle.loads(pickle.dumps(SSL.SysCallError(-1, "Unexpected EOF")))) is SSL.SysCallError
    """)


def test_the_second_call_does_nothing() -> None:
    code("""
        import sys, OpenSSL.SSL
        before = list(sys.meta_path), OpenSSL.SSL.Context.__module__
        openssl_bio.install_as_pyopenssl()
        assert (list(sys.meta_path), OpenSSL.SSL.Context.__module__) == before
    """)


def test_refuses_when_the_original_is_there(tmp_path: Path) -> None:
    """The exception says where the other OpenSSL is, and what to do."""
    (tmp_path / "OpenSSL.py").write_text("")
    program = f"import sys\nsys.path.insert(0, {str(tmp_path)!r})\nimport OpenSSL\n" + INSTALL
    error = python("-c", program, status=1)
    assert "RuntimeError: pyOpenSSL is imported already" in error
    assert str(tmp_path) in error
    assert "python -m openssl_bio run --pyopenssl" in error


def test_comes_before_an_original_that_is_installed(tmp_path: Path) -> None:
    """Also after a program has put another folder first."""
    (tmp_path / "OpenSSL").mkdir()
    (tmp_path / "OpenSSL" / "__init__.py").write_text("raise AssertionError")
    (tmp_path / "pyOpenSSL-1.0.dist-info").mkdir()
    (tmp_path / "pyOpenSSL-1.0.dist-info" / "METADATA").write_text("Name: pyOpenSSL\nVersion: 1.0\n")
    code(f"""
        import sys
        sys.path.insert(0, {str(tmp_path)!r})
        import importlib.metadata, OpenSSL
        assert OpenSSL.__version__ == importlib.metadata.version("pyOpenSSL") == "26.4.0"
    """)


def test_what_frameworks_use_of_util() -> None:
    """A name's text and a context's options by way of ``OpenSSL._util``; what is patched there is no matter of ours."""
    code("""
        import OpenSSL._util as util
        from OpenSSL import SSL, crypto
        name = crypto.X509().get_subject()
        name.CN = "example"
        buffer = util.ffi.new("char[]", 512)
        util.lib.X509_NAME_oneline(name._name, buffer, len(buffer))
        assert util.ffi.string(buffer) == b"/CN=example"
        context = SSL.Context(SSL.TLS_METHOD)
        context.set_options(SSL.OP_NO_TICKET)
        assert SSL._lib.SSL_CTX_get_options(context._context) & SSL.OP_NO_TICKET
        assert context._keylog_callback is None
        context.set_keylog_callback(print)
        assert context._keylog_callback is not None
        assert util.lib.Cryptography_HAS_KEYLOG == 1
        util.lib.SSL_CTX_new = None
        SSL.Context(SSL.TLS_METHOD)
        assert util.text(util.ffi.NULL) == "" and util.text(util.ffi.new("char[]", b"a")) == "a"
        assert util.path_bytes("a") == util.byte_string("a") == b"a"
    """)


def test_errors_by_way_of_util() -> None:
    """``make_assert`` raises what the error queue says, and empties it."""
    code("""
        from OpenSSL import _util
        check = _util.make_assert(ValueError)
        check(True)
        _util.lib.ERR_put_error(_util.lib.ERR_LIB_EVP, 0, 1112, b"", 10)
        for expected in (1, 0):
            try:
                check(False)
            except ValueError as error:
                assert len(error.args[0]) == expected, error.args
            else:
                raise AssertionError
    """)


def test_what_mitmproxy_uses() -> None:
    """Its DH parameters, and the assertion that goes with calling libssl oneself."""
    code("""
        import pathlib
        from OpenSSL import SSL, crypto
        path = pathlib.Path("does not exist")
        assert SSL._lib.BIO_new_file(str(path).encode(), b"r") == SSL._ffi.NULL
        for module in (SSL, crypto):
            SSL._lib.ERR_put_error(SSL._lib.ERR_LIB_EVP, 0, 1112, b"", 10)
            module._openssl_assert(True)
            for fail in (lambda: module._openssl_assert(False), module._raise_current_error):
                try:
                    fail()
                except module.Error:
                    continue
                raise AssertionError
        context = SSL.Context(SSL.TLS_METHOD)
        assert SSL._lib.SSL_CTX_set_min_proto_version(context._context, SSL.TLS1_2_VERSION) == 1
        assert SSL._lib.SSL_CTX_get_min_proto_version(context._context) == SSL.TLS1_2_VERSION
        SSL._lib.SSL_CTX_set_post_handshake_auth(context._context, 1)
        param = SSL._lib.SSL_get0_param(SSL.Connection(context)._ssl)
        SSL._lib.X509_VERIFY_PARAM_set_hostflags(param, SSL._lib.X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS)
        assert SSL._lib.X509_VERIFY_PARAM_set1_host(param, b"example.test", 12) == 1
        assert SSL._lib.X509_VERIFY_PARAM_set1_ip(param, bytes(4), 4) == 1
        assert SSL._lib.PEM_read_bio_DHparams and SSL._lib.DH_free and SSL._lib.SSL_CTX_set_tmp_dh
    """)


def test_rand_is_deprecated_and_checks_its_arguments() -> None:
    code("""
        import warnings
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            from OpenSSL import rand
        assert [w.category for w in caught] == [DeprecationWarning]
        rand.add(b"some", 3)
        for arguments in ((None, 3), (b"some", None)):
            try:
                rand.add(*arguments)
            except TypeError:
                continue
            raise AssertionError
    """)


# -- openssl-bio run ---------------------------------------------------------------------------------------------------

SHOW = """
import sys, OpenSSL
print(OpenSSL.__version__, __name__, sys.modules["__main__"].__dict__ is globals(), sys.argv[1:])
print(sys.argv[0])
print(sys.path[0])
"""


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A program that says how it was started."""
    (tmp_path / "show.py").write_text(SHOW)
    return tmp_path / "show.py"


@pytest.mark.parametrize(
    "arguments", [[], ["-v", "--pyopenssl", "-m", "x"], ["--", "a"]], ids=["none", "many", "dashes"]
)
def test_run_a_program(program: Path, arguments: list[str]) -> None:
    """As Python itself would, with all that comes after the program's name for the program."""
    start, name, first = python("-m", "openssl_bio", "run", "--pyopenssl", str(program), *arguments).splitlines()
    assert start == f"26.4.0 __main__ True {arguments}"
    assert name == str(program)
    assert first == str(program.parent)


@pytest.mark.parametrize(
    "arguments", [[], ["-v", "--pyopenssl", "-m", "x"], ["--", "a"]], ids=["none", "many", "dashes"]
)
def test_run_a_module(program: Path, arguments: list[str]) -> None:
    start, name, first = python(
        "-m", "openssl_bio", "run", "--pyopenssl", "-m", "show", *arguments, folder=program.parent
    ).splitlines()
    assert start == f"26.4.0 __main__ True {arguments}"
    assert name == str(program)
    assert first == str(program.parent)


def test_run_a_folder(program: Path) -> None:
    program.rename(program.with_name("__main__.py"))
    folder = str(program.parent)
    start, name, first = python("-m", "openssl_bio", "run", "--pyopenssl", folder, "a").splitlines()
    assert start == "26.4.0 __main__ True ['a']"
    assert name == first == folder


def test_run_passes_on_how_the_program_ends(tmp_path: Path) -> None:
    """Its exit status, and its own traceback for an exception."""
    ends = tmp_path / "ends.py"
    ends.write_text("import sys\nsys.exit(3)")
    python("-m", "openssl_bio", "run", "--pyopenssl", str(ends), status=3)
    ends.write_text("raise OSError('a fault of the program')")
    error = python("-m", "openssl_bio", "run", "--pyopenssl", str(ends), status=1)
    assert "Traceback" in error
    assert error.endswith("OSError: a fault of the program\n")


def test_run_debug_information() -> None:
    output = python("-m", "openssl_bio", "run", "--pyopenssl", "-m", "OpenSSL.debug")
    assert "pyOpenSSL: 26.4.0, by openssl_bio" in output


@pytest.mark.parametrize("arguments", [[], ["--pyopenssl"], ["program.py"], ["--pyopenssl", "-m"]])
def test_run_wrong_usage(arguments: list[str]) -> None:
    assert "usage:" in python("-m", "openssl_bio", "run", *arguments, status=2)
