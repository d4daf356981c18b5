"""An import's rows into the archive, in few statements, with what phones, the regulator and the audit are told."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from backend import audit, events
from backend.bulk import Row, Rows, insert_rows, one_of
from backend.changes import service as changes
from backend.cylinders.importing.plan import Plan
from backend.cylinders.models import Cylinder, CylinderMovement, Scrapping
from backend.cylinders.service.dead_tags import bury_scrapped
from backend.cylinders.service.movements import adopt
from backend.cylinders.service.office import OfficeMovement, record_office_movements
from backend.cylinders.service.posting import POSTED, document
from backend.cylinders.service.stays import mark_whole_way
from backend.db import new_key
from backend.intake import service as intake
from backend.scope import Caller
from sync.databases import BEIJING

# Rows in one statement: enough to be quick, few enough that progress is seen.
_CHUNK = 5000

Progress = Callable[[int, int], Awaitable[None]]


async def write_import(session: AsyncSession, caller: Caller | None, plan: Plan, on_progress: Progress | None) -> None:
    total, done = len(plan.created) + len(plan.changed), 0
    for start in range(0, len(plan.created), _CHUNK):
        rows = plan.created[start : start + _CHUNK]
        await _create(session, caller, rows)
        done += len(rows)
        if on_progress is not None:
            await on_progress(done, total)
    changed = sorted(plan.changed)
    for start in range(0, len(changed), _CHUNK):
        ids = changed[start : start + _CHUNK]
        await _change(session, caller, {key: plan.changed[key] for key in ids})
        done += len(ids)
        if on_progress is not None:
            await on_progress(done, total)


async def _create(session: AsyncSession, caller: Caller | None, rows: Sequence[Row]) -> None:
    now = datetime.now(UTC)
    made = [_new_row(row, now) for row in rows]
    await insert_rows(session, Cylinder, made)
    await _post(session, [row["id"] for row in made])
    codes = {row["code"]: row["id"] for row in made}
    waiting = select(CylinderMovement.code).where(
        CylinderMovement.company_id == made[0]["company_id"],
        CylinderMovement.cylinder_id.is_(None),
        one_of(CylinderMovement.code, sorted(codes)),
    )
    await adopt(session, {codes[code] for code in await session.scalars(waiting)})
    if scrapped := [row["id"] for row in made if row["scrapped"]]:
        await _scrap(session, caller, scrapped)


def _new_row(row: Row, now: datetime) -> Row:
    at = row.get("registered_at", now)
    station = row["organisation_id"]
    return row | {
        "id": new_key(),
        "registered_at": at,
        "registered_with": station,
        "holder_kind": "station",
        "holder_id": station,
        "holder_since": at,
        "last_record_id": "",
    }


async def _scrap(session: AsyncSession, caller: Caller | None, ids: Sequence[str]) -> None:
    """Registered as scrapped: each has its scrapping, its tag is dead."""
    now = datetime.now(UTC)
    cylinders = (await session.scalars(select(Cylinder).where(one_of(Cylinder.id, ids)).order_by(Cylinder.id))).all()
    scrappings = {
        cylinder.id: {
            "id": new_key(),
            "organisation_id": cylinder.organisation_id,
            "cylinder_id": cylinder.id,
            "reason": "registered",
            "scrapped_on": now.astimezone(BEIJING).date(),
            "staff_id": caller.staff_id if caller else "",
            "at": now,
        }
        for cylinder in cylinders
    }
    await insert_rows(session, Scrapping, list(scrappings.values()))
    await bury_scrapped(session, cylinders)
    moves = [
        OfficeMovement(record_id=f"scrapping:{scrappings[c.id]['id']}", kind="scrapped", cylinder=c, at=now)
        for c in cylinders
    ]
    await record_office_movements(session, caller, moves)


async def _change(session: AsyncSession, caller: Caller | None, changes_of: Mapping[str, Row]) -> None:
    rows = await Rows.read(session, Cylinder, changes_of)
    facts: dict[str, dict[str, Any]] = {}
    organisations: dict[str, str] = {}
    for key, fields in changes_of.items():
        row = rows.get(key)
        assert row is not None
        before = {name: row[name] for name in fields}
        if "organisation_id" in fields:
            document_id = f"reference.cylinder:{key}"
            await intake.withdraw(session, unit_id=row["organisation_id"], document_id=document_id)
        if "specification" in fields:
            await mark_whole_way(session, key)
        row.update(fields)
        organisations[key] = row["organisation_id"]
        facts[key] = {"code": row["code"], "before": _plain_facts(before), "after": _plain_facts(fields)}
    await rows.write(session)
    await audit.record_all(session, caller, "cylinder.saved", "cylinder", facts, organisations)
    await _post(session, list(changes_of))


def _plain_facts(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value.isoformat() if hasattr(value, "isoformat") else value for name, value in fields.items()}


async def _post(session: AsyncSession, ids: Sequence[str]) -> None:
    """Phones, the regulator and the open pages."""
    columns = [getattr(Cylinder, name) for name in ("id", "organisation_id", *POSTED)]
    by_unit: dict[str, list[Any]] = {}
    for row in await session.execute(select(*columns).where(one_of(Cylinder.id, ids))):
        by_unit.setdefault(row.organisation_id, []).append(row)
    for unit_id, rows in sorted(by_unit.items()):
        await intake.post_all(session, unit_id=unit_id, documents=[document(row) for row in rows])
        await changes.changed_all(session, "T2-05", {row.id: unit_id for row in rows})
        await events.announce(session, "cylinder.changed", "", unit_id, count=len(rows))
