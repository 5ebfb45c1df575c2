"""A private key in a PKCS#11 token: SoftHSM2, by way of the provider pkcs11-provider.

Debian 13 has both in packages of these names; ``PKCS11_PROVIDER`` may name another pkcs11.so.  The program runs in a
process of its own, since a provider is activated for the whole process.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.contexts.pki import new_root
from tests.programs import printed

PIN = "1234"
MODULES = [Path("/usr/lib/softhsm/libsofthsm2.so"), Path("/usr/lib64/pkcs11/libsofthsm2.so")]

# One credential a process: a session of the token that is logged in asks for no PIN again.
PROGRAM = """
import os, sys
from openssl_bio import Credential, LoadError, TrustStore
from tests.contexts.faces import FACES, VERSIONS

certificate, root, uri, *pin = sys.argv[1:]
try:
    loaded = Credential.load(certificate, uri, passphrase=pin[0] if pin else None)
    for face in FACES.values():
        for version in VERSIONS:
            client = face.client(version)
            client.use_trust_store(TrustStore(root))
            face.pair(client, face.server(version, loaded)).handshake()
            print("handshake")
except LoadError as error:
    print("LoadError", error)
sys.stdout.flush()
os._exit(0)  # the provider crashes in the destructors of SoftHSM2, also in the program openssl
"""


def provider() -> Path:
    """The provider's module, or a reason to skip."""
    named = os.environ.get("PKCS11_PROVIDER")
    found = [Path(named)] if named else sorted(Path("/usr").glob("lib*/**/ossl-modules/pkcs11.so"))
    if not found:
        pytest.skip("pkcs11-provider is not installed")
    return found[0]


def softhsm() -> tuple[str, Path]:
    """SoftHSM2's program and module, or a reason to skip."""
    tool = shutil.which("softhsm2-util")
    module = next(filter(Path.exists, MODULES), None)
    if tool is None or module is None:
        pytest.skip("SoftHSM2 is not installed")
    return tool, module


@pytest.mark.parametrize("kind", ["rsa", "ec"])
def test_a_key_in_a_token(tmp_path: Path, kind: str) -> None:
    module, (tool, token_module) = provider(), softhsm()
    root = new_root()
    leaf = root.issue("localhost", kind=kind)
    for name, data in (("key.pem", leaf.key_pem()), ("cert.pem", leaf.pem), ("root.pem", root.pem)):
        (tmp_path / name).write_bytes(data)
    (tmp_path / "tokens").mkdir()
    (tmp_path / "softhsm2.conf").write_text(f"directories.tokendir = {tmp_path}/tokens\nlog.level = ERROR\n")
    (tmp_path / "openssl.cnf").write_text(
        "openssl_conf = start\n[start]\nproviders = both\n[both]\ndefault = one\npkcs11 = two\n[one]\nactivate = 1\n"
        f"[two]\nmodule = {module}\npkcs11-module-path = {token_module}\nactivate = 1\n"
    )
    configuration = {
        "SOFTHSM2_CONF": str(tmp_path / "softhsm2.conf"),
        "OPENSSL_CONF": str(tmp_path / "openssl.cnf"),
    }
    start = [tool, "--init-token", "--free", "--label", "tests", "--pin", PIN, "--so-pin", PIN]
    put = [tool, "--import", str(tmp_path / "key.pem"), "--token", "tests", "--label", "mine", "--id", "01"]
    quiet = {**os.environ, **configuration, "OPENSSL_CONF": "/dev/null"}
    for command in (start, [*put, "--pin", PIN]):
        subprocess.run(command, check=True, env=quiet, timeout=60, capture_output=True)
    (tmp_path / "key.pem").unlink()
    uri = "pkcs11:token=tests;object=mine;type=private"

    def said(*arguments: str) -> list[str]:
        files = tmp_path / "cert.pem", tmp_path / "root.pem"
        return printed("-c", PROGRAM, *files, *arguments, **configuration).splitlines()

    assert said(uri, PIN) == ["handshake"] * 4
    assert said(f"{uri}?pin-value={PIN}") == ["handshake"] * 4
    for wrong in ((uri, "9999"), (f"{uri}?pin-value=9999",), (uri,), (uri.replace("mine", "other"), PIN)):
        (line,) = said(*wrong)
        assert line.startswith("LoadError the private key 'pkcs11:")
