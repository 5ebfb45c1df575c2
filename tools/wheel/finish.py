"""Say in a wheel which OpenSSL is in it: ``python tools/wheel/finish.py WHEEL PREFIX [FOLDER]``.

PREFIX is where ``tools/openssl/build.py`` put that OpenSSL.  Into the wheel's ``dist-info`` go OpenSSL's licence and
authors, and a bill of materials in CycloneDX's JSON, where PEP 770 has scanners look for it.  The finished wheel takes
the place of the old one, or is written to FOLDER.
"""

from __future__ import annotations

import base64
import hashlib
import json
import sys
import zipfile
from pathlib import Path

LICENCES = ("LICENSE.txt", "AUTHORS.md")


def bill(package: str, version: str, openssl: dict[str, str]) -> dict[str, object]:
    """What the wheel is made of, as a CycloneDX 1.6 document. Nothing in it depends on when it was made."""
    me, it = f"pkg:pypi/{package}@{version}", f"pkg:generic/openssl@{openssl['version']}"
    licences = [{"license": {"id": "Apache-2.0"}}]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "library",
                "bom-ref": me,
                "name": package,
                "version": version,
                "purl": me,
                "licenses": licences,
            }
        },
        "components": [
            {
                "type": "library",
                "bom-ref": it,
                "name": "openssl",
                "version": openssl["version"],
                "purl": it,
                "cpe": f"cpe:2.3:a:openssl:openssl:{openssl['version']}:*:*:*:*:*:*:*",
                "licenses": licences,
                "externalReferences": [
                    {
                        "type": "source-distribution",
                        "url": openssl["url"],
                        "hashes": [{"alg": "SHA-256", "content": openssl["sha256"]}],
                    }
                ],
            }
        ],
        "dependencies": [{"ref": me, "dependsOn": [it]}, {"ref": it, "dependsOn": []}],
    }


def record_line(name: str, data: bytes) -> str:
    """A file's line in RECORD."""
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
    return f"{name},sha256={digest},{len(data)}\n"


def additions(package: str, version: str, prefix: Path) -> dict[str, bytes]:
    """The new files, by their names in ``dist-info``."""
    openssl = json.loads((prefix / "openssl.json").read_text("utf-8"))
    files = {f"licenses/openssl/{name}": (prefix / name).read_bytes() for name in LICENCES}
    files["sboms/openssl.cdx.json"] = json.dumps(bill(package, version, openssl), indent=1).encode()
    return files


def finish(wheel: Path, prefix: Path, target: Path) -> None:
    """Write the finished wheel."""
    with zipfile.ZipFile(wheel) as source:
        members = {info: source.read(info) for info in source.infolist() if not info.is_dir()}
    package, version = wheel.name.split("-")[:2]
    folder = f"{package}-{version}.dist-info"
    new = additions(package.replace("_", "-"), version, prefix)
    mentions = "".join(f"License-File: openssl/{name}\n" for name in LICENCES)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as result:
        record = ""
        for info, data in members.items():
            if info.filename == f"{folder}/RECORD":
                last = info
                continue
            content = data
            if info.filename == f"{folder}/METADATA":
                # After the other headers, which end at the first empty line.
                headers, _, text = data.decode().partition("\n\n")
                content = f"{headers}\n{mentions}\n{text}".encode()
            result.writestr(info, content)
            record += record_line(info.filename, content)
        for name, data in new.items():
            info = zipfile.ZipInfo(f"{folder}/{name}", last.date_time)
            info.external_attr, info.compress_type = last.external_attr, zipfile.ZIP_DEFLATED
            result.writestr(info, data)
            record += record_line(info.filename, data)
        result.writestr(last, f"{record}{folder}/RECORD,,\n")


def main() -> None:
    """Run the command."""
    if len(sys.argv) not in {3, 4}:
        raise SystemExit("usage: finish.py WHEEL PREFIX [FOLDER]")
    wheel, prefix = Path(sys.argv[1]), Path(sys.argv[2])
    target = Path(sys.argv[3]) / wheel.name if len(sys.argv) == 4 else wheel
    part = target.with_suffix(".part")
    finish(wheel, prefix, part)
    part.replace(target)


if __name__ == "__main__":
    main()
