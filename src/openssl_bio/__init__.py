"""TLS through memory on OpenSSL's libssl.

``from openssl_bio import SSL, crypto`` gives pyOpenSSL's API; after `install_as_pyopenssl()`, so does
``import OpenSSL``.
"""

from openssl_bio import SSL, crypto
from openssl_bio._as_pyopenssl import install_as_pyopenssl
from openssl_bio._version import __version__

__all__ = ["SSL", "__version__", "crypto", "install_as_pyopenssl"]
