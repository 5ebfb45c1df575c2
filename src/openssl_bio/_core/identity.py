"""Who a context says it is: certificates, their chains and their private keys.

Theory of operation.  libssl keeps one certificate, key and chain for each type of key (RSA, EC ...), and forgets a key
that does not match a certificate given later.  An `Identity` is the same as an immutable value, so that it can be
applied to any number of SSL_CTX and SSL, and so that a context can keep using its last matching pair between a new
certificate and its key.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from openssl_bio._core._lib import CData, ffi, lib
from openssl_bio._core.errors import ErrorTable
from openssl_bio._core.pointers import own
from openssl_bio._core.records import Record, replace

if TYPE_CHECKING:
    from openssl_bio._core.credential import Credential


class Slot(Record):
    """What belongs to one type of key."""

    __slots__ = ("certificate", "chain", "key")

    def __init__(
        self, certificate: CData | None = None, key: CData | None = None, chain: tuple[CData, ...] = ()
    ) -> None:
        self.certificate: Final = certificate
        self.key: Final = key
        self.chain: Final = chain

    @property
    def matches(self) -> bool:
        """There is a certificate and its own key."""
        return (
            self.certificate is not None
            and self.key is not None
            and lib.X509_check_private_key(self.certificate, self.key) == 1
        )

    def equals(self, other: Slot) -> bool:
        """Whether the other has the same certificate, key and chain."""
        return (
            len(self.chain) == len(other.chain)
            and all(map(_same_certificate, self.chain, other.chain))
            and _same_certificate(self.certificate, other.certificate)
            and _same_key(self.key, other.key)
        )


class Identity(Record):
    """Slots by type of key, the one set last at the end, and certificates sent with any of them."""

    __slots__ = ("alone", "extra", "slots")

    def __init__(
        self, slots: tuple[tuple[int, Slot], ...] = (), extra: tuple[CData, ...] = (), alone: bool = False
    ) -> None:
        self.slots: Final = slots
        self.extra: Final = extra
        self.alone: Final = alone  # on one connection: without what its context has for other types of key

    @property
    def complete(self) -> bool:
        """Every certificate has its key and every key its certificate."""
        return all(slot.matches for _, slot in self.slots)

    def equals(self, other: Identity) -> bool:
        """Whether the other has the same certificates and keys in the same order."""
        return (
            len(self.slots) == len(other.slots)
            and self.extra == other.extra
            and self.alone == other.alone
            and all(
                kind == other_kind and slot.equals(other_slot)
                for (kind, slot), (other_kind, other_slot) in zip(self.slots, other.slots, strict=True)
            )
        )

    @classmethod
    def of(cls, credentials: Sequence[Credential]) -> Identity:
        """The identity that has these alone. TypeError and ValueError as `TwinSettings.use_credentials` says."""
        from openssl_bio._core.credential import Credential

        slots: dict[int, Slot] = {}
        for credential in credentials:
            if not isinstance(credential, Credential):
                raise TypeError(f"a credential is made by Credential.load(), and is no {type(credential).__name__}")
            kind = lib.EVP_PKEY_get_base_id(credential._key)
            if kind in slots:
                raise ValueError(f"there are two credentials with a key of type {credential.key_type}")
            slots[kind] = Slot(credential._certificate, credential._key, credential._chain)
        if not slots:
            raise ValueError("use_credentials() needs a credential")
        return cls(tuple(slots.items()), alone=True)

    def _with(self, kind: int, slot: Slot) -> Identity:
        others = tuple((k, s) for k, s in self.slots if k != kind)
        return replace(self, slots=(*others, (kind, slot)))

    def _slot(self, kind: int) -> Slot:
        return dict(self.slots).get(kind, Slot())

    def with_certificate(
        self, certificate: CData, errors: ErrorTable, chain: Sequence[CData] | None = None
    ) -> Identity:
        """The identity with another certificate, and with its chain if one is given."""
        key = own(
            lib.X509_get_pubkey(certificate), lib.EVP_PKEY_free, errors, "the certificate has no usable public key"
        )
        kind = lib.EVP_PKEY_get_base_id(key)
        slot = replace(self._slot(kind), certificate=certificate)
        if chain is not None:
            slot = replace(slot, chain=tuple(chain))
        if slot.key is not None and not slot.matches:
            slot = replace(slot, key=None)
        return self._with(kind, slot)

    def with_key(self, key: CData) -> Identity:
        """The identity with another private key."""
        kind = lib.EVP_PKEY_get_base_id(key)
        return self._with(kind, replace(self._slot(kind), key=key))

    def with_extra(self, certificate: CData) -> Identity:
        """The identity with one more certificate that is sent after the leaf."""
        return replace(self, extra=(*self.extra, certificate))

    def apply(self, target: CData, errors: ErrorTable, side: int) -> None:
        """Give all of it to an SSL_CTX (side 0), which must be a fresh one, or to an SSL (side 1)."""
        use_certificate, use_key, add_to_chain, add_extra = _CALLS[side]
        if side and self.alone:
            lib.SSL_certs_clear(target)
        for _, slot in self.slots:
            if slot.certificate is not None:
                errors.check(use_certificate(target, slot.certificate), "the certificate cannot be used")
            if side:
                lib.SSL_set0_chain(target, ffi.NULL)
            for certificate in slot.chain:
                errors.check(_give(add_to_chain, target, certificate), "a certificate of the chain cannot be used")
            if slot.key is not None:
                errors.check(use_key(target, slot.key), "the private key cannot be used")
        for certificate in self.extra:
            errors.check(_give(add_extra, target, certificate), "the extra chain certificate cannot be used")


# An SSL has no certificates that go with any leaf; they are added to the chain of the last one.
_CALLS = (
    (
        lib.SSL_CTX_use_certificate,
        lib.SSL_CTX_use_PrivateKey,
        lib.SSL_CTX_add0_chain_cert,
        lib.SSL_CTX_add_extra_chain_cert,
    ),
    (lib.SSL_use_certificate, lib.SSL_use_PrivateKey, lib.SSL_add0_chain_cert, lib.SSL_add0_chain_cert),
)


def _give(add: Callable[[CData, CData], int], target: CData, certificate: CData) -> bool:
    """Call a function that takes over a reference to a certificate when it succeeds."""
    lib.X509_up_ref(certificate)
    done = bool(add(target, certificate))
    if not done:
        lib.X509_free(certificate)
    return done


def _same_certificate(left: CData | None, right: CData | None) -> bool:
    return left is right or (left is not None and right is not None and lib.X509_cmp(left, right) == 0)


def _same_key(left: CData | None, right: CData | None) -> bool:
    return left is right or (left is not None and right is not None and lib.EVP_PKEY_eq(left, right) == 1)


def copied_certificate(certificate: CData, errors: ErrorTable) -> CData:
    """A certificate of the context's own, which its user cannot change any more."""
    return own(lib.X509_dup(certificate), lib.X509_free, errors, "the certificate is not complete")


def shared_key(key: CData, errors: ErrorTable) -> CData:
    """An owned reference to a key; keys are never changed in place."""
    if key == ffi.NULL:
        raise errors.failure("the key is empty")
    lib.EVP_PKEY_up_ref(key)
    return own(key, lib.EVP_PKEY_free, errors, "EVP_PKEY_up_ref")
