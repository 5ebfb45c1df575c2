"""What ``import OpenSSL`` gives while openssl_bio stands in for pyOpenSSL; see `openssl_bio.install_as_pyopenssl`."""

from . import SSL, crypto
from .version import (
    __author__,
    __copyright__,
    __email__,
    __license__,
    __summary__,
    __title__,
    __uri__,
    __version__,
)

__all__ = [
    "SSL",
    "__author__",
    "__copyright__",
    "__email__",
    "__license__",
    "__summary__",
    "__title__",
    "__uri__",
    "__version__",
    "crypto",
]
