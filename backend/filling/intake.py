"""Checks and fillings taken into the tables: a filling moves its cylinder, a refusal waits for what is done with it."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from backend import events
from backend.bulk import Row, insert_new, one_of
from backend.certificates import service as certificates
from backend.changes import service as changes
from backend.cylinders import service as cylinders
from backend.filling.models import Filling, FillingAfterCheck, FillingCheck, RefusedFilling
from backend.filling.service.settling import counts, settle
from backend.intake import service as intake
from backend.positions.rules import point_wkt
from backend.reference import service as reference
from backend.taken import Take, Taken, Waiting
from sync.databases import BEIJING
from sync.documents.filling import CylinderFilled, FillingCheckedAfter, FillingCheckedBefore, parse_basic_date
from sync.documents.reference import Cylinder, ListEntry
from sync.rules.certificates import in_force
from sync.rules.filling import FillingLimits, limits_for, may_fill, most_net_kg, permits_of

_Lists = Mapping[str, Sequence[ListEntry]]
_CHECK_FAILED = "check_failed"


async def take_fillings(session: AsyncSession, takens: Sequence[Taken[Any]]) -> Mapping[str, Waiting]:
    """All three kinds together, so that each filling is settled once."""
    before = _of(takens, FillingCheckedBefore)
    filled = _of(takens, CylinderFilled)
    after = _of(takens, FillingCheckedAfter)
    await insert_new(session, FillingCheck, _sorted(_check(taken) for taken in before))
    await insert_new(session, FillingAfterCheck, _sorted(_after(taken) for taken in after))
    await _take_fillings(session, filled)
    await insert_new(session, RefusedFilling, _sorted(filter(None, map(_refusal, [*before, *after]))))
    await _move(session, before, filled)
    await _replace_corrected(session, filled)
    waiting = await _missing(session, filled, after)
    await settle(session, [*(t.record.id for t in filled), *(t.record.filled_id for t in after)])
    await events.announce_all(session, [_event(taken) for taken in takens])
    return waiting


def _of(takens: Sequence[Taken[Any]], kind: type[Any]) -> list[Taken[Any]]:
    return [taken for taken in takens if isinstance(taken.record, kind)]


def _sorted(rows: Any) -> list[Row]:
    return sorted(rows, key=lambda row: str(row["id"]))


def _head(taken: Taken[Any]) -> Row:
    record = taken.record
    return {
        "id": record.id,
        "organisation_id": taken.organisation_id,
        "code": record.scan.code,
        "staff_id": taken.staff_id,
        "at": taken.recorded_at,
        "photos": list(record.photos),
        "note": record.note,
    }


def _scanned(record: Any) -> Row:
    return {"method": record.scan.method, "tag_uid": record.scan.tag_uid}


def _check(taken: Taken[FillingCheckedBefore]) -> Row:
    record = taken.record
    copied = ("passed", "owner", "manufacturer", "next_inspection_on", "residual_pressure_mpa", "ambient_c")
    return {
        **_head(taken),
        **_scanned(record),
        "reasons": list(record.reasons),
        "items": msgspec.to_builtins(record.items),
        **{name: getattr(record, name) for name in copied},
    }


def _after(taken: Taken[FillingCheckedAfter]) -> Row:
    record = taken.record
    copied = ("filled_id", "passed", "second_scale_number", "reweighed_gross_kg", "drained_gross_kg", "overfilled")
    return {
        **_head(taken),
        **_scanned(record),
        "items": msgspec.to_builtins(record.items),
        "checker_certificate": record.checker_certificate,
        **{name: getattr(record, name) for name in copied},
    }


def _refusal(taken: Taken[Any]) -> Row | None:
    """For the office's list; one that passed, or was drained to its weight, is none."""
    record = taken.record
    if record.passed:
        return None
    failed = [item.item for item in record.items if item.result == "fail"]
    if isinstance(record, FillingCheckedBefore):
        reasons, stage = list(record.reasons), "before"
    else:
        reasons, stage = (["overfilled"] if record.overfilled else []), "after"
    return {
        **_head(taken),
        "company_id": taken.company_id,
        "stage": stage,
        "reasons": list(dict.fromkeys([*reasons, *failed])) or [_CHECK_FAILED],
    }


async def _take_fillings(session: AsyncSession, takens: Sequence[Taken[CylinderFilled]]) -> None:
    if not takens:
        return
    archive = await cylinders.documents_by_code(session, {(t.company_id, t.record.scan.code) for t in takens})
    lists = {company_id: await _lists(session, company_id) for company_id in sorted({t.company_id for t in takens})}
    rows: list[Row] = []
    for taken in takens:
        cylinder = archive.get((taken.company_id, taken.record.scan.code))
        limits = limits_for(cylinder, lists[taken.company_id]) if cylinder else FillingLimits()
        doubts = await _doubts(session, taken, cylinder, limits)
        rows.append(_filling(taken, cylinder, limits) | {"doubts": doubts})
    new = await insert_new(session, Filling, _sorted(rows))
    fresh = [taken for taken in takens if taken.record.id in new]
    await changes.changed_all(session, "T2-10", {taken.record.id: taken.organisation_id for taken in fresh})
    doubted = {str(row["id"]): row["doubts"] for row in rows if row["doubts"]}
    await intake.open_conflicts(
        session,
        [
            intake.Contradiction(
                taken.organisation_id,
                "filling.forbidden",
                [taken.record.id],
                {"code": taken.record.scan.code, "reasons": doubted[taken.record.id], "staff_id": taken.staff_id},
            )
            for taken in fresh
            if taken.record.id in doubted
        ],
    )


async def _lists(session: AsyncSession, company_id: str) -> _Lists:
    return {found.name: found.entries for found in await reference.list_lists(session, company_id)}


async def _doubts(
    session: AsyncSession, taken: Taken[CylinderFilled], cylinder: Cylinder | None, limits: FillingLimits
) -> list[str]:
    """The phone locks the gun offline by what it knows; what was filled all the same is a fact for the office."""
    record = taken.record
    holders = [taken.staff_id, taken.company_id, taken.organisation_id, taken.device_id]
    held = await certificates.documents_of(session, holders)
    permits = permits_of(
        held,
        staff_id=taken.staff_id,
        company_id=taken.company_id,
        station_ids=[taken.organisation_id],
        device_id=taken.device_id,
    )
    settings = (await reference.find_settings(session, taken.company_id)).fields
    day = taken.recorded_at.astimezone(BEIJING).date()
    found = may_fill(
        cylinder,
        record.scan.code,
        day,
        limits,
        permits,
        tag_uid=record.scan.tag_uid,
        tag_state=record.scan.tag.state if record.scan.tag else "",
        medium=record.medium,
        scale_verified_until=record.scale_verified_until,
        tag_required=in_force(settings.tag_required_from, day),
        explosion_proof_required=in_force(settings.explosion_proof_from, day),
    )
    return list(found.codes)


def _filling(taken: Taken[CylinderFilled], cylinder: Cylinder | None, limits: FillingLimits) -> Row:
    record = taken.record
    most_kg = most_net_kg(cylinder, limits, target=record.target_kg) if limits.tolerance_kg is not None else None
    copied = (
        *("check_id", "filling_company", "inspection_company", "gun_number", "gross_kg", "net_kg", "tare_kg"),
        *("residue_kg", "target_kg", "medium", "filler_number", "filler_certificate", "scale_number"),
        *("scale_verified_until", "started_at", "ended_at", "ended", "corrects"),
    )
    return {
        **_head(taken),
        **_scanned(record),
        "company_id": taken.company_id,
        "least_kg": record.target_kg - limits.tolerance_kg if limits.tolerance_kg is not None else None,
        "most_kg": most_kg,
        "filled_on": parse_basic_date(record.filled_on),
        "last_filled_on": parse_basic_date(record.last_filled_on) if record.last_filled_on else None,
        "point": point_wkt(record.position),
        **{name: getattr(record, name) for name in copied},
    }


async def _replace_corrected(session: AsyncSession, takens: Sequence[Taken[CylinderFilled]]) -> None:
    """A correction takes the place of what it corrects, for the same company alone: the regulator sees that one go."""
    for taken in takens:
        if not taken.record.corrects:
            continue
        gone = await session.scalar(
            update(Filling)
            .where(
                Filling.id == taken.record.corrects,
                Filling.company_id == taken.company_id,
                Filling.corrected_by == "",
                Filling.id != taken.record.id,
            )
            .values(corrected_by=taken.record.id)
            .returning(Filling.organisation_id)
        )
        if gone is not None:
            await cylinders.drop_movements(session, [taken.record.corrects])
            await changes.changed(session, "T2-10", taken.record.corrects, gone, deleted=True)


async def _move(
    session: AsyncSession, before: Sequence[Taken[FillingCheckedBefore]], filled: Sequence[Taken[CylinderFilled]]
) -> None:
    """What was corrected or withdrawn meanwhile moves nothing, also when it is taken once more."""
    ids = {taken.record.id for taken in filled}
    counting = set(await session.scalars(select(Filling.id).where(one_of(Filling.id, ids), *counts())))
    moved = [
        (taken, [cylinders.Scanned(kind="filled", scan=taken.record.scan, station_id=taken.organisation_id)])
        for taken in filled
        if taken.record.id in counting
    ]
    refused = [
        (
            taken,
            [cylinders.Scanned(kind="refused", scan=taken.record.scan, detail=f"filling: {', '.join(row['reasons'])}")],
        )
        for taken in before
        if (row := _refusal(taken)) is not None
    ]
    await cylinders.record_movements(session, [*moved, *refused])


async def _missing(
    session: AsyncSession, filled: Sequence[Taken[CylinderFilled]], after: Sequence[Taken[FillingCheckedAfter]]
) -> dict[str, Waiting]:
    checks = {taken.record.check_id for taken in filled}
    fillings = {t.record.filled_id for t in after} | {t.record.corrects for t in filled if t.record.corrects}
    here = set(await session.scalars(select(FillingCheck.id).where(one_of(FillingCheck.id, checks))))
    here |= set(await session.scalars(select(Filling.id).where(one_of(Filling.id, fillings))))
    asked = [(t.record.id, [t.record.check_id, t.record.corrects]) for t in filled]
    asked += [(t.record.id, [t.record.filled_id]) for t in after]
    gone = {record_id: tuple(each for each in ids if each and each not in here) for record_id, ids in asked}
    return {record_id: Waiting(ids) for record_id, ids in gone.items() if ids}


def _event(taken: Taken[Any]) -> events.Event:
    record = taken.record
    facts: dict[str, Any] = {"code": record.scan.code}
    if isinstance(record, CylinderFilled):
        return events.Event("filling.recorded", record.id, taken.organisation_id, facts | {"net_kg": record.net_kg})
    kind = str(record.__struct_config__.tag)
    return events.Event(kind, record.id, taken.organisation_id, facts | {"passed": record.passed})


TAKES: dict[str, Take] = {
    "filling.checked_before": take_fillings,
    "cylinder.filled": take_fillings,
    "filling.checked_after": take_fillings,
}
