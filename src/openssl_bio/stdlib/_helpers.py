"""The functions of ``ssl``."""

from __future__ import annotations

import os
import socket
import ssl
import sys
import time
from typing import Any

from openssl_bio._core._lib import ffi, lib, needs
from openssl_bio._core.errors import clean_queue
from openssl_bio._core.pointers import BytesLike, new_buffer, taken
from openssl_bio._core.trust import default_paths
from openssl_bio.stdlib import _constants as c
from openssl_bio.stdlib._constants import Purpose
from openssl_bio.stdlib._context import SSLContext
from openssl_bio.stdlib._errors import SETUP_ERRORS
from openssl_bio.stdlib._private import _ASN1Object

__all__ = [
    "DER_cert_to_PEM_cert",
    "PEM_cert_to_DER_cert",
    "RAND_add",
    "RAND_bytes",
    "RAND_status",
    "cert_time_to_seconds",
    "create_default_context",
    "get_default_verify_paths",
    "get_protocol_name",
    "get_server_certificate",
    "get_sigalgs",
]

_PROTOCOL_NAMES = {member.value: member.name for member in ssl._SSLMethod}
_NO_TIMEOUT: Any = object()


def create_default_context(
    purpose: Any = Purpose.SERVER_AUTH,
    *,
    cafile: Any = None,
    capath: Any = None,
    cadata: str | bytes | None = None,
) -> SSLContext:
    """A context with good settings: a client's for ``Purpose.SERVER_AUTH``, a server's for ``Purpose.CLIENT_AUTH``.

    A client's verifies its server, strictly, against the certificates named, or else what the system trusts.
    """
    context = _context_for(purpose, None)
    context.verify_flags |= c.VERIFY_X509_PARTIAL_CHAIN | c.VERIFY_X509_STRICT
    _finish(context, purpose, cafile, capath, cadata)
    return context


def _context_for(purpose: Any, protocol: int | None) -> SSLContext:
    if not isinstance(purpose, _ASN1Object):
        raise TypeError(purpose)
    default = {Purpose.SERVER_AUTH: c.PROTOCOL_TLS_CLIENT, Purpose.CLIENT_AUTH: c.PROTOCOL_TLS_SERVER}.get(
        purpose  # type: ignore[call-overload]
    )
    if default is None:
        raise ValueError(purpose)
    return SSLContext(default if protocol is None else protocol)


def _finish(context: SSLContext, purpose: Any, cafile: Any, capath: Any, cadata: Any) -> None:
    if cafile or capath or cadata:
        context.load_verify_locations(cafile, capath, cadata)
    elif context.verify_mode != c.CERT_NONE:
        context.load_default_certs(purpose)
    keylog = os.environ.get("SSLKEYLOGFILE")
    if keylog and not sys.flags.ignore_environment:
        context.keylog_filename = keylog


def _create_unverified_context(
    protocol: int | None = None,
    *,
    cert_reqs: int | None = c.CERT_NONE,
    check_hostname: bool = False,
    purpose: Any = Purpose.SERVER_AUTH,
    certfile: Any = None,
    keyfile: Any = None,
    cafile: Any = None,
    capath: Any = None,
    cadata: str | bytes | None = None,
) -> SSLContext:
    """A context with fewer demands than `create_default_context`'s."""
    context = _context_for(purpose, protocol)
    context.check_hostname = check_hostname
    if cert_reqs is not None:
        context.verify_mode = cert_reqs
    if check_hostname:
        context.check_hostname = True
    if keyfile and not certfile:
        raise ValueError("certfile must be specified")
    if certfile:
        context.load_cert_chain(certfile, keyfile)
    _finish(context, purpose, cafile, capath, cadata)
    return context


_create_stdlib_context = _create_unverified_context
_create_default_https_context = create_default_context


def DER_cert_to_PEM_cert(der_cert_bytes: bytes) -> str:
    """A certificate as PEM text."""
    import base64
    import textwrap

    lines = textwrap.wrap(base64.b64encode(der_cert_bytes).decode(), 64)
    return "\n".join([c.PEM_HEADER, *lines, c.PEM_FOOTER]) + "\n"


def PEM_cert_to_DER_cert(pem_cert_string: str) -> bytes:
    """A certificate from PEM text that holds nothing else. ValueError unless it begins and ends as such."""
    import base64

    if not pem_cert_string.startswith(c.PEM_HEADER):
        raise ValueError(f"Invalid PEM encoding; must start with {c.PEM_HEADER}")
    text = pem_cert_string.strip()
    if not text.endswith(c.PEM_FOOTER):
        raise ValueError(f"Invalid PEM encoding; must end with {c.PEM_FOOTER}")
    return base64.decodebytes(text[len(c.PEM_HEADER) : -len(c.PEM_FOOTER)].encode("ascii", "strict"))


def cert_time_to_seconds(cert_time: str) -> int:
    """The seconds after 1970 of a time as certificates are shown with, such as ``Jan  5 09:34:43 2018 GMT``."""
    import calendar

    months = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
    pattern = " %d %H:%M:%S %Y GMT"
    month = cert_time[:3].title()
    if month not in months:
        raise ValueError(f'time data {cert_time!r} does not match format "%b{pattern}"')
    parsed = time.strptime(cert_time[3:], pattern)  # the names of months do not depend on the locale
    return calendar.timegm((parsed[0], months.index(month) + 1, *parsed[2:6]))


def get_default_verify_paths() -> ssl.DefaultVerifyPaths:
    """Where `SSLContext.set_default_verify_paths` looks: what exists of it, then the variables and defaults.

    The OpenSSL of a wheel has defaults that exist nowhere; what exists then is the bundle of the distribution.
    """
    file_variable, file, directory_variable, directory = (
        ffi.string(text()).decode()
        for text in (
            lib.X509_get_default_cert_file_env,
            lib.X509_get_default_cert_file,
            lib.X509_get_default_cert_dir_env,
            lib.X509_get_default_cert_dir,
        )
    )
    cafile, directories = default_paths()
    return c.DefaultVerifyPaths(
        cafile,  # type: ignore[arg-type]
        os.pathsep.join(directories) or None,  # type: ignore[arg-type]
        file_variable,
        file,
        directory_variable,
        directory,
    )


def get_protocol_name(protocol_code: int) -> str:
    """The name of a ``PROTOCOL_*`` constant, or ``<unknown>``."""
    return _PROTOCOL_NAMES.get(protocol_code, "<unknown>")


def get_server_certificate(
    addr: tuple[str, int],
    ssl_version: int = c.PROTOCOL_TLS_CLIENT,
    ca_certs: Any = None,
    timeout: Any = _NO_TIMEOUT,
) -> str:
    """The certificate of a server, as PEM text; it is verified only if ``ca_certs`` names a file to do it with."""
    context = _create_unverified_context(
        ssl_version, cert_reqs=c.CERT_NONE if ca_certs is None else c.CERT_REQUIRED, cafile=ca_certs
    )
    options = {} if timeout is _NO_TIMEOUT else {"timeout": timeout}
    with (
        socket.create_connection(addr, **options) as plain,
        context.wrap_socket(plain, server_hostname=addr[0]) as connection,
    ):
        return DER_cert_to_PEM_cert(connection.getpeercert(binary_form=True) or b"")


@needs("SSL_get1_builtin_sigalgs", "OpenSSL 3.4")
def get_sigalgs() -> list[str]:
    """The signature algorithms that this OpenSSL has."""
    with clean_queue:
        names = lib.SSL_get1_builtin_sigalgs(ffi.NULL)
        SETUP_ERRORS.check(names != ffi.NULL, "SSL_get1_builtin_sigalgs")
        try:
            return [name for name in ffi.string(names).decode().split(":") if name]
        finally:
            lib.OPENSSL_free(names)


def RAND_bytes(n: int, /) -> bytes:
    """``n`` random bytes, good for keys."""
    if n < 0:
        raise ValueError("num must be positive")
    buffer = new_buffer(n)
    with clean_queue:
        SETUP_ERRORS.check(lib.RAND_bytes(buffer, n) == 1, "RAND_bytes")
        return taken(buffer, n)


def RAND_status() -> bool:
    """There is enough randomness for `RAND_bytes`."""
    with clean_queue:
        return bool(lib.RAND_status())


def RAND_add(string: str | BytesLike, entropy: float, /) -> None:
    """Mix bytes in that hold ``entropy`` bytes of randomness."""
    data = string.encode() if isinstance(string, str) else string
    with clean_queue, ffi.from_buffer("unsigned char[]", data) as source:
        lib.RAND_add(source, len(source), entropy)
