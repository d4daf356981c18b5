"""Taking a register of cylinders into the archive: row by row, each refusal with its reason; the same file twice
changes nothing. A cylinder is known by its code; an empty cell leaves what was there.
"""

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from backend import audit
from backend.accounts import service as accounts
from backend.cylinders.importing.plan import may_edit, plan_import
from backend.cylinders.importing.rows import HEADS, Known, ReadRow, plain, read_row
from backend.cylinders.importing.writing import Progress, write_import
from backend.cylinders.models import CylinderImport
from backend.cylinders.schemas import ImportReport, RejectedRow
from backend.db import new_key
from backend.errors import MissingError, UnusableError
from backend.reference import service as reference
from backend.scope import Caller, scoped
from backend.tables import find_head, read_table, text_of, write_xlsx
from sync.databases import BEIJING

# Trials are looked at and forgotten.
_KEEP_TRIALS = timedelta(days=30)


async def import_cylinders(
    session: AsyncSession,
    caller: Caller | None,
    content: bytes,
    *,
    organisation_id: str,
    file_name: str = "",
    dry_run: bool = False,
    keep_existing: bool = False,
    on_progress: Progress | None = None,
) -> ImportReport:
    """New cylinders go to this station unless their row names another one of the company that the caller may edit.

    `keep_existing` rejects rows that would change what is there. `caller` is None on the command line.
    """
    place = await reference.find_place(session, organisation_id, caller=caller, right="cylinder.edit")
    unit = await accounts.find_organisation(session, organisation_id, caller)
    if unit.kind != "unit":
        raise UnusableError("import.not_a_unit", "气瓶须导入到站点。", "Cylinders are imported into a station.")
    table = await asyncio.to_thread(read_table, content)
    head = find_head(table, HEADS)
    if "code" not in head.columns:
        raise UnusableError(
            "import.no_code_column",
            "没有找到“气瓶编号”这一列。",
            "There is no column with the cylinder's code.",
            action=f"表头应有：{'、'.join(HEADS['code'][:4])} 之一",
            action_en="Name it “cylinder code”",
            heads=[text_of(cell) for cell in table[head.row]][:50],
        )
    known = await _known(session, caller, place)
    rows = await asyncio.to_thread(_read, table, head.row, head.columns, known)
    # One import of a company at a time; others wait for the commit.
    await session.execute(select(func.pg_advisory_xact_lock(func.hashtext(f"cylinders:{place.company_id}"))))
    plan = await plan_import(session, caller, rows, place, keep_existing=keep_existing)
    report = ImportReport(
        id=new_key(),
        dry_run=dry_run,
        file_name=file_name,
        read=len(rows),
        created=len(plan.created),
        changed=len(plan.changed),
        unchanged=plan.unchanged,
        rejected=tuple(plan.rejected),
        columns={field: text_of(table[head.row][column]) for field, column in head.columns.items()},
        ignored=head.unknown,
    )
    if not dry_run:
        await write_import(session, caller, plan, on_progress)
    digest = hashlib.sha256(content).hexdigest()
    await _keep(session, caller, unit.id, report, digest=digest, heads=[text_of(cell) for cell in table[head.row]])
    return report


async def rejected_workbook(session: AsyncSession, caller: Caller, import_id: str) -> tuple[str, bytes]:
    """Its name, and each refused row as it stood with its reasons beside it: mended there, it is imported again."""
    found = await find_import(session, caller, import_id)
    rows = msgspec.convert(found.rejected, list[RejectedRow])
    # A head stands for its column here: one that is empty or stands twice gets its number.
    heads = [
        head if head and head not in found.heads[:number] else f"{head}#{number + 1}"
        for number, head in enumerate(found.heads)
    ]
    width = len(heads)
    lines = ([*(row.cells + ("",) * width)[:width], row.row, row.reason_zh, row.reason_en] for row in rows)
    content = await asyncio.to_thread(write_xlsx, [*heads, "原行号", "不能导入的原因", "Reason"], lines)
    return f"rejected-{found.at.astimezone(BEIJING):%Y%m%d-%H%M}", content


async def find_import(session: AsyncSession, caller: Caller, import_id: str) -> CylinderImport:
    query = scoped(select(CylinderImport), CylinderImport.organisation_id, caller)
    found: CylinderImport | None = await session.scalar(query.where(CylinderImport.id == import_id))
    if found is None:
        raise MissingError("import.unknown", "没有这次导入。", "There is no such import.")
    return found


async def _known(session: AsyncSession, caller: Caller | None, place: reference.Place) -> Known:
    sizes = await reference.words(session, place.company_id, "cylinder_specification")
    media = await reference.words(session, place.company_id, "cylinder_medium")
    stations = [unit for unit in await accounts.units_under(session, place.company_id) if may_edit(caller, unit.path)]
    return Known(
        specifications={plain(name): code for code, entry in sizes.items() for name in (code, entry.zh, entry.en)},
        media={plain(name): code for code, entry in media.items() for name in (code, entry.zh, entry.en)},
        stations={plain(unit.name): unit.id for unit in stations},
        today=datetime.now(BEIJING).date(),
    )


def _read(table: Sequence[Sequence[Any]], head: int, columns: Mapping[str, int], known: Known) -> list[ReadRow]:
    """Numbered as the spreadsheet shows them; lines without any content are none."""
    return [
        read_row(number, row, columns, known)
        for number, row in enumerate(table[head + 1 :], head + 2)
        if any(text_of(cell) for cell in row)
    ]


async def _keep(
    session: AsyncSession, caller: Caller | None, unit_id: str, report: ImportReport, *, digest: str, heads: list[str]
) -> None:
    """The report can be looked at and taken away later; what was written stands in the audit."""
    now = datetime.now(UTC)
    old = (CylinderImport.dry_run, CylinderImport.at < now - _KEEP_TRIALS)
    await session.execute(delete(CylinderImport).where(CylinderImport.organisation_id == unit_id, *old))
    copied = ("id", "file_name", "dry_run", "read", "created", "changed", "unchanged", "columns")
    session.add(
        CylinderImport(
            organisation_id=unit_id,
            at=now,
            staff_id=caller.staff_id if caller else "",
            sha256=digest,
            heads=heads,
            rejected=msgspec.to_builtins(report.rejected),
            **{name: getattr(report, name) for name in copied},
        )
    )
    await session.flush()
    if report.dry_run:
        return
    facts = {name: getattr(report, name) for name in ("file_name", "read", "created", "changed", "unchanged")}
    facts |= {"rejected": len(report.rejected), "sha256": digest}
    await audit.record(
        session, caller, "cylinders.imported", "cylinder.import", report.id, facts, organisation_id=unit_id
    )
