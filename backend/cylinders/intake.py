"""Loading and refusals of cylinders taken into their chains."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from backend import events
from backend.cylinders.service import Scanned, record_bindings, record_movements, record_writings
from backend.taken import NONE_WAIT, Take, Taken, Waiting
from sync.documents.cylinders import CylindersLoaded
from sync.documents.tags import TagBound, TagWritten


async def take_scans(session: AsyncSession, takens: Sequence[Taken[Any]]) -> Mapping[str, Waiting]:
    await record_movements(session, [(taken, _scanned(taken)) for taken in takens])
    await events.announce_all(session, [_event(taken) for taken in takens])
    return NONE_WAIT


async def take_bindings(session: AsyncSession, takens: Sequence[Taken[TagBound]]) -> Mapping[str, Waiting]:
    bound = [(taken, [Scanned(kind="bound", scan=taken.record.scan, detail=taken.record.tag_uid)]) for taken in takens]
    await record_movements(session, bound)
    await record_bindings(session, takens)
    await events.announce_all(session, [_tag_event(taken) for taken in takens])
    return NONE_WAIT


async def take_writings(session: AsyncSession, takens: Sequence[Taken[TagWritten]]) -> Mapping[str, Waiting]:
    await record_writings(session, takens)
    await events.announce_all(session, [_tag_event(taken) for taken in takens])
    return NONE_WAIT


def _tag_event(taken: Taken[Any]) -> events.Event:
    record = taken.record
    facts = {"code": record.scan.code, "uid": record.tag_uid}
    return events.Event(str(record.__struct_config__.tag), record.id, taken.organisation_id, facts)


def _scanned(taken: Taken[Any]) -> list[Scanned]:
    record = taken.record
    if isinstance(record, CylindersLoaded):
        return [
            Scanned(kind="loaded", scan=scan, vehicle=record.vehicle, station_id=record.station_id)
            for scan in record.cylinders
        ]
    return [Scanned(kind="refused", scan=record.scan, detail=f"{record.purpose}: {', '.join(record.reasons)}")]


def _event(taken: Taken[Any]) -> events.Event:
    record = taken.record
    if isinstance(record, CylindersLoaded):
        facts = {"staff_id": taken.staff_id, "count": len(record.cylinders)}
        return events.Event("cylinders.loaded", record.id, taken.organisation_id, facts)
    facts = {"code": record.scan.code, "reasons": list(record.reasons)}
    return events.Event("cylinder.refused", record.id, taken.organisation_id, facts)


TAKES: dict[str, Take] = {
    "cylinders.loaded": take_scans,
    "cylinder.refused": take_scans,
    "tag.bound": take_bindings,
    "tag.written": take_writings,
}
