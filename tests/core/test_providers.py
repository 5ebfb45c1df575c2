"""Providers of OpenSSL's, each in a process of its own: they belong to the whole process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from openssl_bio import LoadError, fips_enabled, load_provider
from tests.helpers import Identity
from tests.interop.peers import program
from tests.programs import environment

PREFIX = os.environ.get("OPENSSL_BIO_PREFIX")

LEGACY = """
import sys
from openssl_bio import crypto, load_provider
data = open(sys.argv[1], "rb").read()
try:
    crypto.load_pkcs12(data, b"secret")
except crypto.Error as error:
    print(error.args[0][-1][-1] if error.args[0] else error)
load_provider("legacy")
load_provider("legacy")
print(crypto.load_pkcs12(data, b"secret").get_certificate().get_subject().CN)
"""

# One FIPS provider serves one OpenSSL in a process: where Python has another, that one has to start without it.
FIPS = """
import os, ssl, sys
ca, certificate, key, *settings = sys.argv[1:]
os.environ.update(setting.split("=", 1) for setting in settings)
from openssl_bio import SSL, LoadError, fips_enabled, load_provider, stdlib
print(fips_enabled())
load_provider("fips")

def pyopenssl(version, ciphersuites=None):
    client, server = SSL.Context(SSL.TLS_METHOD), SSL.Context(SSL.TLS_METHOD)
    client.load_verify_locations(ca)
    client.set_verify(SSL.VERIFY_PEER)
    server.use_certificate_chain_file(certificate)
    server.use_privatekey_file(key)
    for context in (client, server):
        context.set_min_proto_version(version)
        context.set_max_proto_version(version)
    if ciphersuites:
        client.set_tls13_ciphersuites(ciphersuites)
    ends = SSL.Connection(client), SSL.Connection(server)
    ends[0].set_connect_state()
    ends[1].set_accept_state()
    for _ in range(4):
        for end, other in (ends, ends[::-1]):
            try:
                end.do_handshake()
            except SSL.WantReadError:
                pass
            try:
                other.bio_write(end.bio_read(1 << 16))
            except SSL.WantReadError:
                pass
    return ends[0].get_protocol_version_name(), ends[0].get_cipher_name()

def python(version):
    client, server = stdlib.SSLContext(stdlib.PROTOCOL_TLS_CLIENT), stdlib.SSLContext(stdlib.PROTOCOL_TLS_SERVER)
    client.load_verify_locations(ca)
    server.load_cert_chain(certificate, key)
    client.maximum_version = version
    one, other = stdlib.MemoryBIO(), stdlib.MemoryBIO()
    ends = client.wrap_bio(one, other, server_hostname="example.test"), server.wrap_bio(other, one, server_side=True)
    for _ in range(4):
        for end in ends:
            try:
                end.do_handshake()
            except stdlib.SSLWantReadError:
                pass
    return ends[0].version(), ends[0].cipher()[0]

for version in (SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION):
    print(*pyopenssl(version))
    print(*python(stdlib.TLSVersion(version)))
try:
    print(*pyopenssl(SSL.TLS1_3_VERSION, b"TLS_CHACHA20_POLY1305_SHA256"))
except SSL.Error as error:
    print("refused")
"""


def said(code: str, *arguments: object, **more: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        env=environment(**more),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.skipif(PREFIX is not None, reason="the machine's legacy provider belongs to the machine's OpenSSL")
def test_a_pkcs12_that_needs_the_legacy_provider(server_identity: Identity, tmp_path: Path) -> None:
    command = [program("openssl", "openssl"), "pkcs12", "-export", "-legacy", "-passout", "pass:secret"]
    command += ["-in", str(server_identity.certificate_file), "-inkey", str(server_identity.key_file)]
    done = subprocess.run([*command, "-out", str(tmp_path / "old")], capture_output=True, timeout=60, check=False)
    if done.returncode:
        pytest.skip("the openssl command has no legacy provider, so it cannot write such a file")
    lines = said(LEGACY, tmp_path / "old")
    assert lines[-1] == "example.test"
    assert len(lines) == 2


def test_fips(ca: Identity, server_identity: Identity, tmp_path: Path) -> None:
    """Both faces shake hands with the FIPS provider's algorithms, and with no others."""
    module = Path(PREFIX or "/usr/lib/ssl", "modules", "fips.so")
    if not module.exists():
        pytest.skip("there is no FIPS provider for this OpenSSL")
    install = [program("openssl", "openssl"), "fipsinstall", "-module", str(module), "-out", str(tmp_path / "fips.cnf")]
    subprocess.run(install, check=True, capture_output=True, timeout=60)
    (tmp_path / "openssl.cnf").write_text(
        f"openssl_conf = start\n.include {tmp_path}/fips.cnf\n[start]\nproviders = two\nalg_section = algorithms\n"
        "[two]\nfips = fips_sect\nbase = always\n[always]\nactivate = 1\n[algorithms]\ndefault_properties = fips=yes\n"
    )
    files = ca.certificate_file, server_identity.certificate_file, server_identity.key_file
    settings = {"OPENSSL_CONF": str(tmp_path / "openssl.cnf"), "OPENSSL_MODULES": str(module.parent)}
    if PREFIX is None:
        lines = said(FIPS, *files, **settings)
    else:
        lines = said(FIPS, *files, *(f"{name}={value}" for name, value in settings.items()))
    assert lines[0] == "True"
    assert [line.split()[0] for line in lines[1:5]] == ["TLSv1.2"] * 2 + ["TLSv1.3"] * 2
    assert all("GCM" in line for line in lines[1:5])
    assert lines[5:] == ["refused"]


def test_without_fips() -> None:
    assert fips_enabled() is False


def test_what_is_no_provider(tmp_path: Path) -> None:
    load_provider("default")
    with pytest.raises(LoadError, match="the provider 'nobody' cannot be loaded"):
        load_provider("nobody")
    with pytest.raises(ValueError, match="'' is no provider's name"):
        load_provider("")
    with pytest.raises(ValueError, match="is no provider's name"):
        load_provider("legacy\0")
    with pytest.raises(TypeError, match="a provider's name is a str, not bytes"):
        load_provider(b"legacy")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="has no NUL in it"):
        load_provider("nobody", folder="a\0b")
    program_text = "import sys, openssl_bio; openssl_bio.load_provider('nobody', folder=sys.argv[1])"
    (tmp_path / "nobody.so").write_bytes(b"no module")
    with pytest.raises(AssertionError, match=r"LoadError: the provider 'nobody' cannot be loaded.*nobody\.so"):
        said(program_text, tmp_path)
