"""What importing a face brings along, and what it leaves for when it is needed."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from openssl_bio._core.engines import ENGINE
from tests.programs import printed

PACKAGE = Path(__file__).parents[1] / "src" / "openssl_bio"

# Of the standard library, and of others: what takes long, or is seldom needed.
FOREIGN = {"argparse", "asyncio", "cryptography", "dataclasses", "hashlib", "idna", "inspect", "ipaddress", "json"}
FOREIGN |= {
    "base64",
    "calendar",
    "datetime",
    "importlib.util",
    "locale",
    "logging",
    "redis",
    "secrets",
    "ssl",
    "struct",
}
FOREIGN |= {"struct", "tempfile", "textwrap", "uuid"}

# Of ours: what few programs use, or what a file has to be read for anyway.
COLD = {
    *("choices", "client_hello", "credential", "fuse", "pre_shared_keys", "providers", "replay", "session_cache"),
    *("session_store", "shared_keys", "signatures", "sources", "travel", "trust_store", "uris"),
}
# By face: what it is built on, which may bring more.
NEEDED = {"SSL": "socket, threading, typing", "stdlib": "ssl, threading, typing", "crypto": "typing"}
# By face: what else is cold.
FACES = {
    "SSL": {"crypto", "pyopenssl._crl", "pyopenssl._extension", "pyopenssl._pkcs12", "pyopenssl._views", "stdlib"},
    "stdlib": {"SSL", "stdlib._sources", "stdlib._views"},
    "crypto": {"SSL", "_core.connection", "_core.context", "stdlib"},
}
# The bodies that C calls without being given a pointer by Python: where they are, and who makes C call.
CALLED_ALWAYS = {"_core/bio.py": "obio_foreign_new"}


def brought_by(modules: str) -> set[str]:
    """The modules that there are when these were imported, but for those that Python itself begins with."""
    script = f"import sys; before = set(sys.modules); import {modules}; print(*set(sys.modules) - before)"
    return set(printed("-c", script).split())


@pytest.mark.parametrize("face", FACES)
def test_what_is_cold_is_not_imported(face: str) -> None:
    brought = brought_by(f"openssl_bio.{face}")
    foreign = FOREIGN - brought_by(NEEDED[face])
    ours = {f"openssl_bio.{name}" for name in FACES[face]} | {f"openssl_bio._core.{name}" for name in COLD}
    if ENGINE == "c":
        ours |= {"openssl_bio._core.engine", "openssl_bio._core.bio"}
    assert sorted(brought & (foreign | ours)) == []


def test_the_package_alone_imports_no_face() -> None:
    ours = {name for name in brought_by("openssl_bio") if name.startswith("openssl_bio")}
    assert ours == {"openssl_bio", "openssl_bio._version"}


def test_what_is_imported_late_is_where_it_was() -> None:
    names = "import openssl_bio; print(sorted(set(openssl_bio.__all__) - set(dir(openssl_bio))))"
    assert printed("-c", names).strip() == "[]"
    everything = "from openssl_bio import *; print(TicketKeys.__module__, LoadError.__module__, parse_client_hello)"
    assert printed("-c", everything).startswith("openssl_bio openssl_bio <function parse_client_hello")


def short(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def dotted(path: str) -> str:
    return "openssl_bio." + path.removesuffix(".py").replace("/", ".")


def bodies() -> dict[str, str]:
    """Each function that C calls, and the module that has its body."""
    found = {}
    for path in PACKAGE.rglob("*.py"):
        for name in re.findall(r'^@[\w.]+\((?:name=)?"(py_\w+)"', path.read_text(), re.MULTILINE):
            found[name] = short(path)
    return found


def mentions() -> dict[str, set[str]]:
    """Each module, and the attributes of ``lib`` that it names."""
    found: dict[str, set[str]] = {}
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "lib":
                found.setdefault(short(path), set()).add(node.attr)
    return found


def test_who_gives_c_a_function_brings_its_body() -> None:
    """libssl's question would be lost where nobody had imported who answers it."""
    homes = bodies()
    assert len(homes) > 20
    for module, names in mentions().items():
        wanted = {dotted(homes[name]) for name in names & homes.keys()}
        if wanted - {dotted(module)}:
            assert wanted - brought_by(dotted(module)) == set(), module


def test_bodies_that_c_knows_by_itself() -> None:
    given = set().union(*mentions().values())
    assert {home for name, home in bodies().items() if name not in given} == CALLED_ALWAYS.keys()
    for home, maker in CALLED_ALWAYS.items():
        assert [module for module, names in mentions().items() if maker in names] == [home]
