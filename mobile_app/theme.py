"""The phone's look: two sets of colours and the sizes that a gloved thumb and snow light ask for.

Text and filled areas keep at least 7:1 against what they stand on; `tests/mobile_app/test_theme.py` measures it.
"""

import flet as ft
import msgspec

FONT = "NotoSansSC"

LIVE, TITLE, LARGE, BODY, SECOND, SMALL = 32, 22, 20, 18, 16, 14  # type sizes; nothing is smaller
TOUCH_HEIGHT = 64  # whatever is smaller to the eye is touched on this much
PRIMARY_HEIGHT, SECONDARY_HEIGHT, BAR_HEIGHT, CALL_HEIGHT, VERDICT_HEIGHT = 64, 64, 48, 80, 72
RADIUS, GUTTER = 14, 16


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """Colours by what they say. A `…_strong` carries text or fills an area; the plain one is for icons and lines."""

    primary: str
    on_primary: str
    primary_strong: str
    primary_soft: str
    ok: str
    ok_strong: str
    ok_soft: str
    on_ok: str
    sent: str
    saved: str
    warn: str
    warn_strong: str
    warn_soft: str
    danger: str
    danger_strong: str
    danger_soft: str
    on_danger: str
    ink: str
    ink_2: str
    line: str
    surface: str
    ground: str
    chip: str
    shadow: str
    map_ground: str
    map_edge: str
    pipe_high: str
    pipe_medium_a: str
    pipe_medium_b: str
    pipe_low: str
    unwalked: str
    walked: str
    dark: bool = False


LIGHT = Look(
    primary="#0B4F8A",
    on_primary="#FFFFFF",
    primary_strong="#083A66",
    primary_soft="#E1EDF8",
    ok="#067647",
    ok_strong="#085D3A",
    ok_soft="#E3F5EC",
    on_ok="#FFFFFF",
    sent="#175CD3",
    saved="#475467",
    warn="#B54708",
    warn_strong="#7A2E0E",
    warn_soft="#FEF6E9",
    danger="#B42318",
    danger_strong="#912018",
    danger_soft="#FDE8E6",
    on_danger="#FFFFFF",
    ink="#101828",
    ink_2="#344054",
    line="#D0D5DD",
    surface="#FFFFFF",
    ground="#F2F4F7",
    chip="#E4E7EC",
    shadow="#24101828",
    map_ground="#EDF0F3",
    map_edge="#FFFFFF",
    pipe_high="#B42318",
    pipe_medium_a="#175CD3",
    pipe_medium_b="#0E7090",
    pipe_low="#B54708",
    unwalked="#D92D20",
    walked="#067647",
)

DARK = Look(
    primary="#7EBAF3",
    on_primary="#0A1B2C",
    primary_strong="#A9D2FA",
    primary_soft="#1E3750",
    ok="#47CD89",
    ok_strong="#47CD89",
    ok_soft="#0D3021",
    on_ok="#04150C",
    sent="#84ADFF",
    saved="#98A2B3",
    warn="#FDB022",
    warn_strong="#FDB022",
    warn_soft="#33230A",
    danger="#F97066",
    danger_strong="#FFA198",
    danger_soft="#3A1512",
    on_danger="#1A0402",
    ink="#F2F4F7",
    ink_2="#D0D5DD",
    line="#475467",
    surface="#1D2939",
    ground="#101828",
    chip="#344054",
    shadow="#80000000",
    map_ground="#151E2C",
    map_edge="#0B111B",
    pipe_high="#C8574E",
    pipe_medium_a="#84ADFF",
    pipe_medium_b="#3FA9C6",
    pipe_low="#D9903D",
    unwalked="#FF6B5E",
    walked="#3CC480",
    dark=True,
)

# A full-screen verdict and the alarm look the same by day and by night: red and green are told apart by shape and word.
ALARM_FILL, ALLOWED_FILL, ON_FILL = "#912018", "#085D3A", "#FFFFFF"

PIPE_WIDTHS = {"sub_high_a": 4.5, "sub_high_b": 4.5, "medium_a": 3.5, "medium_b": 3.0, "low": 2.0}
DASHED_LEVELS = frozenset({"low"})


def pipe_colour(look: Look, pressure_level: str) -> str:
    colours = {"medium_a": look.pipe_medium_a, "medium_b": look.pipe_medium_b, "low": look.pipe_low}
    return colours.get(pressure_level, look.pipe_high)


def dress(page: ft.Page, look: Look) -> None:
    """The whole window, Flutter's own controls too."""
    page.theme = page.dark_theme = flet_theme(look)
    page.theme_mode = ft.ThemeMode.DARK if look.dark else ft.ThemeMode.LIGHT


def flet_theme(look: Look) -> ft.Theme:
    """What Flutter's own controls (fields, pickers, dialogs) are drawn with."""
    return ft.Theme(
        font_family=FONT,
        color_scheme=ft.ColorScheme(
            primary=look.primary,
            on_primary=look.on_primary,
            primary_container=look.primary_soft,
            on_primary_container=look.primary_strong,
            secondary_container=look.primary_soft,
            on_secondary_container=look.primary_strong,
            surface=look.surface,
            on_surface=look.ink,
            on_surface_variant=look.ink_2,
            outline=look.ink_2,
            outline_variant=look.line,
            error=look.danger,
        ),
        scaffold_bgcolor=look.ground,
        visual_density=ft.VisualDensity.STANDARD,
    )
