"""Make one call from Python to libssl or libcrypto fail, and see what comes of it.

`Library` stands in for ``lib`` in every module of the package.  It passes calls on, notes who called what, and can let
the n-th call of a function fail: that one does nothing but queue an error, and returns what the function returns when
it fails.
"""

from __future__ import annotations

import contextlib
import functools
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from cffi import model

from openssl_bio._core import _lib
from tests.test_rules import load_make_stub

ffi, real = _lib.ffi, _lib.lib

# What functions return that have failed, where it is not the zero or NULL of their type.
FAILURES = {
    "ASN1_STRING_to_UTF8": -1,
    "BIO_read": -1,
    "BIO_write": -1,
    "OBJ_obj2txt": -1,
    "SSL_CTX_set_alpn_protos": 1,
    "SSL_CTX_set_tlsext_use_srtp": 1,
    "SSL_set_alpn_protos": 1,
    "SSL_set_tlsext_use_srtp": 1,
    "X509V3_EXT_print": 0,
    "X509_NAME_cmp": -2,
    "X509_check_issued": 1,
    "X509_verify_cert": -1,
    "i2d_X509_NAME": -1,
    "obio_count_crls": -1,
    "obio_store_has": -1,
    "obio_verify_again": -1,
    "i2d_SSL_SESSION": -1,
}

# Functions that have no way to fail as they are called here, and why.
INFALLIBLE = {
    r"ERR_\w+|OpenSSL_version\w*|X509_get_default_cert_\w+|OBJ_(nid2[sl]n|obj2nid|sn2nid)|\w+_method|BIO_s_\w+"
    r"|EC_get_builtin_curves|obio_is_denied|obio_denylist_callback|X509_verify_cert_error_string"
    r"|SSL_(state_string_long|group_to_name)": "static tables",
    r"\w+_free|OSSL_STORE_close|OSSL_STORE_eof|BIO_set_fd|BIO_set_mem_eof_return|X509_VERIFY_PARAM_set1_ip"
    r"|BN_bn2bin": "writes to memory that is there",
    r"\w+_up_ref|SSL_get1_(session|peer_certificate)": "count references to what is there, if anything is",
    r"sk_\w+_(num|value)|X509_(NAME|REVOKED)_(get|delete)_\w+|X509_(get|delete)_ext|X509_get_ext_(count|by_NID)"
    r"|X509_REQ_(get_attr_by_NID|delete_attr)": "look up what is there, at an index that was found there",
    r"(SSL|SSL_CTX|DTLS|SSL_SESSION|SSL_CIPHER|SSL_COMP|SSL_CTX_sess)_(get|is|has|in|want|pending|version|session_reused"
    r"|renegotiate_pending|total_renegotiations|description|number|connect|accept|hits|misses|timeouts|cache_full)\w*"
    r"|X509_(STORE_CTX|VERIFY_PARAM|EXTENSION|NAME|NAME_ENTRY|CRL|REVOKED|REQ)_(get|entry|set$)\w*"
    r"|X509_(get|get0)_(version|serialNumber|subject_name|issuer_name|notBefore|notAfter|pubkey|signature_nid|tbs_sigalg)"
    r"|X509_STORE_get0_param|X509_alias_get0|X509_check_ca|ASN1_STRING_(get0_data|length|type)|BN_(num_bytes|is_negative)|RAND_status"
    r"|EVP_PKEY_get0?_(base_id|bits|type_name)|BIO_(ctrl_pending|get_mem_data|should_retry)|PKCS7_type_is_\w+"
    r"|GENERAL_NAME_get0_value": "read what is there",
    r"(SSL|SSL_CTX)_(set|clear)_(options|mode)|SSL_CTX_set_(session_cache_mode|timeout)"
    r"|SSL_set_retry_verify": "return what is or was set",
    r"SSL_CTX_set_(tlsext_servername_callback|tlsext_status_cb)|SSL_set0_chain": "store a pointer",
    r"obio_(handshake|(read|write)_early_data|read|peek|write|shutdown|listen|handle_timeout|timeout|save_errors)"
    r"|obio_queue_(size|ended|take)|obio_ticket_keys_generation|obio_psk_(fits|mark)|obio_owner"
    r"|obio_refused_\w+": "our own; what they call is made to fail by `make faults`",
}
# What getters would match, but does allocate.
FALLIBLE = {
    "SSL_CTX_get0_implemented_groups",
    "SSL_get1_builtin_sigalgs",
    "X509_REQ_get_extensions",
    "X509_REQ_get_pubkey",
}
# Functions whose failure is an answer, and what it is taken for.
ANSWERS = {
    "obio_name_server": "a name that is not as most are: it is set in another way",
    "EVP_PKEY_eq": "another key: the context is compiled again",
    "X509_check_private_key": "a key that does not match, which is not used",
    "ASN1_TIME_set_string_X509": "a time that is given in a longer form",
    "X509_check_issued": "another issuer: a chain that is refused, or left in the order that it has",
    "X509_verify": "another issuer, too",
    "X509_cmp": "another certificate: the context is compiled again",
}
# Functions that only free something where the second argument is NULL.
FORGETS = {"X509_VERIFY_PARAM_set1_host", "X509_VERIFY_PARAM_set1_ip"}


def is_fallible(name: str) -> bool:
    """Whether a call of a function can fail."""
    return name in FALLIBLE or not any(re.fullmatch(pattern, name) for pattern in INFALLIBLE)


@functools.cache
def failures() -> dict[str, Any]:
    """Every function that is declared and returns something: what it returns when it fails."""
    found: dict[str, Any] = {}
    for key, declared in load_make_stub().declared().items():
        kind, _, name = key.partition(" ")
        if kind == "function" and not isinstance(declared.result, model.VoidType):
            zero = ffi.NULL if isinstance(declared.result, model.PointerType) else 0
            found[name] = FAILURES.get(name, zero)
    return found


@dataclass(frozen=True)
class Call:
    """One call of a function: its name, who called it, and which call of that function it was."""

    name: str
    site: str
    number: int


@dataclass
class Library:
    """What stands in for ``lib``."""

    failing: dict[str, Any]
    calls: list[Call] = field(default_factory=list)
    fault: Call | None = None
    happened: bool = False
    _counts: dict[str, int] = field(default_factory=dict)
    _wrapped: dict[str, Any] = field(default_factory=dict)

    def __getattr__(self, name: str) -> Any:
        """What ``lib`` has by this name; functions that can fail are wrapped."""
        if name not in self.failing:
            return getattr(real, name)
        if name not in self._wrapped:
            self._wrapped[name] = self._wrap(name, getattr(real, name))
        return self._wrapped[name]

    def _wrap(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            if name in FORGETS and arguments[1] == ffi.NULL:
                return function(*arguments)
            number = self._counts[name] = self._counts.get(name, 0) + 1
            if self.fault is None:
                result = function(*arguments)
                if result != self.failing[name]:  # else it has failed by itself
                    caller = sys._getframe(1)
                    self.calls.append(Call(name, f"{caller.f_code.co_filename}:{caller.f_lineno}", number))
                return result
            if self.fault.name == name and self.fault.number == number:
                self.happened = True
                real.ERR_new()
                real.ERR_set_error(real.ERR_LIB_SSL, real.ERR_R_PEM_LIB, ffi.NULL)
                return self.failing[name]
            return function(*arguments)

        return call

    @contextlib.contextmanager
    def recording(self) -> Iterator[list[Call]]:
        """Note the calls of the block."""
        self.calls, self.fault, self._counts = [], None, {}
        yield self.calls
        self.calls = []

    @contextlib.contextmanager
    def failing_at(self, fault: Call) -> Iterator[None]:
        """Let this call fail in the block."""
        self.fault, self.happened, self._counts = fault, False, {}
        yield
        self.fault = None


def _replaced(value: Any, library: Library, names: dict[int, str]) -> Any:
    """``value`` with the stand-in instead of ``lib`` and of its functions, also in tuples and dicts."""
    if value is real:
        return library
    if id(value) in names:
        return getattr(library, names[id(value)])
    if type(value) is tuple:
        changed = tuple(_replaced(item, library, names) for item in value)
        return changed if any(a is not b for a, b in zip(changed, value, strict=True)) else value
    if type(value) is dict:
        items = {key: _replaced(item, library, names) for key, item in value.items()}
        return items if any(items[key] is not value[key] for key in items) else value
    return value


@contextlib.contextmanager
def stand_in() -> Iterator[Library]:
    """A `Library` in the place of ``lib`` in all modules of the package."""
    library = Library({name: value for name, value in failures().items() if hasattr(real, name)})
    names = {id(getattr(real, name)): name for name in library.failing}
    before: list[tuple[dict[str, Any], str, Any]] = []
    for module in [m for name, m in sys.modules.items() if name.partition(".")[0] == "openssl_bio"]:
        for name, value in list(vars(module).items()):
            changed = value if name.startswith("__") else _replaced(value, library, names)
            if changed is not value:
                before.append((vars(module), name, value))
                vars(module)[name] = changed
    try:
        yield library
    finally:
        for space, name, value in before:
            space[name] = value
