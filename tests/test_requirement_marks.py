"""The list of proved requirements is honest: unknown ids fail the run, and a failed or skipped test proves nothing."""

import csv
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
COLUMNS = ["id", "clause", "system", "level", "title_en", "surface"]


def run(folder: Path, *tests: str) -> tuple[int, str]:
    """A run of its own over these tests, with the project's own options."""
    path = folder / "test_marked.py"
    path.write_text("import pytest\n" + "\n".join(tests), encoding="utf-8")
    options = ["-c", ROOT / "pyproject.toml", "--rootdir", ROOT, "-p", "no:cacheprovider"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, path],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return done.returncode, done.stdout + done.stderr


def marked(name: str, requirement: str, body: str) -> str:
    return f"@pytest.mark.requirement('{requirement}')\ndef test_{name}():\n    {body}\n"


def proved(output: str) -> list[str]:
    """The ids under the list's heading."""
    _, _, after = output.partition("requirements proved: ")
    lines = after.splitlines()[1:]
    return [line.split()[0] for line in lines if line and not line.startswith(("=", "FAILED", "SKIPPED", "ERROR"))]


FIXTURES = """
@pytest.fixture
def missing():
    raise RuntimeError

@pytest.fixture
def breaking():
    yield
    raise RuntimeError
"""
# Each of the ids has a test that passes, and but for the first another one that does not.
MIXED = (
    *(marked(f"good{n}", f"T2-0{n}", "pass") for n in range(1, 7)),
    marked("fails", "T2-02", "assert False"),
    marked("skips", "T2-03", "pytest.skip('no part')"),
    "@pytest.mark.skip(reason='no part')\n" + marked("skipped", "T2-04", "pass"),
    marked("kept_back", "T2-05", "pass").replace("()", "(missing)"),
    marked("broke_at_the_end", "T2-06", "pass").replace("()", "(breaking)"),
)


class TestMarks:
    def test_an_unknown_id_fails_the_run_and_is_named(self, tmp_path: Path) -> None:
        status, output = run(tmp_path, marked("a", "9.9.9-99", "pass"), marked("b", "5.8.3-07", "pass"))
        assert status == pytest.ExitCode.TESTS_FAILED
        assert "docs/requirements.csv has no 9.9.9-99" in output
        assert proved(output) == ["5.8.3-07"]

    def test_only_what_passed_everywhere_is_listed_as_proved_with_its_title(self, tmp_path: Path) -> None:
        status, output = run(tmp_path, FIXTURES, *MIXED)
        assert status == pytest.ExitCode.TESTS_FAILED
        assert proved(output) == ["T2-01"]
        assert "Upload: company information" in output


def test_the_projects_list_has_each_id_once_and_none_of_the_standards_sentences() -> None:
    with (ROOT / "docs" / "requirements.csv").open(encoding="utf-8", newline="") as file:
        table = csv.DictReader(file)
        ids = [row["id"] for row in table]
        assert table.fieldnames == COLUMNS
    assert len(ids) == len(set(ids)) > 500
