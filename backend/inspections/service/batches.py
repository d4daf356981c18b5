"""送检: cylinders that a station sends to an inspection body, together, on one sheet."""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from backend import audit
from backend.accounts import service as accounts
from backend.bulk import one_of
from backend.cylinders import service as cylinders
from backend.db import new_key
from backend.errors import ConflictingError, MissingError, UnusableError
from backend.inspections.models import InspectionBatch, InspectionItem
from backend.inspections.schemas import BatchIn, BatchLine, BatchOut, ItemOut
from backend.pages import Page
from backend.reference import service as reference
from backend.scope import Caller, scoped, within
from sync.databases import BEIJING


async def send_batch(session: AsyncSession, caller: Caller, given: BatchIn) -> BatchOut:
    """All of them or, where one cannot go, none: the sheet that goes with them must be true."""
    place = await reference.find_place(session, given.organisation_id, caller=caller, right="cylinder.edit")
    today = datetime.now(BEIJING).date()
    if given.sent_on > today:
        raise UnusableError("inspection.future", "送检日期不能晚于今天。", "It cannot be sent in the future.")
    codes = list(dict.fromkeys(given.codes))
    held = await cylinders.lock_cylinders(session, caller, place.company_id, codes)
    await _refuse_some(session, codes, held)
    batch = InspectionBatch(
        id=new_key(),
        organisation_id=place.organisation_id,
        company_id=place.company_id,
        number=f"SJ{given.sent_on:%Y%m%d}-"
        f"{await reference.next_number(session, place.company_id, 'inspection', given.sent_on):03d}",
        inspection_body=given.inspection_body,
        sent_on=given.sent_on,
        sent_at=cylinders.moment_of(given.sent_on),
        staff_id=caller.staff_id,
        note=given.note,
        at=datetime.now(UTC),
    )
    session.add(batch)
    await session.flush()
    session.add_all(
        InspectionItem(
            id=new_key(),
            batch_id=batch.id,
            organisation_id=batch.organisation_id,
            cylinder_id=held[code].id,
            code=code,
            specification=held[code].specification,
            due_on=held[code].due_on,
        )
        for code in codes
    )
    await session.flush()
    moves = [
        cylinders.OfficeMovement(
            record_id=sent_record(batch.id),
            kind="sent_out",
            cylinder=held[code],
            at=batch.sent_at,
            inspection_body=batch.inspection_body,
            detail=batch.number,
        )
        for code in codes
    ]
    await cylinders.record_office_movements(session, caller, moves)
    facts = {"number": batch.number, "inspection_body": batch.inspection_body, "codes": codes}
    await audit.record(
        session, caller, "inspection.sent", "inspection.batch", batch.id, facts, organisation_id=batch.organisation_id
    )
    return await find_batch(session, caller, batch.id)


def sent_record(batch_id: str) -> str:
    return f"inspection.sent:{batch_id}"


async def _refuse_some(session: AsyncSession, codes: Sequence[str], held: Mapping[str, Any]) -> None:
    out = set(
        await session.scalars(
            select(InspectionItem.code).where(
                InspectionItem.result == "",
                one_of(InspectionItem.cylinder_id, [held[c].id for c in codes if c in held]),
            )
        )
    )
    unknown = [code for code in codes if code not in held]
    scrapped = [code for code in codes if code in held and held[code].scrapped]
    flaws = [
        (zh, en, found)
        for zh, en, found in (
            ("没有档案", "not on record", unknown),
            ("已报废", "scrapped", scrapped),
            ("已送检未返回", "out for inspection already", sorted(out)),
        )
        if found
    ]
    if flaws:
        raise ConflictingError(
            "inspection.cannot_go",
            "有气瓶不能送检：" + "；".join(f"{zh} {'、'.join(found[:10])}" for zh, _, found in flaws) + "。",
            "Some cannot be sent: " + "; ".join(f"{en}: {', '.join(found[:10])}" for _, en, found in flaws) + ".",
            action="从送检单里去掉再保存",
            action_en="Take them off the sheet",
            unknown=unknown,
            scrapped=scrapped,
            out=sorted(out),
        )


async def withdraw_item(session: AsyncSession, caller: Caller, batch_id: str, item_id: str) -> BatchOut:
    """It was put on the sheet by mistake and never left."""
    batch = await held_batch(session, caller, batch_id)
    query = select(InspectionItem).where(InspectionItem.id == item_id, InspectionItem.batch_id == batch.id)
    item = await session.scalar(query.with_for_update())
    if item is None:
        raise MissingError("inspection.item_unknown", "送检单里没有这个气瓶。", "It is not on the sheet.")
    if item.result:
        raise ConflictingError("inspection.has_result", "已有检验结果，不能撤回。", "It has its result already.")
    item.result, item.recorded_at, item.recorded_by = "withdrawn", datetime.now(UTC), caller.staff_id
    await session.flush()
    found = await cylinders.lock_cylinders(session, caller, batch.company_id, [item.code])
    await cylinders.withdraw_movement(session, found[item.code], sent_record(batch.id))
    facts = {"number": batch.number, "code": item.code}
    await audit.record(
        session,
        caller,
        "inspection.withdrawn",
        "inspection.batch",
        batch.id,
        facts,
        organisation_id=batch.organisation_id,
    )
    return await find_batch(session, caller, batch.id)


async def held_batch(session: AsyncSession, caller: Caller, batch_id: str) -> InspectionBatch:
    """Locked: results of one sheet are written one after another."""
    query = scoped(select(InspectionBatch), InspectionBatch.organisation_id, caller)
    batch: InspectionBatch | None = await session.scalar(
        query.where(InspectionBatch.id == batch_id).with_for_update().execution_options(populate_existing=True)
    )
    if batch is None:
        raise MissingError("inspection.unknown", "没有这张送检单。", "There is no such sheet.")
    await reference.find_place(session, batch.organisation_id, caller=caller, right="cylinder.edit")
    return batch


async def list_batches(
    session: AsyncSession,
    caller: Caller,
    *,
    search: str = "",
    organisation_id: str = "",
    still_out: bool = False,
    limit: int = 100,
    offset: int = 0,
) -> Page[BatchLine]:
    """Newest first; `search`: part of the number, the body's name or a cylinder's code."""
    wanted: list[ColumnElement[bool]] = [within(InspectionBatch.organisation_id, caller)]
    if organisation_id:
        wanted.append(InspectionBatch.organisation_id == organisation_id)
    if search:
        with_code = select(InspectionItem.batch_id).where(InspectionItem.code == search)
        wanted.append(
            InspectionBatch.number.icontains(search, autoescape=True)
            | InspectionBatch.inspection_body.icontains(search, autoescape=True)
            | InspectionBatch.id.in_(with_code)
        )
    if still_out:
        wanted.append(InspectionBatch.id.in_(select(InspectionItem.batch_id).where(InspectionItem.result == "")))
    total = await session.scalar(select(func.count(InspectionBatch.id)).where(*wanted))
    query = select(InspectionBatch).where(*wanted).order_by(InspectionBatch.sent_at.desc(), InspectionBatch.id.desc())
    rows = (await session.scalars(query.limit(limit).offset(offset))).all()
    return Page(await _lines(session, rows), total or 0)


async def find_batch(session: AsyncSession, caller: Caller, batch_id: str) -> BatchOut:
    query = scoped(select(InspectionBatch), InspectionBatch.organisation_id, caller)
    batch: InspectionBatch | None = await session.scalar(query.where(InspectionBatch.id == batch_id))
    if batch is None:
        raise MissingError("inspection.unknown", "没有这张送检单。", "There is no such sheet.")
    items = await session.scalars(
        select(InspectionItem)
        .where(InspectionItem.batch_id == batch.id, InspectionItem.result != "withdrawn")
        .order_by(InspectionItem.code)
        .execution_options(populate_existing=True)
    )
    rows = items.all()
    scrapped = await cylinders.scrapped_among(session, {row.cylinder_id for row in rows})
    own = [name for name in ItemOut.__struct_fields__ if name != "scrapped"]
    return BatchOut(
        batch=(await _lines(session, [batch]))[0],
        items=[
            ItemOut(scrapped=row.cylinder_id in scrapped, **{name: getattr(row, name) for name in own}) for row in rows
        ],
    )


async def _lines(session: AsyncSession, rows: Sequence[InspectionBatch]) -> list[BatchLine]:
    counts = await _counts(session, [row.id for row in rows])
    names = await accounts.staff_names(session, [row.staff_id for row in rows])
    stations = await accounts.organisations_by_id(session, {row.organisation_id for row in rows})
    return [
        BatchLine(
            id=row.id,
            number=row.number,
            organisation_id=row.organisation_id,
            organisation_name=stations[row.organisation_id].name,
            inspection_body=row.inspection_body,
            sent_on=row.sent_on,
            staff_name=names.get(row.staff_id, ""),
            note=row.note,
            total=sum(counts[row.id].values()),
            out=counts[row.id].get("", 0),
            passed=counts[row.id].get("passed", 0),
            failed=counts[row.id].get("failed", 0),
        )
        for row in rows
    ]


async def _counts(session: AsyncSession, batch_ids: Collection[str]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {batch_id: {} for batch_id in batch_ids}
    item = InspectionItem
    query = select(item.batch_id, item.result, func.count()).where(
        one_of(item.batch_id, batch_ids), item.result != "withdrawn"
    )
    for batch_id, result, number in await session.execute(query.group_by(item.batch_id, item.result)):
        found[batch_id][result] = number
    return found
