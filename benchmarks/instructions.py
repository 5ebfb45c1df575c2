"""How many instructions an operation takes: ``make bench-instructions``, with valgrind's callgrind.

Unlike times, these hardly depend on the machine: two runs differ by less than 0.1 %.  Each subject does a workload
twice in a process of its own, with different counts of operations; the difference is what the operations took.  The
counts are compared with ``baseline.json``, which names the libraries it was made with: more than 3 % above it fails,
where the libraries are the same.  ``--update`` writes the baseline.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.subjects import new_certificate, subjects
from benchmarks.workloads import WORKLOADS

BASELINE = Path(__file__).with_name("baseline.json")
TOLERANCE = 1.03
# The workload, how many operations more the longer run does, and how many of them make one that is shown.
MEASURED = {
    "ping_pong": (200, 1),
    "until_dry": (200, 1),
    "small_records": (3, 1 / 1000),
    "bulk_16k": (6, 1 / 16),
    "handshake": (20, 1),
    "resumption": (20, 1),
    "connection": (100, 1),
    "pending": (1000, 1),
}


def run(subject: str, name: str, count: int) -> None:
    """What is measured: so many operations, after as many that warm up."""
    workload = WORKLOADS[name]
    with tempfile.TemporaryDirectory() as folder:
        who = subjects(new_certificate(Path(folder)))[subject]
        work, state = workload.of(who), workload.ready(who, workload.ciphers)
        assert work is not None
        work(state, MEASURED[name][0])
        work(state, count)


def counted(subject: str, name: str, count: int) -> int:
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", sys.executable, "-m"]
    command += ["benchmarks.instructions", "--run", subject, name, str(count)]
    environment = {**os.environ, "PYTHONHASHSEED": "0"}
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    found = re.search(r"Collected : (\d+)", done.stderr)
    assert found is not None, done.stderr
    return int(found[1])


def measure(names: list[str], who: list[str]) -> dict[str, dict[str, int]]:
    """For each workload and subject, instructions an operation."""
    results: dict[str, dict[str, int]] = {}
    for name in names:
        more, share = MEASURED[name]
        for subject in who:
            took = counted(subject, name, 2 * more) - counted(subject, name, more)
            results.setdefault(name, {})[subject] = round(took / more * share)
            print(f"{WORKLOADS[name].title:45}{subject:12}{results[name][subject]:>10}", flush=True)
    return results


def libraries() -> str:
    """What the counts depend on, beside the code."""
    from openssl_bio import SSL

    return f"{platform.machine()}, Python {platform.python_version()}, {SSL.OpenSSL_version(0).decode()}"


def compare(results: dict[str, dict[str, int]]) -> int:
    """How many counts are too high."""
    baseline = json.loads(BASELINE.read_text()) if BASELINE.exists() else {}
    if baseline.get("libraries") != libraries():
        print(f"not compared: the baseline is of {baseline.get('libraries')}, and this is {libraries()}")
        return 0
    worse = 0
    for name, row in results.items():
        for subject, count in row.items():
            before = baseline["instructions"].get(name, {}).get(subject)
            if subject != "ssl" and before is not None and count > before * TOLERANCE:
                print(f"{name}, {subject}: {count} instructions, and {before} before")
                worse += 1
    return worse


def main() -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.instructions", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", nargs="*", choices=MEASURED, default=list(MEASURED))
    parser.add_argument("--subjects", nargs="*", help="these alone")
    parser.add_argument("--update", action="store_true", help="write the baseline")
    parser.add_argument("--run", nargs=3, metavar=("SUBJECT", "WORKLOAD", "COUNT"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.run:
        run(arguments.run[0], arguments.run[1], int(arguments.run[2]))
        return 0
    everybody = [name for name in subjects(Path()) if name != "pyOpenSSL"]
    results = measure(arguments.only, arguments.subjects or everybody)
    if arguments.update:
        BASELINE.write_text(json.dumps({"libraries": libraries(), "instructions": results}, indent=1) + "\n")
        return 0
    return 1 if compare(results) else 0


if __name__ == "__main__":
    sys.exit(main())
