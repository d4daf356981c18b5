"""The parts import one way; a part that imports another against it is caught here, not in review."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
_LINT_IMPORTS = Path(sys.executable).with_name("lint-imports")
_PARTS = ("backend", "sync", "device_bridge", "mobile_app", "web_console", "qixun")


def _lint(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [_LINT_IMPORTS, "--no-cache"],
        cwd=folder,
        env={"PYTHONPATH": str(folder), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )


class TestImportContracts:
    def test_they_hold(self) -> None:
        done = _lint(ROOT)
        assert done.returncode == 0, done.stdout

    @pytest.mark.parametrize(
        ("file", "line", "contract"),
        [
            ("sync/planted.py", "import backend.settings", "The parts import one way"),
            ("device_bridge/planted.py", "import sync.errors", "The parts import one way"),
            ("mobile_app/planted.py", "import backend.settings", "The parts import one way"),
            ("backend/planted.py", "import web_console.router", "The parts import one way"),
            ("mobile_app/planted.py", "import sync.endpoint.app", "The phone never imports the hub"),
            ("backend/planted.py", "import device_bridge.gps", "The backend never talks to devices"),
            ("sync/documents/planted.py", "import sqlalchemy", "Documents know no database and no web framework"),
        ],
    )
    def test_a_planted_breach_is_caught(self, tmp_path: Path, file: str, line: str, contract: str) -> None:
        (tmp_path / ".importlinter").write_text((ROOT / ".importlinter").read_text(encoding="utf-8"))
        for part in _PARTS:
            _hollow_copy(ROOT / part, tmp_path / part)
        (tmp_path / file).write_text(f"{line}\n")
        done = _lint(tmp_path)
        assert done.returncode == 1
        assert f"{contract} BROKEN" in done.stdout


def _hollow_copy(source: Path, target: Path) -> None:
    """The modules of a part without what is in them: what is planted is then the only import."""
    for path in source.rglob("*.py"):
        if "node_modules" in path.parts:
            continue
        copy = target / path.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.touch()
