"""OpenSSL's providers: where its algorithms come from, and whether only those of FIPS 140 are used.

Theory of operation.  Providers belong to the whole process: libcrypto looks an algorithm up in those that are active,
and takes only what fits the default properties (``fips=yes``).  libcrypto's configuration file activates them before
its first use; `load_provider` does it afterwards.  Nothing here ever makes one inactive, since objects that were made
with its algorithms may be alive anywhere.
"""

from __future__ import annotations

import os

from openssl_bio._core._lib import ffi, lib
from openssl_bio._core.errors import Kind, Outcome, clean_queue, take_queue
from openssl_bio._core.load_errors import LOAD_ERRORS

__all__ = ["fips_enabled", "load_provider"]


def load_provider(name: str, *, folder: str | os.PathLike[str] | None = None) -> None:
    """Activate a provider of OpenSSL for this process, such as ``"legacy"`` or the name of a module (without ``.so``).

    The default provider stays active, and one that is active already is left as it is. ``folder`` is where modules are
    looked for from now on; without it, the environment's ``OPENSSL_MODULES``, or what OpenSSL was built for.

    Raises `LoadError` if there is no such provider, or if it does not start: the FIPS provider, for one, needs a
    section of the configuration file (``OPENSSL_CONF``). ValueError for an empty name. (``OSSL_PROVIDER_try_load``.)
    """
    if not isinstance(name, str):
        raise TypeError(f"a provider's name is a str, not {type(name).__name__}")
    if not name or "\0" in name:
        raise ValueError(f"{name!r} is no provider's name")
    path = None if folder is None else os.fsencode(folder)
    if path is not None and b"\0" in path:
        raise ValueError("the folder of a provider has no NUL in it")
    with clean_queue:
        if lib.OSSL_PROVIDER_available(ffi.NULL, name.encode()):
            return
        if path is not None:
            done = lib.OSSL_PROVIDER_set_default_search_path(ffi.NULL, path)
            LOAD_ERRORS.check(done, "OSSL_PROVIDER_set_default_search_path")
        if lib.OSSL_PROVIDER_try_load(ffi.NULL, name.encode(), 1) == ffi.NULL:
            records = take_queue()
            told = "".join(f", {data}" for data in dict.fromkeys(record.data for record in records) if data)
            raise LOAD_ERRORS.error(Outcome(Kind.SSL, records, detail=f"the provider {name!r} cannot be loaded{told}"))


def fips_enabled() -> bool:
    """Whether OpenSSL takes algorithms of FIPS 140 alone, unless a program asks for others by name.

    The configuration file says so, with ``default_properties = fips=yes``
    (``EVP_default_properties_is_fips_enabled``). It does not say that the module has a certificate.
    """
    with clean_queue:
        return bool(lib.EVP_default_properties_is_fips_enabled(ffi.NULL))
