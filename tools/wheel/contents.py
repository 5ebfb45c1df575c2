"""Check what is in an sdist and in a wheel: ``python tools/wheel/contents.py SDIST WHEEL``.

The sdist has all that git has of the sources, tests and documentation.  The wheel has the package, and nothing of what
it is built from; the licences and the bill of materials of what it carries; one extension module, for the stable ABI.
What is there and how large is printed.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

BUILD_ONLY = ("/_cdef/", "/_native/", "_build_openssl")


def fail_if(what: str, names: object) -> None:
    """End with a message if there are such names."""
    if names:
        raise SystemExit(f"{what}: {names}")


def check_sdist(path: Path) -> set[str]:
    """The files of the package that the sdist has; ends if one of git's is missing."""
    with tarfile.open(path) as tar:
        names = {member.name.partition("/")[2] for member in tar if member.isfile()}
    listed = subprocess.run(
        ["git", "ls-files", "docs", "examples", "src", "tests", "tools"], capture_output=True, text=True, check=False
    ).stdout.split()
    fail_if("not in the sdist", sorted(set(listed) - names))
    fail_if("built files are in the sdist", [n for n in names if n.endswith((".so", ".pyd", ".o", ".pyc"))])
    return {name.removeprefix("src/") for name in names if name.startswith("src/openssl_bio/")}


def check_wheel(path: Path, sources: set[str]) -> None:
    """End if the wheel has too much or too little."""
    with zipfile.ZipFile(path) as wheel:
        sizes = {info.filename: info.file_size for info in wheel.infolist()}
        fail_if("damaged", wheel.testzip())
        sbom = [name for name in sizes if name.endswith(".dist-info/sboms/openssl.cdx.json")]
        fail_if("there is no bill of materials", not sbom)
        (component,) = json.loads(wheel.read(sbom[0]))["components"]
    fail_if(
        "what only a build needs is in the wheel", [n for n in sizes if any(part in f"/{n}" for part in BUILD_ONLY)]
    )
    wanted = {n for n in sources if not any(part in n for part in BUILD_ONLY) and "egg-info" not in n}
    fail_if("not in the wheel", sorted(wanted - sizes.keys()))
    modules = [name for name in sizes if name.endswith((".so", ".pyd", ".dylib", ".dll"))]
    fail_if("not one extension module of the stable ABI", len(modules) != 1 or "abi3" not in path.name)
    licences = [name for name in sizes if ".dist-info/licenses/" in name]
    fail_if("licences are missing", len(licences) != 3)
    total = sum(sizes.values())
    print(f"{path.name}: {path.stat().st_size:,} bytes, {len(sizes)} files of {total:,} bytes")
    for name in [*modules, *licences, *sbom]:
        print(f"  {sizes[name]:>10,}  {name}")
    print(f"  it carries {component['name']} {component['version']}")


if __name__ == "__main__":
    sdist, built = map(Path, sys.argv[1:])
    check_wheel(built, check_sdist(sdist))
