"""OCSP responses of a real responder, stapled by us and by openssl s_server."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from openssl_bio import SSL
from tests.helpers import TIMEOUT, Identity, client_context
from tests.interop.peers import Service, connected, program, started
from tests.interop.test_clients import Call, ask, gnutls_cli, s_client
from tests.interop.test_servers import Setup, fetch, s_server


@pytest.fixture(scope="module")
def response(ca: Identity, server_identity: Identity, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A signed OCSPResponse that the server's certificate is good, from ``openssl ocsp``."""
    folder = tmp_path_factory.mktemp("ocsp")
    serial = f"{server_identity.certificate.get_serial_number():04X}"
    # openssl ca's database: status, expiry, revocation, serial number, file, subject.
    (folder / "index").write_text(f"V\t491231235959Z\t\t{serial}\tunknown\t/CN=example.test\n")
    command = [program("openssl", "openssl"), "ocsp", "-index", "index", "-ndays", "1", "-no_nonce"]
    command += ["-CA", str(ca.certificate_file), "-issuer", str(ca.certificate_file)]
    command += ["-rsigner", str(ca.certificate_file), "-rkey", str(ca.key_file)]
    command += ["-cert", str(server_identity.certificate_file), "-respout", "response"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=TIMEOUT)
    return (folder / "response").read_bytes()


def test_our_staple_at_s_client(
    version: int, server: SSL.Context, ca: Identity, response: bytes, tmp_path: Path
) -> None:
    server.set_ocsp_server_callback(lambda *_: response)
    with Service(server) as service:

        def with_status(call: Call) -> tuple[list[str], bytes]:
            command, text = s_client(call)
            # -quiet would hide the response.
            return ["-ign_eof" if word == "-quiet" else word for word in command] + ["-status"], text

        done = ask(with_status, Call(service.port, version, ca.certificate_file, tmp_path))
        assert service.visit().error is None
    assert b"OCSP Response Status: successful" in done.output
    assert b"Cert Status: good" in done.output


def test_our_staple_at_gnutls_cli(
    version: int, server: SSL.Context, ca: Identity, response: bytes, tmp_path: Path
) -> None:
    """It verifies the response, and saves what it was given: the same bytes."""
    server.set_ocsp_server_callback(lambda *_: response)
    saved = tmp_path / "saved"
    with Service(server) as service:

        def saving(call: Call) -> tuple[list[str], bytes]:
            command, text = gnutls_cli(call)
            return [*command, "--save-ocsp", str(saved)], text

        done = ask(saving, Call(service.port, version, ca.certificate_file, tmp_path))
        assert service.visit().error is None
    assert done.status == 0
    assert saved.read_bytes() == response


def test_the_staple_of_s_server(
    version: int, ca: Identity, server_identity: Identity, response: bytes, tmp_path: Path
) -> None:
    """Our client's callback is given the response byte for byte."""
    (tmp_path / "response").write_bytes(response)
    (tmp_path / "payload").write_bytes(b"payload")
    staples: list[bytes] = []
    context = client_context(version, ca)
    context.set_ocsp_client_callback(lambda _, staple, __: not staples.append(staple))
    command, marker = s_server(Setup(version, server_identity, tmp_path))
    with started([*command, "-status_file", "response"], tmp_path / "log", tmp_path) as server:
        line = server.line(marker)
        assert line is not None
        with connected(context, int(line.rpartition(":")[2]), SSL.Connection.request_ocsp) as link:
            assert fetch(link).endswith(b"payload")
    assert staples == [response]
