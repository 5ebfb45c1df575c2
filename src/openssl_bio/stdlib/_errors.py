"""The exceptions of Python's ``ssl``, and the tables that say which outcome raises which.

The classes are the running Python's own, so that ``except ssl.SSLWantReadError`` works wherever it is written.  Their
attributes are those that Python's ``ssl`` sets: ``errno``, ``strerror``, ``library``, ``reason``.  The text lacks the
line of C source that Python appends to it.

There are two tables since Python has two ways: an operation of a connection gives an ``SSL_ERROR_*`` as errno, anything
else OpenSSL's number of the reason.
"""

from __future__ import annotations

import os
import re
from ssl import (
    SSLCertVerificationError,
    SSLEOFError,
    SSLError,
    SSLErrorNumber,
    SSLSyscallError,
    SSLWantReadError,
    SSLWantWriteError,
    SSLZeroReturnError,
)

from openssl_bio._core._lib import lib
from openssl_bio._core.errors import ErrorRecord, ErrorTable, Kind, Outcome, is_verify_failure
from openssl_bio._core.suspension import Suspended

__all__ = ["FACE", "IO_ERRORS", "SETUP_ERRORS", "described", "number"]

FACE = "stdlib"  # what the core calls this face

# ERR_LIB_*, which never change, as Python's ssl names them.
_LIBRARIES = {
    2: "SYS",
    3: "BN",
    4: "RSA",
    5: "DH",
    6: "EVP",
    7: "BUF",
    8: "OBJ",
    9: "PEM",
    10: "DSA",
    11: "X509",
    13: "ASN1",
    14: "CONF",
    15: "CRYPTO",
    16: "EC",
    20: "SSL",
    32: "BIO",
    33: "PKCS7",
    34: "X509V3",
    35: "PKCS12",
    36: "RAND",
    37: "DSO",
    38: "ENGINE",
    39: "OCSP",
    40: "UI",
    41: "COMP",
    44: "OSSL_STORE",
    46: "CMS",
    47: "TS",
    50: "CT",
    51: "ASYNC",
    52: "KDF",
    53: "SM2",
    54: "ESS",
    55: "PROP",
    56: "CRMF",
    57: "PROV",
    58: "CMP",
    59: "OSSL_ENCODER",
    60: "OSSL_DECODER",
    61: "HTTP",
}
# Reasons from here on are common to all libraries, and Python has no names for them.
_COMMON_REASON = 0x80000
# Where OpenSSL's text is not the name in other words: by text.
_NAMES = {
    "at least (D)TLS 1.2 needed in Suite B mode": "AT_LEAST_TLS_1_2_NEEDED_IN_SUITEB_MODE",
    "illegal Suite B digest": "ILLEGAL_SUITEB_DIGEST",
    "can't find SRP server param": "MISSING_SRP_PARAM",
    "error with the srp params": "SRP_A_CALC",
    "expecting an ec key": "EXPECTING_A_EC_KEY",
    "expecting an ecx key": "EXPECTING_A_ECX_KEY",
    "invalid public key": "INVALID_PUBKEY",
    "partially overlapping buffers": "PARTIALLY_OVERLAPPING",
    "salt length check failed": "SLEN_CHECK_FAILED",
    "salt length recovery failed": "SLEN_RECOVERY_FAILED",
    "can't check dh key": "CANT_CHECK_DH_KEY",
    "Peer haven't sent GOST certificate, required for selected ciphersuite": "NO_GOST_CERTIFICATE_SENT_BY_PEER",
}
# What OpenSSL 3.2 to 3.6 call alerts that are as old as SSL 3; their names are as before.
_OLD_ALERT, _NAMED_AS = "ssl/tls alert ", "sslv3 alert "
_EOF_TEXT = "EOF occurred in violation of protocol"


def number(record: ErrorRecord) -> int:
    """OpenSSL's number of the reason."""
    return int(lib.ERR_GET_REASON(record.code))


def _library(record: ErrorRecord) -> str | None:
    return _LIBRARIES.get(lib.ERR_GET_LIB(record.code))


def _reason(record: ErrorRecord) -> str | None:
    """The name of the reason, such as CERTIFICATE_VERIFY_FAILED: OpenSSL's text for it is the same in small letters."""
    if not record.reason or number(record) >= _COMMON_REASON:
        return None
    text = record.reason
    if text.startswith(_OLD_ALERT):
        text = _NAMED_AS + text.removeprefix(_OLD_ALERT)
    return _NAMES.get(text) or re.sub(r"[^A-Z0-9]+", "_", text.upper())


def described(make: type[SSLError], errno: int, record: ErrorRecord | None, text: str, addition: str = "") -> SSLError:
    """An exception whose text and attributes say what a record says."""
    library = None if record is None else _library(record)
    reason = None if record is None else _reason(record)
    prefix = "" if library is None else f"[{library}] " if reason is None else f"[{library}: {reason}] "
    error = make(int(errno), f"{prefix}{text}{addition}")
    error.library, error.reason = library, reason  # type: ignore[assignment]
    return error


def _io_failure(outcome: Outcome) -> BaseException:
    if not outcome.records:
        return described(SSLError, SSLErrorNumber.SSL_ERROR_SSL, None, outcome.detail)
    record = outcome.records[-1]
    make = SSLCertVerificationError if is_verify_failure(record) else SSLError
    return described(make, SSLErrorNumber.SSL_ERROR_SSL, record, record.reason)


def _eof(outcome: Outcome) -> BaseException:
    record = outcome.records[-1] if outcome.records else None
    return described(SSLEOFError, SSLErrorNumber.SSL_ERROR_EOF, record, _EOF_TEXT)


def _system(outcome: Outcome) -> BaseException:
    if outcome.errno:
        return OSError(outcome.errno, os.strerror(outcome.errno))
    return described(SSLSyscallError, SSLErrorNumber.SSL_ERROR_SYSCALL, None, "Some I/O error occurred")


def _setup_failure(outcome: Outcome) -> BaseException:
    if not outcome.records:
        return described(SSLError, 0, None, outcome.detail)
    record = outcome.records[-1]
    return described(SSLError, number(record), record, record.reason)


def _plain(make: type[SSLError], errno: SSLErrorNumber, text: str) -> BaseException:
    return described(make, errno, None, text)


class _SuspendedError(Suspended, SSLError):
    """A callback will answer later."""


def _suspended(what: str, errno: int) -> BaseException:
    error = described(_SuspendedError, errno, None, f"The operation did not complete ({what})")
    assert isinstance(error, _SuspendedError)
    error.what = what
    return error


SETUP_ERRORS = ErrorTable(_setup_failure)

IO_ERRORS = ErrorTable(
    _io_failure,
    {
        Kind.WANT_READ: lambda _: _plain(
            SSLWantReadError, SSLErrorNumber.SSL_ERROR_WANT_READ, "The operation did not complete (read)"
        ),
        Kind.WANT_WRITE: lambda _: _plain(
            SSLWantWriteError, SSLErrorNumber.SSL_ERROR_WANT_WRITE, "The operation did not complete (write)"
        ),
        Kind.WANT_X509_LOOKUP: lambda _: _suspended("certificate", lib.SSL_ERROR_WANT_X509_LOOKUP),
        Kind.WANT_CLIENT_HELLO: lambda _: _suspended("client_hello", lib.SSL_ERROR_WANT_CLIENT_HELLO_CB),
        Kind.WANT_RETRY_VERIFY: lambda _: _suspended("verification", lib.SSL_ERROR_WANT_RETRY_VERIFY),
        Kind.ZERO_RETURN: lambda _: _plain(
            SSLZeroReturnError, SSLErrorNumber.SSL_ERROR_ZERO_RETURN, "TLS/SSL connection has been closed (EOF)"
        ),
        Kind.EOF: _eof,
        Kind.SYSCALL: _system,
    },
)
