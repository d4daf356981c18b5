"""今日: what is to be done, the next task ready to start under the thumb."""

from collections.abc import Sequence
from datetime import datetime

import flet as ft
import msgspec

from mobile_app.components import bars, buttons, panels
from mobile_app.components.ui import Tap, Ui, column, hook, icon, row, scrolling, secondary, shadow, tag, text
from mobile_app.drawing import Drawing
from mobile_app.theme import GUTTER, RADIUS, TITLE
from sync.documents.tasks import DeliveryTask, PatrolTask


class AgendaLine(msgspec.Struct, frozen=True):
    """One line of the day; `task` is None for the check before the shift."""

    key: str
    at: datetime | None
    title: str
    subtitle: str
    done: bool
    task: PatrolTask | DeliveryTask | None = None


def today_head(ui: Ui, now: datetime, pill: ft.Control) -> ft.Control:
    return bars.head(ui, ui.say("今日", "Today"), subtitle=ui.words.day(now), trailing=pill)


def agenda(ui: Ui, lines: Sequence[AgendaLine], selected: str, on_select: Tap) -> ft.Control:
    done = sum(line.done for line in lines)
    counts = ft.Container(
        row(
            [
                secondary(ui, ui.say(f"共 {len(lines)} 项", f"{len(lines)} items")),
                secondary(ui, ui.say(f"完成 {done} 项", f"{done} done")),
            ],
            apart=True,
        ),
        padding=ft.Padding.symmetric(horizontal=12, vertical=4),
    )
    rows = [_agenda_row(ui, line, selected=line.key == selected, on_select=on_select) for line in lines]
    return scrolling([counts, *rows], spacing=4, padding=ft.Padding.symmetric(horizontal=GUTTER))


def _agenda_row(ui: Ui, line: AgendaLine, *, selected: bool, on_select: Tap) -> ft.Control:
    look = ui.look
    dot_fill = look.ok_soft if line.done else look.primary if selected else look.surface
    dot_ink = look.ok_strong if line.done else look.on_primary if selected else look.ink_2
    dot = ft.Container(
        icon(ft.Icons.CHECK_ROUNDED if line.done else _task_glyph(line), size=24, colour=dot_ink),
        width=40,
        height=40,
        border_radius=20,
        bgcolor=dot_fill,
        border=None if line.done or selected else ft.Border.all(1, look.line),
        alignment=ft.Alignment.CENTER,
    )
    at = ui.words.time(line.at) if line.at else ""
    parts: list[ft.Control] = [
        ft.Container(secondary(ui, at), width=48),
        dot,
        ft.Column(
            [text(line.title, bold=True, lines=1), secondary(ui, line.subtitle, lines=1)],
            spacing=0,
            expand=True,
            alignment=ft.MainAxisAlignment.CENTER,
        ),
    ]
    if selected and not line.done:
        parts.append(tag(ui, ui.say("下一项", "Next"), "next"))
    box = ft.Container(
        ft.Row(parts, spacing=12),
        height=66,
        border_radius=RADIUS,
        bgcolor=look.primary_soft if selected else None,
        padding=ft.Padding.symmetric(horizontal=12),
        on_click=lambda _: on_select(line.key),
        ink=True,
    )
    named = hook(f"agenda-{line.key}", box)
    named.button, named.selected = True, selected
    return named


def _task_glyph(line: AgendaLine) -> ft.IconData:
    if line.key == "filling":
        return ft.Icons.PROPANE_TANK_OUTLINED
    if line.task is None:
        return ft.Icons.FACT_CHECK_OUTLINED
    if isinstance(line.task, DeliveryTask):
        return ft.Icons.PROPANE_TANK_OUTLINED
    return ft.Icons.DIRECTIONS_WALK_ROUNDED


def no_tasks(ui: Ui, on_sync: Tap) -> ft.Control:
    return panels.empty(
        ui,
        ft.Icons.EVENT_AVAILABLE_OUTLINED,
        ui.say("今天还没有任务", "No tasks today"),
        ui.say(
            "任务由调度派发，联网后自动到手机。现场发现隐患，随时可以上报。",
            "The office sends tasks; they arrive once there is a network. Hazards can be reported at any time.",
        ),
        action=buttons.tonal(ui, "sync-now", ui.say("现在同步", "Sync now"), on_sync, glyph=ft.Icons.SYNC_ROUNDED),
    )


def task_sheet(
    ui: Ui, line: AgendaLine, drawing: Drawing | None, start_word: str, on_start: Tap | None, *, warning: str = ""
) -> ft.Control:
    """The chosen task in figures, and 开始."""
    head: list[ft.Control] = [text(_sheet_title(line), size=TITLE, bold=True, lines=1)]
    subtitle = _sheet_subtitle(ui, line)
    if subtitle:
        head.append(secondary(ui, subtitle, lines=2))
    figures = _figures(ui, line)
    if figures:
        head.append(ft.Container(panels.facts(ui, figures), padding=ft.Padding.only(top=8)))
    parts: list[ft.Control] = [ft.Column(head, spacing=0, tight=True, expand=True)]
    if drawing and (drawing.unwalked or drawing.walked):
        from mobile_app.components.network_map import NetworkMap  # noqa: PLC0415 - loaded with the first map

        little = NetworkMap(
            ui,
            msgspec.structs.replace(drawing, facilities=(), points=(), here=None),
            jump=f"mini-{line.key}",
            still=True,
        )
        parts.append(
            ft.Container(
                little,
                width=104,
                height=104,
                border_radius=RADIUS,
                clip_behavior=ft.ClipBehavior.ANTI_ALIAS,
                border=ft.Border.all(1, ui.look.line),
                ignore_interactions=True,
            )
        )
    body: list[ft.Control] = [ft.Row(parts, spacing=12, vertical_alignment=ft.CrossAxisAlignment.START)]
    if warning:
        body.append(panels.notice(ui, warning, kind="warn"))
    body.append(buttons.primary(ui, "start-task", start_word, on_start, glyph=ft.Icons.PLAY_ARROW_ROUNDED))
    return ft.Container(
        column(body, spacing=14),
        bgcolor=ui.look.surface,
        border_radius=ft.BorderRadius.only(top_left=24, top_right=24),
        padding=ft.Padding.only(left=GUTTER, right=GUTTER, top=18, bottom=14),
        shadow=shadow(ui, up=True),
    )


def _sheet_title(line: AgendaLine) -> str:
    if isinstance(line.task, DeliveryTask):
        return line.task.customer.address or line.task.title
    return line.task.title if line.task else line.title


def _sheet_subtitle(ui: Ui, line: AgendaLine) -> str:
    task = line.task
    if task is None:
        return line.subtitle
    hours = f"{ui.words.time(task.start_at)}–{ui.words.time(task.due_at)}"
    if isinstance(task, PatrolTask):
        return f"{ui.words.levels(task.pressure_levels)} · {hours}"
    return f"{task.customer.name} · {hours}"


def _figures(ui: Ui, line: AgendaLine) -> list[tuple[str, str, str]]:
    task = line.task
    if isinstance(task, PatrolTask):
        number, unit = ui.words.length(task.length_m)
        points = (str(len(task.check_points)), ui.say("个", ""), ui.say("检查点", "check points"))
        return [(number, unit, ui.say("管线", "pipe")), points]
    if isinstance(task, DeliveryTask):
        return [(str(o.quantity), ui.say("只", "pcs"), o.specification) for o in task.lines[:3]]
    return []
