"""First steps from the command line, before anybody can sign in: a company, its network, its cylinders."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts import service as accounts
from backend.accounts.models import Organisation
from backend.cylinders.importing import import_cylinders as take_cylinders
from backend.cylinders.schemas import ImportReport as CylindersReport
from backend.db import Database
from backend.errors import MissingError
from backend.network.importing import import_network as take_network
from backend.network.schemas import ImportReport
from backend.reference import service as reference

_SHOWN_ROWS = 20


async def create_company(
    session: AsyncSession,
    name: str,
    *,
    units: Sequence[str],
    administrator: str,
    password: str,
    min_length: int,
    parent_id: str | None = None,
) -> Organisation:
    """The company with its units, lists and limits, and an administrator who can sign in to the console."""
    company = await accounts.create_organisation(session, None, parent_id=parent_id, kind="company", name=name)
    made = [
        await accounts.create_organisation(session, None, parent_id=company.id, kind="unit", name=unit)
        for unit in units
    ]
    staff = await accounts.create_staff(
        session,
        None,
        staff_number=administrator,
        name="管理员",
        organisation_id=company.id,
        password=password,
        unit_ids=[unit.id for unit in made],
        min_length=min_length,
    )
    await accounts.grant_role(session, None, staff.id, organisation_id=company.id, role="company_admin")
    await reference.post_reference(session, company.id)
    return company


async def import_network(
    database: Database,
    unit: str,
    file: Path,
    *,
    layer: str | None,
    mapping: Mapping[str, str],
    crs: str | None,
    dry_run: bool,
) -> ImportReport:
    async with database.sessions() as session, session.begin():
        organisation_id = await find_unit(session, unit)
        return await take_network(
            session,
            None,
            file,
            organisation_id=organisation_id,
            layer=layer,
            mapping=mapping,
            crs=crs,
            dry_run=dry_run,
        )


async def import_cylinders(
    database: Database, unit: str, content: bytes, *, file_name: str, dry_run: bool, keep_existing: bool
) -> CylindersReport:
    """How far it is goes to the terminal while it runs."""

    async def tell(done: int, total: int) -> None:
        print(f"{done:,} / {total:,}", file=sys.stderr, flush=True)

    async with database.sessions() as session, session.begin():
        return await take_cylinders(
            session,
            None,
            content,
            organisation_id=await find_unit(session, unit),
            file_name=file_name,
            dry_run=dry_run,
            keep_existing=keep_existing,
            on_progress=tell,
        )


def print_cylinders(report: CylindersReport) -> int:
    """As `print_report`, of a register of cylinders."""
    columns = ", ".join(f"{field} <- {head}" for field, head in report.columns.items())
    print(f"{columns}; not used: {', '.join(report.ignored) or 'none'}")
    print(
        f"{report.read} read, {report.accepted} accepted ({report.created} new, {report.changed} changed, "
        f"{report.unchanged} as before), {len(report.rejected)} rejected"
    )
    for row in report.rejected[:_SHOWN_ROWS]:
        print(f"  row {row.row} {row.code}: {row.reason_zh} / {row.reason_en}")
    if len(report.rejected) > _SHOWN_ROWS:
        print(f"  ... and {len(report.rejected) - _SHOWN_ROWS} more; --json FILE writes them all")
    if report.dry_run:
        print("dry run: no cylinder was written")
    return len(report.rejected)


async def find_unit(session: AsyncSession, unit: str) -> str:
    named = or_(Organisation.id == unit, Organisation.name == unit)
    found = (await session.scalars(select(Organisation.id).where(Organisation.kind == "unit", named))).all()
    if len(found) != 1:
        raise MissingError(
            "unit.unknown" if not found else "unit.ambiguous",
            f"{'没有' if not found else '不止一个'}基层单位叫“{unit}”，请用 create-company --unit 建立或改用编号",
            f"{'no' if not found else 'more than one'} unit is called {unit!r}: make it with create-company --unit, "
            "or give its id",
        )
    return found[0]


def print_report(report: ImportReport) -> int:
    """What was read, taken and rejected, a line each; returns how many rows were rejected."""
    for layer in report.layers:
        print(
            f"{layer.layer} ({layer.kind}, {layer.crs}): {layer.read} read, {layer.accepted} accepted "
            f"({layer.created} new, {layer.changed} changed, {layer.unchanged} as before), "
            f"{len(layer.rejected)} rejected"
        )
        for row in layer.rejected[:_SHOWN_ROWS]:
            print(f"  row {row.row} {row.code}: {row.reason_zh} / {row.reason_en}")
        if len(layer.rejected) > _SHOWN_ROWS:
            print(f"  ... and {len(layer.rejected) - _SHOWN_ROWS} more; --json FILE writes them all")
    if report.dry_run:
        print("dry run: nothing was written")
    return len(report.rejected)
