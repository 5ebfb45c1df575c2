"""Build the OpenSSL that wheels carry: ``python tools/openssl/build.py PREFIX``.

The release is fetched from its project, or from Debian's archive, and has to have the checksum below. It is built
static, without its programs, into ``PREFIX/include`` and ``PREFIX/lib``; what is there already is left.
OPENSSL_TARGET, one of its Configure's, and CROSS_COMPILE, what the compiler's name begins with, build it for another
kind of machine.

A wheel reads no configuration and no certificates from where its OpenSSL was compiled to look: NOWHERE exists on no
machine, and only an administrator could make it.

Exit status 75: no place could be reached. The code for macOS and Windows is run by CI alone.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
import urllib.error
import urllib.request
from pathlib import Path

VERSION = "3.5.7"  # 3.5 is supported until April 2030
SHA256 = "a8c0d28a529ca480f9f36cf5792e2cd21984552a3c8e4aa11a24aa31aeac98e8"
MIRRORS = (
    f"https://github.com/openssl/openssl/releases/download/openssl-{VERSION}/openssl-{VERSION}.tar.gz",
    f"https://deb.debian.org/debian/pool/main/o/openssl/openssl_{VERSION}.orig.tar.gz",
)
WINDOWS = sys.platform == "win32"
NOWHERE = r"C:\Program Files\openssl_bio\ssl" if WINDOWS else "/opt/openssl_bio/ssl"
# no-module: the legacy provider is inside libcrypto. no-atexit: Python's threads may outlive the handlers.
OPTIONS = ("no-shared", "no-module", "no-apps", "no-tests", "no-docs", "no-comp", "no-atexit")
UNIX_OPTIONS = ("enable-ec_nistp_64_gcc_128", "-fPIC", "-fvisibility=hidden")


def fetch() -> bytes:
    """The release's archive, from the first place that has it; what has another checksum is refused."""
    failures = []
    for url in MIRRORS:
        try:
            with urllib.request.urlopen(url, timeout=120) as answer:
                data: bytes = answer.read()
        except (urllib.error.URLError, OSError) as error:
            failures.append(f"{url}: {error}")
            continue
        found = hashlib.sha256(data).hexdigest()
        if found != SHA256:
            raise SystemExit(f"{url} has the SHA-256 {found}, not {SHA256}")
        return data
    print(f"OpenSSL {VERSION} cannot be had:", *failures, sep="\n  ", file=sys.stderr)
    raise SystemExit(75)


def run(command: list[str], folder: Path) -> None:
    """Run a command; its output is shown only if it fails."""
    # OpenSSL's own flags would give way to those of the environment, which are meant for the extension module.
    environment = {name: value for name, value in os.environ.items() if name not in {"CFLAGS", "LDFLAGS"}}
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed with {done.returncode}:\n{done.stdout[-5000:]}")


def compile_unix(source: Path, prefix: Path) -> None:
    """Configure and make, for this machine or for OPENSSL_TARGET."""
    target = os.environ.get("OPENSSL_TARGET", "").split()
    places = [f"--prefix={prefix}", "--libdir=lib", f"--openssldir={NOWHERE}"]
    run(["perl", "Configure", *target, *places, *OPTIONS, *UNIX_OPTIONS], source)
    jobs = os.environ.get("JOBS") or str(os.cpu_count() or 1)
    run(["make", f"-j{jobs}", "build_libs"], source)
    run(["make", "install_dev"], source)


def compile_windows(source: Path, prefix: Path) -> None:
    """The same with Visual Studio, whose environment exists only inside a shell that has run its script."""
    arm = platform.machine().upper() == "ARM64"
    target, tools = ("VC-WIN64-ARM", "arm64") if arm else ("VC-WIN64A", "amd64")
    assembler = [] if arm or shutil.which("nasm") else ["no-asm"]
    configure = ["perl", "Configure", target, f"--prefix={prefix}", f"--openssldir={NOWHERE}", *OPTIONS, *assembler]
    where = Path(os.environ["PROGRAMFILES(X86)"], "Microsoft Visual Studio", "Installer", "vswhere.exe")
    studio = subprocess.check_output([where, "-latest", "-products", "*", "-property", "installationPath"], text=True)
    setup = Path(studio.strip(), "VC", "Auxiliary", "Build", "vcvarsall.bat")
    script = source / "build.bat"
    steps = [f'call "{setup}" {tools}', subprocess.list2cmdline(configure), "nmake build_libs", "nmake install_dev"]
    script.write_text("@echo off\n" + "\n".join(f"{step} || exit /b 1" for step in steps) + "\n")
    run(["cmd", "/c", str(script)], source)


def main() -> None:
    """Build unless it is there."""
    if len(sys.argv) != 2:
        raise SystemExit("usage: build.py PREFIX")
    prefix = Path(sys.argv[1]).resolve()
    marker = prefix / "openssl.json"
    about = json.dumps({"version": VERSION, "url": MIRRORS[0], "sha256": SHA256})
    if marker.exists() and marker.read_text("utf-8") == about:
        return
    if not shutil.which("perl"):
        print("OpenSSL cannot be built: there is no perl", file=sys.stderr)
        raise SystemExit(75)
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder, "openssl.tar.gz")
        archive.write_bytes(fetch())
        with tarfile.open(archive) as tar:
            tar.extractall(folder, filter="data")
        source = Path(folder, f"openssl-{VERSION}")
        shutil.rmtree(prefix, ignore_errors=True)
        (compile_windows if WINDOWS else compile_unix)(source, prefix)
        for name in ("LICENSE.txt", "AUTHORS.md"):
            shutil.copy(source / name, prefix)
    marker.write_text(about, "utf-8")  # last, so that an interrupted build is no build


if __name__ == "__main__":
    main()
