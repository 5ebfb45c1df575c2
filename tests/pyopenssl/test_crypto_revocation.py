"""CRLs and their entries, compared with ``cryptography`` and ``openssl crl``."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from openssl_bio import crypto
from tests.pyopenssl.test_crypto_certificates import LEAF, ROOT, converted
from tests.pyopenssl.test_crypto_requests import TYPES, openssl

ISSUER, ISSUER_KEY = converted(ROOT), crypto.PKey.from_cryptography_key(ROOT[1])


def new_entry(serial: bytes = b"4E", reason: bytes | None = b"keyCompromise") -> crypto.Revoked:
    entry = crypto.Revoked()
    entry.set_serial(serial)
    entry.set_rev_date(b"20240102030405Z")
    entry.set_reason(reason)
    return entry


def new_crl(*entries: crypto.Revoked) -> crypto.CRL:
    crl = crypto.CRL()
    for entry in entries:
        crl.add_revoked(entry)
    crl.set_lastUpdate(b"20240203040506Z")
    crl.set_nextUpdate(b"20600203040506Z")
    crl.sign(ISSUER, ISSUER_KEY, b"sha256")
    return crl


def test_agrees_with_others(tmp_path: Path) -> None:
    """A list made here verifies elsewhere, and says the same."""
    crl = new_crl(new_entry(), new_entry(b"01", None))
    other = crl.to_cryptography()
    assert other.is_signature_valid(ROOT[1].public_key())
    assert other.issuer == ROOT[0].subject
    assert other.last_update_utc == datetime.datetime(2024, 2, 3, 4, 5, 6, tzinfo=datetime.UTC)
    revoked = other.get_revoked_certificate_by_serial_number(0x4E)
    assert revoked is not None
    assert revoked.revocation_date_utc == datetime.datetime(2024, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)
    reason = revoked.extensions.get_extension_for_class(x509.CRLReason).value
    assert reason.reason is x509.ReasonFlags.key_compromise
    authority = tmp_path / "ca.pem"
    authority.write_bytes(crypto.dump_certificate(crypto.FILETYPE_PEM, ISSUER))
    pem = crypto.dump_crl(crypto.FILETYPE_PEM, crl)
    said = openssl("crl", "-CAfile", str(authority), "-noout", "-text", data=pem)
    assert b"verify OK" in said
    assert b"Version 2" in said, "a list whose entries have extensions is of version 2"
    assert crypto.CRL.from_cryptography(other).to_cryptography() == other
    assert crypto.dump_crl(crypto.FILETYPE_TEXT, crl).startswith(b"Certificate Revocation List (CRL):\n")


@pytest.mark.parametrize("type", TYPES)
def test_dump_and_load(type: int) -> None:
    """A dumped list is loaded again with its entries."""
    data = crypto.dump_crl(type, new_crl(new_entry(), new_entry(b"01", None)))
    crl = crypto.load_crl(type, data)
    assert crypto.dump_crl(type, crl) == data
    assert crl.get_issuer() == ISSUER.get_subject()
    entries = crl.get_revoked()
    assert entries is not None
    found = [(entry.get_serial(), entry.get_rev_date(), entry.get_reason()) for entry in entries]
    assert found == [(b"01", b"20240102030405Z", None), (b"4E", b"20240102030405Z", b"Key Compromise")]


@pytest.mark.parametrize("type", [*TYPES, crypto.FILETYPE_TEXT])
def test_export(type: int) -> None:
    """An exported list is good from now on for the days asked for."""
    crl = crypto.CRL()
    crl.set_version(1)
    crl.add_revoked(new_entry())
    # time(), which libcrypto asks, may say the last second still for some milliseconds into the next.
    before = datetime.datetime.now(datetime.UTC).replace(microsecond=0) - datetime.timedelta(seconds=1)
    data = crl.export(ISSUER, ISSUER_KEY, type, 20, b"sha384")
    after = datetime.datetime.now(datetime.UTC)
    if type == crypto.FILETYPE_TEXT:
        assert b"ecdsa-with-SHA384" in data
        return
    other = crypto.load_crl(type, data).to_cryptography()
    assert other.is_signature_valid(ROOT[1].public_key())
    assert before <= other.last_update_utc <= after
    assert other.next_update_utc is not None
    surplus = other.next_update_utc - other.last_update_utc - datetime.timedelta(20)
    assert datetime.timedelta(0) <= surplus <= after - before  # each is so long from its own now


@pytest.mark.parametrize("reason", crypto.Revoked().all_reasons())
def test_reasons(reason: bytes) -> None:
    """A reason is read as it was set, in words; setting another replaces it, and None takes it away."""
    entry = new_entry(reason=b"superseded")
    entry.set_reason(reason.upper())
    said = entry.get_reason()
    assert said is not None
    assert said.replace(b" ", b"").lower() == reason.lower()
    entry.set_reason(said)
    assert entry.get_reason() == said
    entry.set_reason(None)
    assert entry.get_reason() is None


@pytest.mark.parametrize(
    ("given", "read"), [(b"0", b"00"), (b"10b", b"010B"), (b"ff" * 40, b"FF" * 40), (b"-7", b"-07"), (b"0001", b"01")]
)
def test_serial(given: bytes, read: bytes) -> None:
    """A serial number is read as it was set, with an even count of digits."""
    entry = crypto.Revoked()
    entry.set_serial(given)
    assert entry.get_serial() == read


@pytest.mark.parametrize("serial", [b"", b"-", b"31ppp", b"pqrst", b"0x10", b"1_0", b" 1", b"1\0", b"1\n"])
def test_wrong_serial(serial: bytes) -> None:
    """What is not all digits is refused, and changes nothing."""
    entry = new_entry()
    with pytest.raises(ValueError, match="bad hex string"):
        entry.set_serial(serial)
    assert entry.get_serial() == b"4E"


def test_refused() -> None:
    """Wrong types, times, reasons and keys have their exceptions."""
    entry, crl = new_entry(), crypto.CRL()
    wrong: list[Any] = [entry.set_serial, entry.set_rev_date, crl.add_revoked, crl.set_version, crl.set_lastUpdate]
    for call in wrong:
        with pytest.raises(TypeError):
            call("text")
    with pytest.raises(TypeError, match="reason must be None or a byte string"):
        entry.set_reason("superseded")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="not in"):
        entry.set_reason(b"boredom")
    for when in (b"", b"foo", b"20240102030405Z\0", b"20241302030405Z", b"2" * 1000):
        with pytest.raises(ValueError, match="Invalid string"):
            entry.set_rev_date(when)
        with pytest.raises(ValueError, match="Invalid string"):
            crl.set_nextUpdate(when)
    assert entry.get_rev_date() == b"20240102030405Z"
    assert (crypto.Revoked().get_rev_date(), crypto.CRL().get_revoked()) == (None, None)
    for key in (crypto.PKey(), ISSUER.get_pubkey()):
        with pytest.raises(crypto.Error) as caught:
            crl.sign(ISSUER, key, b"sha256")
        assert caught.value.args[0]
    with pytest.raises(crypto.Error) as caught:
        crypto.dump_crl(crypto.FILETYPE_PEM, crl)
    assert caught.value.args[0]


def test_export_refuses() -> None:
    """Every argument of export is checked before the list is changed."""
    crl = new_crl(new_entry())
    before = crypto.dump_crl(crypto.FILETYPE_ASN1, crl)
    good: list[Any] = [ISSUER, ISSUER_KEY, crypto.FILETYPE_PEM, 10, b"sha256"]
    cases: list[tuple[int, Any, type[Exception]]] = [
        (0, None, TypeError),
        (1, None, TypeError),
        (1, crypto.PKey(), crypto.Error),
        (1, ISSUER.get_pubkey(), crypto.Error),
        (2, "PEM", TypeError),
        (2, 9, ValueError),
        (3, "ten", TypeError),
        (3, 10**8, crypto.Error),
        (4, None, TypeError),
        (4, b"strange", ValueError),
        (4, b"sha256\0", ValueError),
    ]
    for index, value, error in cases:
        with pytest.raises(error):
            crl.export(*good[:index], value, *good[index + 1 :])
        assert crypto.dump_crl(crypto.FILETYPE_ASN1, crl) == before


def test_store_takes_a_copy() -> None:
    """A store heeds a CRL as it was when it was added; one that is not signed is refused."""
    store = crypto.X509Store()
    store.add_cert(ISSUER)
    store.set_flags(crypto.X509StoreFlags.CRL_CHECK)
    crl = new_crl(new_entry(b"01"))
    store.add_crl(crl)
    crl.add_revoked(new_entry(b"4E"))
    crl.sign(ISSUER, ISSUER_KEY, b"sha256")
    crypto.X509StoreContext(store, converted(LEAF)).verify_certificate()
    fresh = crypto.X509Store()
    fresh.add_cert(ISSUER)
    fresh.set_flags(crypto.X509StoreFlags.CRL_CHECK)
    fresh.add_crl(crl)
    with pytest.raises(crypto.X509StoreContextError, match="certificate revoked"):
        crypto.X509StoreContext(fresh, converted(LEAF)).verify_certificate()
    with pytest.raises(crypto.Error):
        fresh.add_crl(crypto.CRL())


def test_times_are_encoded_as_rfc_5280_wants() -> None:
    """Years before 2050 are UTCTime: strict verifiers refuse anything else."""
    certificate = crypto.X509()
    certificate.set_notBefore(b"20240203040506Z")
    certificate.set_notAfter(b"20600203040506Z")
    assert (certificate.get_notBefore(), certificate.get_notAfter()) == (b"20240203040506Z", b"20600203040506Z")
    der = crypto.dump_crl(crypto.FILETYPE_ASN1, new_crl())
    assert b"\x17\x0d240203040506Z\x18\x0f20600203040506Z" in der
    certificate.set_notAfter(b"20240203040506+0530")
    assert certificate.get_notAfter() == b"20240203040506+0530"
    assert certificate.has_expired() is True
