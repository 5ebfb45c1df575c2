"""Every call from Python to libssl and libcrypto that can fail is made to fail, under every operation that reaches it.

``FAULTS=all pytest tests/core/test_faults.py`` lets a call fail at each place that
it is made from, and repeats the operation afterwards.
"""

from __future__ import annotations

import ast
import datetime
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from openssl_bio import Credential, crypto
from openssl_bio._core import trust
from openssl_bio._core.engines import ENGINE
from tests.core.faults import (
    ANSWERS,
    INFALLIBLE,
    Call,
    Library,
    failures,
    is_fallible,
    real,
    stand_in,
)
from tests.core.scenarios import SCENARIOS
from tests.core.scenarios_crypto import SCENARIOS as CRYPTO
from tests.core.scenarios_sessions import SCENARIOS as SESSIONS
from tests.core.scenarios_stdlib import SCENARIOS as STDLIB
from tests.core.world import DH_PARAMETERS, Scenario, World
from tests.helpers import Identity, Pair
from tests.test_rules import PACKAGE, declared_for_others

ALL = os.environ.get("FAULTS") == "all"

# What an operation raises instead of its face's error where this function fails: what it was given cannot be had.
CLASSES = {
    "ASN1_TIME_set_string": ValueError,
    "EVP_get_cipherbyname": ValueError,
    "EVP_get_digestbyname": ValueError,
    "OBJ_txt2nid": AttributeError,
    "OSSL_STORE_LOADER_fetch": FileNotFoundError,
}
# Functions that no scenario calls, and why.
UNREACHED: dict[str, str] = {
    "obio_transfer_drain": "of a socket: it fails as the system does, which the tests of sockets bring about",
    "obio_transfer_fill": "the same",
    "obio_key_digest": "C calls it, and tests do",
    "X509_REQ_add1_attr": "puts back what was there, after X509_REQ_add_extensions has failed",
    "EVP_default_properties_is_fips_enabled": "answers yes or no",
    "OSSL_PROVIDER_available": "the same",
    "OSSL_PROVIDER_set_default_search_path": "of the whole process; test_providers.py has processes of its own",
    "OSSL_PROVIDER_try_load": "the same; test_providers.py asks for providers that there are not",
}
# Places that no scenario comes to, and why.
PLACES = {
    "BIO_new in engine.py": "of the reference engine",
    "BIO_read in engine.py": "the one-call form takes until there is nothing, which a failure is; its other is reached",
    "BIO_new in pump.py": "bytes that come before those of a socket; its other place is reached",
    "BIO_write in pump.py": "the same",
    "X509_VERIFY_PARAM_set1_host in connection.py": "only frees, where there is no name; its other place is reached",
    "d2i_X509_bio in trust.py": "of Windows' stores",
    "obio_outcome_new in errors.py": "without memory, what libssl had queued is lost",
}
# What the C engine calls for itself.
OF_THE_REFERENCE_ENGINE = {
    "BIO_read",
    "BIO_write",
    "obio_datagrams",
    "obio_foreign_new",
    "obio_keep_session",
    "obio_name_server",
    "obio_name_sessions",
    "obio_resume",
    "obio_new",
    "obio_outcome_new",
    "obio_queue_new",
    "obio_queue_put",
}


def files(folder: Path, ca: Identity, server: Identity) -> None:
    """Write what scenarios read."""
    (folder / "chain.pem").write_bytes(server.certificate_file.read_bytes() + ca.certificate_file.read_bytes())
    (folder / "dh.pem").write_bytes(DH_PARAMETERS)
    (folder / "key.der").write_bytes(crypto.dump_privatekey(crypto.FILETYPE_ASN1, server.key))
    encrypted = crypto.dump_privatekey(crypto.FILETYPE_PEM, server.key, "aes-256-cbc", b"secret")
    (folder / "encrypted.pem").write_bytes(encrypted)
    key: Any = server.key.to_cryptography_key()
    with_password = serialization.BestAvailableEncryption(b"secret")
    pkcs8 = key.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, with_password)
    (folder / "encrypted.der").write_bytes(pkcs8)
    (folder / "cert.der").write_bytes(crypto.dump_certificate(crypto.FILETYPE_ASN1, server.certificate))
    packed = crypto.PKCS12()
    packed.set_certificate(server.certificate)
    packed.set_privatekey(server.key)
    packed.set_ca_certificates([ca.certificate])
    (folder / "server.p12").write_bytes(packed.export(b"secret"))


def revocations(ca: Identity) -> x509.CertificateRevocationList:
    """A CRL without entries."""
    now, day = datetime.datetime.now(datetime.UTC), datetime.timedelta(days=1)
    builder = x509.CertificateRevocationListBuilder(ca.certificate.to_cryptography().subject, now - day, now + day)
    key: Any = ca.key.to_cryptography_key()
    return builder.sign(key, hashes.SHA256())


@pytest.fixture(scope="module")
def world(
    ca: Identity, server_identity: Identity, client_identity: Identity, tmp_path_factory: pytest.TempPathFactory
) -> World:
    folder = tmp_path_factory.mktemp("faults")
    files(folder, ca, server_identity)
    rsa = crypto.PKey()
    rsa.generate_key(crypto.TYPE_RSA, 1024)
    credential = Credential.load(client_identity.certificate_file, client_identity.key_file)
    return World(ca, server_identity, client_identity, folder, revocations(ca), rsa, credential)


@pytest.fixture(scope="module")
def library() -> Iterator[Library]:
    with stand_in() as found:
        yield found


def new(scenario: Scenario, world: World) -> Any:
    """A scenario's object, in a process that has not parsed any bundle of certificates yet."""
    made = scenario.make(world)
    trust._bundles.clear()
    return made


def calls_of(scenario: Scenario, library: Library, world: World) -> list[Call]:
    """The calls that can fail in a scenario: of each function the first, or with FAULTS=all the first of each place."""
    made = new(scenario, world)
    with library.recording() as calls:
        scenario.call(made, world)
        recorded = [call for call in calls if is_fallible(call.name)]
    chosen: dict[tuple[str, str], Call] = {}
    for call in recorded:
        chosen.setdefault((call.name, call.site if ALL else ""), call)
    return list(chosen.values())


def attempt(scenario: Scenario, made: Any, world: World) -> BaseException | None:
    """Run the call; what it raised."""
    try:
        scenario.call(made, world)
    except Exception as error:
        # A traceback would keep what the scenario has made.
        return error.with_traceback(None)
    return None


def complaints(scenario: Scenario, fault: Call, library: Library, world: World, untouched: Any) -> Iterator[str]:
    """What is wrong with how a scenario takes a fault."""
    made = new(scenario, world)
    with library.failing_at(fault):
        error = attempt(scenario, made, world)
    if not library.happened:
        yield "it was not called again"
    if real.ERR_peek_error():
        real.ERR_clear_error()
        yield "the error queue is not empty"
    if error is None and fault.name not in ANSWERS:
        yield "success is reported"
    if error is not None and not isinstance(
        error, (*scenario.raises, MemoryError, CLASSES.get(fault.name, MemoryError))
    ):
        yield f"it raises {error!r}"
    if error is not None and (after := scenario.observe(made, world)) != untouched:
        yield f"the state has changed: {after!r}"


def complaints_again(scenario: Scenario, fault: Call, library: Library, world: World, done: Any) -> Iterator[str]:
    """What is wrong when a call is repeated that had a fault."""
    made = new(scenario, world)
    with library.failing_at(fault):
        error = attempt(scenario, made, world)
    if error is None:
        return
    error = attempt(scenario, made, world)
    if not scenario.again:
        yield from complaints_of_closing(scenario, made, error)
    elif error is not None:
        yield f"the second time raises {error!r}"
    elif (after := scenario.observe(made, world)) != done:
        yield f"the second time does something else: {after!r}"


def complaints_of_closing(scenario: Scenario, made: Any, error: BaseException | None) -> Iterator[str]:
    """What is wrong when a pair that has failed is used again, and then closed."""
    ends = [made.client, made.server] if isinstance(made, Pair) else []
    raised = [error]
    for close in [end.shutdown for end in ends]:
        try:
            close()
        except Exception as refusal:
            raised.append(refusal)
    for one in raised:
        if not isinstance(one, (*scenario.raises, AssertionError, type(None))):
            yield f"afterwards comes {one!r}"
    if real.ERR_peek_error():
        real.ERR_clear_error()
        yield "the error queue is not empty after all"


@pytest.mark.parametrize("scenario", [*SCENARIOS, *CRYPTO, *STDLIB, *SESSIONS], ids=lambda scenario: scenario.name)
def test_faults(scenario: Scenario, library: Library, world: World) -> None:
    """A clean exception of the documented class, an empty queue, and nothing changed."""
    faults = calls_of(scenario, library, world)
    untouched = scenario.observe(scenario.make(world), world)
    scenario.call(made := scenario.make(world), world)
    done = scenario.observe(made, world)
    del made
    found = []
    for fault in faults:
        wrong = list(complaints(scenario, fault, library, world, untouched))
        if ALL:
            wrong += complaints_again(scenario, fault, library, world, done)
        found += [f"{fault.name} in {fault.site.rpartition('/')[2]}: {text}" for text in wrong]
    assert found == []


def test_every_function_that_can_fail_is_made_to_fail(library: Library, world: World) -> None:
    """Each is called by a scenario, or has a reason not to be."""
    called = set()
    for scenario in (*SCENARIOS, *CRYPTO, *STDLIB, *SESSIONS):
        made = new(scenario, world)
        with library.recording() as calls:
            scenario.call(made, world)
            called |= {call.name for call in calls}
    fallible = {name for name in failures() if hasattr(real, name) and is_fallible(name)} - declared_for_others()
    if ENGINE == "c":
        fallible -= OF_THE_REFERENCE_ENGINE
    assert sorted(fallible - called - UNREACHED.keys()) == []
    assert sorted(UNREACHED.keys() & called) == [], "these are called now, so they need no reason"


def places() -> Iterator[tuple[str, str, range]]:
    """Every call of the form ``lib.NAME(...)`` of a function that can fail: the name, the file and its lines."""
    skipped = UNREACHED.keys() | (OF_THE_REFERENCE_ENGINE if ENGINE == "c" else set())
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            match node:
                case ast.Call(func=ast.Attribute(value=ast.Name(id="lib"), attr=name)) if hasattr(real, name):
                    if name in failures() and is_fallible(name) and name not in skipped:
                        yield name, path.name, range(node.lineno, (node.end_lineno or node.lineno) + 1)


def test_every_place_is_made_to_fail(library: Library, world: World) -> None:
    """``FAULTS=all`` does it where a scenario comes to: that is each place, but those with a reason not to be one."""
    reached: set[tuple[str, str]] = set()
    for scenario in (*SCENARIOS, *CRYPTO, *STDLIB, *SESSIONS):
        made = new(scenario, world)
        with library.recording() as calls:
            scenario.call(made, world)
            reached |= {(call.name, os.path.basename(call.site)) for call in calls}
    missing = [
        f"{name} in {file}:{lines[0]}"
        for name, file, lines in places()
        if not any((name, f"{file}:{line}") in reached for line in lines) and f"{name} in {file}" not in PLACES
    ]
    assert missing == []


def test_reasons_are_for_functions_that_exist() -> None:
    """No reason is left behind by a function that is gone."""
    names = failures()
    assert [name for name in (*ANSWERS, *CLASSES) if name not in names] == []
    assert INFALLIBLE
