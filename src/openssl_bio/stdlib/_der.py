"""As much of DER as it takes to look into a SEQUENCE (ITU-T X.690)."""

from __future__ import annotations

from collections.abc import Iterator

__all__ = ["children"]

# Identifier octets: a constructed SEQUENCE.
_SEQUENCE = 0x30


def _elements(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Each element that stands one after another in ``data``: identifier octet and content.

    ValueError if the encoding is cut, has no definite length, or an identifier of more than one octet.
    """
    at = 0
    while at < len(data):
        tag = data[at]
        if tag & 0x1F == 0x1F or at + 1 >= len(data):
            raise ValueError("malformed DER")
        length = data[at + 1]
        at += 2
        if length & 0x80:
            count = length & 0x7F
            if not 1 <= count <= 4 or at + count > len(data):
                raise ValueError("malformed DER")
            length = int.from_bytes(data[at : at + count], "big")
            at += count
        if at + length > len(data):
            raise ValueError("malformed DER")
        yield tag, data[at : at + length]
        at += length


def children(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The elements of the one SEQUENCE in ``data``; ValueError if that is not what it holds."""
    (tag, content), *rest = list(_elements(data)) or [(0, b"")]
    if tag != _SEQUENCE or rest:
        raise ValueError("malformed DER")
    return _elements(content)
