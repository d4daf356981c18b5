"""One step of an application: allowed or not, written into its history and the audit, with the next deadline."""

from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncSession

from backend import audit, events
from backend.accounts import service as accounts
from backend.errors import ConflictingError
from backend.licensing.models import LicenceApplication, LicenceStep
from backend.licensing.rules import Action, State, after_working_days, next_state
from backend.licensing.service.showing import state_of
from backend.reference import service as reference
from backend.scope import Caller
from sync.databases import beijing_today

_WAITING: frozenset[State] = frozenset({"submitted", "under_review"})


async def move(
    session: AsyncSession,
    caller: Caller,
    row: LicenceApplication,
    action: Action,
    *,
    reason: str = "",
    certificate_id: str | None = None,
) -> None:
    after = next_state(state_of(row), action)
    if after is None:
        raise ConflictingError(
            "licence.wrong_step",
            "申请已不在这一步，请刷新后再看。",
            "The application has moved on: look at it again.",
            state=row.state,
        )
    row.state, row.reason, row.certificate_id = after, reason, certificate_id
    row.changed_at = datetime.now(UTC)
    settings = (await reference.find_settings(session, await _authority(session, row))).fields
    days = settings.licence_accept_days if after == "submitted" else settings.licence_decide_days
    row.due_on = after_working_days(beijing_today(), days) if after in _WAITING else None
    if after in {"approved", "refused"}:
        row.decided_at = row.changed_at
    place = row.organisation_id
    session.add(
        LicenceStep(
            application_id=row.id,
            organisation_id=place,
            action=action,
            state=after,
            staff_id=caller.staff_id,
            at=row.changed_at,
            reason=reason,
        )
    )
    await session.flush()
    facts = {"number": row.number, "state": after, "reason": reason}
    await audit.record(session, caller, f"licence.{action}", "licence", row.id, facts, organisation_id=place)
    await events.announce(session, "licence.moved", row.id, place)


async def _authority(session: AsyncSession, row: LicenceApplication) -> str:
    """The office next above the company: its deadlines are its own, not the applicant's."""
    above = (await accounts.ancestors_of(session, [row.company_id]))[row.company_id]
    offices = [each.id for each in above if each.kind in {"province", "city", "county"}]
    return offices[-1] if offices else row.company_id
