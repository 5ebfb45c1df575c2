"""The example of a fleet: servers and Redis die, and no request fails."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.interop.peers import program
from tests.programs import python

FLEET = Path(__file__).resolve().parents[2] / "examples" / "fleet" / "fleet.py"


def test_fleet(tmp_path: Path) -> None:
    """A minute of 12 seconds: three servers, HAProxy, a real Redis."""
    pytest.importorskip("redis", reason="the package redis is not installed")
    program("redis-server", "redis-server")
    if shutil.which("haproxy", path=f"{os.environ['PATH']}:/usr/sbin") is None:
        pytest.skip("haproxy is missing: it is in Debian's package haproxy")
    picture = tmp_path / "fleet.svg"
    done = python(FLEET, "--seconds", "12", "--plot", picture)
    assert done.returncode == 0, done.stdout + done.stderr
    counts = re.match(
        r"(\d+) requests: 0 failed, (\d+) sent once more\n([\d.]+) % resumed, ([\d.]+) % at another", done.stdout
    )
    assert counts is not None, done.stdout
    requests, again, resumed, elsewhere = map(float, counts.groups())
    assert requests > 20
    assert again <= 4  # each client's, when the server was killed
    # Four first handshakes; others only where a slow machine lets two rotations pass between two requests.
    assert requests * (1 - resumed / 100) < 4 + 8
    assert elsewhere > 10
    assert [line.split("s  ")[1] for line in done.stdout.splitlines()[2:]] == [
        "keys rotated",
        "server 2 killed",
        "Redis killed",
        "Redis started, empty",
        "server 2 started",
    ]
    # Once of each of the two servers and the operator, and at the end of all that outlive Redis.
    assert 1 <= done.stderr.count("cannot be shared") <= 3 + 4
    root = ElementTree.fromstring(picture.read_text("utf-8"))
    words = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"Redis killed", "server 2 killed", "keys rotated"} <= set(words)
