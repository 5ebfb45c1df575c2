"""Text for people: aligned rows, coloured only on a terminal, and connections and certificates in words."""

from __future__ import annotations

import os
import re
import sys

from openssl_bio import SSL, crypto

_LABEL = 14
_BOLD, _RED, _GREEN = "1", "31", "32"

_REASONS = {
    code: name.removeprefix("ERR_").lower().replace("_", " ")
    for name, code in vars(SSL.X509VerificationCodes).items()
    if name.startswith("ERR_")
}
# What libssl says of a first record that is none.
_NO_TLS = {"wrong version number", "http request", "https proxy request"}

# SEQUENCE (its length in one byte, or how many bytes have it, and those) { responseStatus ENUMERATED (one byte) ...
_OCSP_RESPONSE = re.compile(rb"\x30(?:[\x03-\x7f]|\x81.|\x82..|\x83...)\x0a\x01(.)", re.DOTALL)
_OCSP_STATUS = {
    b"\x00": "successful",
    b"\x01": "malformed request",
    b"\x02": "internal error",
    b"\x03": "try later",
    b"\x05": "signature required",
    b"\x06": "unauthorized",
}


def heading(text: str) -> None:
    """Print a blank line and a heading."""
    print(f"\n{_styled(text, _BOLD)}", flush=True)


def row(label: str, value: str) -> None:
    """Print one aligned row; what would move a terminal's cursor is escaped."""
    print(f"  {label:<{_LABEL}} {printable(value)}", flush=True)


def verdict(label: str, good: bool, value: str) -> None:
    """Print one aligned row, green or red on a terminal."""
    print(f"  {label:<{_LABEL}} {_styled(printable(value), _GREEN if good else _RED)}", flush=True)


def complain(text: str) -> None:
    """Print what went wrong to stderr."""
    print(f"openssl-bio: {printable(text)}", file=sys.stderr, flush=True)


def _styled(text: str, code: str) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if sys.stdout.isatty() and not os.environ.get("NO_COLOR") else text


def printable(text: str) -> str:
    """The text with what is not printable escaped: names in certificates are the peer's to choose."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def words(data: bytes | None) -> str:
    """A protocol's or a host's name, or "none"."""
    return data.decode("ascii", "backslashreplace") if data else "none"


def staple(response: bytes | None) -> str:
    """What an OCSP response is about: its length and status. Source: RFC 6960, section 4.2.1."""
    if not response:
        return "none"
    match = _OCSP_RESPONSE.match(response)
    return f"{len(response)} bytes, {_OCSP_STATUS.get(match[1], 'unknown status') if match else 'no OCSP response'}"


def distinguished(name: crypto.X509Name) -> str:
    """A name such as ``O=Example, CN=example.test``."""
    parts = (f"{key.decode()}={value.decode('utf-8', 'backslashreplace')}" for key, value in name.get_components())
    return ", ".join(parts) or "(empty)"


def reason(code: int) -> str:
    """What a verification code means, from the names of ``SSL.X509VerificationCodes``."""
    return f"{_REASONS[code]} ({code})" if code in _REASONS else f"verification error {code}"


def explain(error: BaseException) -> str:
    """An exception in one line."""
    if isinstance(error, SSL.SysCallError):
        return f"the connection broke: {error.args[-1]}"
    if isinstance(error, SSL.ZeroReturnError):
        return "the other side closed the connection"
    if isinstance(error, SSL.Error | crypto.Error) and error.args and isinstance(error.args[0], list):
        return _reasons(error.args[0], error.detail)
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename!r}" if error.filename else error.strerror
    return str(error) or type(error).__name__


def _reasons(records: list[tuple[str, str, str]], detail: str) -> str:
    """OpenSSL's reasons, after what was tried, and with advice if the peer speaks something else."""
    reasons = "; ".join(reason or "a reason that OpenSSL has no words for" for _, _, reason in records)
    text = f"{detail}: {reasons}" if detail not in reasons else reasons
    return f"{text}: does the other side speak TLS?" if _NO_TLS & {reason for _, _, reason in records} else text


def negotiated(connection: SSL.Connection, server_name: bytes | None) -> None:
    """Print what a handshake agreed on. Source: the getters of ``SSL.Connection``."""
    row("version", connection.get_protocol_version_name())
    row("cipher", f"{connection.get_cipher_name()} ({connection.get_cipher_bits()} bits)")
    row("group", connection.get_group_name() or "none")
    row("ALPN", words(connection.get_alpn_proto_negotiated()))
    row("server name", words(server_name))
    row("resumed", "yes" if connection.session_reused() else "no")


def chain(certificates: list[crypto.X509]) -> None:
    """Print the certificates of a chain, the leaf first."""
    for depth, certificate in enumerate(certificates):
        row(f"{depth} subject", distinguished(certificate.get_subject()))
        row("  issuer", distinguished(certificate.get_issuer()))
        row("  valid", f"{_day(certificate.get_notBefore())} to {_day(certificate.get_notAfter())}")
        row("  SHA-256", certificate.digest("sha256").decode())


def _day(when: bytes | None) -> str:
    """``20260131235959Z`` as ``2026-01-31``."""
    text = words(when)
    return f"{text[:4]}-{text[4:6]}-{text[6:8]}"
