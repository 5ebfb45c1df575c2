"""Certificates as Python's ``ssl`` shows them: the dict of ``getpeercert()``, and DER.

Values of extensions are read from their DER, what has a name or a number in OpenSSL's tables is asked of OpenSSL.
"""

from __future__ import annotations

import ssl
from functools import lru_cache
from typing import Any, TypeAlias

from openssl_bio._core._lib import CData, ffi, lib
from openssl_bio._core.errors import clean_queue
from openssl_bio._core.pem import certificate_der, load_certificate, name_der, written
from openssl_bio._core.pointers import own, string_bytes, string_text
from openssl_bio.stdlib._der import children, elements
from openssl_bio.stdlib._errors import SETUP_ERRORS

__all__ = ["certificate_dict", "der", "name_of", "peer_dict"]

Name: TypeAlias = tuple[tuple[tuple[str, str], ...], ...]

# GeneralName, RFC 5280 section 4.2.1.6: identifier octets.
_EMAIL, _DNS, _DIRECTORY, _URI, _IP, _OID = 0x81, 0x82, 0xA4, 0x86, 0x87, 0x88
_UNSUPPORTED = {0xA0: "othername", 0xA3: "X400Name", 0xA5: "EdiPartyName"}
_TEXTS = {_EMAIL: "email", _DNS: "DNS", _URI: "URI"}
# AccessDescription.accessMethod, RFC 5280 section 4.2.2.1: DER of the two OIDs.
_OCSP = bytes.fromhex("06082b06010505073001")
_CA_ISSUERS = bytes.fromhex("06082b06010505073002")


def der(certificate: CData) -> bytes:
    """The DER encoding of an X509."""
    return certificate_der(certificate, SETUP_ERRORS)


def peer_dict(data: bytes) -> dict[str, Any]:
    """`certificate_dict` for DER, made once for what comes again: programs ask after each handshake."""
    return dict(_told(data))


@lru_cache(maxsize=32)
def _told(data: bytes) -> dict[str, Any]:
    """What is the same for everybody; nothing in it can be changed but the dict."""
    return certificate_dict(load_certificate(data, False, SETUP_ERRORS, "the peer's certificate"))


def certificate_dict(certificate: CData) -> dict[str, Any]:
    """What ``getpeercert()`` returns for an X509."""
    found: dict[str, Any] = {
        "subject": _name(lib.X509_get_subject_name(certificate)),
        "issuer": _name(lib.X509_get_issuer_name(certificate)),
        "version": lib.X509_get_version(certificate) + 1,
        "serialNumber": _printed(lib.i2a_ASN1_INTEGER, lib.X509_get_serialNumber(certificate)),
        "notBefore": _printed(lib.ASN1_TIME_print, lib.X509_get0_notBefore(certificate)),
        "notAfter": _printed(lib.ASN1_TIME_print, lib.X509_get0_notAfter(certificate)),
    }
    alternatives = [name for value in _extensions(certificate, lib.NID_subject_alt_name) for name in _names(value)]
    if alternatives:
        found["subjectAltName"] = tuple(alternatives)
    access = _extension(certificate, lib.NID_info_access)
    for key, method in (("OCSP", _OCSP), ("caIssuers", _CA_ISSUERS)):
        if uris := _access_uris(access, method):
            found[key] = uris
    points = _crl_uris(_extension(certificate, lib.NID_crl_distribution_points))
    if points:
        found["crlDistributionPoints"] = points
    return found


def _printed(function: Any, value: CData) -> str:
    return written(lambda bio: function(bio, value) > 0, SETUP_ERRORS, "a field of the certificate").decode("latin-1")


def _extensions(certificate: CData, nid: int) -> list[bytes]:
    """The values of all extensions of a kind."""
    values, index = [], -1
    while (index := lib.X509_get_ext_by_NID(certificate, nid, index)) >= 0:
        values.append(string_bytes(lib.X509_EXTENSION_get_data(lib.X509_get_ext(certificate, index))))
    return values


def _extension(certificate: CData, nid: int) -> bytes | None:
    values = _extensions(certificate, nid)
    return values[0] if len(values) == 1 else None


# -- names --------------------------------------------------------------------------------------------------------


def _name(name: CData) -> Name:
    """A distinguished name: its RDNs, each with its attributes."""
    rdns: list[list[tuple[str, str]]] = []
    last = -1
    for i in range(lib.X509_NAME_entry_count(name)):
        entry = lib.X509_NAME_get_entry(name, i)
        if lib.X509_NAME_ENTRY_set(entry) != last:
            rdns.append([])
            last = lib.X509_NAME_ENTRY_set(entry)
        rdns[-1].append((_object_text(lib.X509_NAME_ENTRY_get_object(entry)), _utf8(entry)))
    return tuple(map(tuple, rdns))


def _utf8(entry: CData) -> str:
    with clean_queue:
        return string_text(lib.X509_NAME_ENTRY_get_data(entry), SETUP_ERRORS, "an attribute of a name")


def _object_text(identifier: CData, *, numeric: bool = False) -> str:
    """The long name of an OID, or its numbers."""
    size = lib.OBJ_obj2txt(ffi.NULL, 0, identifier, numeric)
    SETUP_ERRORS.check(size >= 0, "OBJ_obj2txt")
    buffer = ffi.new("char[]", size + 1)
    SETUP_ERRORS.check(lib.OBJ_obj2txt(buffer, size + 1, identifier, numeric) == size, "OBJ_obj2txt")
    return bytes(ffi.string(buffer)).decode()


def _directory_name(data: bytes) -> Name:
    with clean_queue:
        return _name(_parsed_name(data))


def _parsed_name(data: bytes) -> CData:
    memory = ffi.from_buffer("unsigned char[]", data)
    cursor = ffi.new("unsigned char **", memory)
    return own(lib.d2i_X509_NAME(ffi.NULL, cursor, len(data)), lib.X509_NAME_free, SETUP_ERRORS, "d2i_X509_NAME")


def name_of(data: object) -> CData:
    """The X509_NAME of DER bytes; TypeError for what is no bytes, ValueError for what is no name."""
    if not isinstance(data, bytes | bytearray | memoryview):
        raise TypeError(f"a name is bytes in DER, not {type(data).__name__}")
    with clean_queue:
        try:
            name = _parsed_name(bytes(data))
        except ssl.SSLError as error:
            raise ValueError("the bytes are no name in DER") from error
        if name_der(name, SETUP_ERRORS) != bytes(data):  # there is more, or it is no DER
            raise ValueError("the bytes are no name in DER")
        return name


def _oid(content: bytes) -> str:
    """An OID's numbers, or the long name that OpenSSL has for it."""
    arcs, number = [], 0
    for byte in content:
        number = number << 7 | byte & 0x7F
        if not byte & 0x80:
            arcs.append(number)
            number = 0
    if arcs:  # the first two share a number (X.690, 8.19.4)
        root = min(arcs[0] // 40, 2)
        arcs[:1] = [root, arcs[0] - 40 * root]
    with clean_queue:
        text = ".".join(map(str, arcs)).encode()
        identifier = own(lib.OBJ_txt2obj(text, 1), lib.ASN1_OBJECT_free, SETUP_ERRORS, "OBJ_txt2obj")
        return _object_text(identifier)


def _address(content: bytes) -> str:
    if len(content) == 4:
        return ".".join(map(str, content))
    if len(content) == 16:
        return ":".join(f"{content[i] << 8 | content[i + 1]:X}" for i in range(0, 16, 2))
    return "<invalid>"


def _names(extension: bytes) -> list[tuple[str, Any]]:
    """The GeneralNames of a subjectAltName."""
    try:
        return [_general_name(tag, content) for tag, content, _ in children(extension)]
    except ValueError:
        return []


def _general_name(tag: int, content: bytes) -> tuple[str, Any]:
    if tag in _TEXTS:
        return _TEXTS[tag], content.decode()
    if tag == _DIRECTORY:
        return "DirName", _directory_name(content)
    if tag == _IP:
        return "IP Address", _address(content)
    if tag == _OID:
        return "Registered ID", _oid(content)
    return _UNSUPPORTED.get(tag, "<unsupported>"), "<unsupported>"


# -- where to ask -------------------------------------------------------------------------------------------------


def _access_uris(extension: bytes | None, method: bytes) -> tuple[str, ...]:
    """The URIs of an authorityInfoAccess that are for one purpose."""
    uris = []
    try:
        for _, _, description in children(extension or b""):
            (_, _, purpose), (tag, content, _) = children(description)
            if purpose == method and tag == _URI:
                uris.append(content.decode())
    except ValueError:
        return ()
    return tuple(uris)


def _crl_uris(extension: bytes | None) -> tuple[str, ...]:
    """The URIs of a cRLDistributionPoints."""
    uris = []
    try:
        for _, point, _ in children(extension or b""):
            for tag, name, _ in elements(point):
                if tag == 0xA0:
                    uris += [
                        uri.decode()
                        for full, names, _ in elements(name)
                        if full == 0xA0
                        for kind, uri, _ in elements(names)
                        if kind == _URI
                    ]
    except ValueError:
        return ()
    return tuple(uris)
