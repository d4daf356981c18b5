"""Records as they were taken, for the office to look at: the latest, how many today, and one as the phone wrote it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts import service as accounts
from backend.intake.models import Fact
from backend.scope import Caller, scoped
from sync.documents import FIELD_TYPES
from sync.documents.forms import form_of


class RecordOut(msgspec.Struct, frozen=True, kw_only=True):
    """`fields` only where one record is shown: (zh, en, value) of those that its Struct labels."""

    id: str
    tag: str
    organisation_id: str
    staff_id: str
    staff_name: str
    device_id: str
    record_number: int
    recorded_at: datetime
    received_at: datetime
    state: str
    remarks: list[str]
    fields: list[tuple[str, str, Any]] = []


async def recent_records(
    session: AsyncSession, caller: Caller, *, tags: Sequence[str] = (), limit: int = 20
) -> list[RecordOut]:
    """The last ones received, newest first; of these types, of all where none is named."""
    query = scoped(select(Fact), Fact.organisation_id, caller).order_by(Fact.received_at.desc(), Fact.id.desc())
    if tags:
        query = query.where(Fact.tag.in_(tags))
    return await _out(session, query.limit(limit))


async def count_received(session: AsyncSession, caller: Caller, since: datetime) -> int:
    query = scoped(select(func.count()).select_from(Fact), Fact.organisation_id, caller)
    return await session.scalar(query.where(Fact.received_at >= since)) or 0


async def find_records(session: AsyncSession, caller: Caller, ids: Sequence[str]) -> list[RecordOut]:
    """With their labelled fields; what is not there, or not the caller's to see, is left out."""
    query = scoped(select(Fact).where(Fact.id.in_(ids)), Fact.organisation_id, caller).order_by(Fact.recorded_at)
    facts = {fact.id: fact for fact in await session.scalars(query)}
    found = await _out(session, query)
    return [msgspec.structs.replace(record, fields=_fields(facts[record.id])) for record in found]


async def _out(session: AsyncSession, query: Select[Any]) -> list[RecordOut]:
    rows = (await session.scalars(query)).all()
    names = await accounts.staff_names(session, [row.staff_id for row in rows])
    own = [name for name in RecordOut.__struct_fields__ if name not in {"staff_name", "fields"}]
    return [
        RecordOut(staff_name=names.get(row.staff_id, ""), **{name: getattr(row, name) for name in own}) for row in rows
    ]


def _fields(fact: Fact) -> list[tuple[str, str, Any]]:
    """Labelled and not personal: a name or number stays with those who may see the customer."""
    struct = FIELD_TYPES.get(fact.tag)
    body = msgspec.json.decode(fact.body)
    shown = [field for field in form_of(struct) if not field.personal] if struct else []
    return [(field.zh, field.en, body[field.name]) for field in shown if body.get(field.name) not in (None, "")]
