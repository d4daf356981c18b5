"""Sign-in, 我的 and settings."""

from collections.abc import Callable
from typing import Any

import flet as ft

from mobile_app.account.state import SettingsEntry
from mobile_app.components import bars, buttons, forms, panels
from mobile_app.components.ui import Tap, Ui, card, column, icon, row, scrolling, secondary, text
from mobile_app.preferences import Preferences
from mobile_app.session import Profile
from mobile_app.tags.state import Tagging
from mobile_app.theme import GUTTER, LIVE

LANGUAGES = (forms.Choice("zh", "中文"), forms.Choice("en", "English"))


def sign_in_screen(
    ui: Ui,
    *,
    number: str,
    password: str,
    busy: bool,
    problem: str,
    on_number: Tap,
    on_password: Tap,
    on_sign_in: Tap,
    on_settings: Tap,
) -> ft.Control:
    ready = bool(number.strip() and password)
    word = ui.say("正在登录…", "Signing in…") if busy else ui.say("登录", "Sign in")
    body: list[ft.Control] = [
        ft.Container(height=24),
        _brand(ui),
        ft.Container(height=16),
        forms.entry(ui, "staff-number", ui.say("工号", "Staff number"), number, on_number),
        forms.entry(
            ui, "password", ui.say("密码", "Password"), password, on_password, password=True, on_submit=on_sign_in
        ),
    ]
    if problem:
        body.append(panels.notice(ui, problem, kind="danger"))
    offline = ui.say(
        "第一次登录要有网络；以后没有网络也能登录、能干活。",
        "The first sign-in needs the network; after that you can sign in and work without it.",
    )
    body.append(secondary(ui, offline))
    settings = buttons.quiet(ui, "open-settings", ui.say("服务器和设置", "Server and settings"), on_settings)
    go = buttons.primary(ui, "sign-in", word, on_sign_in if ready and not busy else None, glyph=ft.Icons.LOGIN_ROUNDED)
    padding = ft.Padding.symmetric(horizontal=GUTTER)
    return column([scrolling(body, spacing=16, padding=padding), bars.dock(ui, [go, settings])], expand=True)


def _brand(ui: Ui) -> ft.Control:
    mark = ft.Container(
        icon(ft.Icons.LOCAL_FIRE_DEPARTMENT_ROUNDED, size=44, colour="#101828"),
        width=72,
        height=72,
        border_radius=20,
        bgcolor="#F5B400",
        alignment=ft.Alignment.CENTER,
    )
    words = ft.Column(
        [text(ui.say("气巡", "Qixun"), size=LIVE, bold=True), secondary(ui, ui.say("燃气外勤", "Gas field service"))],
        spacing=0,
        tight=True,
    )
    return row([mark, words], spacing=16)


def me_screen(
    ui: Ui,
    *,
    profile: Profile,
    instrument: str,
    tagging: Tagging | None,
    on_open: Callable[[str], Any],
    on_sign_out: Tap,
) -> ft.Control:
    who = card(
        ui,
        row(
            [
                ft.Container(
                    icon(ft.Icons.PERSON_ROUNDED, size=36, colour=ui.look.primary_strong),
                    width=64,
                    height=64,
                    border_radius=32,
                    bgcolor=ui.look.primary_soft,
                    alignment=ft.Alignment.CENTER,
                ),
                ft.Column(
                    [
                        text(profile.staff.name, size=22, bold=True, lines=1),
                        secondary(ui, f"{profile.staff.staff_number} · {profile.staff.company_name}", lines=1),
                        secondary(ui, "、".join(unit.name for unit in profile.units), lines=1),
                    ],
                    spacing=0,
                    tight=True,
                    expand=True,
                ),
            ],
            spacing=16,
        ),
    )
    chevron = icon(ft.Icons.CHEVRON_RIGHT_ROUNDED, colour=ui.look.ink_2)

    def entry(key: str, title: str, glyph: ft.IconData, subtitle: str = "") -> ft.Control:
        return panels.line(
            ui, f"open-{key}", title, glyph=glyph, subtitle=subtitle, trailing=chevron, on_click=lambda _: on_open(key)
        )

    lines = [
        entry("shift", ui.say("开工体检", "Shift check"), ft.Icons.FACT_CHECK_OUTLINED),
        entry("sync", ui.say("同步状态", "Sync"), ft.Icons.CLOUD_SYNC_OUTLINED),
        entry("settings", ui.say("设置", "Settings"), ft.Icons.SETTINGS_OUTLINED, instrument),
    ]
    if tagging is not None:
        left = len(tagging.begun)
        told = ui.say(f"{left} 张没写完", f"{left} unfinished") if left else ui.say("绑定到气瓶", "Bind to a cylinder")
        lines.insert(1, entry("tags", ui.say("电子标签", "Tags"), ft.Icons.NFC_ROUNDED, told))
    leave = buttons.outlined(ui, "sign-out", ui.say("退出登录", "Sign out"), on_sign_out, glyph=ft.Icons.LOGOUT_ROUNDED)
    return column(
        [
            bars.head(ui, ui.say("我的", "Me")),
            scrolling(
                [who, panels.listed(ui, lines), leave],
                spacing=16,
                padding=ft.Padding.symmetric(horizontal=GUTTER, vertical=4),
            ),
        ],
        expand=True,
    )


def settings_screen(
    ui: Ui,
    *,
    preferences: Preferences,
    entry: SettingsEntry,
    server_fixed: bool,
    device_id: str,
    on_prefer: Callable[[str, str], Any],
    on_type: Callable[[str, str], Any],
    on_save: Tap,
    on_back: Tap,
) -> ft.Control:
    themes = (forms.Choice("day", ui.say("白天", "Day")), forms.Choice("night", ui.say("夜间", "Night")))
    body: list[ft.Control] = [
        _titled(
            ui.say("语言", "Language"),
            forms.segments(ui, "language", LANGUAGES, preferences.language, lambda v: on_prefer("language", v)),
        ),
        _titled(
            ui.say("外观", "Look"),
            forms.segments(ui, "theme", themes, preferences.theme, lambda v: on_prefer("theme", v)),
        ),
        *_addresses(ui, entry, on_type, server_fixed=server_fixed),
    ]
    if device_id:
        body.append(secondary(ui, ui.say("本机编号 ", "This device ") + device_id))
    saved = entry.saved
    word = ui.say("已保存", "Saved") if saved else ui.say("保存地址", "Save the addresses")
    glyph = ft.Icons.CHECK_ROUNDED if saved else ft.Icons.SAVE_ROUNDED
    return column(
        [
            bars.head(ui, ui.say("设置", "Settings"), on_back=on_back),
            scrolling(body, spacing=14, padding=ft.Padding.only(left=GUTTER, right=GUTTER, bottom=24)),
            bars.dock(ui, [buttons.primary(ui, "save-settings", word, None if saved else on_save, glyph=glyph)]),
        ],
        expand=True,
    )


def _addresses(
    ui: Ui, entry: SettingsEntry, on_type: Callable[[str, str], Any], *, server_fixed: bool
) -> list[ft.Control]:
    def typed(name: str, title: str, hint: str) -> ft.Control:
        return forms.entry(ui, name, title, getattr(entry, name), lambda new: on_type(name, new), hint=hint)

    server = ui.say("服务器地址", "Server address")
    return [
        panels.pairs(ui, [(server, entry.server_url)], width=140, strong=False)
        if server_fixed
        else typed("server_url", server, "https://"),
        text(ui.say("设备", "Devices"), size=22, bold=True),
        secondary(ui, ui.say("不填就是没有这个设备。", "Leave empty what you do not have.")),
        typed("gps", ui.say("定位接收机", "Positioning receiver"), "nmea-tcp://127.0.0.1:5001"),
        typed("detector", ui.say("检漏仪", "Gas detector"), "ble://C4:DE:E2:11:22:33"),
        typed("instrument_verified_until", ui.say("检漏仪检定有效期至", "Detector verified until"), "2027-06-30"),
        typed("tags", ui.say("NFC 标签读写器", "NFC tag reader"), "usb"),
        typed("uhf", ui.say("UHF 标签读写器", "UHF tag reader"), "llrp://192.168.1.10:5084"),
        typed("scale", ui.say("充装秤", "Filling scale"), "modbus-tcp://192.168.1.40:502"),
        typed("check_scale", ui.say("复秤用的秤", "Second scale"), "modbus-tcp://192.168.1.41:502"),
        typed("gun_medium", ui.say("充装枪介质", "Medium of the gun"), "LPG"),
    ]


def _titled(title: str, control: ft.Control) -> ft.Control:
    return column([text(title, bold=True), ft.Row([control])], spacing=6)
