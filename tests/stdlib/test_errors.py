"""Names of errors: those that Python's ssl has for the same numbers."""

from __future__ import annotations

import _ssl
import ssl
from typing import Any

import pytest

from openssl_bio._core._lib import ffi, lib
from openssl_bio._core.errors import ErrorRecord
from openssl_bio.stdlib._errors import described
from tests.stdlib.helpers import SAME_LIBRARY

inner: Any = _ssl


# Libraries that TLS does not use, and whose texts are other words than their names.
NO_TLS = {"DSA", "DSO", "ENGINE", "RAND", "TS", "UI"}


def reason_text(code: int) -> str:
    text = lib.ERR_reason_error_string(code)
    return "" if text == ffi.NULL else ffi.string(text).decode()


@pytest.mark.skipif(not hasattr(_ssl, "err_codes_to_names"), reason="this Python does not show its table of reasons")
@pytest.mark.skipif(not SAME_LIBRARY, reason="Python's ssl has another libssl, with other reasons")
def test_libraries_and_reasons_are_named_alike() -> None:
    """All that Python has a name for, of what this libcrypto has a text for."""
    compared = 0
    for (library, reason), name in inner.err_codes_to_names.items():
        code = library << 23 | reason
        text = reason_text(code)
        if text and inner.lib_codes_to_names[library] not in NO_TLS:
            error = described(ssl.SSLError, 1, ErrorRecord(code, "", text), text)
            assert (error.library, error.reason) == (inner.lib_codes_to_names[library], name), text
            compared += 1
    assert compared > 1000


def test_old_alerts_have_their_old_names() -> None:
    """OpenSSL 3.2 to 3.6 have another text, and the same name."""
    for text in ("sslv3 alert handshake failure", "ssl/tls alert handshake failure"):
        error = described(ssl.SSLError, 1, ErrorRecord(lib.ERR_LIB_SSL << 23 | 1040, "", text), text)
        assert error.reason == "SSLV3_ALERT_HANDSHAKE_FAILURE"
