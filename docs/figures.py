"""The pictures of the documentation, drawn whenever it is built: what really happened, and what was measured.

Sphinx calls `setup`.  What was measured is in ``benchmark.json`` and ``growth.json``, as `benchmarks` and
`benchmarks.growth` wrote them with ``--json``.
"""

from __future__ import annotations

import json
import ssl
from collections.abc import Callable
from contextlib import suppress
from html import escape
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from openssl_bio import Credential, stdlib
from openssl_bio._throwaway import issue, make_authority

HERE = Path(__file__).resolve().parent
FIGURES = HERE / "_figures"
WIDTH, ROW, CLIENT, SERVER = 820, 44, 50, 770
HOST = "figures.example"
# The point of an arrow.
HEAD = (
    '<defs><marker id="head" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" '
    'orient="auto-start-reverse"><path d="M0,0L8,4L0,8z"/></marker></defs>'
)

Flight = tuple[str, list[str], int]  # who sent it, its messages, its bytes


def contexts() -> tuple[stdlib.SSLContext, stdlib.SSLContext]:
    """A client's context, and that of the server which it trusts."""
    authority = make_authority()
    leaf = issue(authority, [HOST])
    client, server = stdlib.SSLContext(stdlib.PROTOCOL_TLS_CLIENT), stdlib.SSLContext(stdlib.PROTOCOL_TLS_SERVER)
    client.load_verify_locations(cadata=authority.certificate_pem().decode())
    server.use_credentials(Credential.load(leaf.certificate_pem(), leaf.key_pem()))
    return client, server


def handshake(version: ssl.TLSVersion) -> list[Flight]:
    """The flights of one handshake through memory, as libssl tells of them."""
    client, server = contexts()
    client.maximum_version = version
    to_server, to_client = stdlib.MemoryBIO(), stdlib.MemoryBIO()
    sent: list[str] = []

    def listen(_connection: Any, direction: str, _version: Any, content: Any, message: Any, _data: bytes) -> None:
        if direction == "write" and content.name in ("HANDSHAKE", "CHANGE_CIPHER_SPEC"):
            name = message.name if content.name == "HANDSHAKE" else content.name
            sent.append(name.replace("NEWSESSION", "NEW_SESSION").title().replace("_", ""))

    for context in (client, server):
        context._msg_callback = listen
    ends = [
        ("client", client.wrap_bio(to_client, to_server, server_hostname=HOST), to_server),
        ("server", server.wrap_bio(to_server, to_client, server_side=True), to_client),
    ]
    flights: list[Flight] = []
    for _ in range(3):
        for who, end, out in ends:
            before = out.pending
            with suppress(stdlib.SSLWantReadError):
                end.do_handshake()
            if sent:
                flights.append((who, [*sent], out.pending - before))
                sent.clear()
    return flights


def connected() -> tuple[stdlib.SSLObject, stdlib.SSLObject, stdlib.MemoryBIO, stdlib.MemoryBIO]:
    """A client and a server that have shaken hands, and what is on its way to the server and to the client."""
    to_server, to_client = stdlib.MemoryBIO(), stdlib.MemoryBIO()
    for_client, for_server = contexts()
    for_server.num_tickets = 0
    client = for_client.wrap_bio(to_client, to_server, server_hostname=HOST)
    server = for_server.wrap_bio(to_server, to_client, server_side=True)
    for end in (client, server, client, server):
        with suppress(stdlib.SSLWantReadError):
            end.do_handshake()
    return client, server, to_server, to_client


def closing() -> list[Flight]:
    """What is sent when a client says all it has to say and closes, and what its server's calls give."""
    client, server, to_server, to_client = connected()
    flights: list[Flight] = []

    def sends(who: str, out: stdlib.MemoryBIO, words: str, call: Callable[[], object]) -> None:
        before = out.pending
        with suppress(stdlib.SSLWantReadError):
            call()
        flights.append((who, [words], out.pending - before))

    sends("client", to_server, 'write(b"bye")', lambda: client.write(b"bye"))
    sends("client", to_server, "unwrap() sends close_notify and raises SSLWantReadError", client.unwrap)
    sends(
        "server",
        to_client,
        f"read() gives {server.read(100)!r}, then {server.read(100)!r}; unwrap() answers",
        server.unwrap,
    )
    client.unwrap()
    return flights


def queued(waits: bool, steps: int = 40, taken: int = 16_000) -> list[int]:
    """How much waits in memory, step by step, while a program writes more than its transport takes in that time.

    With ``waits`` it writes only when the transport has taken what there was.
    """
    client, _, to_server, _ = connected()
    history = []
    for _ in range(steps):
        if not (waits and to_server.pending):
            client.write(bytes(64_000))
        to_server.read(taken)
        history.append(to_server.pending)
    return history


def back_pressure() -> Figure:
    """What waits in memory for a transport that is slow."""
    figure = Figure(figsize=(7, 3), layout="constrained")
    axes = figure.subplots()
    for waits, label in ((False, "writes whenever it has data"), (True, "writes when nothing waits")):
        axes.plot([size / 1000 for size in queued(waits)], label=label)
    axes.set_xlabel("times that the transport took 16 kB")
    axes.set_ylabel("kB of ciphertext in memory")
    axes.legend()
    return figure


def flow() -> str:
    """Which call moves which bytes, as an SVG."""
    box, middle = 'fill="white" stroke="black"', 'text-anchor="middle"'
    rows = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="150" font-family="sans-serif" font-size="13" '
        'role="img" aria-label="A connection between your program and the network">',
        HEAD,
        '<rect width="100%" height="100%" fill="white"/>',
    ]
    for x, width, name in ((20, 140, "your program"), (340, 140, "Connection"), (660, 140, "the network")):
        rows.append(f'<rect x="{x}" y="30" width="{width}" height="90" rx="6" {box}/>')
        rows.append(f'<text x="{x + width / 2}" y="80" {middle} font-weight="bold">{name}</text>')
    arrows = (
        (160, 340, 55, "send(plaintext)"),
        (480, 660, 55, "bio_read(): ciphertext"),
        (660, 480, 105, "bio_write(ciphertext)"),
        (340, 160, 105, "recv(): plaintext"),
    )
    for start, end, y, text in arrows:
        rows.append(f'<line x1="{start}" y1="{y}" x2="{end}" y2="{y}" stroke="black" marker-end="url(#head)"/>')
        rows.append(f'<text x="{(start + end) / 2}" y="{y - 8}" {middle}>{text}</text>')
    return "\n".join([*rows, "</svg>\n"])


def sequence(flights: list[Flight], title: str) -> str:
    """Flights as an SVG: two lines for the two sides, and arrows between them."""
    height = ROW * len(flights) + 90
    rows = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" font-family="sans-serif" '
        f'font-size="13" role="img" aria-label="{escape(title)}">',
        HEAD,
        '<rect width="100%" height="100%" fill="white"/>',
        f'<text x="{WIDTH / 2}" y="20" text-anchor="middle" font-weight="bold">{escape(title)}</text>',
    ]
    for x, name in ((CLIENT, "client"), (SERVER, "server")):
        rows.append(f'<text x="{x}" y="44" text-anchor="middle">{name}</text>')
        rows.append(f'<line x1="{x}" y1="52" x2="{x}" y2="{height - 12}" stroke="gray"/>')
    for number, (who, messages, size) in enumerate(flights, start=1):
        y = 44 + ROW * number
        start, end = (CLIENT, SERVER) if who == "client" else (SERVER, CLIENT)
        text = f"{', '.join(messages)} ({size} bytes)"
        rows.append(f'<text x="{(CLIENT + SERVER) / 2}" y="{y - 8}" text-anchor="middle">{escape(text)}</text>')
        rows.append(f'<line x1="{start}" y1="{y}" x2="{end}" y2="{y}" stroke="black" marker-end="url(#head)"/>')
    return "\n".join([*rows, "</svg>\n"])


def ratios(measured: dict[str, Any]) -> Figure:
    """How fast each subject is beside Python's ``ssl``, a group of bars for each workload."""
    table: dict[str, dict[str, dict[str, float]]] = measured["ratios"]
    names = [name for name in next(iter(table.values())) if name != "ssl"]
    figure = Figure(figsize=(9, 0.22 * len(names) * len(table) + 1), layout="constrained")
    axes = figure.subplots()
    thickness = 0.8 / len(names)
    for number, name in enumerate(names):
        rows = [(row, table[workload][name]["ratio"]) for row, workload in enumerate(table) if name in table[workload]]
        axes.barh([row + number * thickness for row, _ in rows], [ratio for _, ratio in rows], thickness, label=name)
    titles = [measured["titles"][workload] for workload in table]
    axes.set_yticks([row + 0.4 - thickness / 2 for row in range(len(table))], titles)
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.set_xlabel("times as fast as Python's ssl")
    axes.axvline(1, color="black", linewidth=1)
    axes.legend()
    return figure


def growth(measured: dict[str, dict[str, list[tuple[int, float]]]]) -> Figure:
    """Cost for one unit of work as something grows, a picture for each."""
    figure = Figure(figsize=(9, 7), layout="constrained")
    for axes, (title, who) in zip(figure.subplots(2, 2).flat, measured.items(), strict=True):
        for name, points in who.items():
            axes.plot(*zip(*points, strict=True), marker="o", label=name)
        if points[-1][0] > 10:
            axes.set_xscale("log", base=2)
        axes.set_ylim(bottom=0)
        axes.set_xlabel(title)
        axes.set_ylabel("microseconds")
        axes.legend()
    return figure


def ratios_in_words(measured: dict[str, Any]) -> str:
    """The same as a table, with where it was measured."""
    table: dict[str, dict[str, dict[str, float]]] = measured["ratios"]
    names = list(next(iter(table.values())))
    rows = [["", *(f"`{name}`" for name in names)], ["---", *("---:" for _ in names)]]
    for workload, row in table.items():
        cells = [f"{row[name]['ratio']:.2f}" if name in row else "-" for name in names]
        rows.append([measured["titles"][workload], *cells])
    where = f"Measured on {measured['date']} with Python {measured['python']} and {measured['library']}."
    return "\n".join([where, "", *(f"| {' | '.join(row)} |" for row in rows), ""])


def draw(_app: object) -> None:
    """Make every picture."""
    FIGURES.mkdir(exist_ok=True)
    for version in (ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_2):
        name = version.name.removeprefix("TLSv").replace("_", ".")
        text = sequence(handshake(version), f"A full handshake, TLS {name}")
        (FIGURES / f"handshake-{name}.svg").write_text(text, "utf-8")
    (FIGURES / "closing.svg").write_text(sequence(closing(), "A client closes"), "utf-8")
    (FIGURES / "flow.svg").write_text(flow(), "utf-8")
    back_pressure().savefig(FIGURES / "back-pressure.svg")
    measured = json.loads((HERE / "benchmark.json").read_text("utf-8"))
    ratios(measured).savefig(FIGURES / "ratios.svg")
    growth(json.loads((HERE / "growth.json").read_text("utf-8"))).savefig(FIGURES / "growth.svg")
    (FIGURES / "ratios.md").write_text(ratios_in_words(measured), "utf-8")


def setup(app: Any) -> dict[str, bool]:
    """Called by Sphinx."""
    connect: Callable[..., object] = app.connect
    connect("builder-inited", draw)
    return {"parallel_read_safe": True}
