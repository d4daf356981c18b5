"""What the office does: says what became of a refused cylinder, and takes back a filling that was none."""

from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from backend import audit, events
from backend.changes import service as changes
from backend.cylinders import service as cylinders
from backend.errors import ConflictingError, MissingError, UnusableError
from backend.filling.models import Filling, RefusedFilling
from backend.filling.schemas import FillingDetail, Handling, RefusalOut
from backend.filling.service.refusals import find_refusal
from backend.filling.service.showing import find_filling
from backend.reference import service as reference
from backend.scope import Caller, scoped


async def handle_refusal(session: AsyncSession, caller: Caller, refusal_id: str, given: Handling) -> RefusalOut:
    """Once; who did it and what is in the audit. `other` needs words."""
    query = scoped(
        select(RefusedFilling).where(RefusedFilling.id == refusal_id), RefusedFilling.organisation_id, caller
    )
    row: RefusedFilling | None = await session.scalar(query.with_for_update())
    if row is None:
        raise MissingError("refusal.unknown", "没有这条拒充记录。", "There is no such refusal.")
    if given.action not in await reference.words(session, row.company_id, "refused_cylinder_action"):
        raise UnusableError("refusal.action", "没有这种处理方式。", "There is no such action.", field="action")
    if given.action == "other" and not given.handling.strip():
        raise UnusableError("refusal.words", "请写明怎样处理的。", "Say what was done.", field="handling")
    if row.handled_at is not None:
        raise ConflictingError("refusal.handled", "这只瓶已经处理过了。", "It has been dealt with already.")
    row.handled_at, row.handled_by = datetime.now(UTC), caller.staff_id
    row.action, row.handling = given.action, given.handling.strip()
    await session.flush()
    await audit.record(
        session,
        caller,
        "refusal.handled",
        "refused_filling",
        row.id,
        {"code": row.code, "action": row.action, "handling": row.handling},
        organisation_id=row.organisation_id,
    )
    await events.announce(session, "filling.refusal_handled", row.id, row.organisation_id)
    return await find_refusal(session, caller, row.id)


async def withdraw_filling(session: AsyncSession, caller: Caller, filling_id: str, reason: str) -> FillingDetail:
    """A filling that did not take place: the record stays, counts no more, and goes from the feed."""
    query = scoped(select(Filling).where(Filling.id == filling_id), Filling.organisation_id, caller)
    row: Filling | None = await session.scalar(query.with_for_update())
    if row is None:
        raise MissingError("filling.unknown", "没有这条充装记录。", "There is no such filling.")
    if row.corrected_by or row.withdrawn_at is not None:
        raise ConflictingError("filling.gone", "这条记录已作废或已更正。", "It is withdrawn or corrected already.")
    row.withdrawn_at, row.withdrawn_by, row.withdrawn_reason = datetime.now(UTC), caller.staff_id, reason
    await session.flush()
    await audit.record(
        session,
        caller,
        "filling.withdrawn",
        "filling",
        row.id,
        {"code": row.code, "reason": reason},
        organisation_id=row.organisation_id,
    )
    await cylinders.drop_movements(session, [row.id])
    await changes.changed(session, "T2-10", row.id, row.organisation_id, deleted=True)
    await events.announce(session, "filling.withdrawn", row.id, row.organisation_id)
    return await find_filling(session, caller, row.id)
