"""How many instructions an operation takes: ``make bench-instructions``, with valgrind's callgrind.

Unlike times these hardly depend on what else the machine does: two runs differ by less than 0.5 %. One process does
everything under callgrind, which counts only while a workload runs that was run before (``marks.c`` tells it when), so
that neither imports nor first times count.

Our counts are compared with ``baseline.json``, and more than 3 % above it fails. They depend on what else there is:
which Python, libssl and libc, and which of its code libcrypto chose for the processor that valgrind shows it. All of
that is in the baseline, and where it differs it is said that nothing was compared. ``--update`` writes the baseline,
``--where`` shows instead in which libraries the instructions are.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import importlib
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from benchmarks import floor
from benchmarks.subjects import new_certificate, subjects
from benchmarks.workloads import WORKLOADS

HERE = Path(__file__).resolve().parent
BASELINE = HERE / "baseline.json"
TOLERANCE = 1.03
CPU_SETTINGS = 1008  # OPENSSL_INFO_CPU_SETTINGS
# The workload, how many operations are counted, and how many of them make one that is shown.
MEASURED = {
    "ping_pong": (200, 1),
    "until_dry": (200, 1),
    "small_records": (1, 1 / 1000),
    "writes_then_drain": (5, 1 / 64),
    "bulk_1k": (2, 1 / 64),
    "bulk_16k": (3, 1 / 16),
    "bulk_1m": (1, 1),
    "handshake": (20, 1),
    "resumption": (20, 1),
    "connection": (1000, 1),
    "host": (1000, 1),
    "address": (1000, 1),
    "pending": (1000, 1),
}


def libraries() -> dict[str, str]:
    """What the counts depend on, beside our code: asked under valgrind, which has a processor of its own."""
    libcrypto = ctypes.CDLL(importlib.import_module("_ssl").__file__)
    libcrypto.OPENSSL_info.restype = libcrypto.OpenSSL_version.restype = ctypes.c_char_p
    processor = libcrypto.OPENSSL_info(CPU_SETTINGS) or b""
    return {
        "python": " ".join(sys.version.split()),
        "libssl": libcrypto.OpenSSL_version(0).decode(),
        "libc": "-".join(platform.libc_ver()),
        "processor": f"{platform.machine()} {processor.decode()}",
    }


def run(names: list[str], who: list[str], marks: Path) -> None:
    """What is measured: each workload by each subject, after as many operations that warm up."""
    tell = ctypes.CDLL(str(marks))
    gc.disable()
    print(json.dumps(libraries()))
    with tempfile.TemporaryDirectory() as folder:
        everybody = subjects(new_certificate(Path(folder)))
        for name in names:
            workload, count = WORKLOADS[name], MEASURED[name][0]
            for subject in who:
                work = workload.of(everybody[subject])
                if work is None:
                    continue
                state = workload.ready(everybody[subject], workload.ciphers)
                work(state, count)
                tell.begin()
                work(state, count)
                tell.end(f"{name}/{subject}".encode())


def of_c(names: list[str]) -> dict[str, dict[str, int]]:
    """The same by the program in C."""
    with tempfile.TemporaryDirectory() as path:
        folder = Path(path)
        counts = {name: MEASURED[name][0] for name in names}
        found = floor.instructions(folder, new_certificate(folder), counts)
    return {
        name: {who: round(count / counts[name] * MEASURED[name][1]) for who, count in row.items()}
        for name, row in found.items()
    }


def by_library(dump: str) -> Counter[str]:
    """The instructions of each library, in a dump of callgrind's, where names are numbered as they come."""
    found: Counter[str] = Counter()
    names: dict[str, str] = {}
    library, is_call = "", False
    for line in dump.splitlines():
        if named := re.match(r"(c?)ob=\((\d+)\)(?: (.+))?$", line):
            names.setdefault(named[2], named[3])
            if not named[1]:
                library = re.split(r"[.-]", Path(names[named[2]]).name)[0]
        elif line.startswith("calls="):
            is_call = True
        elif re.match(r"[\d+*-]", line):
            if not is_call:  # what is called counts where it is
                found[library] += int(line.split()[-1])
            is_call = False
    return found


def measure(names: list[str], who: list[str]) -> tuple[dict[str, str], dict[str, dict[str, Counter[str]]]]:
    """What the counts depend on; for each workload and subject, instructions an operation, by library."""
    results: dict[str, dict[str, Counter[str]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        marks, out = Path(folder, "marks.so"), Path(folder, "out")
        command = [os.environ.get("CC", "cc"), "-O2", "-shared", "-fPIC", str(HERE / "marks.c"), "-o", str(marks)]
        subprocess.run(command, check=True)
        command = ["valgrind", "-q", "--tool=callgrind", "--instr-atstart=no", f"--callgrind-out-file={out}"]
        command += [sys.executable, "-m", "benchmarks.instructions", "--marks", str(marks)]
        command += ["--only", *names, "--subjects", *who]
        done = subprocess.run(
            command, check=True, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONHASHSEED": "0"}
        )
        for path in Path(folder).glob("out.*"):
            text = path.read_text()
            named = re.search(r"Trigger: Client Request: (\w+)/(.+)", text)
            assert named is not None, path
            times, share = MEASURED[named[1]]
            counts = {library: round(count / times * share) for library, count in by_library(text).items()}
            results.setdefault(named[1], {})[named[2]] = Counter(counts)
    return json.loads(done.stdout), results


def show(results: dict[str, dict[str, int]], names: list[str], who: list[str]) -> None:
    print(" " * 45 + "".join(f"{subject:>12}" for subject in who))
    for name in names:
        print(f"{WORKLOADS[name].title:45}" + "".join(f"{results[name].get(subject, '-'):>12}" for subject in who))


def show_where(results: dict[str, dict[str, Counter[str]]], names: list[str], who: list[str]) -> None:
    for name in names:
        print(WORKLOADS[name].title)
        found = sum((results[name].get(subject, Counter()) for subject in who), Counter())
        for library, total in found.most_common():
            if total > 0.01 * found.total():
                row = "".join(f"{results[name].get(subject, Counter())[library]:>12}" for subject in who)
                print(f"{'  ' + library:45}{row}")


def compare(libraries: dict[str, str], results: dict[str, dict[str, int]]) -> int:
    """How many counts are too high."""
    baseline = json.loads(BASELINE.read_text())
    for key, mine in libraries.items():
        expected = baseline["libraries"].get(key)
        if expected != mine:
            print(f"Nothing was compared: the baseline is for {key} {expected!r}, and here it is {mine!r}.")
            return 0
    worse = 0
    theirs = {"ssl", *floor.FLOORS}  # nobody changes them here, and where memory lies makes 3 % for the C program
    for name, row in results.items():
        for subject, count in row.items():
            before = baseline["instructions"].get(name, {}).get(subject)
            if subject not in theirs and before is not None and count > before * TOLERANCE:
                print(f"{name}, {subject}: {count} instructions, and {before} before")
                worse += 1
    return worse


def main() -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.instructions", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", nargs="*", choices=MEASURED, default=list(MEASURED))
    parser.add_argument("--subjects", nargs="*", help="these alone")
    parser.add_argument("--update", action="store_true", help="write the baseline")
    parser.add_argument("--where", action="store_true", help="show in which libraries the instructions are")
    parser.add_argument("--marks", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    who = arguments.subjects or [name for name in subjects(Path()) if name != "pyOpenSSL"]
    if arguments.marks:
        run(arguments.only, who, arguments.marks)
        return 0
    libraries, found = measure(arguments.only, who)
    results = {name: {subject: counts.total() for subject, counts in row.items()} for name, row in found.items()}
    for name, row in of_c(arguments.only).items():
        results[name].update(row)
    show(results, arguments.only, [*who, *floor.FLOORS])
    if arguments.where:
        show_where(found, arguments.only, who)
        return 0
    if arguments.update:
        BASELINE.write_text(json.dumps({"libraries": libraries, "instructions": results}, indent=1) + "\n")
        return 0
    return 1 if compare(libraries, results) else 0


if __name__ == "__main__":
    sys.exit(main())
