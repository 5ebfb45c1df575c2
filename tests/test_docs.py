"""The documentation's programs do what they say, and there are no others in it."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

import pytest

import openssl_bio
from openssl_bio import SSL, cli, crypto, stdlib
from tests.programs import printed, process

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = {path.stem: path for path in sorted((ROOT / "examples").glob("*.py"))}
PAGES = {path.stem: path.read_text("utf-8") for path in sorted((ROOT / "docs").glob("*.md"))}
# What a program prints, where another outcome would say that it shows something else.
OUTPUT = {
    "memory": "b'hello'",
    "memory_stdlib": "TLSv1.3 b'hello'",
    "corked": "4022 bytes of ciphertext for 4000",
    "one_call": "b'hello'\nb'hello'",
    "sockets": "b'HELLO'",
    "sockets_stdlib": "TLSv1.3 b'HELLO'",
    "asyncio_stdlib": r"b'HELLO\n' TLSv1.3",
    "asyncio_memory": "b'HELLO' TLSv1.3",
    "dtls": "DTLSv1.2 b'HELLO'",
    "verify": "(X509_V_ERR 20)\nverified\n",
    "mutual_tls": "the client is client\nrefused: peer did not return a certificate",
    "server_names": "b'localhost' -> server\nb'example.test' -> renewed",
    "alpn": "-> b'h2'\n",
    "reload": "server then renewed",
    "sessions": "resumed: True",
    "session_bytes": "resumed: True",
    "session_cache": "False True True",
    "ocsp_asyncio": "good: accepted, it says 'hello'\nrevoked: refused, application verification failure\n"
    "nobody responds: refused, application verification failure\n",
    "early_data": "b'GET / HTTP/1.0'\nearly data: accepted",
    "ocsp_stapling": "the certificate is not revoked",
    "ocsp_stapling_stdlib": "the certificate is not revoked",
    "one_connection": "localhost TLSv1.2 h2\n127.0.0.1 TLSv1.3 None\nsecrets: 6\n",
    "psk": "b'21.5'\nrefused: binder does not verify",
    "starttls": r"TLSv1.3 b'A SECRET\r\n'",
    "tls_in_tls": "b'hello'",
}
# Who runs the blocks that are no file of examples/.
BLOCKS = {
    ("README.md", "python"): "test_readme.py",
    ("README.md", "console"): "CI, but for a question to a server of the internet",
    ("CONTRIBUTING.md", "console"): "CI",
    ("docs/start.md", "console"): "test_start; CI installs",
    ("docs/start.md", "text"): "nobody: it asks a server of the internet",
    ("docs/install.md", "console"): "nobody: there is no release",
    ("docs/howto-fips.md", "python"): "core/test_providers.py",
    ("docs/howto-fips.md", "console"): "core/test_providers.py",
    ("docs/howto-fips.md", "ini"): "core/test_providers.py",
}
LOGS = {"openssl_bio.sessions"}


def run(name: str, folder: Path) -> str:
    return printed("-W", "error", EXAMPLES[name], folder=folder)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where make_certificates.py was run."""
    folder = tmp_path_factory.mktemp("examples")
    run("make_certificates", folder)
    return folder


@pytest.mark.parametrize("name", sorted(EXAMPLES.keys() - {"make_certificates", "start"}))
def test_example(name: str, certificates: Path) -> None:
    assert OUTPUT[name] in run(name, certificates)


def test_start(tmp_path: Path) -> None:
    """The page's commands, but those that install: a server, and what is said to it, at any free port."""
    _, *blocks = re.findall(r"```console\n(.*?)```", PAGES["start"], re.DOTALL)
    commands = [line.removeprefix("$ ") for line in "".join(blocks).splitlines() if line.startswith("$ ")]
    serve, connect, client = commands
    server = shlex.split(serve.removesuffix("&").replace("8443", "0"))
    with process(as_here(server), "listening", folder=tmp_path) as (_, port):
        for command, words in ((connect, "verified       yes, for localhost"), (client, "TLSv1.3 b'hello'")):
            _, *arguments = as_here(shlex.split(command.replace("8443", str(port))))
            assert words in printed(*arguments, folder=tmp_path)
            assert words in PAGES["start"]


def as_here(command: list[str]) -> list[str]:
    """A command of the documentation, with this Python, and in another folder."""
    program, *arguments = command
    module = {"openssl-bio": ["-m", "openssl_bio"], "python": []}[program]
    return [sys.executable, *module, *(str(ROOT / a) if a.startswith("examples/") else a for a in arguments)]


def test_every_example_is_shown() -> None:
    shown = re.findall(r"```\{literalinclude\} \.\./examples/(\w+)\.py", "".join(PAGES.values()))
    assert sorted(shown) == sorted(EXAMPLES)


def test_other_blocks_are_known() -> None:
    """A block that nobody runs goes wrong unnoticed."""
    pages = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("examples/**/*.md")]
    found = {
        (page.relative_to(ROOT).as_posix(), language)
        for page in pages
        for language in re.findall(r"^ *```(\w+)$", page.read_text("utf-8"), re.MULTILINE)
    }
    assert found == BLOCKS.keys()


def test_targets_exist() -> None:
    """Those of make that the pages speak of."""
    targets = re.findall(r"^([\w.-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    texts = [*PAGES.values(), *(path.read_text("utf-8") for path in ROOT.glob("*.md"))]
    named = set(re.findall(r"(?:`|\$ )make ([a-z][\w.-]*)", "".join(texts)))
    assert sorted(named - {*targets}) == []


def test_names_exist() -> None:
    """Attributes of modules and classes that the pages name, but for those that list what there is not."""
    modules = {"SSL": SSL, "crypto": crypto, "stdlib": stdlib, "openssl_bio": openssl_bio}
    owners = {name: value for module in modules.values() for name, value in vars(module).items()} | modules
    missing = [
        (page, f"{owner}.{name}")
        for page in sorted(PAGES.keys() - {"absent-pyopenssl", "absent-stdlib"})
        for code in re.findall(r"`([^`\n]+)`", PAGES[page])
        for owner, name in re.findall(r"(?<![\w.])([A-Za-z]\w*)\.([A-Za-z]\w*)", code)
        if owner in owners and not hasattr(owners[owner], name) and f"{owner}.{name}" not in LOGS
    ]
    assert missing == []


def test_options_of_the_command_are_documented() -> None:
    """Each command and each option, and no option that there is not."""
    documented = set(re.findall(r"--[a-z][a-z-]+", PAGES["command"]))
    existing = set()
    for command in ("connect", "serve", "run"):
        parser = cli._parser()
        text = next(a for a in parser._actions if a.choices).choices[command].format_help()  # type: ignore[index]
        existing |= set(re.findall(r"--[a-z][a-z-]+", text))
    assert documented == existing - {"--help"}
