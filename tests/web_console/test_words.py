"""Every text has its English; every page keeps to the policy: nothing inline, nothing from elsewhere."""

import re
from pathlib import Path

import pytest

from web_console import assets
from web_console.rendering import HERE
from web_console.words import EN

TEMPLATES = sorted((HERE / "templates").rglob("*.html"))
PYTHON = sorted(HERE.glob("*.py")) + sorted((HERE / "pages").glob("*.py"))
SAID = re.compile(r"""(?<![A-Za-z_])(?:t|translate_into\(language_of\(request\)\))\(\s*("[^"]*"|'[^']*')""")
TITLES = re.compile(r"""Entry\("[^"]*", ("[^"]*")""")


def said() -> set[str]:
    texts = [path.read_text(encoding="utf-8") for path in [*TEMPLATES, *PYTHON]]
    return {found[1:-1] for text in texts for pattern in (SAID, TITLES) for found in pattern.findall(text)}


class TestEnglish:
    def test_every_text_is_translated(self):
        assert said() - set(EN) == set()

    def test_no_translation_is_left_over(self):
        assert set(EN) - said() == set()

    def test_translations_name_the_same_facts(self):
        facts = re.compile(r"\{\w+\}")
        differing = {zh for zh, en in EN.items() if set(facts.findall(zh)) != set(facts.findall(en))}
        assert differing == set()


class TestPolicy:
    @pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
    def test_page_has_nothing_inline_and_loads_nothing_from_elsewhere(self, path: Path):
        text = path.read_text(encoding="utf-8")
        assert re.search(r"<script(?![^>]*\bsrc=)", text) is None
        assert re.search(r"\son[a-z]+=", text) is None
        assert re.search(r"""(src|href|action)=["']https?://""", text) is None
        assert "hx-on" not in text

    def test_every_icon_that_a_page_names_is_in_the_sprite(self):
        sprite = assets.sprite(assets.used_icons())
        named = {name for path in TEMPLATES for name in re.findall(r'"icon:([a-z_0-9]+)"', path.read_text("utf-8"))}
        assert all(f'id="{name}"' in sprite for name in named | {"map", "warning", "store", "propane_tank"})
