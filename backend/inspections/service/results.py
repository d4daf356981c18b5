"""检验结果: what the inspection body found of each cylinder that was sent (5.8.8-3b)."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from backend import audit
from backend.cylinders import service as cylinders
from backend.db import new_key
from backend.errors import UnusableError
from backend.inspections.models import CylinderRepair, InspectionBatch, InspectionItem
from backend.inspections.schemas import BatchOut, ResultIn
from backend.inspections.service.batches import find_batch, held_batch
from backend.reference import service as reference
from backend.reference.schemas import InspectionPeriod
from backend.scope import Caller
from sync.databases import BEIJING

# It cannot come back before it left; a moment apart keeps the two in their order.
_BACK_AFTER = timedelta(minutes=1)


class Flaw(msgspec.Struct, frozen=True):
    code: str
    zh: str
    en: str


class Sheet(msgspec.Struct, frozen=True):
    """A batch with its items and cylinders, locked, and what the company's table says."""

    batch: InspectionBatch
    items: dict[str, InspectionItem]
    held: dict[str, Any]
    periods: Sequence[InspectionPeriod]


async def record_results(session: AsyncSession, caller: Caller, batch_id: str, given: Sequence[ResultIn]) -> BatchOut:
    """All of them or, where one cannot be, none. A later result of the same cylinder corrects the one before."""
    sheet = await open_sheet(session, caller, batch_id)
    flaws = {each.code: flaw for each in given if (flaw := flaw_of(sheet, each)) is not None}
    if flaws:
        raise UnusableError(
            "inspection.results",
            "；".join(f"{code}：{flaw.zh}" for code, flaw in list(flaws.items())[:10]) + "。",
            "; ".join(f"{code}: {flaw.en}" for code, flaw in list(flaws.items())[:10]) + ".",
            codes=list(flaws),
        )
    await write_results(session, caller, sheet, given)
    return await find_batch(session, caller, batch_id)


async def open_sheet(session: AsyncSession, caller: Caller, batch_id: str) -> Sheet:
    batch = await held_batch(session, caller, batch_id)
    query = select(InspectionItem).where(InspectionItem.batch_id == batch.id, InspectionItem.result != "withdrawn")
    rows = (await session.scalars(query.execution_options(populate_existing=True))).all()
    items = {row.code: row for row in rows}
    held = await cylinders.lock_cylinders(session, caller, batch.company_id, items)
    return Sheet(batch, items, held, (await reference.find_periods(session, batch.company_id)).entries)


def flaw_of(sheet: Sheet, given: ResultIn) -> Flaw | None:
    item, cylinder = sheet.items.get(given.code), sheet.held.get(given.code)
    if item is None or cylinder is None:
        return Flaw("not_sent", "不在这张送检单里", "it is not on this sheet")
    if cylinder.scrapped:
        return Flaw("scrapped", "气瓶已报废", "the cylinder is scrapped")
    if given.inspected_on > datetime.now(BEIJING).date():
        return Flaw("future", "检验日期在今天之后", "it was inspected in the future")
    if given.inspected_on < sheet.batch.sent_on:
        return Flaw("before_sent", "检验日期早于送检日期", "it was inspected before it was sent")
    if given.result == "passed":
        return _deadline_flaw(sheet, given)
    return None


def _deadline_flaw(sheet: Sheet, given: ResultIn) -> Flaw | None:
    due, ends = _deadlines(sheet, given)
    if ends is not None and ends < given.inspected_on:
        return Flaw("service_ended", "已超过使用年限，不能判合格", "its service life has ended: it cannot pass")
    if due is None:
        return Flaw("no_next", "缺少下次检验日期", "the date of its next inspection is missing")
    if due <= given.inspected_on:
        return Flaw("next_before", "下次检验不晚于本次检验", "its next inspection is not after this one")
    return None


def _deadlines(sheet: Sheet, given: ResultIn) -> tuple[date | None, date | None]:
    """Next inspection and end of service of one that passed; the table may lengthen its service, never shorten it."""
    cylinder = sheet.held[given.code]
    found = reference.deadlines(
        sheet.periods,
        standard=cylinder.standard,
        specification=cylinder.specification,
        made_on=cylinder.made_on,
        last_inspected_on=given.inspected_on,
    )
    ends = max(filter(None, (cylinder.service_ends_on, found.service_ends_on)), default=None)
    return given.next_inspection_on or found.next_inspection_on, ends


def differs(sheet: Sheet, given: ResultIn) -> bool:
    """Whether the sheet says something else already: the same file twice changes nothing."""
    item = sheet.items[given.code]
    if given.result == "repair":
        return True
    due = _deadlines(sheet, given)[0] if given.result == "passed" else None
    said = (given.result, given.inspected_on, due, given.report_number, given.note)
    return said != (item.result, item.inspected_on, item.next_inspection_on, item.report_number, item.note)


async def write_results(session: AsyncSession, caller: Caller, sheet: Sheet, given: Sequence[ResultIn]) -> None:
    now = datetime.now(UTC)
    facts: dict[str, Mapping[str, Any]] = {}
    done = [each for each in given if each.result != "repair"]
    inspected: list[cylinders.Inspected] = []
    for each in given:
        item = sheet.items[each.code]
        facts[item.id] = {"code": each.code, "before": item.result, "after": each.result, "report": each.report_number}
        item.report_number, item.note = each.report_number, each.note
        item.recorded_at, item.recorded_by = now, caller.staff_id
        if each.result == "repair":
            session.add(_repair(item, each, sheet.batch, caller.staff_id, now))
            continue
        passed = each.result == "passed"
        due, ends = _deadlines(sheet, each) if passed else (None, None)
        item.result, item.inspected_on, item.next_inspection_on = each.result, each.inspected_on, due
        inspected.append(
            cylinders.Inspected(
                cylinder=sheet.held[each.code],
                passed=passed,
                inspected_on=each.inspected_on,
                inspected_by=sheet.batch.inspection_body,
                next_inspection_on=due,
                service_ends_on=ends,
            )
        )
    await session.flush()
    await cylinders.note_inspected(session, caller, inspected)
    await cylinders.record_office_movements(session, caller, [_back(sheet, each) for each in done])
    organisations = dict.fromkeys(facts, sheet.batch.organisation_id)
    await audit.record_all(session, caller, "inspection.result", "inspection.item", facts, organisations)


def _back(sheet: Sheet, given: ResultIn) -> cylinders.OfficeMovement:
    item = sheet.items[given.code]
    return cylinders.OfficeMovement(
        record_id=f"inspection.result:{item.id}",
        kind="inspected",
        cylinder=sheet.held[given.code],
        at=max(cylinders.moment_of(given.inspected_on), sheet.batch.sent_at + _BACK_AFTER),
        station_id=sheet.batch.organisation_id,
        detail=f"{sheet.batch.number}: {given.result}",
    )


def _repair(
    item: InspectionItem, given: ResultIn, batch: InspectionBatch, staff_id: str, at: datetime
) -> CylinderRepair:
    return CylinderRepair(
        id=new_key(),
        organisation_id=item.organisation_id,
        cylinder_id=item.cylinder_id,
        code=item.code,
        item_id=item.id,
        fault=given.note or "—",
        repairer=batch.inspection_body,
        repaired_on=given.inspected_on,
        staff_id=staff_id,
        at=at,
    )
