"""`@pytest.mark.requirement("id")`: an id that docs/requirements.csv lacks fails the run; what is proved is listed."""

import csv
from pathlib import Path

import pytest

REQUIREMENTS = Path(__file__).parent.parent / "docs" / "requirements.csv"
proved_by = pytest.StashKey[dict[str, list[str]]]()
titles = pytest.StashKey[dict[str, str]]()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    with REQUIREMENTS.open(encoding="utf-8", newline="") as file:
        known = {row["id"]: row["title_en"] for row in csv.DictReader(file)}
    config.stash[titles] = known
    config.stash[proved_by] = {}
    unknown = {
        f"{item.nodeid}: {requirement}"
        for item in items
        for mark in item.iter_markers("requirement")
        for requirement in mark.args
        if requirement not in known
    }
    if unknown:
        listed = "\n".join(sorted(unknown))
        raise pytest.UsageError(f"requirement ids that docs/requirements.csv does not have:\n{listed}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):
    report = yield
    # Also what did not come so far as to run, or broke when it was over.
    if report.when == "call" or report.outcome != "passed":
        for mark in item.iter_markers("requirement"):
            for requirement in mark.args:
                outcomes = item.config.stash[proved_by].setdefault(requirement, [])
                outcomes.append(report.outcome)
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    outcomes = terminalreporter.config.stash.get(proved_by, {})
    proved = sorted(r for r, seen in outcomes.items() if set(seen) == {"passed"})
    if not outcomes:
        return
    terminalreporter.section(f"requirements proved: {len(proved)} of {len(terminalreporter.config.stash[titles])}")
    for requirement in proved:
        terminalreporter.line(f"{requirement:<12} {terminalreporter.config.stash[titles][requirement]}")
