"""``OpenSSL.debug``: what a report of a fault should say.

``openssl-bio run --pyopenssl -m OpenSSL.debug`` prints it.
"""

from __future__ import annotations

import ssl
import sys
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as _installed

import openssl_bio
from openssl_bio import SSL

from .version import __version__


def _version_of(package: str) -> str:
    try:
        return _installed(package)
    except PackageNotFoundError:
        return "not installed"


_env_info = f"""\
pyOpenSSL: {__version__}, by openssl_bio {openssl_bio.__version__}
cryptography: {_version_of("cryptography")}
cffi: {_version_of("cffi")}
OpenSSL: {SSL.OpenSSL_version(SSL.OPENSSL_VERSION).decode("ascii")}
OpenSSL that it was built with: {SSL.OPENSSL_VERSION_NUMBER:#x}
Python's OpenSSL: {ssl.OPENSSL_VERSION}
Python executable: {sys.executable}
Python version: {sys.version}
Platform: {sys.platform}
sys.path: {sys.path}"""

if __name__ == "__main__":
    print(_env_info)
