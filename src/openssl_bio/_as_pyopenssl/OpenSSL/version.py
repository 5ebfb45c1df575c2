"""``OpenSSL.version``: the release of pyOpenSSL whose names are here, and who is behind them."""

from openssl_bio._as_pyopenssl import PYOPENSSL_VERSION

__all__ = [
    "__author__",
    "__copyright__",
    "__email__",
    "__license__",
    "__summary__",
    "__title__",
    "__uri__",
    "__version__",
]

__version__ = PYOPENSSL_VERSION
__title__ = "pyOpenSSL"
__uri__ = "https://pyopenssl.org/"
__summary__ = "pyOpenSSL's API, by openssl_bio"
__author__ = "The openssl_bio developers"
__email__ = ""
__license__ = "Apache License, Version 2.0"
__copyright__ = f"Copyright {__author__}"
