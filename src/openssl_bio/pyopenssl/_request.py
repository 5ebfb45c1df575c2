"""Certificate signing requests (``OpenSSL.crypto.X509Req``, as pyOpenSSL 24 had it)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Self

from openssl_bio._core._lib import CData, ffi, lib
from openssl_bio._core.errors import Kind, Outcome, clean_queue, take_queue
from openssl_bio._core.pointers import own
from openssl_bio.pyopenssl._asn1 import digest_named
from openssl_bio.pyopenssl._crypto_errors import CRYPTO_ERRORS
from openssl_bio.pyopenssl._cryptography import require_cryptography
from openssl_bio.pyopenssl._encoding import FILETYPE_ASN1, dumped, loaded
from openssl_bio.pyopenssl._extension import X509Extension, checked_extensions
from openssl_bio.pyopenssl._name import X509Name
from openssl_bio.pyopenssl._pkey import PKey, signing_key, some_key

if TYPE_CHECKING:
    from cryptography.x509 import CertificateSigningRequest

__all__ = ["X509Req", "dump_certificate_request", "load_certificate_request"]


class X509Req:
    """A PKCS#10 request for a certificate; without content when new."""

    __module__ = "openssl_bio.crypto"

    _req: CData

    def __init__(self) -> None:
        """Make a request to be filled in and signed (``X509_REQ_new``)."""
        with clean_queue:
            self._req = own(lib.X509_REQ_new(), lib.X509_REQ_free, CRYPTO_ERRORS, "X509_REQ_new")
        self.set_version(0)

    @classmethod
    def _wrap(cls, request: CData) -> Self:
        """An X509Req for an owned pointer."""
        wrapped = cls.__new__(cls)
        wrapped._req = request
        return wrapped

    @classmethod
    def from_cryptography(cls, crypto_req: CertificateSigningRequest) -> Self:
        """The X509Req of a request of ``cryptography``; TypeError if it is none."""
        require_cryptography("X509Req.from_cryptography")
        from cryptography import x509
        from cryptography.hazmat.primitives.serialization import Encoding

        if not isinstance(crypto_req, x509.CertificateSigningRequest):
            raise TypeError("Must be a certificate signing request")
        return cls._wrap(load_certificate_request(FILETYPE_ASN1, crypto_req.public_bytes(Encoding.DER))._req)

    def to_cryptography(self) -> CertificateSigningRequest:
        """This request as a ``cryptography.x509.CertificateSigningRequest``; `Error` if it is not signed yet."""
        require_cryptography("X509Req.to_cryptography")
        from cryptography import x509

        return x509.load_der_x509_csr(dump_certificate_request(FILETYPE_ASN1, self))

    def set_version(self, version: int) -> None:
        """Set the version (``X509_REQ_set_version``), which can only be 0; ValueError for another."""
        if not isinstance(version, int):
            raise TypeError("version must be an int")
        if version != 0:
            raise ValueError("Invalid version. The only valid version for X509Req is 0.")
        with clean_queue:
            CRYPTO_ERRORS.check(lib.X509_REQ_set_version(self._req, version), "X509_REQ_set_version")

    def get_version(self) -> int:
        """The version (``X509_REQ_get_version``), 0 in every request that is well made."""
        return int(lib.X509_REQ_get_version(self._req))

    def get_pubkey(self) -> PKey:
        """The public key (``X509_REQ_get_pubkey``); `Error` if there is none, or of a type OpenSSL does not know."""
        with clean_queue:
            key = own(lib.X509_REQ_get_pubkey(self._req), lib.EVP_PKEY_free, CRYPTO_ERRORS, "X509_REQ_get_pubkey")
        return PKey._wrap(key, only_public=True)

    def set_pubkey(self, pkey: PKey) -> None:
        """Set the public key (``X509_REQ_set_pubkey``); `Error` for an empty key."""
        key = some_key(pkey)
        with clean_queue:
            CRYPTO_ERRORS.check(lib.X509_REQ_set_pubkey(self._req, key), "X509_REQ_set_pubkey")

    def get_subject(self) -> X509Name:
        """The subject, a view: what is changed there is changed here."""
        return X509Name._view(lambda: lib.X509_REQ_get_subject_name(self._req), self._set_subject)

    def _set_subject(self, name: CData) -> None:
        with clean_queue:
            CRYPTO_ERRORS.check(lib.X509_REQ_set_subject_name(self._req, name), "X509_REQ_set_subject_name")

    def get_extensions(self) -> list[X509Extension]:
        """Copies of the extensions that are requested (``X509_REQ_get_extensions``); `Error` if they are malformed."""
        with clean_queue:
            stack = lib.X509_REQ_get_extensions(self._req)
            if stack == ffi.NULL:
                return _nothing()
            stack = own(stack, lib.sk_X509_EXTENSION_free, CRYPTO_ERRORS, "X509_REQ_get_extensions")
            return [
                X509Extension._wrap(
                    own(lib.sk_X509_EXTENSION_value(stack, i), lib.X509_EXTENSION_free, CRYPTO_ERRORS, "the extension")
                )
                for i in range(lib.sk_X509_EXTENSION_num(stack))
            ]

    def add_extensions(self, extensions: Iterable[X509Extension]) -> None:
        """Request more extensions (``X509_REQ_add_extensions``); ValueError if one is no X509Extension."""
        added = checked_extensions(extensions)
        together = self.get_extensions() + added
        with clean_queue:
            stack = own(
                lib.sk_X509_EXTENSION_new_null(), lib.sk_X509_EXTENSION_free, CRYPTO_ERRORS, "sk_X509_EXTENSION_new"
            )
            for extension in together:  # the stack owns nothing: the list does
                CRYPTO_ERRORS.check(lib.sk_X509_EXTENSION_push(stack, extension._extension), "sk_X509_EXTENSION_push")
            before = self._take_extensions()
            try:
                CRYPTO_ERRORS.check(lib.X509_REQ_add_extensions(self._req, stack), "X509_REQ_add_extensions")
            except BaseException:
                for attribute in before:
                    lib.X509_REQ_add1_attr(self._req, attribute)
                raise

    def _take_extensions(self) -> list[CData]:
        """Take away the attributes that hold extensions: owned X509_ATTRIBUTEs."""
        taken = []
        # A request with two attributes of extensions is read, by OpenSSL too, as if it had the first one only.
        for nid in (lib.NID_ext_req, lib.NID_ms_ext_req):
            while (index := lib.X509_REQ_get_attr_by_NID(self._req, nid, -1)) >= 0:
                attribute = lib.X509_REQ_delete_attr(self._req, index)
                taken.append(own(attribute, lib.X509_ATTRIBUTE_free, CRYPTO_ERRORS, "X509_REQ_delete_attr"))
        return taken

    def sign(self, pkey: PKey, digest: str) -> None:
        """Sign (``X509_REQ_sign``) with a private key and the digest of a name, such as ``"sha256"``."""
        key, method = signing_key(pkey), digest_named(digest)
        with clean_queue:
            CRYPTO_ERRORS.check(lib.X509_REQ_sign(self._req, key, method) > 0, "X509_REQ_sign")

    def verify(self, pkey: PKey) -> bool:
        """True if this key made the signature (``X509_REQ_verify``), else `Error` is raised."""
        key = some_key(pkey)
        with clean_queue:
            CRYPTO_ERRORS.check(lib.X509_REQ_verify(self._req, key) > 0, "the signature of the request is wrong")
        return True


def _nothing() -> list[X509Extension]:
    """No extensions, unless libcrypto found something that is none."""
    records = take_queue()
    if records:
        raise CRYPTO_ERRORS.error(Outcome(Kind.SSL, records, detail="X509_REQ_get_extensions"))
    return []


def load_certificate_request(type: int, buffer: str | bytes) -> X509Req:
    """Read a request of type FILETYPE_PEM or FILETYPE_ASN1; `Error` if it is malformed."""
    functions = lib.PEM_read_bio_X509_REQ, lib.d2i_X509_REQ_bio, lib.X509_REQ_free
    return X509Req._wrap(loaded(type, buffer, functions, "load_certificate_request"))


def dump_certificate_request(type: int, req: X509Req) -> bytes:
    """Write a request as FILETYPE_PEM, FILETYPE_ASN1, or FILETYPE_TEXT; `Error` if it is not complete."""
    if not isinstance(req, X509Req):
        raise TypeError("req must be an X509Req instance")
    writers = lib.PEM_write_bio_X509_REQ, lib.i2d_X509_REQ_bio, _print
    return dumped(type, req._req, writers, "dump_certificate_request")


def _print(bio: CData, request: CData) -> int:
    return int(lib.X509_REQ_print_ex(bio, request, 0, 0))
