"""docs/bad-input.md names tests that are there and codes that the source knows."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
_TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)::(\w+)`")
_CODE = re.compile(r"`([a-z_]+(?:\.[a-z_]+)?)`")
_ITEMS = 13


def rows() -> list[tuple[str, str, str]]:
    lines = (ROOT / "docs" / "bad-input.md").read_text(encoding="utf-8").splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| ")]
    return [(item, seen, shown) for item, seen, shown in cells if item != "bad input"]


def found_in(path: str) -> set[tuple[str, str]]:
    """(class, method) of each test in the file that really runs."""
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return {
        (cls.name, each.name)
        for cls in tree.body
        if isinstance(cls, ast.ClassDef)
        for each in cls.body
        if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)
    }


def test_every_item_has_its_row() -> None:
    assert len({item for item, _, _ in rows()}) == _ITEMS


@pytest.mark.parametrize(("item", "shown"), [(item, shown) for item, _, shown in rows()])
def test_each_named_test_exists(item: str, shown: str) -> None:
    named = _TEST.findall(shown)
    assert named, item
    assert len(named) == shown.count("::") // 2
    missing = [f"{path}::{cls}::{name}" for path, cls, name in named if (cls, name) not in found_in(path)]
    assert missing == []


@pytest.mark.parametrize(("item", "seen"), [(item, seen) for item, seen, _ in rows()])
def test_each_code_is_one_that_the_program_gives(item: str, seen: str) -> None:
    parts = ("backend", "sync", "mobile_app")
    source = "".join(path.read_text(encoding="utf-8") for part in parts for path in (ROOT / part).rglob("*.py"))
    codes = _CODE.findall(seen)
    assert codes, item
    assert [code for code in codes if f'"{code}"' not in source] == []
