"""What is trusted: a set of certificates and CRLs that several contexts share.

Theory of operation.  An X509_STORE that an SSL_CTX uses may be in the hands of any number of connections.  So it is
never changed: `Trust.freeze` hands it out and marks it, and the next change is made to a copy, which then takes
its place.  Whoever froze earlier keeps what it has.  OpenSSL does not list the directories of a store; they are
recorded here, for the copy.

Parsing a bundle of authorities takes much longer than anything else about a context.  So the store of a large PEM is
kept for those who load the same bytes again (`_bundle`): a Trust that has nothing yet takes the store itself, others
take references to its certificates.  Large files are read again only if they have changed (`bundle_bytes`).

Who adds what is trusted already changes nothing: programs load the same file before each connection, and a changed
store would cost them a new SSL_CTX and their sessions.

Invariants: a change that fails leaves the store as it was; a frozen X509_STORE is not changed by us.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import TypeVar

from openssl_bio._core._lib import CData, ffi, lib
from openssl_bio._core.engines import Guard
from openssl_bio._core.errors import ErrorRecord, ErrorTable, Kind, Outcome, take_queue
from openssl_bio._core.passphrase import PassphraseRequest
from openssl_bio._core.pem import Path, input_bio, read_file
from openssl_bio._core.pointers import own, taken_certificates

__all__ = ["Trust", "bundle_bytes", "default_paths"]

K = TypeVar("K")
V = TypeVar("V")

# Where distributions keep their bundle, for an OpenSSL that was built with another default.
_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Ubuntu, Alpine, Arch
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",  # Fedora, RHEL
    "/etc/pki/tls/certs/ca-bundle.crt",  # older RHEL
    "/etc/ssl/ca-bundle.pem",  # openSUSE
    "/etc/ssl/cert.pem",  # Alpine, macOS
)

# Parsed bundles by their bytes and the directories that go with them, the one used last at the end.
_bundles: dict[tuple[bytes, tuple[bytes, ...]], Trust] = {}
# What large files had, and how they looked then.
_files: dict[Path, tuple[tuple[int, ...], bytes]] = {}
_KEPT = 4  # of each
_WORTH_KEEPING = 16 * 1024  # bytes of PEM
_CLOCK_TICK = (
    2_000_000_000  # nanoseconds in which a file may change twice and look the same: FAT has the coarsest clock
)

# What libcrypto's own function for files says.
_NOTHING_FOUND = ErrorRecord(
    lib.ERR_LIB_X509 << 23 | lib.X509_R_NO_CERTIFICATE_OR_CRL_FOUND,
    "x509 certificate routines",
    "no certificate or crl found",
)


class Trust:
    """Trusted certificates, CRLs, and how to verify with them (an X509_STORE), copied when it is changed after use."""

    __slots__ = ("__dict__", "_errors")

    def __init__(self, errors: ErrorTable) -> None:
        """Make an empty store; ``errors`` makes the exceptions of all its methods."""
        self._errors = errors
        self._guard = Guard()
        self._frozen = False
        self._pristine = True  # nothing was added or set
        self._directories: tuple[bytes, ...] = ()
        with self._guard:
            self.store = self._new()

    def reporting(self, errors: ErrorTable) -> Trust:
        """The same, with the exceptions of another table."""
        other = Trust.__new__(Trust)
        other._errors = errors
        other.__dict__ = self.__dict__
        return other

    def _new(self) -> CData:
        return own(lib.X509_STORE_new(), lib.X509_STORE_free, self._errors, "X509_STORE_new")

    def _copy(self) -> CData:
        copy = self._new()
        self._errors.check(lib.obio_copy_store(copy, self.store), "copying a trust store")
        for directory in self._directories:
            self._errors.check(lib.X509_STORE_load_path(copy, directory), "X509_STORE_load_path")
        return copy

    @contextmanager
    def _changing(self) -> Iterator[CData]:
        """The store to change, which takes effect if the block succeeds."""
        with self._guard:
            store = self._copy() if self._frozen else self.store
            yield store
            if store is not self.store:
                self.store, self._frozen = store, False
            self._pristine = False

    @contextmanager
    def all_or_nothing(self) -> Iterator[None]:
        """Several changes, which take effect if the block succeeds."""
        with self._guard:
            before = self.store, self._frozen, self._directories, self._pristine
            self._frozen = True
            try:
                yield
            except BaseException:
                self.store, self._frozen, self._directories, self._pristine = before
                raise

    @property
    def pointer(self) -> CData:
        """The present X509_STORE."""
        return self.store

    def certificates(self) -> list[CData]:
        """All certificates, each an owned X509; those of directories once they were needed."""
        with self._guard:
            stack = lib.X509_STORE_get1_all_certs(self.store)
            return taken_certificates(stack, self._errors, "X509_STORE_get1_all_certs")

    @property
    def directories(self) -> tuple[bytes, ...]:
        """The directories that are looked in."""
        return self._directories

    def freeze(self) -> CData:
        """The present X509_STORE, for an SSL_CTX; later changes are made to another one."""
        with self._guard:
            self._frozen = True
            return self.store

    def shared(self) -> tuple[CData, tuple[bytes, ...]]:
        """The present X509_STORE as `freeze` gives it, and the directories that are looked in."""
        with self._guard:
            return self.freeze(), self._directories

    def adopt(self, other: Trust) -> None:
        """Trust what another does now, and nothing else."""
        store, directories = other.shared()
        with self._guard:
            self.store, self._directories, self._frozen, self._pristine = store, directories, True, False

    def join(self, other: Trust) -> None:
        """Trust what another does now as well; its flags and time are taken if there is nothing here yet."""
        with self._guard:
            if self._pristine:
                self.adopt(other)
                return
            if self._includes(other):
                return
            with self.all_or_nothing(), self._changing() as store:
                self._errors.check(lib.obio_add_to_store(store, other.freeze()), "adding a trust store to another")
                for directory in other._directories:
                    self._errors.check(lib.X509_STORE_load_path(store, directory), "X509_STORE_load_path")
                self._directories += other._directories

    def _includes(self, other: Trust) -> bool:
        """Whether there is nothing to take over; of CRLs nobody asks."""
        store, directories = other.shared()
        if store != self.store:
            crls = lib.obio_count_crls(store)
            self._errors.check(crls >= 0, "looking into a trust store")
            if crls or not self._has(other.reporting(self._errors).certificates()):
                return False
        return set(directories) <= set(self._directories)

    def _has(self, certificates: Sequence[CData]) -> bool:
        """Whether these X509s are trusted already."""
        found = lib.obio_store_has(self.store, certificates, len(certificates))
        self._errors.check(found >= 0, "looking into a trust store")
        return bool(found)

    def add_certificates(self, certificates: Sequence[CData]) -> None:
        """Trust X509s (``X509_STORE_add_cert``), all or none; one that is there already is no error."""
        with self._guard:
            if not self._has(certificates):
                self._add_all(certificates, [], "X509_STORE_add_cert")

    def add_crl(self, crl: CData) -> None:
        """Add an X509_CRL (``X509_STORE_add_crl``)."""
        with self._changing() as store:
            self._errors.check(lib.X509_STORE_add_crl(store, crl), "X509_STORE_add_crl")

    def load_pem(self, data: bytes, what: str) -> None:
        """Add every certificate and CRL of PEM text; that there is none is an error, which names ``what``."""
        if len(data) < _WORTH_KEEPING:
            self._add_pem(data, what)
        else:
            self.join(_bundle(data, what, (), self._errors))

    def _add_pem(self, data: bytes, what: str) -> None:
        with self._guard:
            stack = self._parse(data, what)
            infos = [lib.sk_X509_INFO_value(stack, i) for i in range(lib.sk_X509_INFO_num(stack))]
            certificates = [info.x509 for info in infos if info.x509 != ffi.NULL]
            crls = [info.crl for info in infos if info.crl != ffi.NULL]
            if not certificates and not crls:
                records = take_queue() or (_NOTHING_FOUND,)
                raise self._errors.error(Outcome(Kind.SSL, records, detail=f"there is no certificate or CRL in {what}"))
            if crls or not self._has(certificates):
                self._add_all(certificates, crls, what)

    def _add_all(self, certificates: Sequence[CData], crls: Sequence[CData], what: str) -> None:
        several = len(certificates) + len(crls) > 1
        with self.all_or_nothing() if several else nullcontext(), self._changing() as store:
            for certificate in certificates:
                self._errors.check(lib.X509_STORE_add_cert(store, certificate), what)
            for crl in crls:
                self._errors.check(lib.X509_STORE_add_crl(store, crl), what)

    def _parse(self, data: bytes, what: str) -> CData:
        request = PassphraseRequest()
        with input_bio(data, self._errors) as bio:
            infos = lib.PEM_X509_INFO_read_bio(bio, ffi.NULL, lib.py_passphrase, request.handle)
            return own(infos, _free_infos, self._errors, what)

    def load_file(self, path: Path) -> None:
        """Add every certificate and CRL of a PEM file; a file that cannot be read, or has none, is an error."""
        self.load_pem(bundle_bytes(path, lambda: read_file(path, self._errors)), repr(os.fspath(path)))

    def add_directory(self, path: Path) -> None:
        """Look certificates up in a directory of files named by hash (``X509_STORE_load_path``), when needed.

        As in OpenSSL, nothing is read yet, and a directory that does not exist is no error.
        """
        name = os.fsencode(path)
        if b"\0" in name:
            raise ValueError("embedded null byte")
        if name in self._directories:
            return
        with self._changing() as store:
            self._errors.check(lib.X509_STORE_load_path(store, name), f"X509_STORE_load_path of {path!r}")
            self._directories += (name,)

    def set_flags(self, flags: int) -> None:
        """Add to the verification flags, ``X509_V_FLAG_*`` (``X509_STORE_set_flags``)."""
        with self._guard:
            if flags & ~lib.X509_VERIFY_PARAM_get_flags(lib.X509_STORE_get0_param(self.store)):
                with self._changing() as store:
                    self._errors.check(lib.X509_STORE_set_flags(store, flags), "X509_STORE_set_flags")

    def set_time(self, timestamp: int) -> None:
        """Verify as if it were this many seconds after 1970 (``X509_VERIFY_PARAM_set_time``)."""
        with self._changing() as store:
            param = own(lib.X509_VERIFY_PARAM_new(), lib.X509_VERIFY_PARAM_free, self._errors, "X509_VERIFY_PARAM_new")
            lib.X509_VERIFY_PARAM_set_time(param, timestamp)
            self._errors.check(lib.X509_STORE_set1_param(store, param), "X509_STORE_set1_param")

    def load_default_paths(self) -> None:
        """Trust what `default_paths` names, or if that fails nothing more than before."""
        file, directories = default_paths()
        if file is not None:
            data = bundle_bytes(file, lambda: read_file(file, self._errors))
            self.join(_bundle(data, repr(file), tuple(map(os.fsencode, directories)), self._errors))
            return
        with self.all_or_nothing():
            for directory in directories:
                self.add_directory(directory)

    def load_windows_stores(self, purpose: str) -> None:
        """Trust what Windows' stores ROOT and CA hold for a purpose (an OID); elsewhere there are none.

        What ``SSL_CERT_FILE`` and ``SSL_CERT_DIR`` name is trusted instead, as on other systems.  A certificate that
        OpenSSL cannot read is left out.  PermissionError if Windows does not let its stores be read.
        """
        if sys.platform == "win32" and not _chosen():
            with self.all_or_nothing():
                for data in _windows_certificates(purpose):
                    self._add_der(data)

    def _add_der(self, data: bytes) -> None:
        with input_bio(data, self._errors) as bio:
            certificate = lib.d2i_X509_bio(bio, ffi.NULL)
            if certificate != ffi.NULL:
                self.add_certificates([own(certificate, lib.X509_free, self._errors, "d2i_X509_bio")])


def bundle_bytes(path: Path, read: Callable[[], bytes]) -> bytes:
    """What ``read()`` gives for a file, which is called if the file has changed since, or is small."""
    looks = _looks(path)
    looked, data = _files.get(path, ((), b""))
    if looks and looks == looked:
        return data
    data = read()
    _files.pop(path, None)
    if len(data) >= _WORTH_KEEPING and looks == _looks(path) and time.time_ns() - max(looks[:2]) > _CLOCK_TICK:
        _keep(_files, path, (looks, data))
    return data


def _looks(path: Path) -> tuple[int, ...]:
    """What changes when a file does; () if there is none."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return ()
    return found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino, found.st_dev


def _keep(where: dict[K, V], key: K, value: V) -> None:
    """Keep a value, and of the older ones only a few; each step is atomic, since threads share these."""
    where[key] = value
    for old in list(where)[:-_KEPT]:
        where.pop(old, None)


def _bundle(data: bytes, what: str, directories: tuple[bytes, ...], errors: ErrorTable) -> Trust:
    """What trusts the certificates of PEM text and of directories, made once for equal ones."""
    found = _bundles.pop((data, directories), None)
    if found is None:
        found = Trust(errors)
        found._add_pem(data, what)
        for directory in directories:
            found.add_directory(directory)
    _keep(_bundles, (data, directories), found)
    return found


def _free_infos(infos: CData) -> None:
    for i in range(lib.sk_X509_INFO_num(infos)):
        lib.X509_INFO_free(lib.sk_X509_INFO_value(infos, i))
    lib.sk_X509_INFO_free(infos)


def _chosen() -> bool:
    """Whether the environment says what to trust; an empty variable is as good as none."""
    names = (lib.X509_get_default_cert_file_env(), lib.X509_get_default_cert_dir_env())
    return any(os.environ.get(_string(name)) for name in names)


def default_paths() -> tuple[str | None, list[str]]:
    """The file and the directories of what this system trusts; those that do not exist are left out.

    That is what ``SSL_CERT_FILE`` and ``SSL_CERT_DIR`` name, or else libcrypto's default file and directory, or if
    neither exists the bundle of a well-known distribution: the libcrypto of a wheel was compiled to look nowhere.
    """
    file = os.environ.get(_string(lib.X509_get_default_cert_file_env())) or _string(lib.X509_get_default_cert_file())
    named = os.environ.get(_string(lib.X509_get_default_cert_dir_env())) or _string(lib.X509_get_default_cert_dir())
    directories = [directory for directory in named.split(os.pathsep) if os.path.isdir(directory)]
    found = file if os.path.isfile(file) else None
    # Where the environment names what does not exist, nothing else is trusted.
    if found is None and not directories and not _chosen():
        found = next(filter(os.path.isfile, _BUNDLES), None)
    return found, directories


def _windows_certificates(purpose: str) -> list[bytes]:
    """What Python's ssl finds in Windows' stores, in DER."""
    found: list[bytes] = []
    if sys.platform == "win32":
        import ssl

        for name in ("CA", "ROOT"):
            for data, encoding, trust in ssl.enum_certificates(name):
                if encoding == "x509_asn" and (trust is True or purpose in trust):
                    found.append(data)
    return found


def _string(text: CData) -> str:
    return os.fsdecode(ffi.string(text))
