"""Certificates and keys, from bytes and to bytes, by way of memory BIOs.

Theory of operation.  Files are read by Python and parsed from memory, so that a path, a bytes object and whatever comes
later take one way, and an error can name the path.  libcrypto's PEM readers ask for passphrases on the terminal unless
they are given a callback, so they always are.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from openssl_bio._core._lib import CData, ffi, lib
from openssl_bio._core.errors import ErrorRecord, ErrorTable, Kind, Outcome, clean_queue, take_queue
from openssl_bio._core.passphrase import NO_PASSPHRASE, PassphraseRequest
from openssl_bio._core.pointers import own, taken

__all__ = [
    "Path",
    "certificate_der",
    "input_bio",
    "load_certificate",
    "load_certificates",
    "load_object",
    "load_parameters",
    "load_private_key",
    "load_public_key",
    "name_der",
    "read_file",
    "written",
]

Path = str | bytes | os.PathLike[str] | os.PathLike[bytes]


@contextmanager
def input_bio(data: bytes, errors: ErrorTable) -> Iterator[CData]:
    """A memory BIO that reads ``data``, inside a clean error queue."""
    with clean_queue:
        memory = ffi.from_buffer(data)  # the BIO points into it
        bio = own(lib.BIO_new_mem_buf(memory, len(data)), lib.BIO_free, errors, "BIO_new_mem_buf")
        yield bio
        ffi.release(bio)


def written(write: Callable[[CData], int], errors: ErrorTable, what: str) -> bytes:
    """What a libcrypto function writes into the memory BIO that it is given; it must return a true value."""
    with clean_queue:
        bio = own(lib.BIO_new(lib.BIO_s_mem()), lib.BIO_free, errors, "BIO_new")
        errors.check(write(bio), what)
        start = ffi.new("char **")
        size = lib.BIO_get_mem_data(bio, start)
        return bytes(ffi.buffer(start[0], size))


def name_der(name: CData, errors: ErrorTable) -> bytes:
    """The DER encoding of an X509_NAME."""
    with clean_queue:
        out = ffi.new("unsigned char **")
        size = lib.i2d_X509_NAME(name, out)
        errors.check(size >= 0, "i2d_X509_NAME")
        return taken(own(out[0], lib.OPENSSL_free, errors, "i2d_X509_NAME"), size)


def certificate_der(certificate: CData, errors: ErrorTable) -> bytes:
    """The DER encoding of an X509; the table's exception if the certificate is not complete."""
    return written(lambda bio: lib.i2d_X509_bio(bio, certificate), errors, "i2d_X509_bio")


def read_file(path: Path, errors: ErrorTable) -> bytes:
    """The bytes of a file.

    A path that is no str, bytes or os.PathLike is a TypeError; what the system refuses is the table's exception, with
    the path in its detail.
    """
    name = os.fspath(path)
    try:
        with clean_queue, open(name, "rb") as file:
            return file.read()
    except OSError as error:
        record = ErrorRecord(0, "system library", os.strerror(error.errno or 0))
        outcome = Outcome(Kind.SSL, (record,), detail=f"cannot read {name!r}")
    raise errors.error(outcome)


def load_private_key(
    data: bytes, filetype_is_pem: bool, request: PassphraseRequest, errors: ErrorTable, what: str
) -> CData:
    """Read a private key (``PEM_read_bio_PrivateKey`` or ``d2i_PrivateKey_bio``): an owned EVP_PKEY.

    Raises what the request's function raised, or the table's exception, with ``what`` as its detail.
    """
    with input_bio(data, errors) as bio:
        if filetype_is_pem:
            key = lib.PEM_read_bio_PrivateKey(bio, ffi.NULL, lib.py_passphrase, request.handle)
        else:
            key = lib.d2i_PrivateKey_bio(bio, ffi.NULL)
        request.raise_problem()
        detail = f"{what}: {NO_PASSPHRASE}" if request.missing else what
        return own(key, lib.EVP_PKEY_free, errors, detail)


def load_object(
    data: bytes,
    filetype_is_pem: bool,
    functions: tuple[Callable[..., CData], Callable[..., CData], Callable[[CData], object]],
    errors: ErrorTable,
    what: str,
) -> CData:
    """Read what is not secret with libcrypto's ``PEM_read_bio_X`` or ``d2i_X_bio``, and ``X_free``: an owned X.

    Raises the table's exception, with ``what`` as its detail.
    """
    request = PassphraseRequest()
    read_pem, read_der, free = functions
    with input_bio(data, errors) as bio:
        if filetype_is_pem:
            pointer = read_pem(bio, ffi.NULL, lib.py_passphrase, request.handle)
        else:
            pointer = read_der(bio, ffi.NULL)
        return own(pointer, free, errors, what)


def load_public_key(data: bytes, filetype_is_pem: bool, errors: ErrorTable, what: str) -> CData:
    """Read a SubjectPublicKeyInfo (``PEM_read_bio_PUBKEY`` or ``d2i_PUBKEY_bio``): an owned EVP_PKEY."""
    functions = lib.PEM_read_bio_PUBKEY, lib.d2i_PUBKEY_bio, lib.EVP_PKEY_free
    return load_object(data, filetype_is_pem, functions, errors, what)


def load_parameters(data: bytes, errors: ErrorTable, what: str) -> CData:
    """Read PEM parameters of a key exchange (``PEM_read_bio_Parameters``): an owned EVP_PKEY without a key."""
    with input_bio(data, errors) as bio:
        return own(lib.PEM_read_bio_Parameters(bio, ffi.NULL), lib.EVP_PKEY_free, errors, what)


def load_certificate(data: bytes, filetype_is_pem: bool, errors: ErrorTable, what: str) -> CData:
    """Read one certificate (``PEM_read_bio_X509`` or ``d2i_X509_bio``): an owned X509."""
    functions = lib.PEM_read_bio_X509, lib.d2i_X509_bio, lib.X509_free
    return load_object(data, filetype_is_pem, functions, errors, what)


def load_certificates(data: bytes, errors: ErrorTable, what: str) -> list[CData]:
    """Read a chain of PEM certificates: owned X509s, the leaf first.

    The leaf may be a TRUSTED CERTIFICATE (``PEM_read_bio_X509_AUX``).  The chain ends where no PEM block begins; no
    certificate at all, and a block that is malformed, are the table's exception.
    """
    request = PassphraseRequest()
    with input_bio(data, errors) as bio:
        leaf = lib.PEM_read_bio_X509_AUX(bio, ffi.NULL, lib.py_passphrase, request.handle)
        chain = [own(leaf, lib.X509_free, errors, what)]
        while True:
            issuer = lib.PEM_read_bio_X509(bio, ffi.NULL, lib.py_passphrase, request.handle)
            if issuer == ffi.NULL:
                break
            chain.append(own(issuer, lib.X509_free, errors, what))
        records = take_queue()
    if not _is_end(records):
        raise errors.error(Outcome(Kind.SSL, records, detail=what))
    return chain


def _is_end(records: tuple[ErrorRecord, ...]) -> bool:
    """Whether the failure to read one more block means that there is none."""
    return bool(records) and records[-1].says(lib.ERR_LIB_PEM, lib.PEM_R_NO_START_LINE)
