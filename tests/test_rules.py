"""The rules of the code, read from its source."""

from __future__ import annotations

import ast
import importlib.util
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "src" / "openssl_bio"
MODULES = sorted(PACKAGE.rglob("*.py"))
MODULE_LINES, FUNCTION_LINES = 600, 60

# How many of pyOpenSSL's tests are expected to fail (tools/conformance/pyopenssl.txt). It may only fall.
MOST_DIFFERENCES = 17

# Functions that are declared though no Python of ours calls them, and why.
UNUSED: dict[str, str] = {
    "obio_is_denied": "C calls it; tests need it, since nobody has a certificate with such a key",
    "obio_key_digest": "as above",
}


def load_make_stub() -> ModuleType:
    """tools/make_stub.py, which is no part of a package."""
    spec = importlib.util.spec_from_file_location("make_stub", ROOT / "tools" / "make_stub.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def make_stub() -> ModuleType:
    return load_make_stub()


@pytest.fixture(scope="module")
def declared(make_stub: ModuleType) -> dict[str, str]:
    """Everything that ``lib`` can have: the name, and what it is."""
    kinds = ("function", "extern_python", "macro", "constant", "variable")
    pairs = (key.replace("extern_python_plus_c", "extern_python").split(" ", 1) for key in make_stub.declared())
    return {name: kind for kind, name in pairs if kind in kinds}


@pytest.fixture(scope="module")
def used() -> dict[str, set[str]]:
    """Every ``lib.NAME``, and the modules it is in."""
    found: dict[str, set[str]] = {}
    for path, node in nodes():
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "lib":
            found.setdefault(node.attr, set()).add(short(path))
    return found


def short(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def nodes() -> Iterator[tuple[Path, ast.AST]]:
    """Every node of every module's syntax tree."""
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text())):
            yield path, node


def imports() -> Iterator[tuple[str, str]]:
    """Every (module, name it imports), in full: ``from a import b`` gives a.b, and relative imports are resolved."""
    for path, node in nodes():
        if isinstance(node, ast.Import):
            yield from ((short(path), alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            package = ("openssl_bio", *path.relative_to(PACKAGE).parent.parts)
            base = package[: len(package) - node.level + 1] if node.level else ()
            stem = ".".join([*base, *([node.module] if node.module else [])])
            yield from ((short(path), f"{stem}.{alias.name}") for alias in node.names)


def attributes_of_ffi(name: str) -> set[str]:
    """The modules that mention ``ffi.NAME``."""
    return {
        short(path)
        for path, node in nodes()
        if isinstance(node, ast.Attribute)
        and node.attr == name
        and isinstance(node.value, ast.Name)
        and node.value.id == "ffi"
    }


def test_only_own_attaches_destructors() -> None:
    assert attributes_of_ffi("gc") == {"_core/pointers.py"}


def test_no_callbacks_made_at_run_time() -> None:
    # They need memory that is writable and executable, and leak if the object that holds them is in a cycle.
    assert attributes_of_ffi("callback") == set()


def test_one_door_to_c() -> None:
    importers = {module for module, name in imports() if name.startswith("openssl_bio._openssl")}
    assert importers == {"_core/_lib.py"}


def test_the_core_knows_no_face() -> None:
    faces = ("openssl_bio.pyopenssl", "openssl_bio.stdlib")
    wrong = [(module, name) for module, name in imports() if module.startswith("_core/") and name.startswith(faces)]
    assert not wrong


@pytest.mark.parametrize("path", MODULES, ids=short)
def test_sizes(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= MODULE_LINES
    functions = (n for n in ast.walk(ast.parse(text)) if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef)))
    too_long = [f.name for f in functions if (f.end_lineno or f.lineno) - f.lineno + 1 > FUNCTION_LINES]
    assert not too_long


@pytest.mark.parametrize("path", sorted((PACKAGE / "_native").glob("*.c")), ids=short)
def test_sources_in_c(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= MODULE_LINES
    assert text.startswith("/*\n * "), "it opens with how it works"


@pytest.mark.parametrize("path", sorted((PACKAGE / "_core").glob("*.py")), ids=short)
def test_theory_of_operation(path: Path) -> None:
    if path.name not in {"__init__.py", "_lib.py"}:
        assert "Theory of operation" in (ast.get_docstring(ast.parse(path.read_text())) or "")


def strings_naming_callbacks() -> set[str]:
    """Every string, and every function with a name like a callback's: ``@ffi.def_extern()`` takes the function's."""
    strings = {node.value for _, node in nodes() if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    return strings | {node.name for _, node in nodes() if isinstance(node, ast.FunctionDef)}


def test_every_declared_function_is_used(declared: dict[str, str], used: dict[str, set[str]]) -> None:
    functions = {name for name, kind in declared.items() if kind == "function"}
    callbacks = {name for name, kind in declared.items() if kind == "extern_python"}
    compat = declared_for_others()
    unused = (functions | callbacks) - used.keys() - (callbacks & strings_naming_callbacks()) - compat
    assert sorted(unused - UNUSED.keys()) == []
    assert sorted(UNUSED.keys() - unused) == [], "these are used now, so they need no reason"


def declared_for_others() -> set[str]:
    """The functions of ``compat*.h`` in ``_cdef``, which programs reach through ``OpenSSL._util.lib``."""
    text = "".join(file.read_text() for file in (PACKAGE / "_cdef").rglob("compat*.h"))
    return set(re.findall(r"(\w+)\(", re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)))


def test_what_is_declared_for_others_is_not_used_here(used: dict[str, set[str]]) -> None:
    assert sorted(declared_for_others() & used.keys()) == [], "declare it with its family instead"


def test_every_used_name_is_declared(declared: dict[str, str], used: dict[str, set[str]]) -> None:
    assert {name: where for name, where in used.items() if name not in declared} == {}


def test_file_names_differ_when_case_is_ignored() -> None:
    folders = (ROOT / name for name in ("src", "tests", "tools", "docs", "benchmarks", ".github", ".ci"))
    paths = [p.relative_to(ROOT).as_posix() for folder in folders for p in folder.rglob("*")]
    folded = Counter(path.casefold() for path in paths)
    assert [path for path in paths if folded[path.casefold()] > 1] == []


def test_declarations_begin_with_their_condition() -> None:
    for file in (PACKAGE / "_cdef" / "optional").glob("*.h"):
        assert re.match(r"#if\b", file.read_text()), file.name


def test_the_stub_is_fresh(make_stub: ModuleType) -> None:
    assert make_stub.STUB.read_text() == make_stub.stub(), "run `make stub`"


def test_expected_differences_only_fall() -> None:
    lines = (ROOT / "tools" / "conformance" / "pyopenssl.txt").read_text().splitlines()
    assert len([line for line in lines if not line.startswith("#")]) == MOST_DIFFERENCES, "lower MOST_DIFFERENCES too"
