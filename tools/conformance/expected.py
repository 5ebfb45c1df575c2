"""A pytest plugin: another project's tests, of which some are expected to fail.

``--differences FILE`` names a file with lines of ``test id | reason``; others that begin with # are comments.  It is an
error if a test fails that is not listed, if one is listed that passes or does not exist, and if any is skipped, because
what is skipped may be what is missing.
"""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import pytest

# Reasons to skip a test that have nothing to do with the code under test: there is no network.
_ENVIRONMENT = ["cannot connect to "]


def read_differences(path: Path) -> dict[str, str]:
    """The reasons by test id."""
    lines = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
    pairs = [line.partition(" | ") for line in lines]
    if bad := [name for name, _, reason in pairs if not reason.strip()]:
        raise ValueError(f"no reason is given for {bad}")
    found = {name: reason.strip() for name, _, reason in pairs}
    if len(found) != len(lines):
        raise ValueError("a test is listed twice")
    return found


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--differences", type=Path, required=True, help="the tests that are expected to fail, and why")
    parser.addoption("--may-skip", action="append", default=_ENVIRONMENT, help="how a reason to skip may begin")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what is expected to fail; that it exists is checked if whole files were asked for."""
    differences = read_differences(config.getoption("differences"))
    for item in items:
        if reason := differences.pop(item.nodeid, None):
            item.add_marker(pytest.mark.xfail(reason=reason, strict=True))
    if differences and not config.args_source == pytest.Config.ArgsSource.ARGS:
        raise pytest.UsageError(f"these are expected to fail, but do not exist: {sorted(differences)}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let a test fail that is skipped."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        if not reason.removeprefix("Skipped: ").startswith(tuple(item.config.getoption("may_skip"))):
            report.outcome = "failed"
            report.longrepr = f"it was skipped: {reason}"
    return report
