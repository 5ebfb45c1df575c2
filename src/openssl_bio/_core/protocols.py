"""Lists of protocol names as ALPN and NPN have them on the wire.

Theory of operation.  RFC 7301, section 3.1: each name has 1 to 255 bytes and stands behind one byte with its length.
"""

from __future__ import annotations

from collections.abc import Iterable


def join_protocols(protocols: Iterable[bytes]) -> bytes:
    """The names in wire format. TypeError for a name that is not bytes, ValueError for one of a wrong length."""
    wire = bytearray()
    for protocol in protocols:
        if not isinstance(protocol, bytes):
            raise TypeError(f"protocols must be bytes, not {type(protocol).__name__}")
        if not 1 <= len(protocol) <= 255:
            raise ValueError(f"a protocol name has 1 to 255 bytes, not {len(protocol)}: {protocol[:40]!r}")
        wire.append(len(protocol))
        wire += protocol
    if len(wire) > 65535:
        raise ValueError(f"the protocol names take {len(wire)} bytes together, and may take 65535")
    return bytes(wire)


def split_protocols(wire: bytes) -> list[bytes]:
    """The names of a list in wire format, which libssl has checked."""
    names, at = [], 0
    while at < len(wire):
        names.append(wire[at + 1 : at + 1 + wire[at]])
        at += 1 + wire[at]
    return names
