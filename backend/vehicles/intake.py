"""Tracks of vehicles taken into the tables, in any order of arrival."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from backend import events
from backend.bulk import Row, insert_new
from backend.positions import service as positions
from backend.positions.rules import point_wkt
from backend.taken import NONE_WAIT, Take, Taken, Waiting
from backend.vehicles.models import VehicleTrack
from backend.vehicles.rules import plain_plate
from sync.documents.envelope import Position
from sync.documents.vehicles import VehicleTracked


async def take_tracks(session: AsyncSession, takens: Sequence[Taken[VehicleTracked]]) -> Mapping[str, Waiting]:
    rows = [_row(taken) for taken in takens]
    await insert_new(session, VehicleTrack, sorted(rows, key=lambda row: row["id"]))
    await positions.note_positions(session, [_fix(taken) for taken in takens])
    moved = [
        events.Event("vehicle.moved", taken.record.id, taken.organisation_id, {"plate": taken.record.vehicle})
        for taken in takens
    ]
    await events.announce_all(session, moved)
    return NONE_WAIT


def _row(taken: Taken[VehicleTracked]) -> Row:
    record = taken.record
    return {
        "id": record.id,
        "organisation_id": taken.organisation_id,
        "company_id": taken.company_id,
        "plate": plain_plate(record.vehicle),
        "staff_id": taken.staff_id,
        "round_id": record.round_id,
        "chunk": record.chunk,
        "started_at": record.started_at,
        "ended_at": record.started_at + timedelta(seconds=record.points[-1].offset_s),
        "points": msgspec.to_builtins(record.points),
        "last_point": point_wkt(_last(record)),
    }


def _last(record: VehicleTracked) -> Position:
    point = record.points[-1]
    return Position(
        lon=point.lon, lat=point.lat, accuracy_m=min(point.accuracy_m, 100_000.0), source="gnss", datum="WGS-84"
    )


def _fix(taken: Taken[VehicleTracked]) -> positions.Fix:
    record = taken.record
    # The chunk was written when it was full: its last point is a little older, by the phone's own clock.
    behind = record.recorded.at - (record.started_at + timedelta(seconds=record.points[-1].offset_s))
    return positions.Fix(taken=taken, position=_last(record), at=taken.recorded_at - max(behind, timedelta(0)))


TAKES: dict[str, Take] = {"vehicle.tracked": take_tracks}
