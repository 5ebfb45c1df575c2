"""What users do with certificates, keys, stores, lists and requests, for the fault injection."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from openssl_bio import Credential, LoadError, crypto
from tests.core.world import Scenario, World


def certificate(world: World) -> crypto.X509:
    """A copy of a certificate."""
    return crypto.load_certificate(crypto.FILETYPE_PEM, world.server.certificate_file.read_bytes())


def encoded(x509: crypto.X509, _world: World) -> bytes:
    return crypto.dump_certificate(crypto.FILETYPE_ASN1, x509)


def extensions() -> list[crypto.X509Extension]:
    return [
        crypto.X509Extension(b"keyUsage", True, b"digitalSignature"),
        crypto.X509Extension(b"nsComment", False, b"no comment"),
    ]


def generated(kind: int, bits: int) -> crypto.PKey:
    key = crypto.PKey()
    key.generate_key(kind, bits)
    return key


def set_name(x509: crypto.X509, _world: World) -> None:
    x509.get_subject().CN = "another"


MADE: dict[str, Callable[[World], Any]] = {
    "X509": lambda w: crypto.X509(),
    "PEM certificate": lambda w: crypto.load_certificate(crypto.FILETYPE_PEM, w.server.certificate_file.read_bytes()),
    "DER certificate": lambda w: crypto.load_certificate(crypto.FILETYPE_ASN1, encoded(w.ca.certificate, w)),
    "PEM key": lambda w: crypto.load_privatekey(crypto.FILETYPE_PEM, w.server.key_file.read_bytes()),
    "encrypted key": lambda w: crypto.load_privatekey(
        crypto.FILETYPE_PEM, w.encrypted_key.read_bytes(), lambda *_: b"secret"
    ),
    "DER key": lambda w: crypto.load_privatekey(crypto.FILETYPE_ASN1, w.key_der.read_bytes()),
    "PEM public key": lambda w: crypto.load_publickey(
        crypto.FILETYPE_PEM, crypto.dump_publickey(crypto.FILETYPE_PEM, w.server.key)
    ),
    "DER public key": lambda w: crypto.load_publickey(
        crypto.FILETYPE_ASN1, crypto.dump_publickey(crypto.FILETYPE_ASN1, w.server.key)
    ),
    "RSA key": lambda w: generated(crypto.TYPE_RSA, 512),
    "DSA key": lambda w: generated(crypto.TYPE_DSA, 1024),
    "short DSA key": lambda w: generated(crypto.TYPE_DSA, 512),
    "EC key": lambda w: generated(crypto.TYPE_EC, 256),
    "dumped certificate": lambda w: [
        crypto.dump_certificate(kind, w.ca.certificate)
        for kind in (crypto.FILETYPE_PEM, crypto.FILETYPE_ASN1, crypto.FILETYPE_TEXT)
    ],
    "dumped key": lambda w: [
        crypto.dump_privatekey(crypto.FILETYPE_PEM, w.server.key, "aes-256-cbc", b"secret"),
        crypto.dump_privatekey(crypto.FILETYPE_ASN1, w.server.key),
        crypto.dump_privatekey(crypto.FILETYPE_TEXT, w.rsa),
    ],
    "checked key": lambda w: w.rsa.check(),
    "cryptography": lambda w: (
        crypto.X509.from_cryptography(w.ca.certificate.to_cryptography()),
        crypto.PKey.from_cryptography_key(w.ca.key.to_cryptography_key()),
        w.ca.certificate.get_pubkey().to_cryptography_key(),
    ),
    "read": lambda w: (
        w.ca.certificate.get_pubkey().bits(),
        w.ca.certificate.digest("sha256"),
        w.ca.certificate.subject_name_hash(),
        w.ca.certificate.get_serial_number(),
        w.ca.certificate.get_notBefore(),
        w.ca.certificate.has_expired(),
        w.ca.certificate.get_signature_algorithm(),
        w.ca.certificate.get_version(),
    ),
    "read extension": lambda w: [
        (e.get_short_name(), e.get_critical(), e.get_data(), str(e))
        for e in [w.ca.certificate.get_extension(i) for i in range(w.ca.certificate.get_extension_count())]
    ],
    "extension": lambda w: crypto.X509Extension(
        b"authorityKeyIdentifier", False, b"issuer:always", w.ca.certificate, w.ca.certificate
    ),
    "read name": lambda w: [
        (n.CN, n.hash(), n.der(), n.get_components(), repr(n), crypto.X509Name(n), n == m, n < m)
        for n, m in [(w.ca.certificate.get_subject(), w.ca.certificate.get_issuer())]
    ],
    "curves": lambda w: crypto.get_elliptic_curves(),
    "store": lambda w: crypto.X509Store(),
}
CHANGED: dict[str, Callable[[crypto.X509, World], Any]] = {
    "version": lambda x, w: x.set_version(1),
    "serial number": lambda x, w: x.set_serial_number(-(1 << 80)),
    "public key": lambda x, w: x.set_pubkey(w.client.key),
    "signature": lambda x, w: x.sign(w.ca.key, "sha512"),
    "times": lambda x, w: x.set_notBefore(b"20200101000000+0100"),
    "end": lambda x, w: x.set_notAfter(b"20300101000000Z"),
    "time from now": lambda x, w: x.gmtime_adj_notBefore(3600),
    "end from now": lambda x, w: x.gmtime_adj_notAfter(3600),
    "subject": lambda x, w: x.set_subject(w.ca.certificate.get_subject()),
    "issuer": lambda x, w: x.set_issuer(w.client.certificate.get_subject()),
    "a part of the subject": set_name,
    "extensions": lambda x, w: x.add_extensions(extensions()),
}


def verdict(store: crypto.X509Store, world: World) -> Any:
    """Whether the store trusts the server's certificate."""
    try:
        return len(crypto.X509StoreContext(store, world.server.certificate).get_verified_chain())
    except crypto.X509StoreContextError as error:
        return error.errors


def store(world: World) -> crypto.X509Store:
    made = crypto.X509Store()
    made.add_cert(world.client.certificate)
    return made


STORES: dict[str, Callable[[crypto.X509Store, World], Any]] = {
    "certificate": lambda s, w: s.add_cert(w.ca.certificate),
    "CRL": lambda s, w: s.add_crl(w.crl),
    "flags": lambda s, w: s.set_flags(crypto.X509StoreFlags.CRL_CHECK),
    "time": lambda s, w: s.set_time(w.crl.last_update_utc),
    "file": lambda s, w: s.load_locations(w.chain_file),
    "folder": lambda s, w: s.load_locations(None, w.folder),
    "file and folder": lambda s, w: s.load_locations(w.chain_file, w.folder),
}


def verify(world: World, trusted: bool) -> Any:
    made = crypto.X509Store()
    if trusted:
        made.add_cert(world.ca.certificate)
    chain = [world.client.certificate]
    return crypto.X509StoreContext(made, world.server.certificate, chain).get_verified_chain()


def objects() -> list[Scenario]:
    raises = (crypto.Error,)
    found = [Scenario(name, lambda w: w, lambda _, w, call=call: call(w), raises=raises) for name, call in MADE.items()]
    found += [
        Scenario(f"{name} of a certificate", certificate, call, encoded, raises)
        for name, call in CHANGED.items()
        if name != "signature"
    ]
    found += [Scenario("signature of a certificate", certificate, CHANGED["signature"], raises=raises)]
    found += [Scenario(f"{name} in a store", store, call, verdict, raises) for name, call in STORES.items()]
    found += [
        Scenario(f"{name} in a frozen store", frozen_store, call, verdict, raises) for name, call in STORES.items()
    ]
    found += [Scenario("verification", lambda w: w, lambda _, w: verify(w, trusted=True), raises=raises)]
    return found


def frozen_store(world: World) -> crypto.X509Store:
    made = store(world)
    made._trust.freeze()
    made.load_locations(None, world.folder)
    made._trust.freeze()
    return made


# -- requests, lists, messages ------------------------------------------------------------------------------------


def request(world: World) -> crypto.X509Req:
    made = crypto.X509Req()
    made.set_pubkey(world.server.key)
    made.get_subject().CN = "a request"
    made.add_extensions(extensions()[:1])
    made.sign(world.server.key, "sha256")
    return made


def requested(made: crypto.X509Req, _world: World) -> Any:
    return [(e.get_short_name(), e.get_data()) for e in made.get_extensions()], made.get_subject().der()


def entry(_world: World) -> crypto.Revoked:
    made = crypto.Revoked()
    made.set_serial(b"2A")
    made.set_rev_date(b"20240101000000Z")
    made.set_reason(b"superseded")
    return made


def read_entry(made: crypto.Revoked, _world: World) -> Any:
    return made.get_serial(), made.get_reason(), made.get_rev_date()


def revocations(world: World) -> crypto.CRL:
    made = crypto.CRL()
    made.set_lastUpdate(b"20240101000000Z")
    made.set_nextUpdate(b"20300101000000Z")
    made.add_revoked(entry(world))
    made.sign(world.ca.certificate, world.ca.key, b"sha256")
    return made


def read_list(made: crypto.CRL, world: World) -> Any:
    return [read_entry(r, world) for r in made.get_revoked() or ()], made.get_issuer().der()


def packed(world: World) -> crypto.PKCS12:
    made = crypto.PKCS12()
    made.set_certificate(world.server.certificate)
    made.set_privatekey(world.server.key)
    made.set_ca_certificates([world.ca.certificate, world.client.certificate])
    made.set_friendlyname(b"a friend")
    return made


def signed_message(world: World) -> dict[int, bytes]:
    """A PKCS#7 message in PEM and in DER."""
    certificate: Any = world.server.certificate.to_cryptography()
    key: Any = world.server.key.to_cryptography_key()
    builder = pkcs7.PKCS7SignatureBuilder().set_data(b"data").add_signer(certificate, key, hashes.SHA256())
    kinds = {crypto.FILETYPE_PEM: Encoding.PEM, crypto.FILETYPE_ASN1: Encoding.DER}
    return {kind: builder.sign(encoding, []) for kind, encoding in kinds.items()}


def dumps(dump: Any, made: Any) -> dict[int, bytes]:
    return {kind: dump(kind, made) for kind in (crypto.FILETYPE_PEM, crypto.FILETYPE_ASN1, crypto.FILETYPE_TEXT)}


def loads(load: Any, encoded: dict[int, bytes]) -> list[Any]:
    return [load(kind, encoded[kind]) for kind in (crypto.FILETYPE_PEM, crypto.FILETYPE_ASN1)]


def spki(world: World) -> crypto.NetscapeSPKI:
    made = crypto.NetscapeSPKI()
    made.set_pubkey(world.server.key)
    made.sign(world.server.key, "sha256")
    return made


def with_names(world: World) -> crypto.X509Extension:
    return crypto.X509Extension(b"subjectAltName", False, b"DNS:x.test,IP:1.2.3.4,RID:1.2.3")


def messages() -> list[Scenario]:
    raises = (crypto.Error,)
    read: dict[str, tuple[Callable[[World], Any], Callable[[Any, World], Any]]] = {
        "a request": (lambda w: None, lambda _, w: request(w)),
        "a read request": (
            request,
            lambda r, w: (requested(r, w), r.get_pubkey(), r.verify(w.server.key), r.to_cryptography()),
        ),
        "dumped requests": (request, lambda r, w: dumps(crypto.dump_certificate_request, r)),
        "loaded requests": (
            lambda w: dumps(crypto.dump_certificate_request, request(w)),
            lambda found, w: loads(crypto.load_certificate_request, found),
        ),
        "an entry": (lambda w: None, lambda _, w: entry(w)),
        "a read entry": (entry, read_entry),
        "a CRL": (lambda w: None, lambda _, w: revocations(w)),
        "a read CRL": (revocations, read_list),
        "an exported CRL": (
            revocations,
            lambda c, w: c.export(w.ca.certificate, w.ca.key, crypto.FILETYPE_PEM, 3, b"sha256"),
        ),
        "dumped CRLs": (revocations, lambda c, w: dumps(crypto.dump_crl, c)),
        "loaded CRLs": (
            lambda w: dumps(crypto.dump_crl, revocations(w)),
            lambda found, w: loads(crypto.load_crl, found),
        ),
        "a PKCS#12 file": (packed, lambda p, w: p.export(b"secret", 1, 1)),
        "a loaded PKCS#12 file": (
            lambda w: packed(w).export(b"secret", 1, 1),
            lambda data, w: crypto.load_pkcs12(data, b"secret"),
        ),
        "a new PKCS#7 message": (lambda w: None, lambda _, w: crypto.PKCS7()),
        "PKCS#7 messages": (signed_message, lambda found, w: loads(crypto.load_pkcs7_data, found)),
        "a signature": (
            lambda w: w,
            lambda _, w: crypto.verify(w.ca.certificate, crypto.sign(w.ca.key, b"data", "sha256"), b"data", "sha256"),
        ),
        "SPKI": (lambda w: None, lambda _, w: spki(w)),
        "read SPKI": (spki, lambda s, w: (s.get_pubkey(), s.verify(w.server.key), s.b64_encode())),
        "names": (with_names, lambda e, w: str(e)),
    }
    found = [Scenario(name, make, call, raises=raises) for name, (make, call) in read.items()]
    found += [
        Scenario("extensions of a request", request, lambda r, w: r.add_extensions(extensions()), requested, raises),
        Scenario("serial of an entry", entry, lambda e, w: e.set_serial(b"FF"), read_entry, raises),
        Scenario("reason of an entry", entry, lambda e, w: e.set_reason(b"keyCompromise"), read_entry, raises),
        Scenario("date of an entry", entry, lambda e, w: e.set_rev_date(b"20250101000000Z"), read_entry, raises),
        Scenario("entry of a CRL", revocations, lambda c, w: c.add_revoked(entry(w)), read_list, raises),
    ]
    return found


# -- credentials --------------------------------------------------------------------------------------------------


def credential(world: World) -> Credential:
    return Credential.load(world.chain_file, world.encrypted_key, passphrase="secret")


def credentials() -> list[Scenario]:
    raises = (LoadError,)
    sources: dict[str, Callable[[World], Any]] = {
        "PEM": credential,
        "DER": lambda w: Credential.load(w.certificate_der, w.key_der),
        "encrypted DER": lambda w: Credential.load(w.certificate_der, w.folder / "encrypted.der", passphrase="secret"),
        "PKCS#12": lambda w: Credential.load(w.pkcs12_file, passphrase="secret"),
        "a URI": lambda w: Credential.load(f"file:{w.chain_file}", f"file:{w.encrypted_key}", passphrase="secret"),
        "objects": lambda w: Credential.load([w.server.certificate, w.ca.certificate], w.server.key),
    }
    return [
        Scenario(f"a credential from {name}", lambda w: w, lambda _, w, load=load: load(w), raises=raises)
        for name, load in sources.items()
    ]


SCENARIOS = [*objects(), *messages(), *credentials()]
