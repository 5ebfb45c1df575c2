"""The README's program does what it says."""

from __future__ import annotations

import re
from pathlib import Path

from openssl_bio import crypto
from tests.helpers import Identity
from tests.programs import printed

README = Path(__file__).resolve().parents[1] / "README.md"


def test_the_program(ca: Identity, server_identity: Identity, tmp_path: Path) -> None:
    for name, data in (
        ("ca.pem", crypto.dump_certificate(crypto.FILETYPE_PEM, ca.certificate)),
        ("server.pem", crypto.dump_certificate(crypto.FILETYPE_PEM, server_identity.certificate)),
        ("server.key", crypto.dump_privatekey(crypto.FILETYPE_PEM, server_identity.key)),
    ):
        (tmp_path / name).write_bytes(data)
    # Read from top to bottom: a later block goes on with what an earlier one has.
    program = "\n".join(re.findall(r"```python\n(.*?)```", README.read_text("utf-8"), re.DOTALL))
    assert "hello" in program
    printed("-W", "error", "-c", program, folder=tmp_path)
