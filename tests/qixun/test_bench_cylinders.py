"""`qixun bench cylinders` as a person runs it, with a small town."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.qixun.command import Command, sentence

_PROGRAM = Path(sys.executable).with_name("qixun")
_LONGEST_S = 400

pytestmark = pytest.mark.timeout(_LONGEST_S + 10)


def _bench(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environ = Command(database_url="", data_dir=folder).environment()
    command = [_PROGRAM, "bench", "cylinders", *arguments]
    return subprocess.run(command, env=environ, capture_output=True, text=True, check=False, timeout=_LONGEST_S)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bench")


@pytest.fixture(scope="module")
def done(folder: Path) -> subprocess.CompletedProcess[str]:
    (folder / "page.md").write_text("# 前\n<!-- cylinders measured -->\nold\n<!-- /cylinders measured -->\n后\n")
    files = ("--json", str(folder / "figures.json"), "--docs", str(folder / "page.md"))
    return _bench(folder / "data", "--cylinders", "500", "--movements", "7500", "--on-phone", "300", *files)


@pytest.fixture(scope="module")
def figures(folder: Path, done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = msgspec.json.decode((folder / "figures.json").read_bytes())
    return found


class TestCylinders:
    def test_it_measures_the_town_that_was_asked_for(self, figures: dict[str, Any]) -> None:
        assert (figures["cylinders"], figures["movements"]) == (500, 7500)
        assert figures["loading"]["rows"] > 500 + 7500 + 500
        assert figures["loading"]["balanced_days"] > 0
        assert figures["chain_movements"] == pytest.approx(15, abs=1)
        assert figures["scan"]["cylinders"] == 300

    @pytest.mark.parametrize("part", ["taking", "chain", "stock", "due"])
    def test_its_figures_agree_with_each_other(self, figures: dict[str, Any], part: str) -> None:
        spread = figures[part]
        assert 0 < spread["p50_ms"] <= spread["p95_ms"] <= spread["longest_ms"]

    def test_the_page_gets_the_table_and_nothing_is_left_behind(
        self, folder: Path, done: subprocess.CompletedProcess[str]
    ) -> None:
        page = (folder / "page.md").read_text()
        assert "| what | Qixun | goal |" in page
        assert "old" not in page
        assert page.startswith("# 前\n")
        assert page.endswith("后\n")
        assert list((folder / "data").glob("bench-*")) == []

    def test_a_page_without_its_place_is_refused_before_anything_is_measured(self, folder: Path) -> None:
        (folder / "other.md").write_text("# 前\n")
        refused = _bench(folder / "data", "--docs", str(folder / "other.md"))
        assert refused.returncode == 1
        assert "cylinders measured" in sentence(refused)
