"""Names of Python's ``ssl`` that are private there, and yet seen by users: in what is printed, and by callbacks."""

from __future__ import annotations

from ssl import (  # type: ignore[attr-defined]  # typeshed lacks some
    _ASN1Object,
    _SSLMethod,
    _TLSAlertType,
    _TLSContentType,
    _TLSMessageType,
)

__all__ = ["_ASN1Object", "_SSLMethod", "_TLSAlertType", "_TLSContentType", "_TLSMessageType"]
