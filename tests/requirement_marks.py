"""`@pytest.mark.requirement("id")`: an id that docs/requirements.csv lacks fails the run; what is proved is listed.

What a test proves travels with its report, so that the list is whole when several processes share the tests.
"""

import csv
from functools import cache
from pathlib import Path

import pytest

REQUIREMENTS = Path(__file__).parent.parent / "docs" / "requirements.csv"


@cache
def known_requirements() -> dict[str, str]:
    """Id -> English title."""
    with REQUIREMENTS.open(encoding="utf-8", newline="") as file:
        return {row["id"]: row["title_en"] for row in csv.DictReader(file)}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        item.user_properties += [
            ("requirement", name) for mark in item.iter_markers("requirement") for name in mark.args
        ]


def pytest_runtest_setup(item: pytest.Item) -> None:
    known = known_requirements()
    unknown = [str(value) for name, value in item.user_properties if name == "requirement" and value not in known]
    if unknown:
        pytest.fail(f"docs/requirements.csv has no {', '.join(unknown)}", pytrace=False)


class _Proofs:
    def __init__(self) -> None:
        self._outcomes: dict[str, set[str]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        # Also what did not come so far as to run, or broke when it was over.
        if report.when == "call" or report.outcome != "passed":
            for name, requirement in report.user_properties:
                if name == "requirement":
                    self._outcomes.setdefault(str(requirement), set()).add(report.outcome)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if not self._outcomes:
            return
        known = known_requirements()
        proved = sorted(requirement for requirement, seen in self._outcomes.items() if seen == {"passed"})
        terminalreporter.section(f"requirements proved: {len(proved)} of {len(known)}")
        for requirement in proved:
            terminalreporter.line(f"{requirement:<12} {known[requirement]}")


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(_Proofs())
