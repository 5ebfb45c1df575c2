"""Certificates to try TLS with: an authority that lives for a day, a server's and a client's, as PEM files here."""

from pathlib import Path

from openssl_bio import crypto


def new_key() -> crypto.PKey:
    key = crypto.PKey()
    key.generate_key(crypto.TYPE_EC, 256)  # P-256
    return key


def new_certificate(name: str, serial: int, key: crypto.PKey, extensions: list[crypto.X509Extension]) -> crypto.X509:
    certificate = crypto.X509()
    certificate.set_version(2)  # X.509 version 3
    certificate.set_serial_number(serial)
    certificate.get_subject().CN = name
    certificate.gmtime_adj_notBefore(-300)  # clocks differ a little
    certificate.gmtime_adj_notAfter(24 * 60 * 60)
    certificate.set_pubkey(key)
    certificate.add_extensions(extensions)
    return certificate


def write(name: str, certificate: crypto.X509, key: crypto.PKey) -> None:
    Path(f"{name}.pem").write_bytes(crypto.dump_certificate(crypto.FILETYPE_PEM, certificate))
    Path(f"{name}.key").write_bytes(crypto.dump_privatekey(crypto.FILETYPE_PEM, key))


def main() -> None:
    authority_key = new_key()
    authority = new_certificate(
        "An authority",
        1,
        authority_key,
        [
            crypto.X509Extension(b"basicConstraints", True, b"CA:TRUE"),
            crypto.X509Extension(b"keyUsage", True, b"keyCertSign,cRLSign"),
        ],
    )
    authority.add_extensions([crypto.X509Extension(b"subjectKeyIdentifier", False, b"hash", subject=authority)])
    authority.set_issuer(authority.get_subject())
    authority.sign(authority_key, "sha256")
    write("ca", authority, authority_key)

    issued = {
        "server": (b"DNS:localhost,DNS:example.test,IP:127.0.0.1", b"serverAuth"),
        "client": (b"email:client@example.test", b"clientAuth"),
        "renewed": (b"DNS:localhost,DNS:example.test,IP:127.0.0.1", b"serverAuth"),
    }
    for serial, (name, (alternatives, purpose)) in enumerate(issued.items(), start=2):
        key = new_key()
        certificate = new_certificate(
            name,
            serial,
            key,
            [
                crypto.X509Extension(b"basicConstraints", True, b"CA:FALSE"),
                crypto.X509Extension(b"keyUsage", True, b"digitalSignature"),
                crypto.X509Extension(b"extendedKeyUsage", False, purpose),
                crypto.X509Extension(b"subjectAltName", False, alternatives),
                crypto.X509Extension(b"authorityKeyIdentifier", False, b"keyid", issuer=authority),
            ],
        )
        certificate.set_issuer(authority.get_subject())
        certificate.sign(authority_key, "sha256")
        write(name, certificate, key)


if __name__ == "__main__":
    main()
