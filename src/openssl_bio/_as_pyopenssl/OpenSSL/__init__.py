"""What ``import OpenSSL`` gives while openssl_bio stands in for pyOpenSSL; see `openssl_bio.install_as_pyopenssl`."""

from . import SSL, crypto, version
from .version import *  # noqa: F403

__all__ = ["SSL", "crypto"]
__all__ += version.__all__
