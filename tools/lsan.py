"""usage: lsan.py REPORT...

Tell which leaks in LeakSanitizer's reports are ours: those that our C, libssl or libcrypto has allocated.  The
interpreter has others.  Exits with 1 if there is one without a reason.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

OURS = re.compile(r"_openssl\.abi3\.so|libssl|libcrypto")
# Leaks that have a reason, by a function or a module in their stack.
REASONS: dict[str, str] = {
    "obio_face_method": "the definition of a face's method, which lives as long as the process",
    "_ssl.cpython": "of Python's own ssl module, which tests use beside ours",
    "_hashlib.cpython": "of Python's own hashlib",
    "_rust.abi3.so": "of cryptography",
}
FRAME = re.compile(r"^ *#\d+ \S+ (.*)$", re.MULTILINE)


def leaks(report: str) -> Iterator[tuple[str, list[str]]]:
    """What is leaked directly, and from where."""
    for block in report.split("\n\n"):
        first = block.lstrip("\n").partition("\n")[0]
        if first.startswith("Direct leak"):
            yield first, FRAME.findall(block)


def is_ours(frames: list[str]) -> bool:
    """Whether the first frame behind the allocator's is in our C or in OpenSSL."""
    behind = [frame for frame in frames if "libasan" not in frame and "libsanitizer" not in frame]
    return bool(behind) and OURS.search(behind[0]) is not None and not any(r in f for r in REASONS for f in frames)


def main(reports: list[str]) -> int:
    """Print each place once, with how often it was."""
    found: Counter[str] = Counter()
    blocks = 0
    for path in reports:
        for _first, frames in leaks(Path(path).read_text(errors="replace")):
            blocks += 1
            if is_ours(frames):
                found["\n".join(frames)] += 1
    for stack, count in found.most_common():
        print(f"leaked {count} times:\n{stack}\n")
    print(f"{len(reports)} reports, {blocks} leaks, {sum(found.values())} of them ours")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
