"""Who held each cylinder from when to when: what stock is counted from, by station and vehicle."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import msgspec
from sqlalchemy import delete, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from backend.bulk import Row, insert_rows, one_of, upsert_rows
from backend.cylinders.models import CylinderMovement, CylinderStay, StockHolder, StockRecount
from backend.cylinders.rules import Custody, Holder
from sync.databases import BEIJING

STOCK_KINDS = ("station", "vehicle")
# What is written this long before midnight may be committed after the day was balanced, so it is counted again.
_LONGEST_WRITING = timedelta(minutes=15)


class Stay(msgspec.Struct, frozen=True):
    number: int
    holder_kind: str
    holder_id: str
    since: datetime
    until: datetime | None


async def write_stays(
    session: AsyncSession,
    custodies: Mapping[str, Custody],
    movements: Mapping[str, Sequence[CylinderMovement]],
) -> None:
    """Rewrites what differs from what is there; a day of the past that this changes is marked to be counted anew."""
    before = await _stays_of(session, custodies)
    changed: list[tuple[str, Stay]] = []
    gone: list[tuple[str, int]] = []
    touched: set[Stay] = set()
    for cylinder_id, custody in sorted(custodies.items()):
        old, new = before[cylinder_id], _of(custody.stays)
        fresh = [stay for stay in new if old.get(stay.number) != stay]
        surplus = [stay for number, stay in old.items() if number >= len(new)]
        changed += [(cylinder_id, stay) for stay in fresh]
        gone += [(cylinder_id, stay.number) for stay in surplus]
        touched |= {*fresh, *surplus, *(old[stay.number] for stay in fresh if stay.number in old)}
    if gone:
        await session.execute(
            delete(CylinderStay).where(tuple_(CylinderStay.cylinder_id, CylinderStay.number).in_(gone))
        )
    rows = [{"cylinder_id": key, **msgspec.structs.asdict(stay)} for key, stay in changed]
    await upsert_rows(session, CylinderStay, rows, key=("cylinder_id", "number"))
    await _know_holders(session, (stay for _, stay in changed), movements)
    await mark_days(session, ((stay.holder_kind, stay.holder_id, moment) for stay in touched for moment in _ends(stay)))


async def _stays_of(session: AsyncSession, cylinder_ids: Collection[str]) -> dict[str, dict[int, Stay]]:
    found: dict[str, dict[int, Stay]] = {cylinder_id: {} for cylinder_id in cylinder_ids}
    held = CylinderStay
    query = select(held.cylinder_id, held.number, held.holder_kind, held.holder_id, held.since, held.until)
    for row in await session.execute(query.where(one_of(held.cylinder_id, sorted(cylinder_ids)))):
        found[row[0]][row[1]] = Stay(*row[1:])
    return found


def _of(holders: Sequence[Holder]) -> list[Stay]:
    ends = [*(holder.since for holder in holders[1:]), None]
    return [
        Stay(number, holder.kind, holder.id, holder.since, until)
        for number, (holder, until) in enumerate(zip(holders, ends, strict=True))
    ]


def _ends(stay: Stay) -> list[datetime]:
    return [stay.since] if stay.until is None else [stay.since, stay.until]


async def mark_days(session: AsyncSession, moments: Iterable[tuple[str, str, datetime]]) -> None:
    """Days before today of these stations and vehicles are to be balanced anew."""
    today = (datetime.now(UTC) + _LONGEST_WRITING).astimezone(BEIJING).date()
    days = {
        (kind, key, day)
        for kind, key, moment in moments
        if kind in STOCK_KINDS and (day := moment.astimezone(BEIJING).date()) < today
    }
    rows = [{"holder_kind": kind, "holder_id": key, "day": day} for kind, key, day in sorted(days)]
    await insert_rows(session, StockRecount, rows)


async def mark_whole_way(session: AsyncSession, cylinder_id: str) -> None:
    """Its size was entered wrongly: every day that it stood anywhere is counted anew."""
    stays = (await _stays_of(session, [cylinder_id]))[cylinder_id].values()
    await mark_days(session, ((stay.holder_kind, stay.holder_id, moment) for stay in stays for moment in _ends(stay)))


async def _know_holders(
    session: AsyncSession, stays: Iterable[Stay], movements: Mapping[str, Sequence[CylinderMovement]]
) -> None:
    """A vehicle stands where its driver recorded last; a number plate is the newest that he loaded under."""
    rows: dict[tuple[str, str], Row] = {}
    for stay in stays:
        if stay.holder_kind in STOCK_KINDS:
            rows[stay.holder_kind, stay.holder_id] = _holder(stay, stay.holder_id, "", None)
    for movement in sorted((m for each in movements.values() for m in each), key=lambda m: m.at):
        row = rows.get(("vehicle", movement.staff_id))
        if row is not None and movement.kind in {"loaded", "returned"}:
            row["organisation_id"] = movement.organisation_id
            if movement.vehicle:
                row |= {"plate": movement.vehicle, "plate_at": movement.at}
    await upsert_rows(
        session,
        StockHolder,
        [row for _, row in sorted(rows.items())],
        key=("holder_kind", "holder_id"),
        change=("plate", "plate_at"),
        where="excluded.plate <> t.plate AND excluded.plate_at > coalesce(t.plate_at, '-infinity')",
    )


def _holder(stay: Stay, organisation_id: str, plate: str, plate_at: datetime | None) -> Row:
    return {
        "holder_kind": stay.holder_kind,
        "holder_id": stay.holder_id,
        "organisation_id": organisation_id,
        "plate": plate,
        "plate_at": plate_at,
    }
