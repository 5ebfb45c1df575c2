"""Public keys that are refused whoever vouches for them: item 118 of the contract."""

from __future__ import annotations

import hashlib

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from openssl_bio._core._lib import ffi, lib
from tests.helpers import Identity
from tests.stdlib.helpers import Pair, client_context, server_context

# SHA-256 of a SubjectPublicKeyInfo each, as Python 3.14.10 and 3.15.2 have them.
DENIED = [
    "43bffa19d6ef651451f6841e019931e96f6f2eaeff28ab4b6f1ce4576de2717b",
    "49dd353dc2b919a3770645117d0e60c16115e7d1bc259eefe734b00ea434fe5f",
    "5c0660a2b164910d8ff589c18e14552e9e0ec237dcefe2cb736d41a4811f81a0",
    "63ecefee431d49523bc1136c4e72d0206a477086caf606cd5cf025686c109cf8",
    "92c063d67e8f14db71d288e11266ffdaf69cbf115f7bab14f3bc2f68d25e0e30",
    "e0254c7fcdc265e2f0f8a428dabb75ab4ae039b4872d62f5ee57f0877d5a8a41",
    "ebed6475c2c2d80fcb199f3fe8dd6e6b3ce60b77eb15d4e42c3dec0c6f5b5105",
    "ec4ffa1ad0ac88081314b7aaffef6a91f97cd57291bb5ba686c5415f5eb4f6b6",
]


@pytest.mark.parametrize("digest", DENIED)
def test_118_table(digest: str) -> None:
    data = bytes.fromhex(digest)
    assert lib.obio_is_denied(data) == 1
    for i in (0, 31):
        assert lib.obio_is_denied(data[:i] + bytes([data[i] ^ 1]) + data[i + 1 :]) == 0


def test_118_digest_of_a_key(server_identity: Identity) -> None:
    """The same digest as by cryptography and hashlib."""
    digest = ffi.new("unsigned char[]", 32)
    assert lib.obio_key_digest(server_identity.certificate._x509, digest) == 1
    key = x509.load_pem_x509_certificate(server_identity.certificate_file.read_bytes()).public_key()
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert bytes(ffi.buffer(digest)) == hashlib.sha256(der).digest()


def test_118_other_keys_are_as_before(ca: Identity, server_identity: Identity) -> None:
    """With the check in place, what is trusted is accepted, and what is not is refused for its own reason."""
    Pair(client_context(ca), server_context(server_identity)).handshake()
    failed = Pair(client_context(server_identity), server_context(server_identity)).outcome()["client"]
    assert failed.verify_code in (2, 20)  # type: ignore[attr-defined]
