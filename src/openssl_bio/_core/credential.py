"""A certificate with its chain and its private key, checked, for contexts of both faces.

Theory of operation.  A `Credential` is immutable and complete: that the key is the certificate's, and that each
certificate of the chain has issued one before it, is checked when it is made.  So a context can take one, or several
for several types of key, in one step that is either done or not (`TwinSettings.use_credentials`), and what a handshake
shows always belongs together.

Invariant: a Credential's C objects are its own and never change, so any number of contexts and threads may use them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn, Self

from openssl_bio._core._lib import CData, ffi, lib
from openssl_bio._core.errors import Kind, Outcome, clean_queue, take_queue
from openssl_bio._core.load_errors import LOAD_ERRORS, LoadError
from openssl_bio._core.pointers import own
from openssl_bio._core.sources import (
    Loaded,
    Passphrase,
    Source,
    certificates_of,
    key_of,
    pkcs12_of,
)

__all__ = ["Credential"]


class Credential:
    """A certificate, its chain and its private key: what ``use_credentials`` of both faces' contexts takes.

    `Credential.load` makes one. It never changes, and can be used by any number of contexts and threads.
    """

    __module__ = "openssl_bio"
    __slots__ = ("_certificate", "_chain", "_key")

    _certificate: CData
    _chain: tuple[CData, ...]
    _key: CData

    def __init__(self) -> None:
        raise TypeError("a Credential is made by Credential.load()")

    @classmethod
    def load(cls, certificate: Source, key: Source = None, chain: Source = None, passphrase: Passphrase = None) -> Self:
        """Load a certificate, its chain and its private key, and check that they belong together.

        Each of the three is a path (str or os.PathLike), bytes of PEM or DER, PEM as str, a URI for one of OpenSSL's
        providers (``file:``, ``pkcs11:`` ...), or an object of ``cryptography`` or of ``openssl_bio.crypto``;
        ``certificate`` and ``chain`` may be lists of those.  The first certificate is the one that is proved; others
        behind it are its chain, before those of ``chain``.  Without a ``key`` it is looked for where the certificate
        was.  ``certificate`` may be a PKCS#12 file, which has it all.
        ``passphrase`` is a str, bytes, or what is called for one when it is needed; nothing is asked at the terminal.

        Raises OSError for a file that cannot be read, TypeError for a source or passphrase of no such type, and
        `LoadError`, a ValueError, that says which of them is malformed, which cannot be decrypted, that the key
        belongs to no certificate or not to the first, or which certificate of the chain belongs to none before it.
        """
        loaded = None if key is not None else pkcs12_of(certificate, passphrase, "certificate")
        if loaded is None:
            found = certificates_of(certificate, "certificate")
            secret = key_of(certificate if key is None else key, passphrase)
        else:
            found, secret = _unpacked(loaded)
        if chain is not None:
            found = (*found, *certificates_of(chain, "chain"))
        with clean_queue:
            _check_key(found, secret)
            _check_chain(found)
        self = cls.__new__(cls)
        self._certificate, self._chain, self._key = found[0], found[1:], secret
        return self

    def __repr__(self) -> str:
        return f"<Credential {_described(self._certificate)}, a chain of {len(self._chain)}>"

    def __reduce__(self) -> NoReturn:
        """TypeError: keys are not pickled."""
        raise TypeError("cannot copy or pickle a Credential")

    @property
    def key_type(self) -> str:
        """What libcrypto calls the type of the key, such as ``EC`` or ``RSA``: a context takes one of each."""
        return _type_of(self._key)


def _unpacked(loaded: Loaded) -> tuple[tuple[CData, ...], CData]:
    """The certificates of a PKCS#12 file, where they have no order, as a chain; and the key."""
    if loaded.key is None or not loaded.certificates:
        raise LoadError(f"the PKCS#12 file has no {'certificates' if loaded.key is not None else 'private key'}")
    chain, others = [loaded.certificates[0]], list(loaded.certificates[1:])
    with clean_queue:
        while issuer := next((other for other in others if _issued(other, chain[-1])), None):
            others.remove(issuer)
            chain.append(issuer)
    return (*chain, *others), loaded.key


def _check_key(certificates: Sequence[CData], key: CData) -> None:
    """LoadError unless the key is the first certificate's."""
    if lib.X509_check_private_key(certificates[0], key) == 1:
        return
    records = take_queue()
    for position, certificate in enumerate(certificates[1:], start=2):
        if lib.X509_check_private_key(certificate, key) == 1:
            why = (
                f"the certificates are in the wrong order: the private key belongs to certificate {position}, "
                f"{_described(certificate)}, and not to the first, {_described(certificates[0])}"
            )
            break
    else:
        why = f"the private key ({_type_of(key)}) does not belong to the certificate {_described(certificates[0])}"
    raise LOAD_ERRORS.error(Outcome(Kind.SSL, records, detail=why))


def _check_chain(certificates: Sequence[CData]) -> None:
    """LoadError unless each certificate but the first has issued one before it: cross-signed ones may follow."""
    for position, certificate in enumerate(certificates[1:], start=1):
        if any(_issued(certificate, before) for before in certificates[:position]):
            continue
        name = f"certificate {position + 1}, {_described(certificate)},"
        last = certificates[position - 1]
        later = [_described(other) for other in certificates[position + 1 :] if _issued(other, last)]
        if later:
            raise LoadError(f"the chain is in the wrong order: {name} is in the place of {later[0]}")
        raise LoadError(f"the chain is mixed: {name} has issued none of the certificates before it")


def _issued(issuer: CData, subject: CData) -> bool:
    """Whether one certificate has signed another (``X509_check_issued``, ``X509_verify``)."""
    return lib.X509_check_issued(issuer, subject) == lib.X509_V_OK and (
        lib.X509_verify(subject, lib.X509_get0_pubkey(issuer)) == 1
    )


def _type_of(key: CData) -> str:
    name = lib.EVP_PKEY_get0_type_name(key)
    return "unknown" if name == ffi.NULL else ffi.string(name).decode()


def _described(certificate: CData) -> str:
    """The subject of a certificate, as OpenSSL writes it in one line."""
    line = lib.X509_NAME_oneline(lib.X509_get_subject_name(certificate), ffi.NULL, 0)
    text: bytes = ffi.string(own(line, lib.OPENSSL_free, LOAD_ERRORS, "X509_NAME_oneline"))
    return repr(text.decode("ascii", "replace"))
