"""``OpenSSL.crypto``: `openssl_bio.crypto`, with the private names that programs reach for."""

from __future__ import annotations

import contextlib
import functools

import openssl_bio
from openssl_bio.crypto import *  # noqa: F403

from ._util import exception_from_error_queue, make_assert
from ._util import ffi as _ffi  # noqa: F401
from ._util import lib as _lib  # noqa: F401

_openssl_assert = make_assert(openssl_bio.crypto.Error)
_raise_current_error = functools.partial(exception_from_error_queue, openssl_bio.crypto.Error)
_EllipticCurve = type(next(iter(openssl_bio.crypto.get_elliptic_curves())))

with contextlib.suppress(ImportError):  # what follows is made of cryptography's types, and is for who has it
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes as _PrivateKey
    from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes as _PublicKey

    _Key = _PrivateKey | _PublicKey

__all__ = openssl_bio.crypto.__all__
