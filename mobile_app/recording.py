"""What goes into a record, and what becomes of records in sum."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, TypeVar

import msgspec

from device_bridge.models import Fix
from mobile_app.errors import FieldError
from mobile_app.read_once import ReadOnce
from sync.documents.envelope import Position, Record
from sync.documents.forms import form_of
from sync.errors import is_final
from sync.store.records import RecordLine, RecordStore

Remedy = Literal["retry", "correct", "corrected", "call"]
# Those with a form that a correction can be made in.
CORRECTABLE = frozenset({"hazard.reported", "works.reported"})
R = TypeVar("R", bound=Record)


class Loss(msgspec.Struct, frozen=True):
    """What only this phone holds: gone if its data were wiped now. `unsent`: records by type that the office has not
    accepted; `photos`: files; `drafts`: work that was begun; `pictures`: taken, and in no record yet.
    """

    unsent: dict[str, int]
    photos: int
    drafts: int
    pictures: int = 0

    @property
    def records(self) -> int:
        return sum(self.unsent.values())

    @property
    def nothing(self) -> bool:
        return not (self.unsent or self.photos or self.drafts or self.pictures)


class Refused(msgspec.Struct, frozen=True):
    """What came back, and what helps: sent once more, corrected in its form, corrected already, or a call."""

    line: RecordLine
    remedy: Remedy


class _Correcting(msgspec.Struct, frozen=True):
    corrects: str = ""


class Corrections:
    """Which record corrects which, without reading a phone's 100,000 records each time."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}
        self._records = ReadOnce(CORRECTABLE)

    def of(self, stores: Iterable[RecordStore]) -> dict[str, str]:
        """Corrected id -> id of the correction."""
        for store in stores:
            for document in self._records.of(store):
                corrects = msgspec.json.decode(document.body, type=_Correcting).corrects
                if corrects:
                    self._known[corrects] = document.id
        return dict(self._known)


def remedy(line: RecordLine, corrected: Mapping[str, str]) -> Remedy:
    """`corrected`: ids of records that have a correction."""
    if is_final(line.code):
        # The hub would not take it; what the office itself refused does not change by being sent again.
        return "retry"
    if line.id in corrected:
        return "corrected"
    return "correct" if line.tag in CORRECTABLE else "call"


def position_of(fix: Fix) -> Position:
    return Position(
        lon=fix.lon,
        lat=fix.lat,
        accuracy_m=min(fix.accuracy_m, 100_000.0),
        source="gnss" if fix.source == "gnss" else "network",
        mocked=fix.mocked,
        datum="WGS-84",
    )


def checked(record: R) -> R:
    """The record as it will be read; raises FieldError, which names the field by its label."""
    try:
        return msgspec.convert(msgspec.to_builtins(record), type(record))
    except msgspec.ValidationError as error:
        where = str(error).rpartition("`$.")[2].rstrip("`") if "`$." in str(error) else ""
        name = where.partition(".")[0].partition("[")[0]
        field = next((f for f in form_of(type(record)) if f.name == name), None)
        raise FieldError(
            "field.invalid",
            f"“{field.zh if field else name or '内容'}”没填或填得不对",
            f"“{field.en if field else name or 'content'}” is missing or not valid",
            action_zh="请检查这一项",
            action_en="check this field",
            field=name,
            why=str(error),
        ) from error


def total_counts(stores: Sequence[RecordStore]) -> dict[str, int]:
    total: dict[str, int] = {}
    for store in stores:
        for state, number in store.counts().items():
            total[state] = total.get(state, 0) + number
    return total
