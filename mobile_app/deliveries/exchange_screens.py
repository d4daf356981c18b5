"""换瓶: full ones out by their scans, empties back with what is wrong with them."""

import flet as ft

from mobile_app.components import buttons, panels
from mobile_app.components.ui import Tap, Ui
from mobile_app.deliveries.screens import step_body
from mobile_app.deliveries.state import DeliveryRun
from mobile_app.scanning.screens import kept_lines


def exchange_step(ui: Ui, run: DeliveryRun, *, on_scan: Tap, on_scan_empty: Tap) -> ft.Control:
    body: list[ft.Control] = [panels.section(ui, ui.say("送出重瓶", "Full cylinders"), _short_words(ui, run))]
    if run.scanning.kept:
        body.append(panels.listed(ui, kept_lines(ui, run.scanning)))
    body.append(
        buttons.tonal(
            ui,
            "scan-full",
            ui.say("扫重瓶", "Scan a full one"),
            on_scan,
            glyph=ft.Icons.QR_CODE_SCANNER_ROUNDED,
            height=64,
        )
    )
    body.append(
        panels.section(
            ui, ui.say("收回空瓶", "Empties taken back"), ui.say(f"{len(run.returned)} 只", f"{len(run.returned)}")
        )
    )
    if run.returned:
        lines = [
            panels.line(
                ui,
                f"returned-{empty.scan.code}",
                empty.scan.code,
                glyph=ft.Icons.PROPANE_TANK_OUTLINED,
                subtitle=_fault_words(ui, run, empty.fault),
            )
            for empty in run.returned
        ]
        body.append(panels.listed(ui, lines))
    body.append(
        buttons.outlined(
            ui, "scan-empty", ui.say("扫空瓶", "Scan an empty"), on_scan_empty, glyph=ft.Icons.UNDO_ROUNDED, height=64
        )
    )
    return step_body(body)


def _fault_words(ui: Ui, run: DeliveryRun, fault: str) -> str:
    found = next((e for e in run.lists.get("returned_cylinder_fault", ()) if e.code == fault), None)
    return ui.say(found.zh, found.en) if found else fault


def _short_words(ui: Ui, run: DeliveryRun) -> str:
    short = run.still_short
    if not short:
        return ui.say("与订单一致", "As ordered")
    parts = [
        ui.say(
            f"{size} {'还差' if n > 0 else '多了'} {abs(n)} 只", f"{size}: {abs(n)} {'to go' if n > 0 else 'too many'}"
        )
        for size, n in short.items()
    ]
    return ui.say("、", ", ").join(parts)


def exchange_dock(ui: Ui, run: DeliveryRun, *, on_finish: Tap) -> list[ft.Control]:
    if run.still_short:
        return [buttons.primary(ui, "finish-exchange", _short_words(ui, run), None)]
    return [
        buttons.primary(
            ui,
            "finish-exchange",
            ui.say("换好了，去检漏", "Exchanged: leak test"),
            on_finish,
            glyph=ft.Icons.CHECK_ROUNDED,
        )
    ]
