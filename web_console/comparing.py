"""Records beside each other: one column each, one row for each field, and which rows tell them apart."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from backend.intake.facts import RecordOut
from backend.intake.papers import PaperOut
from backend.network.service import PRESSURE_LEVELS
from sync.documents import BACKEND_TYPES, FIELD_TYPES
from sync.documents.forms import FormField, form_of
from web_console.lists import Words
from web_console.rendering import BEIJING, Language, translate_into
from web_console.words import record_words

Side = RecordOut | PaperOut


class Line(msgspec.Struct, frozen=True):
    """`values` has one for each column; `differs` where those that are there are not all the same."""

    title: str
    values: list[str]
    differs: bool


def compare(sides: Sequence[Side], words: Words, language: Language) -> list[Line]:
    """What each has of what any of them has, in the order in which they declare it."""
    t = translate_into(language)
    columns = [_known(side, language) | _told(side, words, language) for side in sides]
    titles = dict.fromkeys(title for column in columns for title in column)
    lines = []
    for title in titles:
        values = [column.get(title, "") for column in columns]
        there = [value for value in values if value]
        lines.append(Line(title, values, differs=len(there) > 1 and len(set(there)) > 1 and title != t("收到")))
    return lines


def _known(side: Side, language: Language) -> dict[str, str]:
    t = translate_into(language)
    if isinstance(side, PaperOut):
        return {t("人员"): side.staff_name or "", t("下发"): _moment(side.written_at)}
    corrected = f" {t('已校正')}" if "clock_corrected" in side.remarks else ""
    return {
        t("人员"): side.staff_name,
        t("时间"): _moment(side.recorded_at) + corrected,
        t("收到"): _moment(side.received_at),
        t("记录号"): str(side.record_number),
    }


def _told(side: Side, words: Words, language: Language) -> dict[str, str]:
    struct = FIELD_TYPES.get(side.tag) or BACKEND_TYPES.get(side.tag)
    forms = {field.zh: field for field in form_of(struct)} if struct else {}
    english = language == "en"
    return {
        en if english else zh: text
        for zh, en, value in side.fields
        if (text := _text(value, forms.get(zh), words, language))
    }


def _text(value: Any, field: FormField | None, words: Words, language: Language) -> str:
    """Empty for what is no short text: photos and tracks are counted, not spelt out."""
    t = translate_into(language)
    if isinstance(value, bool):
        return t("是") if value else t("否")
    if isinstance(value, int | float):
        return f"{value:g} {field.unit if field else ''}".strip()
    if isinstance(value, str):
        return _when(value) or (words(field.choices, value) if field and field.choices else value)
    if isinstance(value, list) and all(isinstance(part, str) for part in value) and field and field.name != "photos":
        return "、".join(_word(part, field, words, language) for part in value)
    if isinstance(value, list):
        codes = [str(part["code"]) for part in value if isinstance(part, dict) and part.get("code")]
        return "、".join(codes) if codes else t("{n} 项", n=len(value)) if value else ""
    return ""


def _word(code: str, field: FormField, words: Words, language: Language) -> str:
    if field.name == "pressure_levels" and code in PRESSURE_LEVELS:
        level = PRESSURE_LEVELS[code]
        return level.en if language == "en" else level.zh
    return words(field.choices, code) if field.choices else code


def _when(text: str) -> str:
    """A moment is told in Beijing time."""
    if len(text) < len("2026-01-01T00:00:00Z") or text[10:11] != "T":
        return ""
    try:
        return _moment(datetime.fromisoformat(text))
    except ValueError:
        return ""


def _moment(at: datetime) -> str:
    return at.astimezone(BEIJING).strftime("%m-%d %H:%M:%S")


def heading(side: Side, language: Language) -> str:
    return record_words(side.tag)[int(language == "en")]
