"""Which signature algorithm each end proved its certificate with.

Theory of operation.  OpenSSL 3.5 tells its name in TLS (RFC 8446, section 4.2.3).  Older ones tell the digest and the
type of signature, from which the name follows; RSASSA-PSS has two names, which differ by the type of the signer's key.
The table can go with OpenSSL 3.4.
"""

from __future__ import annotations

from openssl_bio._core._lib import CData, ffi, lib

_NAMES = {
    ("rsaEncryption", "SHA1"): "rsa_pkcs1_sha1",
    ("rsaEncryption", "SHA224"): "rsa_pkcs1_sha224",
    ("rsaEncryption", "SHA256"): "rsa_pkcs1_sha256",
    ("rsaEncryption", "SHA384"): "rsa_pkcs1_sha384",
    ("rsaEncryption", "SHA512"): "rsa_pkcs1_sha512",
    ("RSASSA-PSS", "SHA256"): "rsa_pss_rsae_sha256",
    ("RSASSA-PSS", "SHA384"): "rsa_pss_rsae_sha384",
    ("RSASSA-PSS", "SHA512"): "rsa_pss_rsae_sha512",
    ("id-ecPublicKey", "SHA1"): "ecdsa_sha1",
    ("id-ecPublicKey", "SHA224"): "ecdsa_sha224",
    ("id-ecPublicKey", "SHA256"): "ecdsa_secp256r1_sha256",
    ("id-ecPublicKey", "SHA384"): "ecdsa_secp384r1_sha384",
    ("id-ecPublicKey", "SHA512"): "ecdsa_secp521r1_sha512",
    ("ED25519", "UNDEF"): "ed25519",
    ("ED448", "UNDEF"): "ed448",
}


def signature_name(ssl: CData, *, of_peer: bool) -> str | None:
    """The name of the peer's or our own algorithm; None if there was no signature, or none with a name in TLS.

    The caller holds the connection's guard.
    """
    if hasattr(lib, "SSL_get0_signature_name"):
        told = ffi.new("char **")
        found = (lib.SSL_get0_peer_signature_name if of_peer else lib.SSL_get0_signature_name)(ssl, told)
        return ffi.string(told[0]).decode() if found and told[0] != ffi.NULL else None
    digest, kind = ffi.new("int *"), ffi.new("int *")
    if of_peer:
        found = lib.SSL_get_peer_signature_nid(ssl, digest) and lib.SSL_get_peer_signature_type_nid(ssl, kind)
    else:
        found = lib.SSL_get_signature_nid(ssl, digest) and lib.SSL_get_signature_type_nid(ssl, kind)
    name = _NAMES.get((_short_name(kind[0]), _short_name(digest[0]))) if found else None
    return name.replace("rsae", "pss") if name and _signer_key_is_pss(ssl, of_peer) else name


def _short_name(nid: int) -> str:
    name = lib.OBJ_nid2sn(nid)
    return "" if name == ffi.NULL else ffi.string(name).decode()


def _signer_key_is_pss(ssl: CData, of_peer: bool) -> bool:
    certificate = lib.SSL_get0_peer_certificate(ssl) if of_peer else lib.SSL_get_certificate(ssl)
    if certificate == ffi.NULL:
        return False
    return bool(lib.EVP_PKEY_get_base_id(lib.X509_get0_pubkey(certificate)) == lib.EVP_PKEY_RSA_PSS)
