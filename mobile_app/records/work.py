"""What a worker looks for among his records: their path to the office, and each by the words that are in it."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from mobile_app.errors import NotReady
from mobile_app.phone import Phone
from mobile_app.words import OPTION_TITLES, RECORD_TITLES, Words
from sync.documents import FieldRecord
from sync.documents.cylinders import CylinderRefused, CylindersLoaded, CylindersStored
from sync.documents.deliveries import DeliveryCompleted, VisitFailed
from sync.documents.hazards import HazardReported, LeakSuspected, ThirdPartyWorksReported
from sync.documents.patrol import CheckPointVisited, PatrolFinished
from sync.documents.tasks import DeliveryTask, PatrolTask
from sync.store.records import RecordLine, RecordState

# The track's chunks come every five minutes: they would bury what a worker recorded himself.
UNLISTED = frozenset({"patrol.tracked", "patrol.paused", "vehicle.tracked", "station.readings"})
LISTED_TAGS = tuple(tag for tag in RECORD_TITLES if tag not in UNLISTED)
# A search reads so many at once, and goes on until it has enough or there are no more.
SEARCHED_AT_ONCE = 500
# The lists whose words a worker knows a record by; the record itself holds codes.
_LISTS = ("hazard_type", "machinery", "unreachable_reason", "leak_action")
# Of a record's text, what no person searches for.
_NO_WORDS = frozenset({"_id", "type", "staff_id", "unit_id", "device_id", "recorded", "photos", "corrects"})

Titles = Mapping[str, tuple[str, str]]
Say = Callable[[str, str], str]


class Listed(msgspec.Struct, frozen=True):
    """A record's line, and what tells it from others of its type: 调压箱结冰, 3 只."""

    line: RecordLine
    about: str = ""


class RecordPath(msgspec.Struct, frozen=True):
    """One record with all that is known of its way; `files` are its photos' lines, `correction` corrects it."""

    line: RecordLine
    record: FieldRecord
    about: str
    files: tuple[RecordLine, ...] = ()
    correction: str = ""


class Finder:
    """Reads records in pages, in one language. A record never changes: what a listed one is about is kept."""

    def __init__(self, phone: Phone, words: Words) -> None:
        self.language = words.language
        self._phone = phone
        self._words = words
        self._about: dict[str, str] = {}

    async def find(
        self, words: str, *, states: Sequence[RecordState] | None, limit: int
    ) -> tuple[tuple[Listed, ...], bool]:
        """The latest `limit` that hold all words, and whether there are more. Without words and states the track's
        parts are left out.
        """
        wanted = words.lower().split()
        tags = None if wanted or states else LISTED_TAGS
        page = SEARCHED_AT_ONCE if wanted else limit + 1
        found: list[Listed] = []
        before: int | None = None
        while True:
            lines = await self._phone.records(states=states, tags=tags, limit=page, before=before)
            found += await (self._matching(lines, wanted) if wanted else self._listed(lines))
            if len(found) > limit or len(lines) < page:
                return tuple(found[:limit]), len(found) > limit
            before = lines[-1].number

    async def path(self, record_id: str) -> RecordPath | None:
        record, line = await self._phone.read(record_id), await self._phone.line(record_id)
        if record is None or line is None:
            return None
        [listed] = await self._listed([line])
        corrections = await asyncio.to_thread(self._phone.corrections_here) if line.state == "refused" else {}
        files = tuple(await self._phone.files_of(record))
        return RecordPath(line, record, listed.about, files, corrections.get(record_id, ""))

    async def _listed(self, lines: Sequence[RecordLine]) -> list[Listed]:
        new = [line.id for line in lines if line.id not in self._about]
        if new:
            about = await self._describing()
            self._about |= {i: about(record) for i, record in (await self._phone.read_many(new)).items()}
        return [Listed(line, self._about.get(line.id, "")) for line in lines]

    async def _matching(self, lines: Sequence[RecordLine], wanted: Sequence[str]) -> list[Listed]:
        about, titles = await self._describing(), await self._titles()
        records = await self._phone.read_many([line.id for line in lines])

        def match() -> list[Listed]:
            found = []
            for line in lines:
                record = records.get(line.id)
                if record is None:
                    continue
                text = _searchable(line, record, about(record), titles)
                if all(word in text for word in wanted):
                    found.append(Listed(line, about(record)))
            return found

        return await asyncio.to_thread(match)

    async def _describing(self) -> Callable[[FieldRecord], str]:
        titles = await self._titles()
        places = {found.task.id: _place(found.task) for found in await self._phone.tasks()}
        return lambda record: _about(record, self._words, titles) or places.get(record.task_id, "")

    async def _titles(self) -> Titles:
        titles = dict(OPTION_TITLES)
        for name in _LISTS:
            try:
                titles |= {entry.code: (entry.zh, entry.en) for entry in (await self._phone.lists(name)).entries}
            except NotReady:
                continue
        return titles


def _place(task: PatrolTask | DeliveryTask) -> str:
    return task.area_name if isinstance(task, PatrolTask) else task.customer.address


def _about(record: FieldRecord, words: Words, titles: Titles) -> str:
    def title(code: str) -> str:
        return words.say(*titles.get(code, (code, code)))

    tell = _ABOUT.get(type(record))
    return tell(record, words.say, title) if tell else ""


def _works(record: ThirdPartyWorksReported, say: Say, title: Callable[[str], str]) -> str:
    return record.address or record.contractor or say("、", ", ").join(map(title, record.machinery))


def _visit(record: CheckPointVisited, say: Say, title: Callable[[str], str]) -> str:
    results = {"normal": say("正常", "normal"), "abnormal": say("异常", "abnormal")}
    return results.get(record.result) or " · ".join(
        filter(None, (say("无法到达", "out of reach"), title(record.reason)))
    )


_ABOUT: dict[type, Callable[[Any, Say, Callable[[str], str]], str]] = {
    HazardReported: lambda r, _, title: " · ".join(filter(None, (title(r.hazard_type), r.address))),
    LeakSuspected: lambda r, _say, _title: f"{r.reading_ppm:g} ppm",
    ThirdPartyWorksReported: _works,
    CheckPointVisited: _visit,
    PatrolFinished: lambda r, _say, _title: f"{r.covered_m / max(r.assigned_m, 1) * 100:.0f}%",
    CylindersLoaded: lambda r, say, _: say(f"{len(r.cylinders)} 只", f"{len(r.cylinders)} pcs"),
    CylindersStored: lambda r, say, _: say(f"{len(r.cylinders)} 只", f"{len(r.cylinders)} pcs"),
    CylinderRefused: lambda r, _say, _title: r.scan.code,
    DeliveryCompleted: lambda r, say, _: say("、", ", ").join(scan.code for scan in r.delivered),
    VisitFailed: lambda r, _, title: title(r.outcome),
}


def _searchable(line: RecordLine, record: FieldRecord, about: str, titles: Titles) -> str:
    """All words that a worker may know it by, in both languages; its number too."""
    values = list(_texts_in(msgspec.to_builtins(record)))
    named = [word for value in values for word in titles.get(value, ())]
    return " ".join((*RECORD_TITLES.get(line.tag, ()), f"#{line.number}", about, *values, *named)).lower()


def _texts_in(value: Any) -> Iterable[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            if key not in _NO_WORDS:
                yield from _texts_in(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _texts_in(inner)
