"""The portrait side of a second-generation identity card (GA 448), found among the lines that a recogniser read.

Pure: positions and words in, fields out. Nothing is guessed: a digit stays as it was read, and what cannot be right is
a doubt that a person settles.
"""

import math
import re
import unicodedata
from collections.abc import Sequence
from datetime import date

import msgspec

from sync.rules.identity import Finding, check_identity

Corners = tuple[tuple[float, float], tuple[float, float], tuple[float, float], tuple[float, float]]
_LABELS = (r"姓名", r"性别", r"民族", r"出生", r"住址", r"身份号码")
_OTHER_SIDE = re.compile(r"居民身份证|签发机关|有效期限|中华人民共和国")
_NUMBER = re.compile(r"(?<!\d)\d{17}[\dX](?!\d)")
# A number of which a digit was lost or doubled: shown to a person, never taken.
_NEARLY = re.compile(r"[\dXOIL]{14,22}")
_BORN = re.compile(r"(\d{4})年(\d{1,2})月(\d{1,2})")
_SEX = re.compile(r"(?:性?别)([男女])")
_NATION = re.compile(r"(?:民?族)([\u4e00-\u9fff]{1,6})")
_NAME_LABEL, _ADDRESS_LABEL, _NUMBER_LABEL = (re.compile(word) for word in (r"^姓?名", r"^住?址", r"身份号码"))
# Lines belong to one row when their middles are nearer than this part of a line's height.
_SAME_ROW = 0.6


class Line(msgspec.Struct, frozen=True):
    """What was read in one place: corners clockwise from the upper left, in pixels; `score` from 0 to 1."""

    text: str
    score: float
    corners: Corners


class IdentityCard(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """As printed; `born` as ISO 8601. Empty where it was not found. `confidence`: 0 to 1 by field."""

    name: str = ""
    sex: str = ""
    nation: str = ""
    born: str = ""
    address: str = ""
    number: str = ""
    confidence: dict[str, float] = {}


class _Row(msgspec.Struct, frozen=True):
    text: str
    score: float


def card_in(lines: Sequence[Line]) -> IdentityCard:
    """However the card lay: lines are read in any direction, and only one way round do they make a card."""
    ways = [_card_of(_rows(lines, turn)) for turn in _turns(lines)]
    return max(
        ways, key=lambda card: (bool(card.name) + bool(card.number), len(card.confidence)), default=IdentityCard()
    )


def _card_of(rows: Sequence[_Row]) -> IdentityCard:
    found: dict[str, tuple[str, float]] = {}
    number_at = _look(rows, found, "number", _NUMBER, 0)
    if number_at is None:
        number_at = _look(rows, found, "number", _NEARLY, 0)
    labelled = next((at for at, row in enumerate(rows) if _NUMBER_LABEL.search(row.text)), len(rows))
    above = rows[: min(labelled, len(rows) if number_at is None else number_at)]
    sex_at = _look(above, found, "sex", _SEX, 1)
    nation_at = _look(above, found, "nation", _NATION, 1)
    born_at = _born(above, found)
    _name(above, found, next((at for at in (sex_at, nation_at) if at is not None), None))
    _address(above, found, born_at)
    return IdentityCard(
        **{field: value for field, (value, _) in found.items()},
        confidence={field: round(score, 3) for field, (_, score) in found.items()},
    )


def labels_in(lines: Sequence[Line]) -> int:
    """How many of the words that each card has printed on it were read."""
    texts = ["\n".join(row.text for row in _rows(lines, turn)) for turn in _turns(lines)]
    return max((sum(re.search(label, text) is not None for label in _LABELS) for text in texts), default=0)


def is_other_side(lines: Sequence[Line]) -> bool:
    return any(_OTHER_SIDE.search(_plain(line.text)) for line in lines)


def doubts_of(card: IdentityCard, today: date) -> tuple[Finding, ...]:
    """What speaks against the number as it was read: its own check, and what the card says beside it."""
    if not card.number:
        return ()
    doubts = check_identity(card.number, "person", today)
    if any(doubt.blocks for doubt in doubts):
        return doubts
    if card.born and card.born.replace("-", "") != card.number[6:14]:
        doubts = (*doubts, _BORN_DIFFERS)
    if card.sex and (card.sex == "男") != (int(card.number[16]) % 2 == 1):
        doubts = (*doubts, _SEX_DIFFERS)
    return doubts


_BORN_DIFFERS = Finding(
    "identity.born_differs",
    "卡面上的出生日期与号码里的不一致，请对照证件核对。",
    "The date of birth on the card is not the one in the number: compare with the card.",
    blocks=False,
)
_SEX_DIFFERS = Finding(
    "identity.sex_differs",
    "卡面上的性别与号码不一致，请对照证件核对。",
    "The sex on the card does not fit the number: compare with the card.",
    blocks=False,
)


def _look(
    rows: Sequence[_Row], found: dict[str, tuple[str, float]], field: str, pattern: re.Pattern[str], group: int
) -> int | None:
    """In which row it stands; the lowest one, for a number is the card's last row."""
    for at in reversed(range(len(rows))):
        match = pattern.search(rows[at].text.upper())
        if match is not None:
            found[field] = (match[group], rows[at].score)
            return at
    return None


def _born(rows: Sequence[_Row], found: dict[str, tuple[str, float]]) -> int | None:
    for at, row in enumerate(rows):
        match = _BORN.search(row.text)
        if match is None:
            continue
        try:
            found["born"] = (date(*(int(part) for part in match.groups())).isoformat(), row.score)
        except ValueError:
            return at
        return at
    return None


def _name(rows: Sequence[_Row], found: dict[str, tuple[str, float]], sex_at: int | None) -> None:
    """Behind its label, or in the row above the sex where the pale label was not read."""
    labelled = next((row for row in rows if _NAME_LABEL.search(row.text)), None)
    row = labelled or (rows[sex_at - 1] if sex_at else None)
    name = _NAME_LABEL.sub("", row.text) if row else ""
    if row and name and not any(letter.isdigit() for letter in name):
        found["name"] = (name, row.score)


def _address(rows: Sequence[_Row], found: dict[str, tuple[str, float]], born_at: int | None) -> None:
    """All rows from its label, or from below the birth, down to the number."""
    labelled = next((at for at, row in enumerate(rows) if _ADDRESS_LABEL.search(row.text)), None)
    start = labelled if labelled is not None else born_at + 1 if born_at is not None else len(rows)
    part = rows[start:]
    address = _ADDRESS_LABEL.sub("", "".join(row.text for row in part))
    if address:
        found["address"] = (address, min(row.score for row in part))


def _turns(lines: Sequence[Line]) -> tuple[float, ...]:
    """By how much the picture must be turned for the longest line to be level: one way round, and the other."""
    if not lines:
        return ()
    sides = [(line.corners[at], line.corners[at + 1]) for line in lines for at in (0, 1)]
    (x0, y0), (x1, y1) = max(sides, key=lambda side: math.dist(*side))
    turn = -math.atan2(y1 - y0, x1 - x0)
    return turn, turn + math.pi


def _rows(lines: Sequence[Line], turn: float) -> list[_Row]:
    """From top to bottom, each from left to right, once the picture is turned."""
    placed = sorted((_placed(line, turn) for line in lines if _plain(line.text)), key=lambda each: each[0])
    rows: list[list[tuple[float, float, float, Line]]] = []
    for each in placed:
        middle, _, height, _ = each
        if rows and middle - rows[-1][-1][0] < _SAME_ROW * min(height, rows[-1][-1][2]):
            rows[-1].append(each)
        else:
            rows.append([each])
    return [
        _Row(
            "".join(_plain(line.text) for _, _, _, line in sorted(row, key=lambda each: each[1])),
            min(line.score for _, _, _, line in row),
        )
        for row in rows
    ]


def _placed(line: Line, turn: float) -> tuple[float, float, float, Line]:
    """Middle, left edge and height."""
    c, s = math.cos(turn), math.sin(turn)
    xs, ys = [x * c - y * s for x, y in line.corners], [x * s + y * c for x, y in line.corners]
    return (min(ys) + max(ys)) / 2, min(xs), max(1.0, max(ys) - min(ys)), line


def _plain(text: str) -> str:
    return "".join(unicodedata.normalize("NFKC", text).replace("×", "X").split())
