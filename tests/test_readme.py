"""The README's program does what it says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from openssl_bio import crypto
from tests.helpers import Identity
from tests.test_cli import environment

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
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
