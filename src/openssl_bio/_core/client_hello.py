"""The ClientHello, parsed: what a client offers, before anything is decided.

Theory of operation.  libssl tells the server's callback only of extensions that it knows itself, and in no order; the
fingerprints JA3 and JA4 need them all, in theirs.  So the message is parsed here, from bytes, without libssl: a plain
function of a few bounds-checked steps that raises `ClientHelloError` for whatever is malformed, and nothing else.  The
fields of known extensions are parsed when they are asked for, so that a damaged one does not hide the others; inside
libssl's callback those that libssl understands have been checked already or will be.

Sources: RFC 8446, 4.1.2 and 4.2; RFC 6347, 4.2.1 and 4.2.2; RFC 6066, 3; RFC 7301, 3.1; RFC 8701 (GREASE).
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field

__all__ = ["ClientHello", "ClientHelloError", "parse_client_hello"]

_SERVER_NAME, _GROUPS, _POINT_FORMATS, _SIGNATURES, _ALPN, _VERSIONS = 0, 10, 11, 13, 16, 43
_HANDSHAKE_RECORD, _CLIENT_HELLO = 22, 1
_RECORD_HEADER, _DTLS_RECORD_HEADER = 5, 13
_LONGEST = 1 << 17  # bytes; libssl takes less

# JA4's names of versions; DTLS counts downwards.
_JA4_VERSIONS = {
    0x0304: "13",
    0x0303: "12",
    0x0302: "11",
    0x0301: "10",
    0x0300: "s3",
    0x0002: "s2",
    0xFEFF: "d1",
    0xFEFD: "d2",
    0xFEFC: "d3",
}


class ClientHelloError(ValueError):
    """Bytes that are no ClientHello, or not all of one; the message says what is wrong."""

    __module__ = "openssl_bio"


class _Bytes:
    """Bytes that are taken from the front."""

    def __init__(self, data: bytes, what: str) -> None:
        self.data, self.at, self.what = data, 0, what

    def take(self, size: int) -> bytes:
        taken = self.data[self.at : self.at + size]
        if len(taken) < size:
            raise ClientHelloError(f"the {self.what} ends too early")
        self.at += size
        return taken

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size))

    def vector(self, size: int) -> bytes:
        """What follows its own length, a number of ``size`` bytes."""
        return self.take(self.number(size))

    def numbers(self, prefix: int, size: int) -> tuple[int, ...]:
        """A vector of numbers."""
        data = self.vector(prefix)
        if len(data) % size:
            raise ClientHelloError(f"a list in the {self.what} ends in the middle of a number")
        return tuple(int.from_bytes(data[i : i + size]) for i in range(0, len(data), size))

    @property
    def left(self) -> bool:
        return self.at < len(self.data)

    def end(self) -> None:
        if self.left:
            raise ClientHelloError(f"there are {len(self.data) - self.at} bytes behind the {self.what}")


def _is_grease(value: int) -> bool:
    """RFC 8701: 0x0A0A, 0x1A1A ... 0xFAFA."""
    return value & 0x0F0F == 0x0A0A and value >> 8 == value & 0xFF


def _known(values: Iterable[int]) -> list[int]:
    """The values that are no GREASE."""
    return [value for value in values if not _is_grease(value)]


@dataclass(frozen=True)
class ClientHello:
    """A client's offer. All numbers are IANA's, in the client's order and with its GREASE values.

    What a field of an extension asks for is () or None without that extension; `ClientHelloError` if it is malformed.
    """

    __module__ = "openssl_bio"

    raw: bytes = field(repr=False)  # the handshake message, with its header
    legacy_version: int  # 0x0303 on TLS 1.2 and 1.3; see `versions`
    random: bytes = field(repr=False)  # 32 bytes
    session_id: bytes = field(repr=False)
    cookie: bytes | None  # on DTLS, else None
    cipher_suites: tuple[int, ...]
    compression_methods: tuple[int, ...]
    extensions: tuple[tuple[int, bytes], ...] = field(repr=False)  # type and content

    def extension(self, number: int) -> bytes | None:
        """The content of the first extension of a type, or None."""
        return next((content for kind, content in self.extensions if kind == number), None)

    def _fields(self, number: int, what: str) -> _Bytes | None:
        content = self.extension(number)
        return None if content is None else _Bytes(content, what)

    def _list(self, number: int, what: str, prefix: int = 2, size: int = 2) -> tuple[int, ...]:
        fields = self._fields(number, what)
        if fields is None:
            return ()
        numbers = fields.numbers(prefix, size)
        fields.end()
        return numbers

    @functools.cached_property
    def server_names(self) -> tuple[str, ...]:
        """The host names asked for, in A-labels: one, from every client that is known."""
        fields = self._fields(_SERVER_NAME, "server_name extension")
        if fields is None:
            return ()
        names, found = _Bytes(fields.vector(2), "list of server names"), list[str]()
        fields.end()
        while names.left:
            kind, name = names.number(1), names.vector(2)
            if kind == 0:
                if not name or not name.isascii() or b"\0" in name:
                    raise ClientHelloError(f"the server name {name!r} is no ASCII text")
                found.append(name.decode("ascii"))
        return tuple(found)

    @property
    def server_name(self) -> str | None:
        """The first of `server_names`, or None."""
        return self.server_names[0] if self.server_names else None

    @functools.cached_property
    def alpn_protocols(self) -> tuple[bytes, ...]:
        """The protocols offered by ALPN, such as b"h2"."""
        fields = self._fields(_ALPN, "ALPN extension")
        if fields is None:
            return ()
        names, found = _Bytes(fields.vector(2), "list of protocols"), list[bytes]()
        fields.end()
        while names.left:
            found.append(names.vector(1))
        if b"" in found:
            raise ClientHelloError("a protocol of ALPN has no name")
        return tuple(found)

    @functools.cached_property
    def versions(self) -> tuple[int, ...]:
        """The protocol versions offered, such as 0x0304 for TLS 1.3; without the extension the legacy one."""
        return self._list(_VERSIONS, "supported_versions extension", prefix=1) or (self.legacy_version,)

    @functools.cached_property
    def groups(self) -> tuple[int, ...]:
        """The groups of the key exchange, such as 29 for x25519."""
        return self._list(_GROUPS, "supported_groups extension")

    @functools.cached_property
    def signature_algorithms(self) -> tuple[int, ...]:
        """The signature schemes that the server may use, such as 0x0403 for ecdsa_secp256r1_sha256."""
        return self._list(_SIGNATURES, "signature_algorithms extension")

    @functools.cached_property
    def point_formats(self) -> tuple[int, ...]:
        """The formats of points on curves; 0 is uncompressed."""
        return self._list(_POINT_FORMATS, "ec_point_formats extension", prefix=1, size=1)

    # -- fingerprints -----------------------------------------------------------------------------------------------

    @property
    def ja3(self) -> str:
        """The JA3 string: version, ciphers, extensions, groups, point formats; its MD5 is `ja3_hash`."""
        kinds = _known(kind for kind, _ in self.extensions)
        lists = (_known(self.cipher_suites), kinds, _known(self.groups), self.point_formats)
        return ",".join([str(self.legacy_version), *("-".join(map(str, each)) for each in lists)])

    @property
    def ja3_hash(self) -> str:
        """The MD5 of `ja3`, in hexadecimal."""
        return hashlib.md5(self.ja3.encode("ascii"), usedforsecurity=False).hexdigest()

    @property
    def ja4(self) -> str:
        """The JA4 fingerprint, such as ``t13d1516h2_8daaf6152771_e5627efa2ab1``."""
        ciphers = _known(self.cipher_suites)
        kinds = _known(kind for kind, _ in self.extensions)
        known = sorted(_known(self.versions), reverse=self.cookie is None)
        version = _JA4_VERSIONS.get(known[0] if known else 0, "00")
        named = "i" if self.extension(_SERVER_NAME) is None else "d"
        start = f"{'t' if self.cookie is None else 'd'}{version}{named}"
        counts = f"{min(len(ciphers), 99):02}{min(len(kinds), 99):02}"
        hashed = _hexes(sorted(set(kinds) - {_SERVER_NAME, _ALPN}))
        signatures = _known(self.signature_algorithms)
        if signatures:
            hashed += "_" + _hexes(signatures)
        return f"{start}{counts}{self._ja4_protocol()}_{_short_hash(_hexes(sorted(ciphers)))}_{_short_hash(hashed)}"

    def _ja4_protocol(self) -> str:
        """The first and the last character of the first protocol, or of its hexadecimal digits."""
        if not self.alpn_protocols:
            return "00"
        first = self.alpn_protocols[0]
        text = first.decode("ascii", "replace")
        printable = text[0].isascii() and text[0].isalnum() and text[-1].isascii() and text[-1].isalnum()
        shown = text if printable else first.hex()
        return shown[0] + shown[-1]


def _hexes(values: Iterable[int]) -> str:
    return ",".join(f"{value:04x}" for value in values)


def _short_hash(text: str) -> str:
    return hashlib.sha256(text.encode("ascii")).hexdigest()[:12] if text else "0" * 12


def parse_client_hello(data: bytes | bytearray | memoryview, *, dtls: bool = False) -> ClientHello:
    """Parse a ClientHello: a handshake message, or the records that a client sends first, which may have more behind.

    With ``dtls`` it is DTLS's message, or one datagram with all of it. TypeError for what is no bytes;
    `ClientHelloError`, a ValueError, for everything that is not one whole, well-formed ClientHello.
    """
    octets = bytes(memoryview(data))
    if octets[:1] == bytes([_HANDSHAKE_RECORD]):
        octets = _from_records(octets, _DTLS_RECORD_HEADER if dtls else _RECORD_HEADER)
    message = _Bytes(octets, "ClientHello")
    if message.number(1) != _CLIENT_HELLO:
        raise ClientHelloError("the first handshake message is no ClientHello")
    size = message.number(3)
    if size > _LONGEST:
        raise ClientHelloError(f"a ClientHello of {size} bytes is too long")
    if dtls:
        message.take(2)  # its sequence number
        if (message.number(3), message.number(3)) != (0, size):
            raise ClientHelloError("the ClientHello is in fragments")
    body = _Bytes(message.take(size), "ClientHello")
    message.end()
    return _parsed(octets, body, dtls)


def _parsed(raw: bytes, body: _Bytes, dtls: bool) -> ClientHello:
    version, random, session_id = body.number(2), body.take(32), body.vector(1)
    cookie = body.vector(1) if dtls else None
    ciphers, compressions = body.numbers(2, 2), body.numbers(1, 1)
    extensions: list[tuple[int, bytes]] = []
    if body.left:
        rest = _Bytes(body.vector(2), "list of extensions")
        while rest.left:
            extensions.append((rest.number(2), rest.vector(2)))
        body.end()
    return ClientHello(raw, version, random, session_id, cookie, ciphers, compressions, tuple(extensions))


def _from_records(data: bytes, header: int) -> bytes:
    """The first handshake message of records; what is behind it is left out."""
    records, found = _Bytes(data, "record"), b""
    while records.left:
        if records.take(header)[0] != _HANDSHAKE_RECORD:
            raise ClientHelloError("a record between those of the ClientHello is of another type")
        records.at -= 2
        found += records.vector(2)
        size = int.from_bytes(found[1:4]) + (12 if header == _DTLS_RECORD_HEADER else 4)
        if len(found) >= 4 and len(found) >= size:
            return found[:size]
        if header == _DTLS_RECORD_HEADER or len(found) > _LONGEST:
            break
    raise ClientHelloError("the ClientHello ends too early")
