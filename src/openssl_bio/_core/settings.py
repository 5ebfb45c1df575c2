"""More settings of contexts, which the face of the stdlib has: verification flags and counters.

Theory of operation.  As in `context`: each setter applies its setting to an SSL_CTX that no connection uses yet, and
records it as a value and a function that applies it again.  Where libssl keeps bits, the value is all of them, so that
what is recorded does not depend on the order of calls.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from openssl_bio._core._lib import CData, ffi, lib, needs
from openssl_bio._core.pointers import own
from openssl_bio._core.session_settings import SessionSettings

__all__ = ["SettingsCore"]

_COUNTERS: dict[str, Callable[[CData], int]] = {
    "number": lib.SSL_CTX_sess_number,
    "connect": lib.SSL_CTX_sess_connect,
    "connect_good": lib.SSL_CTX_sess_connect_good,
    "connect_renegotiate": lib.SSL_CTX_sess_connect_renegotiate,
    "accept": lib.SSL_CTX_sess_accept,
    "accept_good": lib.SSL_CTX_sess_accept_good,
    "accept_renegotiate": lib.SSL_CTX_sess_accept_renegotiate,
    "hits": lib.SSL_CTX_sess_hits,
    "misses": lib.SSL_CTX_sess_misses,
    "timeouts": lib.SSL_CTX_sess_timeouts,
    "cache_full": lib.SSL_CTX_sess_cache_full,
}


class SettingsCore(SessionSettings):
    """A context with more settings; see the module's theory of operation."""

    def _read(self, function: Callable[[CData], Any]) -> Any:
        """Ask libssl something about the present SSL_CTX."""
        with self._guard:
            return function(self._current().ctx)

    def _get_verify_flags(self) -> int:
        return int(self._read(lambda ctx: lib.X509_VERIFY_PARAM_get_flags(lib.SSL_CTX_get0_param(ctx))))

    def _set_verify_flags(self, flags: int) -> None:
        """Set exactly these ``X509_V_FLAG_*``."""
        errors = self._errors

        def apply(ctx: CData) -> None:
            param = lib.SSL_CTX_get0_param(ctx)
            surplus = lib.X509_VERIFY_PARAM_get_flags(param) & ~flags
            done = lib.X509_VERIFY_PARAM_clear_flags(param, surplus) and lib.X509_VERIFY_PARAM_set_flags(param, flags)
            errors.check(done, f"the verification flags {flags:#x}")

        self._set("verify_flags", flags, apply, trust=True)

    def _counters(self) -> dict[str, int]:
        with self._guard:
            ctx = self._current().ctx
            return {name: int(count(ctx)) for name, count in _COUNTERS.items()}

    @needs("SSL_CTX_get0_implemented_groups", "OpenSSL 3.5")
    def _implemented_groups(self, aliases: bool) -> list[str]:
        """The groups that the versions of this context can use, with their other names if wanted."""
        with self._guard:
            stack = own(
                lib.sk_OPENSSL_CSTRING_new_null(),
                lib.sk_OPENSSL_CSTRING_free,
                self._errors,
                "sk_OPENSSL_CSTRING_new_null",
            )
            done = lib.SSL_CTX_get0_implemented_groups(self._current().ctx, aliases, stack)
            self._errors.check(done, "SSL_CTX_get0_implemented_groups")
            names = (lib.sk_OPENSSL_CSTRING_value(stack, i) for i in range(lib.sk_OPENSSL_CSTRING_num(stack)))
            return [ffi.string(name).decode() for name in names]

    # -- trust ------------------------------------------------------------------------------------------------------

    def _trusted_crls(self) -> int:
        """How many CRLs the trust store has."""
        with self._guard:
            count = int(lib.obio_count_crls(self._trust.pointer))
            self._errors.check(count >= 0, "obio_count_crls")
            return count
