"""Build ``openssl_bio._openssl``: gather the declarations, ask the preprocessor which apply, name the sources.

Environment: ``OPENSSL_BIO_PREFIX=DIR`` builds against the OpenSSL in ``DIR/include`` and ``DIR/lib`` instead of the
system's, and finds it there again at run time.  With ``OPENSSL_BIO_STATIC=1`` too, its static libraries become part of
the module, which then exports none of their names: Python's own ssl may be in the same process.

The code for Visual Studio and for macOS is run by CI alone.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

from cffi import FFI
from setuptools.command.build_ext import new_compiler

PACKAGE = Path(__file__).resolve().parent / "openssl_bio"
CDEF, NATIVE = PACKAGE / "_cdef", PACKAGE / "_native"
PREFIX = os.environ.get("OPENSSL_BIO_PREFIX")
STATIC = os.environ.get("OPENSSL_BIO_STATIC", "0") not in {"", "0"}
INCLUDE = [str(NATIVE), *([f"{PREFIX}/include"] if PREFIX else [])]
WINDOWS = sys.platform == "win32"
# There is no limited API without the GIL before Python 3.15.
FREE_THREADED = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))

MISSING = """openssl_bio needs a C compiler and the headers of OpenSSL 3.0 or newer. They are in:
  Debian, Ubuntu  apt-get install gcc libssl-dev
  Fedora          dnf install gcc openssl-devel
  Alpine          apk add gcc musl-dev openssl-dev
  macOS           xcode-select --install; brew install openssl@3 (then OPENSSL_BIO_PREFIX=$(brew --prefix openssl@3))
  Windows         Visual Studio Build Tools; an OpenSSL in OPENSSL_BIO_PREFIX
"""


def visual_studio_preprocessor() -> list[str]:
    """The command that setuptools' compiler has no method for. Visual Studio is found as setuptools finds it."""
    compiler = new_compiler(compiler="msvc")
    compiler.initialize()
    return [compiler.cc, "/nologo", "/EP", *(f"/I{d}" for d in [*INCLUDE, *compiler.include_dirs])]


def preprocess(source: str) -> str:
    """Run the compiler's preprocessor over C source text and return what comes out."""
    if WINDOWS:
        command = visual_studio_preprocessor()
    else:
        compiler = os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc"
        command = [*shlex.split(compiler), "-E", "-P", *(f"-I{d}" for d in INCLUDE)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "conditions.c")
        path.write_text(source)
        try:
            return subprocess.run([*command, str(path)], check=True, stdout=subprocess.PIPE, text=True).stdout
        except (OSError, subprocess.CalledProcessError) as error:
            raise SystemExit(f"{MISSING}\n{error}") from error


def features() -> list[Path]:
    """The files of ``_cdef/optional`` whose condition, their first line, holds for this OpenSSL."""
    files = sorted((CDEF / "optional").glob("*.h"))
    tests = [f"{f.read_text().splitlines()[0]}\nHAVE_{f.stem}\n#endif" for f in files]
    words = preprocess("\n".join([(CDEF / "prelude.c").read_text(), *tests])).split()
    return [f for f in files if f"HAVE_{f.stem}" in words]


def declarations() -> list[tuple[str, str]]:
    """Every file of declarations that applies, as (name, text); the types come first."""
    rest = sorted(f for f in CDEF.glob("*.h") if f.stem != "types")
    files = [CDEF / "types.h", *rest, *sorted(NATIVE.glob("*.h")), *features()]
    found = []
    for file in files:
        text = file.read_text()
        if file.parent.name == "optional":
            text = text.partition("\n")[2]
        found.append((file.relative_to(PACKAGE.parent).as_posix(), text))
    return found


def linking() -> dict[str, list[str]]:
    """What setuptools is to link with."""
    names = ["libssl", "libcrypto"] if WINDOWS else ["ssl", "crypto"]
    if not STATIC:
        folders = [f"{PREFIX}/lib"] if PREFIX else []
        return {"libraries": names, "library_dirs": folders, "runtime_library_dirs": [] if WINDOWS else folders}
    if not PREFIX:
        raise SystemExit("OPENSSL_BIO_STATIC needs OPENSSL_BIO_PREFIX, the folder of an OpenSSL with static libraries")
    if WINDOWS:
        system = ["ws2_32", "crypt32", "advapi32", "user32", "gdi32", "bcrypt"]
        return {"libraries": [*names, *system], "library_dirs": [f"{PREFIX}/lib"]}
    archives = [f"{PREFIX}/lib/lib{name}.a" for name in names]
    hide = [] if sys.platform == "darwin" else ["-Wl,--exclude-libs,ALL", "-ldl", "-pthread"]
    return {"extra_link_args": [*archives, *hide]}


def builder() -> FFI:
    """The cffi builder that setuptools runs."""
    ffi = FFI()
    for name, text in declarations():
        ffi.cdef(f'# 1 "{name}"\n{text}')
    sources = sorted(NATIVE.glob("*.c"))
    # setuptools puts what is named here into the sdist.
    depends = [Path(__file__).resolve(), *CDEF.rglob("*.[ch]"), *NATIVE.rglob("*.h")]
    root = PACKAGE.parent.parent
    ffi.set_source(
        "openssl_bio._openssl",
        (CDEF / "prelude.c").read_text(),
        sources=[s.relative_to(root).as_posix() for s in sources],
        depends=[d.relative_to(root).as_posix() for d in sorted(depends)],
        include_dirs=[os.path.relpath(INCLUDE[0], root), *INCLUDE[1:]],
        define_macros=[] if FREE_THREADED else [("Py_LIMITED_API", "0x030B0000")],
        # Our C has `volatile` there for atomics; on arm64 it orders nothing unless it is told to.
        extra_compile_args=["/volatile:ms"]
        if WINDOWS
        else ["-fvisibility=hidden", "-Wall", "-Wextra", "-Werror=implicit-function-declaration"],
        **linking(),
    )
    return ffi


ffibuilder = builder()
