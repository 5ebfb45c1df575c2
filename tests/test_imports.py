"""What importing a face brings along, and what it leaves for when it is needed."""

from __future__ import annotations

import ast
import pickle
import re
from pathlib import Path
from types import ModuleType

import pytest

import openssl_bio
from openssl_bio import SSL, crypto, stdlib
from openssl_bio._core.engines import ENGINE
from openssl_bio.stdlib import _helpers
from tests.helpers import Identity, new_authority
from tests.programs import printed

PACKAGE = Path(__file__).parents[1] / "src" / "openssl_bio"

# Of the standard library, and of others: what takes long, or is seldom needed.
FOREIGN = {
    *("argparse", "asyncio", "base64", "calendar", "cryptography", "dataclasses", "datetime", "hashlib", "idna"),
    *("importlib", "importlib.util", "inspect", "ipaddress", "json", "locale", "logging", "redis", "secrets", "ssl"),
    *("struct", "tempfile", "textwrap", "uuid"),
}

# Of ours: what few programs use, or what a file has to be read for anyway.
COLD = {
    *("choices", "client_hello", "credential", "fuse", "load_errors", "pre_shared_keys", "providers", "pump", "replay"),
    *("resumption", "sealing", "session", "session_cache", "session_store", "shared_keys", "signatures", "sources"),
    *("ticket_keys", "travel", "trust_store", "uris", "view_classes"),
}
# By face: what it is built on, which may bring more.
NEEDED = {"SSL": "socket, threading, typing", "stdlib": "ssl, threading, typing", "crypto": "typing"}
# By face: what else is cold.
FACES = {
    "SSL": {
        *("crypto", "pyopenssl._asn1", "pyopenssl._cryptography", "pyopenssl._name", "pyopenssl._pkey"),
        *("pyopenssl._session", "pyopenssl._store", "pyopenssl._verification_codes", "pyopenssl._views"),
        *("pyopenssl._x509", "stdlib"),
    },
    "stdlib": {
        *("SSL", "stdlib._helpers", "stdlib._info_event", "stdlib._session", "stdlib._sources", "stdlib._views"),
    },
    "crypto": {
        *("SSL", "_core.connection", "_core.context", "pyopenssl._crl", "pyopenssl._extension", "pyopenssl._pkcs7"),
        *("pyopenssl._pkcs12", "pyopenssl._request", "pyopenssl._signing", "pyopenssl._spki", "stdlib"),
    },
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
    assert ours == {"openssl_bio", "openssl_bio._core", "openssl_bio._core.late"}


@pytest.mark.parametrize("face", FACES)
def test_no_source_is_compiled(face: str) -> None:
    """As `NamedTuple` does with annotations that are text, which took a tenth of the time."""
    watch = "sys.addaudithook(lambda event, what: event == 'compile' and what[1] == '<string>' and print(what[0]))"
    assert not printed("-c", f"import sys, {NEEDED[face]}; {watch}; import openssl_bio.{face}")


@pytest.mark.parametrize("module", ["openssl_bio", *(f"openssl_bio.{face}" for face in FACES)])
def test_what_is_imported_late_is_where_it_was(module: str) -> None:
    names = f"import {module} as m; print(sorted(set(m.__all__) - set(dir(m))))"
    assert printed("-c", names).strip() == "[]"
    everything = f"from {module} import *; import {module} as m; print(sorted(set(m.__all__) - set(globals())))"
    assert printed("-c", everything).strip() == "[]"


@pytest.mark.parametrize("name", ["SSL.Session", "crypto.PKCS12Type", "stdlib.InfoEvent", "TicketKey", "stdlib"])
def test_names_are_found_without_importing_where_they_are_defined(name: str) -> None:
    assert printed("-c", f"import openssl_bio; print(openssl_bio.{name} is openssl_bio.{name})").strip() == "True"


@pytest.mark.parametrize("kind", [SSL.Session, SSL.X509VerificationCodes, stdlib.SSLSession, stdlib.InfoEvent])
def test_classes_that_are_imported_late_travel_by_name(kind: type) -> None:
    script = f"import pickle; print(pickle.loads({pickle.dumps(kind)!r}))"
    assert printed("-c", script).strip() == str(kind)


@pytest.mark.parametrize("module", [openssl_bio, SSL, crypto, stdlib], ids=lambda module: module.__name__)
def test_other_names_are_no_attributes(module: ModuleType) -> None:
    with pytest.raises(AttributeError, match=f"module '{module.__name__}' has no attribute 'X510'"):
        module.X510  # noqa: B018


def test_functions_that_are_imported_late_are_all_of_them() -> None:
    assert set(_helpers.__all__) <= set(stdlib.__all__)


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


@pytest.mark.parametrize("face", ["SSL", "stdlib"])
def test_what_was_set_up_needs_no_file(face: str, ca: Identity, server_identity: Identity, tmp_path: Path) -> None:
    """Nor does the exception for a certificate that is refused."""
    files = server_identity.certificate_file, server_identity.key_file, ca.certificate_file
    other = new_authority(tmp_path).certificate_file
    told = printed(Path(__file__).with_name("without_files.py"), face, *files, other)
    assert told.splitlines() == ["example.test", "True", "20 1"]
