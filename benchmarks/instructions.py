"""How many instructions an operation takes: ``make bench-instructions``, with valgrind's callgrind.

Unlike times these hardly depend on what else the machine does. One process (``counted.py``) does everything under
callgrind, which counts only while a workload runs that was run before (``marks.c`` tells it when), so that neither
imports nor first times count.

They depend on where memory lies: CPython remembers where it found an attribute under a hash of its name's address.
Where two of ``_demand``, ``_generation`` and ``_guard`` share a place, as in 3 of 4,096 processes, all of a
connection's classes are searched for them each time, which is 7 % more for a client that verifies a host. So a count
that is too high is made again in other layouts of memory, and the least counts.

Our counts are compared with ``baseline.json``, and more than 3 % above it fails. They also depend on what else there
is: which Python, libssl and libc, and which of its code libcrypto chose for the processor that valgrind shows it. All
of that is in the baseline, and where it differs it is said that nothing was compared. ``--update`` writes the baseline,
``--where`` shows instead in which libraries the instructions are.
"""

from __future__ import annotations

import argparse
import json
import os
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
LAYOUTS = 4  # of memory, at most
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


def measure(
    names: list[str], who: list[str], layout: int = 0
) -> tuple[dict[str, str], dict[str, dict[str, Counter[str]]]]:
    """What the counts depend on; for each workload and subject, instructions an operation, by library."""
    results: dict[str, dict[str, Counter[str]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        marks, out = Path(folder, "marks.so"), Path(folder, "out")
        command = [os.environ.get("CC", "cc"), "-O2", "-shared", "-fPIC", str(HERE / "marks.c"), "-o", str(marks)]
        subprocess.run(command, check=True)
        command = ["valgrind", "-q", "--tool=callgrind", "--instr-atstart=no", f"--callgrind-out-file={out}"]
        command += [sys.executable, "-m", "benchmarks.counted", str(marks), str(layout)]
        command += [json.dumps({name: MEASURED[name][0] for name in names}), json.dumps(who)]
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


def totals(found: dict[str, dict[str, Counter[str]]]) -> dict[str, dict[str, int]]:
    return {name: {subject: counts.total() for subject, counts in row.items()} for name, row in found.items()}


def count_again(results: dict[str, dict[str, int]], names: list[str], who: list[str], layout: int) -> None:
    """Count in another layout of memory, and let the less of each two count."""
    for name, row in totals(measure(names, who, layout)[1]).items():
        for subject, count in row.items():
            results[name][subject] = min(count, results[name][subject])


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


def differs(baseline: dict[str, str], here: dict[str, str]) -> bool:
    """Whether counts here cannot be compared, which is said."""
    for key, mine in here.items():
        if baseline.get(key) != mine:
            print(f"Nothing was compared: the baseline is for {key} {baseline.get(key)!r}, and here it is {mine!r}.")
            return True
    return False


def too_high(baseline: dict[str, dict[str, int]], results: dict[str, dict[str, int]]) -> list[tuple[str, str]]:
    """The workloads and subjects whose counts are."""
    theirs = {"ssl", *floor.FLOORS}  # nobody changes them here, and where memory lies makes 3 % for the C program
    return [
        (name, subject)
        for name, row in results.items()
        for subject, count in row.items()
        if subject not in theirs and count > baseline.get(name, {}).get(subject, count) * TOLERANCE
    ]


def compare(baseline: dict[str, dict[str, int]], results: dict[str, dict[str, int]]) -> int:
    """How many counts are too high in each layout of memory."""
    worse = too_high(baseline, results)
    for layout in range(1, LAYOUTS):
        if not worse:
            break
        names, who = sorted({name for name, _ in worse}), sorted({subject for _, subject in worse})
        print(f"counted again in layout {layout} of memory: {', '.join(names)} of {', '.join(who)}")
        count_again(results, names, who, layout)
        worse = too_high(baseline, results)
    for name, subject in worse:
        print(f"{name}, {subject}: {results[name][subject]} instructions, and {baseline[name][subject]} before")
    return len(worse)


def main() -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.instructions", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", nargs="*", choices=MEASURED, default=list(MEASURED))
    parser.add_argument("--subjects", nargs="*", help="these alone")
    parser.add_argument("--update", action="store_true", help="write the baseline")
    parser.add_argument("--where", action="store_true", help="show in which libraries the instructions are")
    arguments = parser.parse_args()
    who = arguments.subjects or [name for name in subjects(Path()) if name != "pyOpenSSL"]
    libraries, found = measure(arguments.only, who)
    results = totals(found)
    for name, row in of_c(arguments.only).items():
        results[name].update(row)
    show(results, arguments.only, [*who, *floor.FLOORS])
    if arguments.where:
        show_where(found, arguments.only, who)
        return 0
    if arguments.update:
        for layout in range(1, LAYOUTS):
            count_again(results, arguments.only, who, layout)
        BASELINE.write_text(
            json.dumps({"libraries": libraries, "instructions": results}, indent=1, sort_keys=True) + "\n"
        )
        return 0
    baseline = json.loads(BASELINE.read_text())
    if differs(baseline["libraries"], libraries):
        return 0
    return 1 if compare(baseline["instructions"], results) else 0


if __name__ == "__main__":
    sys.exit(main())
