"""Keys (``OpenSSL.crypto.PKey``) and the names of elliptic curves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from openssl_bio._core._lib import CData, ffi, lib
from openssl_bio._core.errors import Kind, Outcome, clean_queue
from openssl_bio._core.passphrase import PassphraseRequest
from openssl_bio._core.pem import load_private_key, load_public_key, written
from openssl_bio._core.pointers import own
from openssl_bio.pyopenssl._crypto_errors import CRYPTO_ERRORS
from openssl_bio.pyopenssl._cryptography import require_cryptography

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes, PublicKeyTypes

__all__ = [
    "TYPE_DH",
    "TYPE_DSA",
    "TYPE_EC",
    "TYPE_RSA",
    "PKey",
    "get_elliptic_curve",
    "get_elliptic_curves",
    "private_key",
    "required_key",
    "signing_key",
    "some_key",
]

TYPE_RSA: int = lib.EVP_PKEY_RSA
TYPE_DSA: int = lib.EVP_PKEY_DSA
TYPE_DH: int = lib.EVP_PKEY_DH
TYPE_EC: int = lib.EVP_PKEY_EC

_FIPS_186_4_BITS = 1024  # the shortest DSA keys of FIPS 186-4
_GROUPS = {256: b"P-256", 384: b"P-384", 521: b"P-521"}


class PKey:
    """A key pair, or a public key; empty when new (``OpenSSL.crypto.PKey``)."""

    __module__ = "openssl_bio.crypto"

    _pkey: CData  # the EVP_PKEY
    _only_public = False

    def __init__(self) -> None:
        """An empty one, for `generate_key`."""
        self._pkey = ffi.NULL

    @classmethod
    def _wrap(cls, pkey: CData, only_public: bool = False) -> Self:
        """A PKey for an owned EVP_PKEY."""
        key = cls.__new__(cls)
        key._pkey, key._only_public = pkey, only_public
        return key

    @property
    def _initialized(self) -> bool:
        return bool(self._pkey != ffi.NULL)

    @classmethod
    def from_cryptography_key(cls, crypto_key: PrivateKeyTypes | PublicKeyTypes) -> Self:
        """The PKey of a key of ``cryptography``; TypeError if it is none."""
        require_cryptography("PKey.from_cryptography_key")
        from cryptography.hazmat.primitives import serialization as s
        from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa

        if isinstance(
            crypto_key,
            dsa.DSAPrivateKey
            | ec.EllipticCurvePrivateKey
            | ed25519.Ed25519PrivateKey
            | ed448.Ed448PrivateKey
            | rsa.RSAPrivateKey,
        ):
            encoded = crypto_key.private_bytes(s.Encoding.DER, s.PrivateFormat.PKCS8, s.NoEncryption())
            pkey = load_private_key(encoded, False, PassphraseRequest(), CRYPTO_ERRORS, "from_cryptography_key")
            return cls._wrap(pkey)
        if isinstance(
            crypto_key,
            dsa.DSAPublicKey
            | ec.EllipticCurvePublicKey
            | ed25519.Ed25519PublicKey
            | ed448.Ed448PublicKey
            | rsa.RSAPublicKey,
        ):
            encoded = crypto_key.public_bytes(s.Encoding.DER, s.PublicFormat.SubjectPublicKeyInfo)
            return cls._wrap(load_public_key(encoded, False, CRYPTO_ERRORS, "from_cryptography_key"), only_public=True)
        raise TypeError("Unsupported key type")

    def to_cryptography_key(self) -> PrivateKeyTypes | PublicKeyTypes:
        """This key as a private or public key of ``cryptography``."""
        require_cryptography("PKey.to_cryptography_key")
        from cryptography.hazmat.primitives import serialization

        key = required_key(self)
        if self._only_public:
            return serialization.load_der_public_key(
                written(lambda bio: lib.i2d_PUBKEY_bio(bio, key), CRYPTO_ERRORS, "i2d_PUBKEY_bio")
            )
        return serialization.load_der_private_key(
            written(lambda bio: lib.i2d_PrivateKey_bio(bio, key), CRYPTO_ERRORS, "i2d_PrivateKey_bio"), None
        )

    def generate_key(self, type: int, bits: int) -> None:
        """Make a new key pair here (``EVP_PKEY_generate``).

        ``type`` is TYPE_RSA, TYPE_DSA, or TYPE_EC with 256, 384 or 521 bits, the NIST curves, which pyOpenSSL cannot.
        Raises TypeError for what is no int, ValueError for bits that cannot be, `Error` for another type or a failure.
        """
        if not isinstance(type, int):
            raise TypeError("type must be an integer")
        if not isinstance(bits, int):
            raise TypeError("bits must be an integer")
        if (type == TYPE_RSA and bits <= 0) or (type == TYPE_EC and bits not in _GROUPS):
            raise ValueError("Invalid number of bits")
        if type not in (TYPE_RSA, TYPE_DSA, TYPE_EC):
            raise CRYPTO_ERRORS.error(Outcome(Kind.SSL, detail="No such key type"))
        with clean_queue:
            self._pkey = _generate(type, bits)
        self._only_public = False

    def check(self) -> bool:
        """True if this RSA key pair is consistent (``EVP_PKEY_pairwise_check``), else `Error` is raised.

        Raises TypeError for a public key, and for another type of key.
        """
        if self._only_public:
            raise TypeError("public key only")
        if self.type() != TYPE_RSA:
            raise TypeError("Only RSA keys can currently be checked.")
        with clean_queue:
            context = own(
                lib.EVP_PKEY_CTX_new(self._pkey, ffi.NULL), lib.EVP_PKEY_CTX_free, CRYPTO_ERRORS, "EVP_PKEY_CTX_new"
            )
            CRYPTO_ERRORS.check(lib.EVP_PKEY_pairwise_check(context) == 1, "the key is inconsistent")
        return True

    def type(self) -> int:
        """The type of the key, such as TYPE_RSA (``EVP_PKEY_get_base_id``); 0 if it is empty."""
        return int(lib.EVP_PKEY_get_base_id(self._pkey)) if self._initialized else 0

    def bits(self) -> int:
        """The size of the key in bits (``EVP_PKEY_get_bits``); 0 if it is empty."""
        return int(lib.EVP_PKEY_get_bits(self._pkey)) if self._initialized else 0


def required_key(key: object) -> CData:
    """The EVP_PKEY of a PKey; TypeError if it is none, ValueError if it is empty."""
    if not isinstance(key, PKey):
        raise TypeError("pkey must be a PKey instance")
    if not key._initialized:
        raise ValueError("Key is uninitialized")
    return key._pkey


def signing_key(key: object) -> CData:
    """The EVP_PKEY of a PKey that can sign; TypeError if it is none, ValueError if it is public or empty."""
    if isinstance(key, PKey) and key._only_public:
        raise ValueError("Key only has public part")
    return required_key(key)


def some_key(key: object) -> CData:
    """The EVP_PKEY of a PKey; TypeError if it is none, `Error` if it is empty."""
    if isinstance(key, PKey) and not key._initialized:
        raise CRYPTO_ERRORS.error(Outcome(Kind.SSL, detail="Key is uninitialized"))
    return required_key(key)


def private_key(key: object) -> CData:
    """The EVP_PKEY of a PKey that can sign; TypeError if it is none, `Error` if it is public or empty."""
    if isinstance(key, PKey) and key._only_public:
        raise CRYPTO_ERRORS.error(Outcome(Kind.SSL, detail="Key only has public part"))
    return some_key(key)


def _generator(name: bytes) -> CData:
    context = lib.EVP_PKEY_CTX_new_from_name(ffi.NULL, name, ffi.NULL)
    return own(context, lib.EVP_PKEY_CTX_free, CRYPTO_ERRORS, "EVP_PKEY_CTX_new_from_name")


def _generated(context: CData) -> CData:
    key = ffi.new("EVP_PKEY **")
    CRYPTO_ERRORS.check(lib.EVP_PKEY_generate(context, key) == 1, "EVP_PKEY_generate")
    return own(key[0], lib.EVP_PKEY_free, CRYPTO_ERRORS, "EVP_PKEY_generate")


def _generate(type: int, bits: int) -> CData:
    """An owned EVP_PKEY with a new key pair."""
    check = CRYPTO_ERRORS.check
    if type == TYPE_DSA:  # first the parameters, then a key with them
        parameters = _generator(b"DSA")
        check(lib.EVP_PKEY_paramgen_init(parameters) == 1, "EVP_PKEY_paramgen_init")
        check(lib.EVP_PKEY_CTX_set_dsa_paramgen_bits(parameters, bits) == 1, f"a DSA key of {bits} bits")
        context = lib.EVP_PKEY_CTX_new(_generated(parameters), ffi.NULL)
        context = own(context, lib.EVP_PKEY_CTX_free, CRYPTO_ERRORS, "EVP_PKEY_CTX_new")
    else:
        context = _generator(b"RSA" if type == TYPE_RSA else b"EC")
    check(lib.EVP_PKEY_keygen_init(context) == 1, "EVP_PKEY_keygen_init")
    if type == TYPE_RSA:
        check(lib.EVP_PKEY_CTX_set_rsa_keygen_bits(context, bits) == 1, f"an RSA key of {bits} bits")
    elif type == TYPE_DSA and bits < _FIPS_186_4_BITS:  # else the parameters are refused as too short
        check(lib.EVP_PKEY_CTX_set_dsa_paramgen_type(context, b"fips186_2") == 1, f"a DSA key of {bits} bits")
    elif type == TYPE_EC:
        check(lib.EVP_PKEY_CTX_set_group_name(context, _GROUPS[bits]) == 1, "EVP_PKEY_CTX_set_group_name")
    return _generated(context)


class _EllipticCurve:
    """A curve that libcrypto knows; its ``name`` is what ``Context.set_tmp_ecdh`` wants."""

    __slots__ = ("_name", "_nid")

    def __init__(self, name: str, nid: int) -> None:
        self._name = name
        self._nid = nid

    @property
    def name(self) -> str:
        """What libcrypto calls it, such as ``prime256v1``."""
        return self._name

    def __eq__(self, other: object) -> bool:
        return self._nid == other._nid if isinstance(other, _EllipticCurve) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._nid)

    def __repr__(self) -> str:
        return f"<Curve {self.name!r}>"


def get_elliptic_curves() -> set[Any]:
    """The curves that libcrypto knows, objects with a ``name`` (``EC_get_builtin_curves``)."""
    with clean_queue:
        count = lib.EC_get_builtin_curves(ffi.NULL, 0)
        curves = ffi.new("EC_builtin_curve[]", count)
        lib.EC_get_builtin_curves(curves, count)
        return {_EllipticCurve(ffi.string(lib.OBJ_nid2sn(curve.nid)).decode("ascii"), curve.nid) for curve in curves}


def get_elliptic_curve(name: str) -> Any:
    """The curve with this name, such as ``"prime256v1"``; ValueError if there is none."""
    for curve in get_elliptic_curves():
        if curve.name == name:
            return curve
    raise ValueError("unknown curve name", name)
