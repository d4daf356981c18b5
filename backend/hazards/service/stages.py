"""The office moves a hazard from stage to stage; each move leaves a line in its history and in the audit."""

from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from backend import audit
from backend.accounts import service as accounts
from backend.errors import ConflictingError, MissingError, UnusableError
from backend.hazards.models import Hazard, HazardStep
from backend.hazards.rules import ACTION_WORDS, STAGE_WORDS, Action, Stage, next_stage
from backend.hazards.schemas import Decide, Dispatch, Extend, HazardOut, Reasoned, Recheck, Rectify
from backend.hazards.service.board import find_hazard
from backend.hazards.service.reporting import announce
from backend.reference import service as reference
from backend.scope import Caller, scoped
from sync.databases import BEIJING


async def decide_grade(session: AsyncSession, caller: Caller, hazard_id: str, given: Decide) -> HazardOut:
    """核定: the safety department decides what the inspector proposed."""
    hazard = await _find(session, caller, hazard_id)
    if given.grade not in await reference.words(session, hazard.company_id, "hazard_grade"):
        raise UnusableError("hazard.grade", "没有这个隐患等级。", "There is no such grade.", grade=given.grade)
    facts = {"grade": given.grade, "proposed": hazard.proposed_grade, "clause": given.clause}
    return await _move(
        session,
        caller,
        hazard,
        "decide",
        note=given.note,
        facts=facts,
        fields={"grade": given.grade, "clause": given.clause},
    )


async def dispatch_hazard(session: AsyncSession, caller: Caller, hazard_id: str, given: Dispatch) -> HazardOut:
    """派单: a department, a measure and a day."""
    hazard = await _find(session, caller, hazard_id)
    _check_due(given.due_on)
    if given.responsible_id:
        await accounts.find_staff(session, given.responsible_id, caller)
    fields = {
        "department": given.department,
        "responsible_id": given.responsible_id,
        "measure": given.measure,
        "due_on": given.due_on,
    }
    facts = fields | {"due_on": given.due_on.isoformat()}
    return await _move(session, caller, hazard, "dispatch", note=given.note, facts=facts, fields=fields)


async def rectify_hazard(session: AsyncSession, caller: Caller, hazard_id: str, given: Rectify) -> HazardOut:
    """整改完成: what was done, with photos after."""
    hazard = await _find(session, caller, hazard_id)
    fields = {"rectified_at": datetime.now(UTC), "rectified_photos": list(given.photos)}
    return await _move(
        session, caller, hazard, "rectify", note=given.note, facts={"photos": list(given.photos)}, fields=fields
    )


async def close_hazard(session: AsyncSession, caller: Caller, hazard_id: str, given: Recheck) -> HazardOut:
    """复查合格: 销号."""
    hazard = await _find(session, caller, hazard_id)
    return await _move(
        session, caller, hazard, "recheck", note=given.note, facts={}, fields={"closed_at": datetime.now(UTC)}
    )


async def dismiss_hazard(session: AsyncSession, caller: Caller, hazard_id: str, given: Reasoned) -> HazardOut:
    """不成立: what was reported is no hazard."""
    hazard = await _find(session, caller, hazard_id)
    return await _move(
        session, caller, hazard, "dismiss", note=given.note, facts={}, fields={"closed_at": datetime.now(UTC)}
    )


async def return_hazard(session: AsyncSession, caller: Caller, hazard_id: str, given: Reasoned) -> HazardOut:
    """退回: one stage back."""
    hazard = await _find(session, caller, hazard_id)
    return await _move(
        session, caller, hazard, "return", note=given.note, facts={}, fields={"returned": hazard.returned + 1}
    )


async def extend_hazard(session: AsyncSession, caller: Caller, hazard_id: str, given: Extend) -> HazardOut:
    """延期: a later day."""
    hazard = await _find(session, caller, hazard_id)
    _check_due(given.due_on)
    if hazard.due_on is not None and given.due_on <= hazard.due_on:
        raise UnusableError("hazard.not_later", "延期日期应晚于原期限。", "The new day must be later than the old one.")
    facts = {"from": hazard.due_on.isoformat() if hazard.due_on else "", "to": given.due_on.isoformat()}
    fields = {"due_on": given.due_on, "extended": hazard.extended + 1}
    return await _move(session, caller, hazard, "extend", note=given.note, facts=facts, fields=fields)


async def supervise_hazard(session: AsyncSession, caller: Caller, hazard_id: str, given: Reasoned) -> HazardOut:
    """挂牌督办: watched from above until it is closed."""
    hazard = await _find(session, caller, hazard_id)
    return await _move(session, caller, hazard, "supervise", note=given.note, facts={}, fields={"supervised": True})


def _check_due(due_on: date) -> None:
    if due_on < datetime.now(BEIJING).date():
        raise UnusableError("hazard.due_past", "期限不能早于今天。", "The due day must not be in the past.")


async def _find(session: AsyncSession, caller: Caller, hazard_id: str) -> Hazard:
    query = scoped(select(Hazard).where(Hazard.id == hazard_id), Hazard.organisation_id, caller)
    hazard: Hazard | None = await session.scalar(query.with_for_update())
    if hazard is None:
        raise MissingError("hazard.unknown", "没有这条隐患。", "There is no such hazard.")
    await reference.find_place(session, hazard.organisation_id, caller=caller, right="hazard.decide")
    return hazard


async def _move(
    session: AsyncSession,
    caller: Caller,
    hazard: Hazard,
    action: Action,
    *,
    note: str,
    facts: dict[str, Any],
    fields: dict[str, Any],
) -> HazardOut:
    before: Any = hazard.stage
    after = next_stage(action, before)
    if after is None:
        raise _not_now(action, before)
    for name, value in fields.items():
        setattr(hazard, name, value)
    if after != before:
        hazard.stage, hazard.stage_since = after, datetime.now(UTC)
    hazard.version += 1
    session.add(
        HazardStep(
            hazard_id=hazard.id,
            organisation_id=hazard.organisation_id,
            action=action,
            from_stage=before,
            to_stage=after,
            staff_id=caller.staff_id,
            at=datetime.now(UTC),
            note=note,
            facts=facts,
        )
    )
    await session.flush()
    await audit.record(
        session,
        caller,
        f"hazard.{action}",
        "hazard",
        hazard.id,
        facts | {"from": before, "to": after},
        organisation_id=hazard.organisation_id,
    )
    await announce(session, hazard)
    return await find_hazard(session, caller, hazard.id)


def _not_now(action: Action, stage: Stage) -> ConflictingError:
    (zh, en), (stage_zh, stage_en) = ACTION_WORDS[action], STAGE_WORDS[stage]
    return ConflictingError(
        "hazard.stage",
        f"隐患在“{stage_zh}”，不能{zh}。",
        f"The hazard is {stage_en.lower()}: it cannot be done now ({en.lower()}).",
        stage=stage,
        wanted=action,
    )
