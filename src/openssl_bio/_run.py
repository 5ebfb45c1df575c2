"""``openssl-bio run``: a Python program, as ``python`` itself would run it, with openssl_bio in pyOpenSSL's place."""

from __future__ import annotations

import argparse
import os
import runpy
import sys
import zipfile

from openssl_bio._as_pyopenssl import install_as_pyopenssl

__all__ = ["run_program"]


def run_program(options: argparse.Namespace) -> int:
    """Run ``options.program``, a list of its name and arguments; a module if ``options.as_module``. 0 at its end.

    The program finds sys.argv, sys.path[0] and ``__main__`` as ever. What it raises, SystemExit too, passes through.
    """
    install_as_pyopenssl()
    name, *arguments = options.program
    if options.as_module:
        _set_first_path(os.getcwd())
        sys.argv = ["-m", *arguments]  # runpy knows the file's name
        runpy.run_module(name, run_name="__main__", alter_sys=True)
    else:
        sys.argv = [name, *arguments]
        # A folder or an archive is itself the first of the path; runpy puts it there.
        whole = os.path.isdir(name) or zipfile.is_zipfile(name)
        _set_first_path(None if whole else os.path.dirname(os.path.realpath(name)))
        runpy.run_path(name, run_name="__main__")
    return 0


def _set_first_path(folder: str | None) -> None:
    """Replace sys.path[0], which is where this command was found, or came from by `python -m`."""
    if not sys.flags.safe_path:  # else Python has put nothing there
        sys.path[:1] = [] if folder is None else [folder]
