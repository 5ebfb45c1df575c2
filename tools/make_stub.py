"""Write ``src/openssl_bio/_openssl.pyi``: what mypy knows of the extension module.

It is made from every file of declarations, the optional ones too, so it does not depend on the OpenSSL at hand.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from cffi import FFI, model

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "src" / "openssl_bio"
STUB = PACKAGE / "_openssl.pyi"

HEAD = """\
# Made by tools/make_stub.py from the declarations in _cdef and _native: run `make stub`, do not edit.
from typing import Any, Final, TypeAlias

from _cffi_backend import FFI

# A pointer, an array or a structure.
CData: TypeAlias = Any

class _FFI(FFI):
    # Text of wchar_t, the only one that comes back as str, is declared nowhere.
    def string(self, cdata: CData, maxlen: int = -1) -> bytes: ...

class _Lib:
"""
TAIL = """
lib: _Lib
ffi: _FFI
"""


def header_texts() -> dict[str, str]:
    """Every header of declarations, applicable here or not, by its path; the types come first."""
    cdef = PACKAGE / "_cdef"
    types = cdef / "types.h"
    files = [types, *sorted({*cdef.rglob("*.h")} - {types}), *sorted((PACKAGE / "_native").glob("*.h"))]
    texts = {}
    for file in files:
        text = file.read_text()
        if file.parent.name == "optional":  # its first line is the condition, for the preprocessor alone
            text = text.partition("\n")[2]
        texts[file.relative_to(PACKAGE).as_posix()] = text
    return texts


def declared() -> dict[str, model.BaseTypeByIdentity | int]:
    """Everything declared, as cffi's parser names it: ``function SSL_new``, ``macro SSL_OP_ALL`` ..."""
    ffi = FFI()
    for name, text in header_texts().items():
        ffi.cdef(f'# 1 "{name}"\n{text}')
    # cffi has no public way to list what it parsed.
    return {name: found for name, (found, _quals) in ffi._parser._declarations.items()}  # type: ignore[attr-defined]


def python_type(c_type: model.BaseTypeByIdentity) -> str:
    """The annotation for a C type, as cffi converts it."""
    if isinstance(c_type, model.VoidType):
        return "None"
    if isinstance(c_type, model.PrimitiveType):
        if c_type.is_char_type():
            return "bytes"
        return "float" if c_type.is_float_type() else "int"
    if isinstance(c_type, (model.UnknownIntegerType, model.EnumType)):
        return "int"
    return "CData"


def members() -> Iterator[str]:
    """The lines of the class of ``lib``, in the order of the names."""
    lines = {}
    for key, found in declared().items():
        kind, _, name = key.partition(" ")
        if kind == "function":
            assert isinstance(found, (model.FunctionPtrType, model.RawFunctionType))
            arguments = ["self", *(f"a{i}: {python_type(a)}" for i, a in enumerate(found.args)), "/"]
            if found.ellipsis:
                arguments.append("*rest: CData")
            lines[name] = f"    def {name}({', '.join(arguments)}) -> {python_type(found.result)}: ..."
        elif kind in {"extern_python", "extern_python_plus_c", "dllexport_python"}:
            lines[name] = f"    {name}: CData"
        elif kind in {"macro", "constant"}:
            lines[name] = f"    {name}: Final[int]"
        elif kind == "variable":
            assert isinstance(found, model.BaseTypeByIdentity)
            lines[name] = f"    {name}: {python_type(found)}"
    yield from (lines[name] for name in sorted(lines))


def stub() -> str:
    """The text of the stub."""
    return HEAD + "\n".join(members()) + "\n" + TAIL


if __name__ == "__main__":
    if sys.argv[1:] == ["--check"]:
        sys.exit(STUB.read_text() != stub())
    STUB.write_text(stub())
