"""Every call from our own C that can fail is made to fail; `make faults` builds what this needs, and runs it.

The extension is built with ``shim.h``, which counts the calls.  A scenario is run once to know how many there are,
and then once for each of them, with that one failing.
"""

from __future__ import annotations

import ctypes
import itertools
import os
import re
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from openssl_bio import SSL, LoadError, TicketKeys, _openssl, stdlib
from openssl_bio._core.engines import ENGINE
from openssl_bio._core.errors import clean_queue
from tests.core.faults import real
from tests.core.scenarios import exchanges
from tests.core.scenarios_native import SCENARIOS, Contexts, Stream, cut, distrusted, refused
from tests.core.scenarios_sessions import SCENARIOS as SESSIONS
from tests.core.test_faults import world
from tests.core.world import Scenario, World
from tests.helpers import Identity


class _Site(ctypes.Structure):
    """`shim_site` of shim.h: a place in our C where something is called that can fail."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("file", ctypes.c_char_p),
        ("caller", ctypes.c_char_p),
        ("line", ctypes.c_int),
        ("failed", ctypes.c_int),
    )


class _State(ctypes.Structure):
    _fields_ = (
        ("calls", ctypes.c_long),
        ("fails_at", ctypes.c_long),
        ("fault", ctypes.POINTER(_Site)),
        ("first", ctypes.POINTER(ctypes.POINTER(_Site))),
        ("last", ctypes.POINTER(ctypes.POINTER(_Site))),
    )


__all__ = ["world"]

shim = _State.in_dll(ctypes.CDLL(_openssl.__file__), "obio_shim")
# What may be raised: a face's error, MemoryError, and what the scenarios say of an operation that ended otherwise.
CLEAN = (SSL.Error, ssl.SSLError, LoadError, MemoryError, OSError, AssertionError, pytest.fail.Exception)
# Where a failure has no effect that anybody can see, and why. A function, one "in" its caller, or all of a caller.
UNSEEN = {
    "OPENSSL_strdup": "an error record loses its text",
    "SSL_read_ex": "an error behind bytes that were read comes with the next call",
    "SSL_write_ex": "an error behind bytes that were sealed comes with the next call",
    "BIO_new_mem_buf": "the peer gets no alert",
    "i2d_X509 in der_of": "the face encodes the certificate itself",
    "BIO_new in obio_certificate_dict": "the face has it told again, as in the next ones",
    "OBJ_obj2txt in object_text": "the same",
    "ASN1_STRING_to_UTF8 in string_text": "the same",
    "d2i_X509_NAME in directory": "the same",
    "d2i_GENERAL_NAME in registered_id": "the same",
    "i2a_ASN1_INTEGER in tell_all": "the same",
    "ASN1_TIME_print in tell_all": "the same",
    "SSL_read": "the same",
    "CRYPTO_THREAD_run_once": "the first of its kind succeeded; else a block of memory is not kept for later",
    "CRYPTO_THREAD_set_local": "what is left is not used, as long as no sessions are taken over",
    "* in pass_on": "a session is not taken over, so the next handshake is a full one",
    "* in refusal_of": "an exception does not tell at which depth, and which chain, was refused",
    "* in obio_note_refusal": "the same",
    "* in obio_name_server": "the name is set in another way",
    "* in obio_send_name": "the same",
    "SSL_ctrl in obio_timeout": "it says that no timer runs",
    "SSL_ctrl in obio_new": "sets a mode, which nothing can prevent",
    "SSL_ctrl in obio_warm_open": "the same",
    "SSL_ctrl in set_release": "the same",
    "SSL_set_ex_data in free_ssl": "clears a place that is there",
    "BIO_read_ex in obio_transfer_fill": "it says that the socket has nothing",
    "BIO_read_ex in drain": "what is left comes with the next call",
}
# Where an error may stay in the queue, and why.
LEFT = {
    "BIO_read_ex in obio_transfer_fill": "the BIOs of sockets queue none",
    "BIO_write_ex in obio_transfer_drain": "the same",
    "SSL_ctrl in obio_new": "it does not fail",
    "SSL_ctrl in obio_warm_open": "the same",
    "SSL_ctrl in set_release": "the same",
    "SSL_set_ex_data in free_ssl": "the same",
}
# Places that no scenario reaches, and why.
UNREACHED: dict[str, str] = {
    "PyBytes_ConcatAndDel in keep_unread": "an estimate that was too small for one piece is not too large for the next",
    "PyType_GetSlot in obio_engine_object_dealloc": "asks for what frees",
    "PyType_GetSlot in guard_dealloc": "the same",
    "PyType_GetSlot in queue_dealloc": "the same",
    "PyType_GetSlot in foreign_dealloc": "the same",
    "PyType_GetSlot in maker_of": "the same",
    "PyType_GetSlot in shared_dealloc": "the same",
    "PyType_GetSlot in pointer_dealloc": "the same",
    "PyType_GetSlot in pointer_new": "when the package is imported: it is an ImportError, or a MemoryError",
    "malloc in obio_buffers_settle": "once in a process, and for speed alone",
    "PyLong_FromSsize_t in version": "versions are not negative",
    "PyType_GetSlot in learn_to_want": "asks for what makes",
    "PyList_Append in keep_exception": "an exception that memory ran out for, and memory runs out again",
    "PyUnicode_InternFromString in obio_fail": "the same",
    "CRYPTO_THREAD_run_once in obio_psk_mark": "whose mark is asked for has had obio_psk_session do it",
    "PyUnicode_InternFromString in module_exec": "when the module is imported: it is an ImportError",
    **(
        {
            "SSL_read_ex in obio_read": "of the other engine",
            "SSL_write_ex in obio_write": "the same",
            "* of foreign.c": "the same",
        }
        if ENGINE == "c"
        else {"* in obio_send_name": "of the C engine"}
    ),
}
# The C engine, which the reference engine does without.
FILES_OF_C = {
    "boxes.c",
    "buffers.c",
    "engine.c",
    "engine.h",
    "engine_core.c",
    "engine_errors.c",
    "engine_faces.c",
    "engine_foreign.c",
    "engine_getters.c",
    "engine_io.c",
    "engine_making.c",
    "engine_open.c",
    "engine_one_call.c",
    "engine_sessions.c",
    "guard.c",
    "queue_object.c",
    "shared_ssl.c",
    "warm.c",
    "without_gil.c",
}
# Which macros of OpenSSL call a function that shim.h replaces.
OTHER_NAMES: dict[str, tuple[str, ...]] = {
    "CRYPTO_malloc": ("OPENSSL_malloc",),
    "CRYPTO_zalloc": ("OPENSSL_zalloc",),
    "CRYPTO_strdup": ("OPENSSL_strdup",),
    "CRYPTO_get_ex_new_index": ("SSL_get_ex_new_index", "SSL_SESSION_get_ex_new_index"),
    "OPENSSL_sk_new_null": ("sk_X509_new_null",),
    "OPENSSL_sk_push": ("sk_X509_push",),
    "SSL_CTX_ctrl": ("SSL_CTX_get_tlsext_ticket_keys", "SSL_CTX_set_tlsext_ticket_keys"),
    "SSL_ctrl": (
        "DTLSv1_get_timeout",
        "DTLSv1_handle_timeout",
        "SSL_set_mode",
        "SSL_set_mtu",
        "SSL_set_tlsext_host_name",
    ),
    "SSL_set_ex_data": ("SSL_set_app_data",),
}
# Functions that have no way to fail as they are called here, and why.
INFALLIBLE: dict[str, str] = {
    r"(BIO|BIO_ADDR|BIO_meth|CRYPTO_THREAD_lock|EVP_CIPHER_CTX|SSL|SSL_CTX|SSL_SESSION|GENERAL_NAME|X509|X509_NAME|X509_OBJECT|X509_STORE_CTX|sk_\w+_pop|sk_\w+)_free"
    r"|OPENSSL_(clear_)?free|OPENSSL_cleanse|free|Py(Mem_F|Thread_f)ree\w*|PyBuffer_Release|Py_(CLEAR|DECREF|XDECREF)"
    r"|PyObject_GC_(UnTrack|Track|Del)": "free, or forget",
    r"mem(cmp|cpy|move|set)|str(n?cmp|cpy|len)|snprintf|qsort|time|sizeof|set|call|allocate|atomic_\w+|_Interlocked\w+|_Static_assert"
    r"|__attribute__|__declspec|__asm__|volatile|defined"
    r"|CRYPTO_memcmp": "C's own",
    r"CRYPTO_THREAD_(read_lock|write_lock|unlock|get_local)|X509_STORE_unlock|PyThread_(acquire|release)_lock\w*"
    r"|PyThread_get_thread_ident|__builtin_thread_pointer|__has_builtin|PyGILState_\w+|(Py_)?(BEGIN|END)_(ALONE|CRITICAL_SECTION)"
    r"|YIELD|sched_yield|SwitchToThread|RELAX|YieldProcessor|__builtin_ia32_pause"
    r"|PyEval_(Save|Restore)Thread|PyThreadState_Get": "locks that are there, which nobody holds twice",
    r"ERR_\w+|PyErr_\w+|PyException_SetTraceback": "report failures; PyErr_Format has a MemoryError instead",
    r"BIO_(get_data|(clear|set|test)_flags|set_data|set_init|clear_retry_flags|set_retry_\w+|ctrl_pending|method_type|meth_set_\w+|up_ref"
    r"|set_mem_eof_return)": "read or write what is there",
    r"EVP_(sha256|aes_256_\w+|CIPHER_get_iv_length|MD_get_size)|OSSL_PARAM_construct_\w+"
    r"|OpenSSL_version_num": "static tables",
    r"Py_(INCREF|NewRef|XNewRef|TYPE|VISIT)|Py\w+_(Check|CheckExact|TypeCheck|IsSubtype)|PyBool_FromLong"
    r"|PyModule_GetState|PyType_GetModuleState|Py(Bytes|Dict|List|Tuple)_(AsString|AsStringAndSize|GetItem|Next|Size)"
    r"|PyImport_GetModule|SSL(_SESSION)?_up_ref|PyUnicode_(CompareWithASCIIString|GetLength)": "count, look",
    r"X509_(get|NAME_get|NAME_ENTRY_get|EXTENSION_get)\w*|X509_NAME_(entry_count|ENTRY_set)|OBJ_(nid2obj|length|get0_data)"
    r"|ASN1_STRING_(get0_data|length)|BIO_(get_mem_data|reset|s_mem)": "read or empty what is there",
    "ASN1_get_object": "fails by wrong bytes",
    "SSL_free_buffers": "frees what is not in use, if anything",
    "PyLong_FromLong": "small numbers, which Python has ready made",
    r"Py(Long|Unicode)_As\w+|PyNumber_AsSsize_t|PyArg_ParseTuple|PyTuple_SetItem"
    r"|PyCapsule_GetPointer": "fail by wrong arguments",
    r"PyModule_AddType|PyType_FromModuleAndSpec|PyModuleDef_Init": "when the module is imported: it is an ImportError",
    r"SSL_(CTX_|CIPHER_|SESSION_)?(get|find|is|in|has|pending|version|want|state)\w*|SSL_session_reused|SSL_set0_rbio|SSL_clear_mode|SSL_rstate_string|SSL_set_(info_callback|shutdown|accept_state|connect_state)|X509_OBJECT_retrieve_match"
    r"|SSL_CTX_(sess_[gs]et_remove_cb|set_cert_verify_callback|set_tlsext_ticket_key_evp_cb|flush_sessions\w*)"
    r"|X509_(OBJECT|STORE|STORE_CTX|VERIFY_PARAM)_get\w*|X509_STORE_CTX_set_(error|verify_cb)|X509_get_X509_PUBKEY"
    r"|X509_VERIFY_PARAM_set_(auth_level|hostflags)|sk_\w+_(num|value)": "read or write what is there",
    r"offsetof|read|write|size|ended|borrow": "a macro of C, and where a box leads to",
    r"obio_\w+|py_(bio_\w+|info|remove_session)|METHOD|TAKE|TAKE_BY|SET|ADD|OBIO_PART"
    r"|PyInit__engine|engine_call|reader|(stack|chain)_of": "our own, in their declarations",
}
NATIVE = Path(_openssl.__file__).parent / "_native"
# Of what the faults of Python's calls are tried with, what calls our C.
WITH_C = {
    *("a context", "two connections", "TLS 1.3", "TLS 1.2", "a changed context", "a demand in a callback"),
    *("two DTLS connections", "DTLS"),
}
WITHOUT_C = {"a ticket key callback", "keys of a connection", "a session store"}
OTHERS = [s for s in [*SESSIONS, *exchanges()] if s.name in WITH_C or (s in SESSIONS and s.name not in WITHOUT_C)]
# Scenarios in which more goes unseen, and why.
UNSEEN_IN = {
    "DTLS": {"* in verify": "nobody verifies"},
    "a demand in a callback": {"* in verify": "nobody verifies"},
}


@pytest.fixture(scope="module")
def contexts(ca: Identity, server_identity: Identity, client_identity: Identity) -> Contexts:
    return Contexts(ca, server_identity, client_identity)


def run(call: Callable[[Any], Any], made: Any, fails_at: int) -> BaseException | None:
    """Run a call with one fault; what it raised."""
    shim.calls, shim.fails_at, shim.fault = 0, fails_at, None
    try:
        call(made)
    except Exception as error:
        return error.with_traceback(None)
    except pytest.fail.Exception as error:
        return error.with_traceback(None)
    finally:
        shim.fails_at = 0
    return None


def described(site: _Site) -> str:
    """A place, for people."""
    return f"{site.name.decode()} in {site.caller.decode()}, {os.path.basename(site.file.decode())}:{site.line}"


def has_reason(site: _Site, reasons: dict[str, str]) -> bool:
    """Whether a function is there, "function in caller", all of a caller or all of a file."""
    name, caller = site.name.decode(), site.caller.decode()
    file = os.path.basename(site.file.decode())
    return not reasons.keys().isdisjoint({name, f"{name} in {caller}", f"* in {caller}", f"* of {file}"})


def complaints(
    making: Callable[[], Any], call: Callable[[Any], Any], number: int, clean: Any, unseen: dict[str, str]
) -> Iterator[str]:
    """What is wrong with how the call takes its n-th fault."""
    run(call, making(), 0)  # after a fault less may be kept for later, and there would be more calls than without
    made = making()
    error = run(call, made, number)
    if not shim.fault:
        return
    site = shim.fault.contents
    where = described(site)
    if real.ERR_peek_error():
        real.ERR_clear_error()
        if not has_reason(site, LEFT):
            yield f"{where}: the error queue is not empty"
    if error is None and not has_reason(site, unseen) and call not in (refused, distrusted, cut):
        yield f"{where}: success is reported"
    if isinstance(made, Stream) and made.has_hole():
        yield f"{where}: bytes are missing"
    if error is not None and not isinstance(error, clean):
        yield f"{where}: it raises {error!r}"


def check(making: Callable[[], Any], call: Callable[[Any], Any], clean: Any, name: str) -> None:
    """A clean exception and an empty queue, whichever call fails."""
    assert run(call, making(), 0) is None
    assert shim.calls or ENGINE == "cffi"
    unseen = UNSEEN | UNSEEN_IN.get(name, {})
    found: set[str] = set()
    for number in itertools.count(1):
        found.update(complaints(making, call, number, clean, unseen))
        if not shim.fault:
            break
    assert not found, "\n".join(sorted(found))


@pytest.mark.parametrize("name", SCENARIOS)
def test_native_faults(name: str, contexts: Contexts) -> None:
    make, call = SCENARIOS[name]
    check(lambda: make(contexts), call, CLEAN, name)


@pytest.mark.parametrize("scenario", OTHERS, ids=lambda scenario: scenario.name)
def test_faults_in_what_python_calls(scenario: Scenario, world: World) -> None:
    check(
        lambda: scenario.make(world), lambda made: scenario.call(made, world), (*CLEAN, *scenario.raises), scenario.name
    )


# In a process that has not used OpenSSL yet, so that what happens once a process can fail: each number in a fork.
FIRST = """
import os, sys
from tests.core import native_faults
from tests.core.native_faults import real, shim

def one(number):
    error = native_faults.run(lambda _: native_faults.first(), None, number)
    if not shim.fault:
        return 1
    where = native_faults.described(shim.fault.contents)
    left = real.ERR_peek_error() and not native_faults.has_reason(shim.fault.contents, native_faults.LEFT)
    if left or not (error is None or isinstance(error, native_faults.CLEAN)):
        print("WRONG", where, repr(error), flush=True)
    print(where, flush=True)
    return 0

status = number = 0
while status == 0:
    number += 1
    child = os.fork()
    if not child:
        os._exit(one(number))
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
sys.exit(status != 1)
"""


def first() -> None:
    """What a process does first with our C: TLS, DTLS, the stdlib's face, ticket keys."""
    client, server = SSL.Context(SSL.TLS_METHOD), SSL.Context(SSL.TLS_METHOD)
    real.obio_refused_depth(SSL.Connection(client).ssl)
    SSL.Connection(SSL.Context(SSL.DTLS_METHOD)).set_connect_state()
    stdlib.SSLContext(stdlib.PROTOCOL_TLS_SERVER).wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_side=True)
    SSL.Connection(server)
    server.set_options(SSL.OP_NO_TICKET)
    SSL.Connection(server)
    server.set_ticket_keys(TicketKeys())
    connection = SSL.Connection(server)
    with clean_queue:
        session = real.obio_psk_session(connection.ssl, b"k" * 32, 32, 0, 1)
        if not session:
            raise MemoryError
        real.SSL_SESSION_free(session)


def test_first_calls() -> None:
    """What is done once a process fails cleanly; afterwards it may fail for ever."""
    run_child = subprocess.run([sys.executable, "-c", FIRST], capture_output=True, text=True, timeout=100, check=False)
    lines = run_child.stdout.splitlines()
    assert (run_child.returncode, run_child.stderr) == (0, "")
    wrong = [line for line in lines if line.startswith("WRONG")]
    assert not wrong, "\n".join(wrong)
    for site in sites():
        site.failed |= described(site) in lines


def sites() -> Iterator[_Site]:
    """Every place in our own C, cffi's file left out."""
    size = ctypes.addressof(shim.last.contents) - ctypes.addressof(shim.first.contents)
    for index in range(size // ctypes.sizeof(ctypes.c_void_p)):
        site = shim.first[index].contents
        if os.path.basename(site.file.decode()) != "openssl_bio._openssl.c":
            yield site


def test_every_call_is_made_to_fail(request: pytest.FixtureRequest) -> None:
    """Each place has failed in a scenario above, or has a reason not to."""
    if len({item.name for item in request.session.items}) <= len(SCENARIOS) + len(OTHERS):
        pytest.skip("not all scenarios were run")
    never = [site for site in sites() if not site.failed and not has_reason(site, UNREACHED)]
    if ENGINE != "c":
        never = [site for site in never if os.path.basename(site.file.decode()) not in FILES_OF_C]
    assert not never, "\n".join(sorted(described(site) for site in never))


def called() -> set[str]:
    """The names that our C calls and does not define."""
    texts = [path.read_text() for path in (*NATIVE.glob("*.c"), *NATIVE.rglob("*.h"))]
    code = "\n".join(re.sub(r"/\*.*?\*/|\"(\\.|[^\"\\])*\"", "", text, flags=re.DOTALL) for text in texts)
    defined = set(re.findall(r"^[a-z][^\n;={}()]*?\b(\w+)\([^;{}]*\)\s*\{", code, flags=re.MULTILINE))
    return set(re.findall(r"\b([A-Za-z_]\w+)\(", code)) - defined


def test_every_function_is_known() -> None:
    """What our C calls can be made to fail by shim.h, or has a reason not to."""
    text = (Path(__file__).parent / "shim.h").read_text()
    known = set(re.findall(r"#define (\w+)\(", text)) | {
        name for line in re.findall(r"^#define (\w+)\(", text, flags=re.MULTILINE) for name in OTHER_NAMES.get(line, ())
    }
    unknown = [name for name in called() - known if not any(re.fullmatch(text, name) for text in INFALLIBLE)]
    assert not unknown, " ".join(sorted(unknown))
