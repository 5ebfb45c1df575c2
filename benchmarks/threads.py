"""What a second thread adds: ``python -m benchmarks.threads``, where two processors have nothing else to do.

Each of two threads does with a pair of its own what one thread did before, by the clock; shown is how much more the
two get done than the one, the median of rounds in which the subjects take turns: 2.00 where they do not notice each
other, 1.00 where the second thread adds nothing. The program in C shows what the processors allow. The other number
is how often the two threads waited for an operation, each of 64 KiB or of one round trip: mostly for the
interpreter's lock, of whose handing over that is the price. It hardly depends on what else the machine does.
"""

from __future__ import annotations

import argparse
import gc
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.floor import FLOORS, Floor
from benchmarks.subjects import Subject, new_certificate, subjects
from benchmarks.workloads import AES, CHUNK, Workload, bulk, bulk_one_call, ping_pong, ping_pong_one_call, two_threads

SAMPLE = 0.1  # seconds that one thread takes at least

WORKLOADS = {
    "small": Workload("ping-pong, 100 B", ping_pong, ping_pong_one_call),
    "bulk_16k": Workload("bulk, 16 KiB writes, 64 KiB chunks", bulk(16384, CHUNK), bulk_one_call(16384, CHUNK), AES),
    "bulk_64k": Workload("bulk, 64 KiB writes", bulk(CHUNK, CHUNK), bulk_one_call(CHUNK, CHUNK), AES),
}


def took(run: Callable[[Any, int], None], state: Any, count: int) -> tuple[float, int]:
    """Seconds by the clock, and how often a thread waited."""
    gc.collect()
    waits, began = resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw, time.perf_counter()
    run(state, count)
    return time.perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw - waits


class Turns:
    """One workload of one subject, in one thread and in two."""

    def __init__(self, workload: Workload, subject: Subject) -> None:
        run = workload.of(subject)
        assert run is not None
        self.run, self.both = run, two_threads(run)
        self.pairs = tuple(workload.ready(subject, workload.ciphers) for _ in range(2))
        self.count = 1
        while took(run, self.pairs[0], self.count)[0] < SAMPLE:
            self.count *= 2

    def sample(self) -> tuple[float, float]:
        """How many times as much two threads do as one, and how often they wait for an operation."""
        alone, _ = took(self.run, self.pairs[0], self.count)
        together, waits = took(self.both, self.pairs, self.count)
        return 2 * alone / together, waits / (2 * self.count)


class TurnsOfC:
    """What the program in C has of it: the last of the workloads."""

    def __init__(self, floor: Floor) -> None:
        self.floor, self.count = floor, 1
        while self.floor.sample("one_thread", self.count, FLOORS["C rb"])[1] < SAMPLE:
            self.count *= 2

    def sample(self) -> tuple[float, float]:
        """The same of two threads without Python, which wait for nothing."""
        _, alone = self.floor.sample("one_thread", self.count, FLOORS["C rb"])
        _, together = self.floor.sample("two_threads", self.count, FLOORS["C rb"])
        return 2 * alone / together, 0.0


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.threads", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--only", nargs="*", choices=WORKLOADS, default=list(WORKLOADS), help="these workloads alone")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        certificate = new_certificate(Path(folder))
        who, floor = subjects(certificate), Floor(Path(folder), certificate)
        print(" " * 40 + "".join(f"{name:>16}" for name in (*who, "C rb")))
        for name in arguments.only:
            workload = WORKLOADS[name]
            turns: dict[str, Turns | TurnsOfC] = {key: Turns(workload, subject) for key, subject in who.items()}
            if name == "bulk_64k":
                turns["C rb"] = TurnsOfC(floor)
            samples: dict[str, list[tuple[float, float]]] = {key: [] for key in turns}
            for _ in range(arguments.rounds):
                for key, turn in turns.items():
                    samples[key].append(turn.sample())
            cells = [tuple(median(values) for values in zip(*found, strict=True)) for found in samples.values()]
            print(f"{workload.title:40}" + "".join(f"{f'{more:.2f} ({waits:.2f})':>16}" for more, waits in cells))
        floor.close()


if __name__ == "__main__":
    main()
