"""Measure TLS through memory against Python's ``ssl`` and against C, all in one run: ``make bench``.

Machines are noisy: the subjects take turns in every round, a round's times are divided by those of Python's ``ssl`` in
the same round, and what is shown is the median of those ratios.  Above 1 is faster than Python's ``ssl``.  The time is
the CPU's, and the clock's where there are two threads.

Idle memory is measured in processes of their own, and shown as KiB.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.floor import FLOORS, Floor
from benchmarks.subjects import Subject, new_certificate, subjects
from benchmarks.workloads import SMALL, WORKLOADS, Workload
from openssl_bio import SSL

SAMPLE = 0.03  # seconds that one sample of Python's ssl should take


class Turns:
    """One workload, prepared for each subject that has it."""

    def __init__(self, name: str, workload: Workload, who: dict[str, Subject], floor: Floor) -> None:
        self.name, self.workload, self.floor = name, workload, floor
        self.ready = {key: (workload.of(s), workload.ready(s, workload.ciphers)) for key, s in who.items()}
        self.count = 1
        while (took := self.sample("ssl")) < SAMPLE:
            self.count = max(self.count + 1, int(self.count * min(10, 1.2 * SAMPLE / took)))
        self.who = [*(key for key, (run, _) in self.ready.items() if run is not None), *FLOORS]

    def sample(self, key: str) -> float:
        """Seconds for the workload's operations by one subject."""
        if key in FLOORS:
            cpu, wall = self.floor.sample(self.name, self.count, FLOORS[key])
        else:
            run, state = self.ready[key]
            assert run is not None
            gc.collect()
            cpu, wall = time.process_time(), time.perf_counter()
            run(state, self.count)
            cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        return wall if self.workload.threads > 1 or self.name == "one_thread" else cpu

    def measure(self, rounds: int) -> dict[str, dict[str, float]]:
        """For each subject the median ratio to Python's ssl, and the median time of one operation in microseconds."""
        times: dict[str, list[float]] = {key: [] for key in self.who}
        for _ in range(rounds):
            for key in self.who:
                times[key].append(self.sample(key))
        return {
            key: {
                "ratio": median(base / mine for base, mine in zip(times["ssl"], times[key], strict=True)),
                "microseconds": median(times[key]) / self.count * 1e6,
            }
            for key in self.who
        }


def resident_kib() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE") // 1024


def idle_memory(subject: Subject, pairs: int = 500) -> float:
    """KiB that one connection takes, which has sent and received and now waits."""
    client, server = subject.contexts(None)
    kept = []
    for i in range(pairs + 50):
        if i == 50:  # by now everything that is made once is there
            before = resident_kib()
        ends = subject.client(client), subject.server(server)
        subject.handshake(*ends)
        for source, sink in (ends, ends[::-1]):
            source.write(SMALL)
            sink.feed(source.take(16384))
            sink.read(16384)
        kept.append(ends)
    return (resident_kib() - before) / (2 * pairs)


def in_own_process(subject: str) -> float:
    command = [sys.executable, "-m", "benchmarks", "--idle-memory", subject]
    return float(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def table(results: dict[str, dict[str, dict[str, float]]], columns: list[str]) -> str:
    width = max(len(workload.title) for workload in WORKLOADS.values())
    lines = [" " * width + "".join(f"{column:>11}" for column in columns)]
    for name, row in results.items():
        cells = "".join(f"{row[c]['ratio']:>11.2f}" if c in row else f"{'-':>11}" for c in columns)
        lines.append(f"{WORKLOADS[name].title:{width}}{cells}")
    return "\n".join(lines)


def measure(arguments: argparse.Namespace, folder: Path) -> dict[str, Any]:
    certificate = new_certificate(folder)
    who = subjects(certificate)
    if "pyOpenSSL" not in who:
        print("pyOpenSSL is not installed")
    names = arguments.only or list(WORKLOADS)
    floor = Floor(folder, certificate)
    results = {name: Turns(name, WORKLOADS[name], who, floor).measure(arguments.rounds) for name in names}
    floor.close()
    print(table(results, [*who, *FLOORS]))
    answer: dict[str, Any] = {
        "library": SSL.OpenSSL_version(0).decode(),
        "python": platform.python_version(),
        "date": f"{date.today():%d %B %Y}",
        "titles": {name: WORKLOADS[name].title for name in results},
        "ratios": results,
    }
    if not arguments.only:
        answer["idle KiB"] = {name: in_own_process(name) for name, s in who.items() if not s.one_call}
        print("idle KiB: " + ", ".join(f"{key} {value:.1f}" for key, value in answer["idle KiB"].items()))
    return answer


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--json", type=Path, help="write everything to this file")
    parser.add_argument("--only", nargs="*", choices=WORKLOADS, help="these workloads alone")
    parser.add_argument("--idle-memory", metavar="SUBJECT", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if arguments.idle_memory:
            print(idle_memory(subjects(new_certificate(Path(folder)))[arguments.idle_memory]))
            return
        answer = measure(arguments, Path(folder))
    if arguments.json:
        arguments.json.write_text(json.dumps(answer, indent=1))


if __name__ == "__main__":
    main()
