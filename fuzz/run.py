"""Run a target of `fuzz.targets` with atheris: ``python -m fuzz.run TARGET SECONDS``.

What is found is kept in ``.peers/fuzz``: the corpus, and an input that crashed in ``crash-*``.
"""

from __future__ import annotations

import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["openssl_bio"]):
    from fuzz import targets


def main(name: str, seconds: str) -> None:
    """Fuzz a target for so many seconds."""
    home = Path(__file__).parents[1] / ".peers" / "fuzz" / name
    corpus = home / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for index, seed in enumerate(targets.seeds(name)):
        (corpus / f"seed-{index}").write_bytes(seed)
    limits = [
        f"-max_total_time={seconds}",
        "-max_len=4096",
        "-timeout=20",
        "-rss_limit_mb=2048",
        "-print_final_stats=1",
    ]
    atheris.Setup([sys.argv[0], *limits, f"-artifact_prefix={home}/", str(corpus)], targets.TARGETS[name])
    atheris.Fuzz()


main(*sys.argv[1:])
