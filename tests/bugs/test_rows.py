"""Each class of bugs has a test, and each test that the table of CVEs names is there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
CLASSES = {"A": range(1, 9), "B": range(9, 17), "C": range(17, 22), "D": range(22, 24), "E": range(24, 27)}
CVES = (ROOT / "docs" / "cves.md").read_text("utf-8")


def names_in(path: Path) -> set[str]:
    return set(re.findall(r"^def (test_\w+)", path.read_text("utf-8"), flags=re.MULTILINE))


def test_every_class_has_a_test() -> None:
    found = {name.split("_")[1] for path in Path(__file__).parent.glob("test_*.py") for name in names_in(path)}
    wanted = {f"{letter}{number}" for letter, numbers in CLASSES.items() for number in numbers}
    assert wanted - found == set()


def test_tests_of_cves_exist() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", CVES)
    assert len(named) > 20
    assert [f"{path}::{name}" for path, name in named if name not in names_in(ROOT / path)] == []


def test_every_cve_has_a_test() -> None:
    rows = [line for line in CVES.splitlines() if line.startswith(("| CVE-", "| none"))]
    assert [row for row in rows if "::test_" not in row] == []


def test_tests_named_after_cves_are_in_the_table() -> None:
    names = {name for name in names_in(Path(__file__).parent / "test_cves.py") if name.startswith("test_CVE")}
    assert sorted(name for name in names if name not in CVES) == []
