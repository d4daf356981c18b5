"""What README, CONTRIBUTING and docs/ tell a newcomer is so."""

import argparse
import re
from pathlib import Path

import msgspec
import pytest

from backend.settings import APP_VARIABLES, Settings
from qixun.cli import _parser
from qixun.demo.shift import ADMINISTRATOR, DISPATCHER, DRIVER, INSPECTOR, PASSWORD

ROOT = Path(__file__).parent.parent
READMES = ("README.md", "README.zh-CN.md")
PAGES = (*READMES, "CONTRIBUTING.md", *(str(p.relative_to(ROOT)) for p in sorted((ROOT / "docs").rglob("*.md"))))
_ROW = re.compile(r"^\| `(QIXUN_\w+)` \| (?:`([^`]*)`)? ?\| .+ \|$", re.MULTILINE)
_LINK = re.compile(r"\]\(([^)#]+)(?:#[^)]*)?\)")
_NAMED = re.compile(r"`([\w.*-]+(?:/[\w.*-]+)*/?)`")
# A name in backticks is a path of this tree if it has a folder in it, or an ending that files here have.
_ENDINGS = (".py", ".md", ".toml", ".yml", ".csv", ".sh", ".cfg", ".ini")
# Files that each folder has, and folders that are made on the machine.
_ELSEWHERE = {
    "models.py",
    "schemas.py",
    "service.py",
    "routes.py",
    "rules.py",
    "intake.py",
    "secrets/",
    "couchdb-admin.ini",
}


def _text(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def _commands() -> set[str]:
    actions = _parser()._actions
    return {name for action in actions if isinstance(action, argparse._SubParsersAction) for name in action.choices}


def _written(value: object) -> str:
    """A default as it would be written in the environment."""
    return str(value).lower() if isinstance(value, bool) else str(value)


class TestSettings:
    @pytest.mark.parametrize("page", READMES)
    def test_every_setting_is_listed_with_its_default(self, page: str) -> None:
        listed = dict(_ROW.findall(_text(page)))
        fields = msgspec.structs.fields(Settings)
        assert listed == {f"QIXUN_{field.name.upper()}": _written(field.default) for field in fields}

    @pytest.mark.parametrize("page", READMES)
    def test_every_variable_that_is_named_exists(self, page: str) -> None:
        known = {f"QIXUN_{field.name.upper()}" for field in msgspec.structs.fields(Settings)} | APP_VARIABLES
        assert set(re.findall(r"QIXUN_[A-Z_]+[A-Z]", _text(page))) <= known


class TestPages:
    @pytest.mark.parametrize("page", PAGES)
    def test_what_it_links_to_exists(self, page: str) -> None:
        targets = [link for link in _LINK.findall(_text(page)) if "://" not in link]
        assert [t for t in targets if not ((ROOT / page).parent / t).exists()] == []

    @pytest.mark.parametrize("page", PAGES)
    def test_the_paths_that_it_names_exist(self, page: str) -> None:
        named = set(_NAMED.findall(_text(page))) - _ELSEWHERE
        paths = {name for name in named if (ROOT / name.split("/")[0]).exists() or name.endswith(_ENDINGS)}
        places = (ROOT, (ROOT / page).parent)
        assert sorted(name for name in paths if not any((place / name).exists() for place in places)) == []

    @pytest.mark.parametrize("page", PAGES)
    def test_the_commands_that_it_names_exist(self, page: str) -> None:
        named = set(re.findall(r"(?:`|bin/|exec backend )qixun ([a-z][a-z-]+)", _text(page)))
        assert named <= _commands()

    @pytest.mark.parametrize("page", PAGES)
    def test_the_make_targets_that_it_names_exist(self, page: str) -> None:
        targets = set(re.findall(r"^([a-z]+):.*## ", _text("Makefile"), re.MULTILINE))
        assert set(re.findall(r"(?:`|^)make ([a-z]+)", _text(page), re.MULTILINE)) <= targets


class TestReadme:
    def test_the_command_line_is_listed_whole(self) -> None:
        line = next(line for line in _text("README.md").splitlines() if line.startswith("Command line: "))
        # The demo network's export is for whoever works on the demo.
        assert set(re.findall(r"`(?:qixun )?([a-z][a-z-]+)[^`]*`", line)) == _commands() - {"export-demo-network"}

    @pytest.mark.parametrize("page", READMES)
    def test_the_demo_s_people_sign_in_with_what_is_printed(self, page: str) -> None:
        listed = dict(re.findall(r"`([A-Z]\d{3})` \| `([^`]+)`", _text(page)))
        assert {ADMINISTRATOR, DISPATCHER, DRIVER, INSPECTOR} <= set(listed)
        assert set(listed.values()) == {PASSWORD}

    def test_every_folder_of_the_product_is_in_the_table_of_parts(self) -> None:
        folders = {path.parent.name for path in ROOT.glob("*/__init__.py")}
        for page in READMES:
            assert folders <= {name.rstrip("/") for name in re.findall(r"^\| `(\w+/)` \|", _text(page), re.MULTILINE)}
