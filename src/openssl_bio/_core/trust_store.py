"""A set of trusted certificates and CRLs for contexts of both faces.

Theory of operation.  A `TrustStore` is a `Trust` that belongs to no context.  A context that takes it refers to the
same X509_STORE (`Trust.adopt`), so a thousand contexts hold its certificates once; whichever is changed first, context
or TrustStore, is the one that goes on with a copy.
"""

from __future__ import annotations

import os
from typing import NoReturn, Self

from openssl_bio._core._lib import CData, ffi, lib
from openssl_bio._core.errors import clean_queue
from openssl_bio._core.load_errors import LOAD_ERRORS, LoadError
from openssl_bio._core.pem import input_bio
from openssl_bio._core.pointers import own
from openssl_bio._core.sources import (
    Source,
    certificates_of,
    content_of,
    each_of,
    pointer_of,
)
from openssl_bio._core.trust import Trust
from openssl_bio._core.uris import is_uri

__all__ = ["TrustStore", "trust_of"]

_PEM = b"-----BEGIN "


class TrustStore:
    """Trusted certificates and CRLs, parsed once and shared by the contexts that are given them.

    ``TrustStore(*sources)`` is an empty one with the sources of `add`. A context, or one connection, takes it with
    ``use_trust_store()``, as it is then: later additions are for those that take it again.
    """

    __module__ = "openssl_bio"

    def __init__(self, *sources: Source) -> None:
        self._trust = Trust(LOAD_ERRORS)
        if sources:
            self.add(*sources)

    @classmethod
    def default(cls) -> Self:
        """What this system trusts: what ``SSL_CERT_FILE`` and ``SSL_CERT_DIR`` name, or libcrypto's file and directory.

        If neither exists it is the bundle of a well-known distribution, or nothing.  A file is parsed again only if it
        has changed.  LoadError for one that has no certificates or cannot be read.
        """
        store = cls()
        store._trust.load_default_paths()
        return store

    @classmethod
    def certifi(cls) -> Self:
        """Mozilla's authorities, from the package ``certifi``; ImportError if that is not installed."""
        import certifi

        store = cls()
        store._trust.load_pem(certifi.contents().encode("ascii"), "certifi's bundle")
        return store

    def add(self, *sources: Source) -> None:
        """Trust certificates, and heed CRLs if a flag says so (see `set_flags`): all that the sources have, or none.

        A source is a path (str or os.PathLike) of a file or of a directory of files named by hash, bytes of PEM or DER,
        PEM as str, a URI with certificates, a certificate or CRL of ``cryptography`` or ``openssl_bio.crypto``, or an
        iterable of sources.
        OSError for a file that cannot be read, TypeError for a source of no such type, `LoadError` for one that has
        neither certificates nor CRLs, or malformed ones.
        """
        fresh = Trust(LOAD_ERRORS)
        for source in each_of(sources):
            _add(fresh, source)
        self._trust.join(fresh)

    def set_flags(self, flags: int) -> None:
        """Add to the flags of verification, ``X509_V_FLAG_*`` such as ``ssl.VERIFY_CRL_CHECK_LEAF``.

        Source: ``X509_STORE_set_flags``. ValueError for what is no unsigned long.
        """
        if not isinstance(flags, int) or not 0 <= flags < 1 << 32:
            raise ValueError(f"verification flags are an int from 0 to 2**32-1, not {flags!r}")
        self._trust.set_flags(flags)

    def __len__(self) -> int:
        """How many certificates there are; those of directories count once they were needed."""
        return len(self._trust.certificates())

    def __bool__(self) -> bool:
        """True: an empty store is one too."""
        return True

    def __repr__(self) -> str:
        return f"<TrustStore of {len(self)} certificates>"

    def __reduce__(self) -> NoReturn:
        """TypeError: `add` one store's sources to another instead."""
        raise TypeError("cannot copy or pickle a TrustStore")


def trust_of(store: object) -> Trust:
    """What a TrustStore trusts; TypeError if it is none."""
    if not isinstance(store, TrustStore):
        raise TypeError(f"a trust store is an openssl_bio.TrustStore, not {type(store).__name__}")
    return store._trust


def _add(trust: Trust, source: Source) -> None:
    crl = pointer_of(source, "_crl", "X509_CRL *")
    if crl is not None:
        _add_crl(trust, lib.X509_CRL_dup(crl), "the CRL is not complete")
    elif hasattr(source, "get_revoked_certificate_by_serial_number"):  # a CRL of cryptography
        from cryptography.hazmat.primitives.serialization import Encoding

        _add_der(trust, source.public_bytes(Encoding.DER), "the CRL")
    elif isinstance(source, str | os.PathLike) and "-----BEGIN " not in os.fspath(source) and os.path.isdir(source):
        trust.add_directory(source)
    elif isinstance(source, str | bytes | bytearray | memoryview | os.PathLike) and not is_uri(source):
        name, data = content_of(source, "trusted certificates")
        (trust.load_pem if _PEM in data else lambda *pair: _add_der(trust, *pair))(data, name)
    else:
        trust.add_certificates(certificates_of(source, "trusted certificate"))


def _add_der(trust: Trust, data: bytes, name: str) -> None:
    """Add a CRL in DER, or certificates one after another."""
    with input_bio(data, LOAD_ERRORS) as bio:
        crl = lib.d2i_X509_CRL_bio(bio, ffi.NULL)
    if crl != ffi.NULL:
        _add_crl(trust, crl, name)
        return
    try:
        certificates = certificates_of(data, name)
    except LoadError as error:
        raise LoadError(f"{name}: neither PEM nor DER, of certificates or a CRL") from error
    trust.add_certificates(certificates)


def _add_crl(trust: Trust, crl: CData, what: str) -> None:
    """Add a CRL, which is owned from here on."""
    with clean_queue:
        owned = own(crl, lib.X509_CRL_free, LOAD_ERRORS, what)
        trust.add_crl(owned)
