"""Providers of OpenSSL's, each in a process of its own: they belong to the whole process."""

from __future__ import annotations

import os
import re
import ssl
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from openssl_bio import SSL, LoadError, fips_enabled, load_provider
from tests.helpers import TIMEOUT, Identity
from tests.interop.peers import program
from tests.programs import environment

PREFIX = os.environ.get("OPENSSL_BIO_PREFIX")
PAGE = Path(__file__).resolve().parents[2] / "docs" / "howto-fips.md"
MODULES = "/usr/lib/x86_64-linux-gnu/ossl-modules"  # in the page

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

FIPS = """
import sys
ca, certificate, key = sys.argv[1:]
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
        timeout=TIMEOUT,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.skipif(PREFIX is not None, reason="the machine's legacy provider belongs to the machine's OpenSSL")
def test_a_pkcs12_that_needs_the_legacy_provider(server_identity: Identity, tmp_path: Path) -> None:
    command = [program("openssl", "openssl"), "pkcs12", "-export", "-legacy", "-passout", "pass:secret"]
    command += ["-in", str(server_identity.certificate_file), "-inkey", str(server_identity.key_file)]
    done = subprocess.run([*command, "-out", str(tmp_path / "old")], capture_output=True, timeout=TIMEOUT, check=False)
    if done.returncode:
        pytest.skip("the openssl command has no legacy provider, so it cannot write such a file")
    lines = said(LEGACY, tmp_path / "old")
    assert lines[-1] == "example.test"
    assert len(lines) == 2


def shell(block: str) -> str:
    """What the commands of a page's block print."""
    commands = [line.removeprefix("$ ") for line in block.splitlines() if line.startswith("$ ")]
    script = "\n".join(commands).replace("openssl-bio ", f"'{sys.executable}' -m openssl_bio ")
    done = subprocess.run(
        ["sh", "-ec", script], env=environment(), capture_output=True, text=True, timeout=TIMEOUT, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def fips_module() -> Path:
    """The FIPS provider for this OpenSSL; the test is skipped if there is none."""
    named = os.environ.get("FIPS_MODULE") or (PREFIX and f"{PREFIX}/modules/fips.so")
    found = [Path(named)] if named else [*Path("/usr/lib").glob("*/ossl-modules/fips.so")]
    if not found or not found[0].exists():
        pytest.skip("there is no FIPS provider for this OpenSSL (Debian: openssl-provider-fips, or FIPS_MODULE=...)")
    return found[0]


def test_fips(ca: Identity, server_identity: Identity, tmp_path: Path) -> None:
    """With the page's recipe, both faces shake hands with the FIPS provider's algorithms, and with no others."""
    module = fips_module()
    program("openssl", "openssl")
    blocks = re.findall(r"^ *```\w+\n(.*?)^ *```$", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    beside_another, install, configuration, start = (
        textwrap.dedent(block).replace(MODULES, str(module.parent)).replace("/etc/ssl", str(tmp_path))
        for block in blocks
    )
    shell(install)
    (tmp_path / "openssl-fips.cnf").write_text(configuration)
    files = ca.certificate_file, server_identity.certificate_file, server_identity.key_file
    if SSL.OpenSSL_version(SSL.OPENSSL_VERSION).decode() == ssl.OPENSSL_VERSION:
        export, _, answer = start.splitlines()
        assert shell(start).splitlines() == [answer]
        lines = said(FIPS, *files, **dict(setting.split("=", 1) for setting in export.split()[2:]))
    else:
        lines = said(beside_another + FIPS, *files)
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
