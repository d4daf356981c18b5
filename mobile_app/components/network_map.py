"""The network on the phone: what is walked green, what is not red with white dashes, told apart without colour too."""

import math

import flet as ft
import flet.canvas as cv
import flet_map as fm

from mobile_app.components.ui import Tap, Ui, icon, text
from mobile_app.drawing import Drawing, Here, Line, PointMark
from mobile_app.theme import DASHED_LEVELS, PIPE_WIDTHS, pipe_colour
from sync.documents.reference import Facility, Pipe

MAP_POINT_FILL, MAP_NEXT_FILL = "#085D3A", "#0B4F8A"
MARK_EDGE = "#101828"
ME = "#1570EF"
# Room for the work on a small phone's screen and in the little map, in logical pixels; a map's tile is 256 wide.
MAP_ROOM, LITTLE_MAP, TILE = (240, 240), (88, 88), 256
# A work of one point has no extent to fit.
SMALLEST_DEGREES = 0.0006


@ft.component
def NetworkMap(  # noqa: N802 - Flet names components like classes
    ui: Ui, drawing: Drawing, *, jump: str, on_point: Tap | None = None, on_here: bool = False, still: bool = False
) -> fm.Map:
    """`jump` changes when the map is to jump: to the worker with `on_here`, else to the whole of the work."""
    # A town's pipes are sent once, not with each step: a layer that is the very same object is not compared.
    ground = ft.use_memo(lambda: _ground(ui, drawing), [drawing.others, ui.look])
    nothing = fm.InteractionFlag.DRAG & fm.InteractionFlag.PINCH_ZOOM
    flags = nothing if still else _moves()
    return fm.Map(
        key=jump,
        expand=True,
        bgcolor=ui.look.map_ground,
        interaction_configuration=fm.InteractionConfiguration(flags=flags),
        min_zoom=10,
        max_zoom=20,
        **_camera(drawing, on_here=on_here, still=still),
        layers=[*ground, *_layers(ui, drawing, on_point)],
    )


def _moves() -> fm.InteractionFlag:
    """Everything but turning: north stays up, so that the map and the street are not confused."""
    flag = fm.InteractionFlag
    return (
        flag.DRAG
        | flag.FLING_ANIMATION
        | flag.PINCH_MOVE
        | flag.PINCH_ZOOM
        | flag.DOUBLE_TAP_ZOOM
        | flag.SCROLL_WHEEL_ZOOM
    )


def _camera(drawing: Drawing, *, on_here: bool, still: bool) -> dict[str, object]:
    if on_here and drawing.here:
        return {"initial_center": fm.MapLatitudeLongitude(drawing.here.lat, drawing.here.lon), "initial_zoom": 17.0}
    points = drawing.around()
    if not points:
        return {"initial_center": fm.MapLatitudeLongitude(43.887, 125.312), "initial_zoom": 14.0}
    lons, lats = [p[0] for p in points], [p[1] for p in points]
    centre = ((min(lons) + max(lons)) / 2, (min(lats) + max(lats)) / 2)
    width, height = LITTLE_MAP if still else MAP_ROOM
    # The map's own fitting was seen to leave the ends of the work outside of the screen.
    across = math.log2(width * 360 / (TILE * max(max(lons) - min(lons), SMALLEST_DEGREES)))
    stretched = (max(lats) - min(lats)) / math.cos(math.radians(centre[1]))
    along = math.log2(height * 360 / (TILE * max(stretched, SMALLEST_DEGREES)))
    zoom = max(10.0, min(across, along, 18.0))
    return {"initial_center": fm.MapLatitudeLongitude(centre[1], centre[0]), "initial_zoom": zoom}


def _ground(ui: Ui, drawing: Drawing) -> list[fm.MapLayer]:
    lines = [_pipe(ui, pipe) for pipe in drawing.others]
    return [fm.PolylineLayer(polylines=lines)] if lines else []


def _layers(ui: Ui, drawing: Drawing, on_point: Tap | None) -> list[fm.MapLayer]:
    layers: list[fm.MapLayer] = []
    lines = [_stroke(line, ui.look.map_edge, 10) for line in (*drawing.unwalked, *drawing.walked)]
    lines += [_stroke(line, ui.look.walked, 6) for line in drawing.walked]
    lines += [_stroke(line, ui.look.unwalked, 7) for line in drawing.unwalked]
    lines += [_stroke(line, ui.look.map_edge, 2, dash=(7, 7)) for line in drawing.unwalked]
    if lines:
        layers.append(fm.PolylineLayer(polylines=lines))
    if drawing.here:
        where = fm.MapLatitudeLongitude(drawing.here.lat, drawing.here.lon)
        accuracy = fm.CircleMarker(
            radius=max(drawing.here.accuracy_m, 2.0), use_radius_in_meter=True, coordinates=where, color="#331570EF"
        )
        layers.append(fm.CircleLayer(circles=[accuracy]))
    marks = [_facility(facility) for facility in drawing.facilities]
    marks += [_point(point, on_point) for point in drawing.points]
    if drawing.here:
        marks.append(_me(drawing.here))
    if marks:
        layers.append(fm.MarkerLayer(markers=marks))
    return layers


def _stroke(line: Line, colour: str, width: float, *, dash: tuple[float, float] | None = None) -> fm.PolylineMarker:
    pattern = fm.DashedStrokePattern(segments=list(dash)) if dash else fm.SolidStrokePattern()
    return fm.PolylineMarker(
        coordinates=[fm.MapLatitudeLongitude(lat, lon) for lon, lat in line],
        color=colour,
        stroke_width=width,
        stroke_pattern=pattern,
        stroke_cap=ft.StrokeCap.BUTT if dash else ft.StrokeCap.ROUND,
    )


def _pipe(ui: Ui, pipe: Pipe) -> fm.PolylineMarker:
    dash = (6.0, 3.0) if pipe.pressure_level in DASHED_LEVELS else None
    width = PIPE_WIDTHS.get(pipe.pressure_level, 3.0)
    return _stroke(pipe.line, pipe_colour(ui.look, pipe.pressure_level), width, dash=dash)


def _facility(facility: Facility) -> fm.Marker:
    content: ft.Control
    if facility.kind == "valve":
        content = _bow_tie()
    else:
        content = ft.Container(
            text("R", size=14, bold=True, colour=MARK_EDGE),
            bgcolor="#FFFFFF",
            border_radius=4,
            border=ft.Border.all(2, MARK_EDGE),
            alignment=ft.Alignment.CENTER,
        )
    return fm.Marker(
        content=content, coordinates=fm.MapLatitudeLongitude(facility.lat, facility.lon), width=26, height=26
    )


def _bow_tie() -> cv.Canvas:
    """The drawing office's sign for a valve."""
    shape = [
        cv.Path.MoveTo(2, 5),
        cv.Path.LineTo(24, 21),
        cv.Path.LineTo(24, 5),
        cv.Path.LineTo(2, 21),
        cv.Path.Close(),
    ]
    fill = cv.Path(list(shape), paint=ft.Paint(color="#FFFFFF", style=ft.PaintingStyle.FILL))
    edge = cv.Path(list(shape), paint=ft.Paint(color=MARK_EDGE, style=ft.PaintingStyle.STROKE, stroke_width=2.5))
    return cv.Canvas([fill, edge], width=26, height=26)


def _point(point: PointMark, on_point: Tap | None) -> fm.Marker:
    next_one = point.state == "next"
    size = 40 if next_one else 30
    fill, edge, ink = {
        "ahead": ("#FFFFFF", MARK_EDGE, MARK_EDGE),
        "next": (MAP_NEXT_FILL, "#FFFFFF", "#FFFFFF"),
        "visited": (MAP_POINT_FILL, "#FFFFFF", "#FFFFFF"),
        "unreachable": ("#FFFFFF", "#7A2E0E", "#7A2E0E"),
        "abnormal": ("#7A2E0E", "#FFFFFF", "#FFFFFF"),
    }[point.state]
    glyph = {
        "visited": ft.Icons.CHECK_ROUNDED,
        "unreachable": ft.Icons.AC_UNIT_ROUNDED,
        "abnormal": ft.Icons.PRIORITY_HIGH_ROUNDED,
    }
    inside: ft.Control = (
        icon(glyph[point.state], size=20, colour=ink)
        if point.state in glyph
        else text(str(point.number), size=18 if next_one else 16, bold=True, colour=ink)
    )
    box = ft.Container(
        inside,
        bgcolor=fill,
        border=ft.Border.all(3, edge),
        border_radius=7 if point.state == "unreachable" else size // 2,
        alignment=ft.Alignment.CENTER,
        on_click=(lambda _: on_point(point.check_point_id)) if on_point else None,
        width=size,
        height=size,
    )
    # The mark may be small, what a glove has to hit may not.
    return fm.Marker(
        content=ft.Container(box, alignment=ft.Alignment.CENTER),
        coordinates=fm.MapLatitudeLongitude(point.lat, point.lon),
        width=48,
        height=48,
    )


def _me(here: Here) -> fm.Marker:
    dot = ft.Container(
        bgcolor=ME, border=ft.Border.all(4, "#FFFFFF"), border_radius=12, shadow=ft.BoxShadow(blur_radius=4)
    )
    return fm.Marker(content=dot, coordinates=fm.MapLatitudeLongitude(here.lat, here.lon), width=24, height=24)
