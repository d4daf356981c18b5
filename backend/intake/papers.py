"""What a record is compared with besides other records: the office's own documents (a task, a cylinder's card) as the
phones have them, and a document that was held back.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

import msgspec
from sqlalchemy import and_, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts.models import Staff
from backend.intake.facts import RecordOut
from backend.intake.models import HubDatabase, OutboxDocument
from backend.intake.schemas import QuarantinedOut
from backend.scope import Caller, within
from sync.documents import BACKEND_TYPES, FIELD_TYPES
from sync.documents.envelope import tag_of
from sync.documents.forms import form_of


class PaperOut(msgspec.Struct, frozen=True, kw_only=True):
    """`staff_name`: whom it was sent to, empty for a unit's reference data; `fields`: (zh, en, value)."""

    id: str
    tag: str
    staff_name: str
    written_at: datetime
    fields: list[tuple[str, str, Any]]


async def find_papers(session: AsyncSession, caller: Caller, ids: Sequence[str]) -> list[PaperOut]:
    """Those that went to people or units within the caller's reach, in the order of `ids`."""
    reach = or_(
        and_(HubDatabase.kind == "unit", within(HubDatabase.owner_id, caller)),
        and_(HubDatabase.kind == "user", within(Staff.organisation_id, caller)),
    )
    rows = await session.execute(
        select(OutboxDocument.doc_id, OutboxDocument.body, OutboxDocument.changed_at, Staff.name)
        .join(HubDatabase, HubDatabase.name == OutboxDocument.database)
        .outerjoin(Staff, and_(Staff.id == HubDatabase.owner_id, HubDatabase.kind == "user"))
        .where(OutboxDocument.doc_id.in_(ids), OutboxDocument.body.is_not(None), reach)
        .order_by(OutboxDocument.changed_at)
    )
    found = {
        doc_id: PaperOut(
            id=doc_id, tag=tag_of(doc_id), staff_name=name or "", written_at=changed_at, fields=_fields(doc_id, body)
        )
        for doc_id, body, changed_at, name in rows
        if body is not None
    }
    return [found[doc_id] for doc_id in ids if doc_id in found]


def read_held(one: QuarantinedOut, staff_name: str) -> RecordOut | None:
    """A held document as a record, to stand beside the one that was taken; None where it cannot be read that far."""
    tag = tag_of(one.doc_id)
    try:
        frame = msgspec.json.decode(one.body or "", type=_Frame)
    except msgspec.MsgspecError:
        return None
    return RecordOut(
        id=one.doc_id,
        tag=tag,
        organisation_id=one.organisation_id,
        staff_id=one.staff_id,
        staff_name=staff_name,
        device_id=one.device_id,
        record_number=frame.record_number,
        recorded_at=frame.recorded.at,
        received_at=one.received_at,
        state=one.state,
        remarks=[],
        fields=_fields(one.doc_id, (one.body or "").encode()),
    )


class _When(msgspec.Struct, frozen=True):
    at: Annotated[datetime, msgspec.Meta(tz=True)]


class _Frame(msgspec.Struct, frozen=True):
    record_number: int
    recorded: _When


def _fields(doc_id: str, body: bytes) -> list[tuple[str, str, Any]]:
    struct = BACKEND_TYPES.get(tag_of(doc_id)) or FIELD_TYPES.get(tag_of(doc_id))
    given = msgspec.json.decode(body)
    shown = [field for field in form_of(struct) if not field.personal] if struct else []
    return [(field.zh, field.en, given[field.name]) for field in shown if given.get(field.name) not in (None, "")]
