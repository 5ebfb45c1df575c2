"""``OpenSSL.crypto``: `openssl_bio.crypto`, with the private names that programs reach for."""

from __future__ import annotations

import contextlib

import openssl_bio
from openssl_bio.crypto import *  # noqa: F403

from ._util import ffi as _ffi  # noqa: F401
from ._util import lib as _lib  # noqa: F401

_EllipticCurve = type(next(iter(openssl_bio.crypto.get_elliptic_curves())))

with contextlib.suppress(ImportError):  # what follows is made of cryptography's types, and is for who has it
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes as _PrivateKey
    from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes as _PublicKey

    _Key = _PrivateKey | _PublicKey

__all__ = openssl_bio.crypto.__all__
