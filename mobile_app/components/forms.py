"""Form fields made from a document's Struct (`sync.documents.forms`): tiles and large segments, keyboards last."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any

import flet as ft
import msgspec

from mobile_app.components import buttons, glyphs
from mobile_app.components.ui import Ui, column, hook, icon, text
from mobile_app.theme import BODY, RADIUS, SECOND, SECONDARY_HEIGHT
from sync.documents.forms import FormField
from sync.documents.reference import ListEntry

TILES_A_ROW = 3
SEGMENTS_AT_MOST = 3

OnChange = Callable[[str, Any], Any]
Lists = Mapping[str, Sequence[ListEntry]]


class Choice(msgspec.Struct, frozen=True):
    code: str
    title: str
    icon: str = ""


def choices_of(ui: Ui, field: FormField, lists: Lists) -> tuple[Choice, ...]:
    if field.choices:
        return tuple(Choice(e.code, ui.say(e.zh, e.en), e.icon) for e in lists.get(field.choices, ()))
    return tuple(Choice(option, ui.words.option(option)) for option in field.options)


def field_control(ui: Ui, field: FormField, value: Any, lists: Lists, on_change: OnChange) -> ft.Control:
    """The control for one field; what it is called and how it is bounded comes from the Struct."""
    title = field.title(ui.words.language)
    if field.kind in {"choice", "choices"}:
        return _choice(ui, field, value, choices_of(ui, field, lists), on_change)
    if field.kind == "yes_no":
        return yes_no(ui, field.name, title, value, lambda answer: on_change(field.name, answer))
    return _typed(ui, field, title, value, on_change)


def _choice(ui: Ui, field: FormField, value: Any, choices: Sequence[Choice], on_change: OnChange) -> ft.Control:
    title = field.title(ui.words.language)
    several = field.kind == "choices"
    chosen = set(value or ()) if several else {value}

    def pick(code: str) -> None:
        if several:
            kept = [c.code for c in choices if (c.code in chosen) != (c.code == code)]
            on_change(field.name, tuple(kept))
        else:
            on_change(field.name, code)

    if field.widget == "tiles" or len(choices) > SEGMENTS_AT_MOST:
        body = tiles(ui, field.name, choices, chosen, pick)
        return body if field.widget == "tiles" else column([label(title), body], spacing=4)
    return titled_segments(ui, field.name, choices, value, pick, title=title)


def label(title: str) -> ft.Text:
    return text(title, bold=True)


def tiles(ui: Ui, name: str, choices: Sequence[Choice], chosen: set[Any], on_pick: Callable[[str], Any]) -> ft.Column:
    rows: list[ft.Control] = []
    for first in range(0, len(choices), TILES_A_ROW):
        cells: list[ft.Control] = [
            _tile(ui, name, choice, choice.code in chosen, on_pick) for choice in choices[first : first + TILES_A_ROW]
        ]
        cells += [ft.Container(expand=True) for _ in range(TILES_A_ROW - len(cells))]
        rows.append(ft.Row(cells, spacing=8))
    return column(rows, spacing=8)


def _tile(ui: Ui, name: str, choice: Choice, selected: bool, on_pick: Callable[[str], Any]) -> ft.Control:  # noqa: FBT001
    glyph = glyphs.listed(choice.icon)
    return buttons.stacked(
        ui,
        f"{name}-{choice.code}",
        choice.title,
        glyph or (ft.Icons.CHECK_ROUNDED if selected else ft.Icons.CIRCLE_OUTLINED),
        lambda _: on_pick(choice.code),
        height=64,
        selected=selected,
    )


def titled_segments(
    ui: Ui, name: str, choices: Sequence[Choice], value: Any, on_pick: Callable[[str], Any], *, title: str
) -> ft.Row:
    return ft.Row(
        [label(title), segments(ui, name, choices, value, on_pick)],
        spacing=12,
        vertical_alignment=ft.CrossAxisAlignment.CENTER,
    )


def segments(ui: Ui, name: str, choices: Sequence[Choice], value: Any, on_pick: Callable[[str], Any]) -> ft.Container:
    cells = [_segment(ui, name, c, on_pick, selected=c.code == value, first=i == 0) for i, c in enumerate(choices)]
    return ft.Container(
        ft.Row(list(cells), spacing=0),
        height=SECONDARY_HEIGHT,
        expand=True,
        border=ft.Border.all(1.5, ui.look.ink_2),
        border_radius=RADIUS,
        bgcolor=ui.look.surface,
        clip_behavior=ft.ClipBehavior.ANTI_ALIAS,
    )


def _segment(
    ui: Ui,
    name: str,
    choice: Choice,
    on_pick: Callable[[str], Any],
    *,
    selected: bool,
    first: bool,
) -> ft.Semantics:
    look = ui.look
    ink = look.primary_strong if selected else look.ink
    parts: list[ft.Control] = [icon(ft.Icons.CHECK_ROUNDED, size=20, colour=ink)] if selected else []
    parts.append(text(choice.title, bold=selected, colour=ink, lines=1))
    cell = ft.Container(
        ft.Row(parts, spacing=4, alignment=ft.MainAxisAlignment.CENTER, tight=True),
        alignment=ft.Alignment.CENTER,
        height=SECONDARY_HEIGHT,
        bgcolor=look.primary_soft if selected else None,
        border=None if first else ft.Border.only(left=ft.BorderSide(1.5, look.ink_2)),
        on_click=lambda _: on_pick(choice.code),
        ink=True,
    )
    named = hook(f"{name}-{choice.code}", cell)
    named.button, named.selected, named.expand = True, selected, True
    return named


def yes_no(ui: Ui, name: str, title: str, value: bool | None, on_answer: Callable[[bool], Any]) -> ft.Row:  # noqa: FBT001
    answers = (Choice("yes", ui.say("是", "Yes")), Choice("no", ui.say("否", "No")))
    chosen = None if value is None else "yes" if value else "no"
    return titled_segments(ui, name, answers, chosen, lambda code: on_answer(code == "yes"), title=title)


def _typed(ui: Ui, field: FormField, title: str, value: Any, on_change: OnChange) -> ft.Control:
    shown = "" if value is None else f"{value:%Y-%m-%d}" if isinstance(value, date) else f"{value}"
    help_words = ui.say(field.help_zh, field.help_en)
    if field.kind == "date" and not help_words:
        help_words = ui.say("年-月-日，如 2027-06-30", "year-month-day, e.g. 2027-06-30")
    return entry(
        ui,
        field.name,
        title,
        shown,
        lambda typed: on_change(field.name, typed),
        unit=field.unit,
        hint=help_words,
        keyboard=_keyboard(field),
        long=field.widget == "long",
        max_length=field.max_length,
    )


def read_values(fields: Sequence[FormField], values: Mapping[str, Any]) -> dict[str, Any]:
    """What was put in, each as its field wants it; what is empty is left out.

    What cannot be read stays as typed, so that saving refuses it and names the field.
    """
    by_name = {field.name: field for field in fields}
    read = {name: _read(by_name[name], value) for name, value in values.items() if name in by_name}
    return {name: value for name, value in read.items() if value not in (None, "")}


def _read(field: FormField, value: Any) -> Any:
    if not isinstance(value, str):
        return value
    typed = value.strip()
    try:
        if field.kind == "number":
            number = number_in(typed)
            return typed if number is None else number
        if field.kind == "integer":
            return int(typed) if typed else None
        if field.kind == "date":
            return date.fromisoformat(typed) if typed else None
    except ValueError:
        pass
    return typed


def number_in(typed: str) -> float | None:
    """A number as people type it, a comma for the point too; None when it is none."""
    try:
        return float(typed.strip().replace("，", ".").replace(",", "."))
    except ValueError:
        return None


def _keyboard(field: FormField) -> ft.KeyboardType:
    if field.kind in {"number", "integer"}:
        return ft.KeyboardType.NUMBER
    if field.kind == "date":
        return ft.KeyboardType.DATETIME
    return ft.KeyboardType.PHONE if field.name.endswith("phone") else ft.KeyboardType.TEXT


def _frame(colour: str, width: int) -> ft.OutlineInputBorder:
    return ft.OutlineInputBorder(side=ft.BorderSide(width, colour), border_radius=ft.BorderRadius.all(RADIUS))


def entry(
    ui: Ui,
    name: str,
    title: str,
    value: str,
    on_typed: Callable[[str], Any],
    *,
    unit: str = "",
    hint: str = "",
    keyboard: ft.KeyboardType = ft.KeyboardType.TEXT,
    long: bool = False,
    password: bool = False,
    max_length: int | None = None,
    on_submit: Callable[..., Any] | None = None,
) -> ft.Semantics:
    """A text field: large type, its label kept in sight while typing; the unit is read before anything is typed."""
    box = ft.TextField(
        label=f"{title} · {unit}" if unit and not value else title,
        value=value,
        hint_text=hint or None,
        suffix=unit or None,
        text_size=BODY,
        label_style=ft.TextStyle(size=SECOND, color=ui.look.ink_2),
        hint_style=ft.TextStyle(size=SECOND, color=ui.look.ink_2),
        color=ui.look.ink,
        filled=True,
        fill_color=ui.look.surface,
        border={
            ft.ControlState.DEFAULT: _frame(ui.look.ink_2, 1),
            ft.ControlState.FOCUSED: _frame(ui.look.primary, 2),
        },
        content_padding=ft.Padding.symmetric(horizontal=16, vertical=18),
        keyboard_type=ft.KeyboardType.MULTILINE if long else keyboard,
        multiline=long,
        min_lines=2 if long else None,
        max_lines=5 if long else 1,
        password=password,
        can_reveal_password=password,
        max_length=max_length if long else None,
        on_change=lambda event: on_typed(event.control.value),
        on_submit=on_submit,
    )
    return hook(f"field-{name}", box)
