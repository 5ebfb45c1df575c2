"""Classes that are subclasses of Python's for isinstance alone.

Frameworks test ``isinstance(context, ssl.SSLContext)``, so ours must be one, and carries Python's own object along:
one that nobody configures.  Whatever of it were reachable would silently be about that object.  So each attribute that
ours does not define itself is refused; a Python that is newer than this package may bring some.
"""

from __future__ import annotations

from typing import NoReturn

__all__ = ["shadow"]


def shadow(ours: type, original: type) -> None:
    """Refuse every attribute that ``ours`` has from ``original`` alone."""
    defined = {"__dict__", "__weakref__", "__module__"}.union(dir(object))
    for base in ours.__mro__:
        if not issubclass(original, base):
            defined.update(vars(base))
    for name in set(dir(original)) - defined:
        setattr(ours, name, _refused(ours, name))


def _refused(owner: type, name: str) -> property:
    def refuse(_self: object, *_value: object) -> NoReturn:
        raise AttributeError(f"openssl_bio's {owner.__name__} has no {name!r}")

    return property(refuse, refuse, refuse)
