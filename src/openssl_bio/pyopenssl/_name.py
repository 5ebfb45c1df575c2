"""Distinguished names (``OpenSSL.crypto.X509Name``)."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NoReturn, Self

from openssl_bio._core._lib import CData, ffi, lib
from openssl_bio._core.errors import clean_queue
from openssl_bio._core.pem import name_der
from openssl_bio._core.pointers import own, string_bytes, string_text
from openssl_bio.pyopenssl._crypto_errors import CRYPTO_ERRORS

__all__ = ["X509Name"]

# What X509_NAME_cmp returns where it fails; -1, 0 and 1 otherwise.
_CANNOT_COMPARE = -2


@functools.total_ordering
class X509Name:
    """A name whose parts are attributes, such as ``name.CN`` or ``name.commonName``; an absent part is None.

    A name of `X509.get_subject`, `X509.get_issuer` or `X509Req.get_subject` is a view: it reads from the certificate or
    request, and changes it.
    """

    __module__ = "openssl_bio.crypto"

    _own: CData | None = None  # the X509_NAME, unless this is a view
    _read: Callable[[], CData]
    _write: Callable[[CData], None]

    def __init__(self, name: X509Name) -> None:
        """Copy a name."""
        if not isinstance(name, X509Name):
            raise TypeError("name must be an X509Name")
        with clean_queue:
            self._own = _copy(name._name)

    @classmethod
    def _wrap(cls, name: CData) -> Self:
        """An X509Name for an owned X509_NAME."""
        wrapped = cls.__new__(cls)
        wrapped._own = name
        return wrapped

    @classmethod
    def _view(cls, read: Callable[[], CData], write: Callable[[CData], None]) -> Self:
        """A view of a name that belongs to something else, of which ``write`` replaces it by a copy of another."""
        view = cls.__new__(cls)
        view._read, view._write = read, write
        return view

    @property
    def _name(self) -> CData:
        """The X509_NAME, which belongs to this object, or to what it is a view of."""
        return self._read() if self._own is None else self._own

    def _replace(self, name: CData) -> None:
        """Make an owned X509_NAME the value of this name."""
        if self._own is None:
            self._write(name)
        else:
            self._own = name

    def __setattr__(self, name: str, value: Any) -> None:
        """Set a part, or replace it (``X509_NAME_add_entry_by_NID``); AttributeError if OpenSSL knows no such part."""
        if name.startswith("_"):
            return super().__setattr__(name, value)
        if isinstance(value, str):
            value = value.encode("utf-8")
        with clean_queue:
            nid = _nid(name)
            if not isinstance(value, bytes):
                raise TypeError(f"the value of {name} must be str or bytes, not {type(value).__name__}")
            changed = _copy(self._name)
            index = lib.X509_NAME_get_index_by_NID(changed, nid, -1)
            if index >= 0:
                lib.X509_NAME_ENTRY_free(lib.X509_NAME_delete_entry(changed, index))
            added = lib.X509_NAME_add_entry_by_NID(changed, nid, lib.MBSTRING_UTF8, value, len(value), -1, 0)
            CRYPTO_ERRORS.check(added, f"X509_NAME_add_entry_by_NID of {name}")
            self._replace(changed)

    def __getattr__(self, name: str) -> str | None:
        """The value of a part, None if it is absent; AttributeError if OpenSSL knows no such part."""
        if name.startswith("_"):
            raise AttributeError(name)
        with clean_queue:
            index = lib.X509_NAME_get_index_by_NID(self._name, _nid(name), -1)
            if index < 0:
                return None
            data = lib.X509_NAME_ENTRY_get_data(lib.X509_NAME_get_entry(self._name, index))
            return string_text(data, CRYPTO_ERRORS, f"ASN1_STRING_to_UTF8 of {name}")

    def __eq__(self, other: object) -> bool:
        return self._compare(other) == 0 if isinstance(other, X509Name) else NotImplemented

    def __lt__(self, other: object) -> bool:
        return self._compare(other) < 0 if isinstance(other, X509Name) else NotImplemented

    # A name can be changed, so it has no hash; mypy and total_ordering want to be told.
    __hash__ = None  # type: ignore[assignment]

    def _compare(self, other: X509Name) -> int:
        with clean_queue:
            order = int(lib.X509_NAME_cmp(self._name, other._name))
            CRYPTO_ERRORS.check(order != _CANNOT_COMPARE, "X509_NAME_cmp")
            return order

    def __repr__(self) -> str:
        with clean_queue:
            line = lib.X509_NAME_oneline(self._name, ffi.NULL, 0)
            line = own(line, lib.OPENSSL_free, CRYPTO_ERRORS, "X509_NAME_oneline")
            return f"<X509Name object '{ffi.string(line).decode('utf-8', 'replace')}'>"

    def __reduce__(self) -> NoReturn:
        """TypeError: a name cannot be pickled."""
        raise TypeError("cannot pickle an X509Name")

    def hash(self) -> int:
        """The hash by which OpenSSL looks up files in a directory (``X509_NAME_hash``)."""
        return name_hash(self._name)

    def der(self) -> bytes:
        """The DER encoding (``i2d_X509_NAME``)."""
        return name_der(self._name, CRYPTO_ERRORS)

    def get_components(self) -> list[tuple[bytes, bytes]]:
        """The parts in order, each as (short name, value as it is encoded)."""
        with clean_queue:
            return [
                _component(lib.X509_NAME_get_entry(self._name, i)) for i in range(lib.X509_NAME_entry_count(self._name))
            ]


def name_hash(name: CData) -> int:
    """What `X509Name.hash` and ``X509.subject_name_hash`` tell of an X509_NAME (``X509_NAME_hash_ex``)."""
    with clean_queue:
        done = ffi.new("int *")
        number = lib.X509_NAME_hash_ex(name, ffi.NULL, ffi.NULL, done)
        CRYPTO_ERRORS.check(done[0], "X509_NAME_hash_ex")
        return int(number)


def _copy(name: CData) -> CData:
    return own(lib.X509_NAME_dup(name), lib.X509_NAME_free, CRYPTO_ERRORS, "X509_NAME_dup")


def _nid(name: str) -> int:
    nid: int = lib.NID_undef if "\0" in name else lib.OBJ_txt2nid(name.encode("utf-8"))
    if nid == lib.NID_undef:
        raise AttributeError("No such attribute")
    return nid


def _component(entry: CData) -> tuple[bytes, bytes]:
    name: bytes = ffi.string(lib.OBJ_nid2sn(lib.OBJ_obj2nid(lib.X509_NAME_ENTRY_get_object(entry))))
    return name, string_bytes(lib.X509_NAME_ENTRY_get_data(entry))
