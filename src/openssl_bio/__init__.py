"""TLS through memory on OpenSSL's libssl.

``from openssl_bio import SSL, crypto`` gives pyOpenSSL's API.
"""

from openssl_bio import SSL, crypto
from openssl_bio._version import __version__

__all__ = ["SSL", "__version__", "crypto"]
