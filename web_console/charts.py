"""Charts as SVG drawn on the server: bars, a band, shares. They carry classes alone, so both themes colour them, and a
title on each shape tells its figure to a pointer and to a screen reader.
"""

import math
from collections.abc import Callable, Sequence

import msgspec
from markupsafe import Markup, escape

_WIDTH, _HEIGHT = 640, 268
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 632, 22, 240
# One colour for each part of a bar, the darkest at the bottom; beyond these a chart cannot be read.
PARTS = ("f1", "f2", "f4", "f3")
# Whole numbers, so that a line on the axis is a count.
_STEPS = (1, 2, 3, 5, 10)


class Bar(msgspec.Struct, frozen=True):
    """`parts` from the bottom up; `mark` stands as a red triangle above; `label` only where the axis names it."""

    title: str
    parts: tuple[float, ...]
    label: str = ""
    mark: int = 0


class Span(msgspec.Struct, frozen=True):
    """A point of the band: low, middle and high."""

    label: str
    title: str
    low: float
    middle: float
    high: float


class Share(msgspec.Struct, frozen=True):
    """A line of shares in per cent; `colours` go with the values."""

    name: str
    title: str
    values: tuple[tuple[str, float], ...]
    end: str


def bars(label: str, columns: Sequence[Bar]) -> Markup:
    top = _nice(max((sum(bar.parts) for bar in columns), default=0))
    y = _scale(top)
    room = (_RIGHT - _LEFT) / max(len(columns), 1)
    width = min(room * 0.72, 40)
    drawn = [_grid(top, y)]
    most = max((bar.mark for bar in columns), default=0)
    for number, bar in enumerate(columns):
        x = _LEFT + room * number + (room - width) / 2
        middle = x + width / 2
        height = 0.0
        shapes = []
        for part, colour in zip(bar.parts, PARTS, strict=False):
            if part:
                low, high = y(height), y(height + part)
                shapes.append(_rect(colour, x, high, width, max(low - high - (1 if height else 0), 0.5)))
                height += part
        if bar.mark:
            shapes.append(_mark(middle, y(height) - 5))
        if bar.mark and bar.mark == most > 1:
            shapes.append(_text(middle, y(height) - 17, str(bar.mark), anchor="middle", kind="lab"))
        if shapes:
            drawn.append(Markup("<g><title>{}</title>{}</g>").format(bar.title, Markup().join(shapes)))
        if bar.label:
            drawn.append(_text(middle, 260, bar.label, anchor="middle"))
    return _chart(label, drawn)


def band(label: str, points: Sequence[Span], *, promise: float, promise_words: str) -> Markup:
    top = _nice(max([promise * 1.2, *(point.high for point in points)]))
    y = _scale(top)
    room = (_RIGHT - 16 - _LEFT - 16) / max(len(points) - 1, 1)
    xs = [_LEFT + 16 + room * number for number in range(len(points))]
    if len(points) == 1:
        xs = [(_LEFT + _RIGHT) / 2]
    drawn = [_grid(top, y)]
    if points:
        high = [f"{x:.1f} {y(point.high):.1f}" for x, point in zip(xs, points, strict=True)]
        low = [f"{x:.1f} {y(point.low):.1f}" for x, point in zip(xs, points, strict=True)]
        middle = [f"{x:.1f} {y(point.middle):.1f}" for x, point in zip(xs, points, strict=True)]
        drawn.append(Markup('<path class="f2 band" d="M{}Z"/>').format("L".join([*high, *reversed(low)])))
        drawn.append(Markup('<path class="line" d="M{}"/>').format("L".join(middle)))
    drawn.append(Markup('<path class="promise" d="M{} {:.1f}H{}"/>').format(_LEFT, y(promise), _RIGHT))
    drawn.append(_text(_RIGHT, y(promise) - 6, promise_words, anchor="end", kind="late"))
    slowest = max(range(len(points)), key=lambda number: points[number].middle, default=0)
    every = max(1, math.ceil(len(points) / 8))
    for number, (x, point) in enumerate(zip(xs, points, strict=True)):
        dot = Markup('<circle class="f1" cx="{:.1f}" cy="{:.1f}" r="{}"/>')
        shape = dot.format(x, y(point.middle), 4 if number == slowest else 3)
        drawn.append(Markup("<g><title>{}</title>{}</g>").format(point.title, shape))
        if number == slowest:
            drawn.append(_text(x, y(point.middle) - 12, f"{point.label} {point.middle:.0f} min", "middle", "lab"))
        if number % every == 0:
            drawn.append(_text(x, 260, point.label, anchor="middle"))
    return _chart(label, drawn)


def shares(label: str, lines: Sequence[Share]) -> Markup:
    """Up to seven lines of 100 %; the first value's figure stands in its part."""
    left, right, row = 92, 566, 36
    drawn = []
    for number, line in enumerate(lines):
        top = 4 + row * number
        drawn.append(_text(left - 10, top + 17, _short(line.name), anchor="end", kind="name"))
        x = float(left)
        shapes = []
        for place, (colour, value) in enumerate(line.values):
            width = (right - left) * value / 100
            if value:
                shapes.append(_rect(colour, x, top, max(width - 1.5, 0.5), 25))
            if place == 0 and value >= 12:
                shapes.append(_text(x + 8, top + 17, f"{value:.0f} %", anchor="start", kind="inside"))
            x += width
        drawn.append(Markup("<g><title>{}</title>{}</g>").format(line.title, Markup().join(shapes)))
        drawn.append(_text(_RIGHT, top + 17, line.end, anchor="end", kind="name"))
    for place in (0, 50, 100):
        x = left + (right - left) * place / 100
        drawn.append(_text(x, 4 + row * len(lines) + 16, f"{place} %", anchor="middle"))
    return _chart(label, drawn)


def _short(name: str) -> str:
    return name if len(name) <= 6 else f"{name[:5]}…"


def _chart(label: str, drawn: Sequence[Markup]) -> Markup:
    head = Markup('<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}">')
    return head.format(_WIDTH, _HEIGHT, label) + Markup().join(drawn) + Markup("</svg>")


def _scale(top: float) -> Callable[[float], float]:
    return lambda value: _BOTTOM - (_BOTTOM - _TOP) * min(value / top, 1)


def _nice(most: float) -> float:
    """The end of the axis: four steps of a round number."""
    if most <= 4:
        return 4
    step = most / 4
    power = 10 ** math.floor(math.log10(step))
    return float(4 * power * next(each for each in _STEPS if each * power >= step * 0.999))


def _grid(top: float, y: Callable[[float], float]) -> Markup:
    lines = []
    for number in range(5):
        value = top * number / 4
        kind = "grid" if number else "axis"
        lines.append(Markup('<path class="{}" d="M{} {:.1f}H{}"/>').format(kind, _LEFT, y(value), _RIGHT))
        lines.append(_text(_LEFT - 8, y(value) + 4, f"{value:,.0f}", anchor="end"))
    return Markup().join(lines)


def _rect(kind: str, x: float, y: float, width: float, height: float) -> Markup:
    rect = Markup('<rect class="{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" rx="1"/>')
    return rect.format(kind, x, y, width, height)


def _mark(x: float, y: float) -> Markup:
    return Markup('<path class="f5" d="M{:.1f} {:.1f}h10l-5-8z"/>').format(x - 5, y)


def _text(x: float, y: float, words: str, anchor: str, kind: str = "") -> Markup:
    text = Markup('<text class="{}" x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>')
    return text.format(kind, x, y, anchor, escape(words))
