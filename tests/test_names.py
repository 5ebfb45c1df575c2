"""Every public name of the originals is here, or listed with the reason why it is not."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from openssl_bio import SSL, crypto, stdlib

ROOT = Path(__file__).parent.parent
TABLES = {"pyopenssl": {"SSL": SSL, "crypto": crypto}, "stdlib": {"": stdlib}}


def names(face: str) -> list[str]:
    """The public names of an original: the union of all its releases."""
    with (ROOT / "tests" / "names" / f"{face}.tsv").open() as file:
        rows = csv.DictReader(file, delimiter="\t")
        return [row["name"] for row in rows if not re.search(r"(^|\.)_", row["name"])]


def absent(face: str) -> set[str]:
    """The names in the first column of the table that says what is not here, and why."""
    text = (ROOT / "docs" / f"absent-{face}.md").read_text()
    return set(re.findall(r"`([\w.]+)`", " ".join(re.findall(r"^\| (`.*?) \|", text, re.MULTILINE))))


def found(name: str, modules: dict[str, ModuleType]) -> bool:
    """Whether a name that is qualified with its module's leads to something."""
    here: Any = modules.get("")
    for part in name.split("."):
        here = modules.get(part) if here is None else getattr(here, part, None)
        if here is None:
            return False
    return True


@pytest.mark.parametrize("face", TABLES)
def test_names(face: str) -> None:
    missing = {name for name in names(face) if not found(name, TABLES[face])}
    assert sorted(missing - absent(face)) == []


def test_no_reason_without_need() -> None:
    """pyOpenSSL's names do not depend on the running Python, so the table holds none that is here."""
    assert [name for name in sorted(absent("pyopenssl")) if found(name, TABLES["pyopenssl"])] == []
