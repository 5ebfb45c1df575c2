"""How cost grows: ``python -m benchmarks.growth``, also part of ``make bench``.

CPU time for one unit of work as something grows: records in one chunk, connections that are open, certificates in the
server's chain, authorities that the client trusts.  A flat line is linear cost; only the chain's adds up, as each
certificate is verified.
"""

from __future__ import annotations

import argparse
import gc
import json
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from benchmarks.subjects import Stdlib, Subject, new_certificate, subjects
from benchmarks.workloads import ping_pong, small_records
from openssl_bio import crypto

WHO = ("ssl", "SSL", "stdlib")
LEAST = 0.05  # seconds that one measurement takes at least

Key = tuple[crypto.X509, crypto.PKey]
Points = list[tuple[int, float]]


def microseconds(work: Callable[[], object]) -> float:
    """CPU time of one call, the best of three runs."""
    best, calls = float("inf"), 1
    for _ in range(3):
        gc.collect()
        while True:
            began = time.process_time()
            for _ in range(calls):
                work()
            took = time.process_time() - began
            if took >= LEAST:
                break
            calls *= 2
        best = min(best, took / calls)
    return best * 1e6


def records(subject: Subject, _folder: Path) -> Points:
    """For one record of 200 bytes, when a chunk of so many is read."""
    pair = subject.pair(None)
    return [
        (count, microseconds(lambda count=count: small_records(pair, 1, count)) / count)  # type: ignore[misc]
        for count in (1, 4, 16, 64, 256, 1024)
    ]


def connections(subject: Subject, _folder: Path) -> Points:
    """For one round trip on each of so many pairs of connections, one after the other."""
    client, server = subject.contexts(None)
    pairs: list[Any] = []
    points = []
    for count in (1, 10, 100, 1000, 10_000):
        while len(pairs) < count:
            pairs.append((subject.client(client), subject.server(server)))
            subject.handshake(*pairs[-1])
        points.append((2 * count, microseconds(lambda: [ping_pong(pair, 1) for pair in pairs]) / count))
    return points


def issue(name: str, serial: int, issuer: Key | None, *, authority: bool) -> Key:
    """A certificate on P-256."""
    key, certificate = crypto.PKey(), crypto.X509()
    key.generate_key(crypto.TYPE_EC, 256)
    by, signing = issuer or (certificate, key)
    certificate.set_version(2)
    certificate.set_serial_number(serial)
    certificate.get_subject().CN = name
    certificate.set_issuer(by.get_subject())
    certificate.set_pubkey(key)
    certificate.gmtime_adj_notBefore(-3600)
    certificate.gmtime_adj_notAfter(24 * 3600)
    kind = b"CA:TRUE" if authority else b"CA:FALSE"
    extensions = [crypto.X509Extension(b"basicConstraints", True, kind)]
    if not authority:
        extensions.append(crypto.X509Extension(b"subjectAltName", False, b"DNS:benchmark.test"))
    certificate.add_extensions(extensions)
    certificate.sign(signing, "sha256")
    return certificate, key


def pem(certificates: Iterable[crypto.X509]) -> bytes:
    return b"".join(crypto.dump_certificate(crypto.FILETYPE_PEM, certificate) for certificate in certificates)


def trusting(subject: Subject, authorities: Path) -> Any:
    """A client's context that verifies against these."""
    if isinstance(subject, Stdlib):
        context = subject.module.SSLContext(subject.module.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
    else:
        context = subject.module.Context(subject.module.TLS_METHOD)
        context.set_verify(subject.module.VERIFY_PEER)
    context.load_verify_locations(str(authorities))
    return context


def chain(subject: Subject, folder: Path) -> Points:
    """For a full handshake with so many certificates below the root, which the client verifies."""
    made = [issue("root", 1, None, authority=True)]
    (folder / "root.pem").write_bytes(pem([made[0][0]]))
    client = trusting(subject, folder / "root.pem")
    points = []
    for length in range(1, 9):
        leaf, key = issue("benchmark.test", 100, made[-1], authority=False)
        below = [certificate for certificate, _ in reversed(made[1:])]
        subject.certificate = folder / "chain.pem"
        subject.certificate.write_bytes(pem([leaf, *below]) + crypto.dump_privatekey(crypto.FILETYPE_PEM, key))
        _, server = subject.contexts(None)
        points.append((length, handshake(subject, client, server)))
        made.append(issue(f"authority {length}", length + 1, made[-1], authority=True))
    return points


def handshake(subject: Subject, client: Any, server: Any) -> float:
    return microseconds(lambda: subject.handshake(subject.client(client), subject.server(server)))


def authorities(subject: Subject, folder: Path) -> Points:
    """For a full handshake of a client that trusts so many authorities, and is shown one of them."""
    root = issue("root", 1, None, authority=True)
    others = [issue(f"authority {number}", 1, None, authority=True)[0] for number in range(511)]
    leaf, key = issue("benchmark.test", 2, root, authority=False)
    subject.certificate = folder / "chain.pem"
    subject.certificate.write_bytes(pem([leaf]) + crypto.dump_privatekey(crypto.FILETYPE_PEM, key))
    _, server = subject.contexts(None)
    points = []
    for count in (1, 8, 64, 512):
        (folder / "authorities.pem").write_bytes(pem([*others[: count - 1], root[0]]))
        points.append((count, handshake(subject, trusting(subject, folder / "authorities.pem"), server)))
    return points


SERIES: dict[str, Callable[[Subject, Path], Points]] = {
    "records in a chunk": records,
    "connections": connections,
    "certificates in the chain": chain,
    "authorities trusted": authorities,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.growth", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=1, help="measure all so often, and show the best of it")
    parser.add_argument("--json", type=Path, help="write everything to this file")
    arguments = parser.parse_args()
    measured: dict[str, dict[str, Points]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for title, series in SERIES.items():
            print(f"{title}: microseconds of CPU for each")
            measured[title] = {}
            for who in WHO:
                every = [series(subjects(new_certificate(folder))[who], folder) for _ in range(arguments.rounds)]
                points = [(same[0][0], min(cost for _, cost in same)) for same in zip(*every, strict=True)]
                measured[title][who] = points
                print(f"  {who:8}" + "".join(f"{count:>8}: {cost:<8.1f}" for count, cost in points))
    if arguments.json:
        arguments.json.write_text(json.dumps(measured, indent=1))


if __name__ == "__main__":
    main()
