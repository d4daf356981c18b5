"""Applications as lists and pages show them; a draft is its applicant's alone."""

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts import service as accounts
from backend.certificates import service as certificates
from backend.errors import MissingError
from backend.licensing.models import LicenceApplication, LicenceAttachment, LicenceStep
from backend.licensing.rules import APPLICANTS, EDITABLE, STEPS, Action, State
from backend.licensing.schemas import ApplicationLine, ApplicationOut, AttachmentOut, HolderKind, Purpose, StepOut
from backend.pages import Page
from backend.photos.service import PhotoStore
from backend.reference import service as reference
from backend.scope import Caller, within
from sync.databases import beijing_today


def state_of(row: LicenceApplication) -> State:
    found: State = msgspec.convert(row.state, Any)
    return found


def holder_kind_of(row: LicenceApplication) -> HolderKind:
    found: HolderKind = msgspec.convert(row.holder_kind, Any)
    return found


def _visible(caller: Caller) -> ColumnElement[bool]:
    mine = within(LicenceApplication.organisation_id, caller.narrowed("licence.apply"))
    seen = within(LicenceApplication.organisation_id, caller.narrowed("licence.view"))
    return or_(mine, seen & (LicenceApplication.submitted_at.is_not(None)))


async def find_row(
    session: AsyncSession, caller: Caller, application_id: str, *, change: bool = False
) -> LicenceApplication:
    query = select(LicenceApplication).where(LicenceApplication.id == application_id, _visible(caller))
    query = query.with_for_update() if change else query
    found: LicenceApplication | None = await session.scalar(query.execution_options(populate_existing=True))
    if found is None:
        raise MissingError("licence.unknown", "没有这个申请。", "There is no such application.")
    return found


async def list_applications(
    session: AsyncSession,
    caller: Caller,
    *,
    search: str = "",
    holder_kind: str = "",
    state: State | None = None,
    overdue: bool = False,
    limit: int = 100,
    offset: int = 0,
) -> Page[ApplicationLine]:
    """What waits for the authority first, by its deadline; then the newest. `search`: part of the number, or of the
    holder's name or code.
    """
    table = LicenceApplication
    wanted: list[ColumnElement[bool]] = [_visible(caller)]
    pairs = ((table.holder_kind, holder_kind), (table.state, state or ""))
    wanted += [column == value for column, value in pairs if value]
    if overdue:
        wanted.append(table.due_on < beijing_today())
    if search:
        named = await certificates.holders_named(session, caller, search)
        wanted.append(or_(table.number.icontains(search, autoescape=True), table.holder_id.in_(named)))
    total = await session.scalar(select(func.count(table.id)).where(*wanted))
    query = select(table).where(*wanted).order_by(table.due_on.asc().nulls_last(), table.id.desc())
    rows = await session.scalars(query.limit(limit).offset(offset).execution_options(populate_existing=True))
    return Page(await _lines(session, rows.all()), total or 0)


async def _lines(session: AsyncSession, rows: Sequence[LicenceApplication]) -> list[ApplicationLine]:
    holders = await certificates.holders_by_id(session, [(row.holder_kind, row.holder_id) for row in rows])
    companies = await accounts.organisations_by_id(session, [row.company_id for row in rows])
    words: dict[tuple[str, str], Any] = {}
    for company_id in companies:
        for name in certificates.LIST_OF.values():
            entries = await reference.words(session, company_id, name)
            words |= {(company_id, f"{name}/{code}"): entry for code, entry in entries.items()}
    own = ("id", "number", "organisation_id", "company_id", "holder_id", "kind", "submitted_at", "due_on")
    lines = []
    for row in rows:
        holder = holders.get(row.holder_id)
        kind = holder_kind_of(row)
        word = words.get((row.company_id, f"{certificates.LIST_OF[kind]}/{row.kind}"))
        lines.append(
            ApplicationLine(
                company_name=companies[row.company_id].name,
                holder_kind=kind,
                holder_code=holder.code if holder else "",
                holder_name=holder.name if holder else "",
                kind_zh=word.zh if word else row.kind,
                kind_en=word.en if word else row.kind,
                purpose=msgspec.convert(row.purpose, Purpose),
                state=state_of(row),
                overdue=row.due_on is not None and row.due_on < beijing_today(),
                decided_at=row.decided_at,
                created_at=row.created_at,
                **{name: getattr(row, name) for name in own},
            )
        )
    return lines


async def find_application(session: AsyncSession, caller: Caller, application_id: str) -> ApplicationOut:
    row = await find_row(session, caller, application_id)
    papers = await session.scalars(
        select(LicenceAttachment)
        .where(LicenceAttachment.application_id == row.id)
        .order_by(LicenceAttachment.role, LicenceAttachment.id)
    )
    steps = (
        await session.scalars(select(LicenceStep).where(LicenceStep.application_id == row.id).order_by(LicenceStep.id))
    ).all()
    names = await accounts.staff_names(session, [step.staff_id for step in steps])
    path = (await accounts.find_organisation(session, row.organisation_id)).path
    may_apply = caller.holds("licence.apply", path)
    may_review = caller.holds("licence.review", path) and row.created_by != caller.staff_id
    told = ("action", "state", "at", "reason")
    return ApplicationOut(
        application=(await _lines(session, [row]))[0],
        statement=row.statement,
        contact=row.contact,
        contact_phone=row.contact_phone,
        reason=row.reason,
        certificate_id=row.certificate_id,
        attachments=[msgspec.convert(paper, AttachmentOut, from_attributes=True) for paper in papers],
        steps=[
            StepOut(staff_name=names.get(step.staff_id, ""), **{name: getattr(step, name) for name in told})
            for step in steps
        ],
        editable=may_apply and row.state in EDITABLE,
        actions=[action for action in STEPS if _may(action, state_of(row), apply=may_apply, review=may_review)],
    )


def _may(action: Action, state: State, *, apply: bool, review: bool) -> bool:
    before, _ = STEPS[action]
    return state in before and (apply if action in APPLICANTS else review)


async def open_attachment(
    session: AsyncSession, caller: Caller, store: PhotoStore, application_id: str, attachment_id: str
) -> tuple[LicenceAttachment, bytes]:
    row = await find_row(session, caller, application_id)
    these = (LicenceAttachment.application_id == row.id, LicenceAttachment.id == attachment_id)
    found: LicenceAttachment | None = await session.scalar(select(LicenceAttachment).where(*these))
    if found is None:
        raise MissingError("licence.no_paper", "没有这个附件。", "There is no such attachment.")
    return found, await store.get(found.file_id)


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """What waits for the one who asks: as the authority, and as the applicant."""

    submitted: int
    under_review: int
    overdue: int
    returned: int


async def count_waiting(session: AsyncSession, caller: Caller) -> Waiting:
    table = LicenceApplication
    reviewing = within(table.organisation_id, caller.narrowed("licence.review"))
    applying = within(table.organisation_id, caller.narrowed("licence.apply"))
    counted = select(
        func.count(table.id).filter(reviewing, table.state == "submitted"),
        func.count(table.id).filter(reviewing, table.state == "under_review"),
        func.count(table.id).filter(reviewing, table.due_on < beijing_today()),
        func.count(table.id).filter(applying, table.state == "returned"),
    )
    submitted, under_review, overdue, returned = (await session.execute(counted.where(_visible(caller)))).one()
    return Waiting(submitted=submitted, under_review=under_review, overdue=overdue, returned=returned)
