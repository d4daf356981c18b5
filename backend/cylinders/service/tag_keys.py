"""The company's keys for its tags: made once, posted to every phone that works offline, replaced when a phone is lost.

What such a phone gives away, and why it must hold the key: docs/decisions/0007.
"""

import base64
import os
from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import column, exists, func, select, table, update
from sqlalchemy.ext.asyncio import AsyncSession

from backend import audit
from backend.accounts import service as accounts
from backend.bulk import insert_new
from backend.cylinders.schemas import TagKeyOut
from backend.cylinders.tag_models import CylinderTag, TagSecret, TagWriting
from backend.intake import service as intake
from backend.reference import service as reference
from backend.scope import Caller
from sync.documents import reference as documents

_SECRET_BYTES = 16
# Tags are written at every filling; an entry that is older than so many lost phones is unknown, and written anew too.
_POSTED_GENERATIONS = 8


async def post_tag_keys(session: AsyncSession) -> None:
    """Every company has a key, and every unit of it has it, and the address of the public page."""
    companies = table("organisations", column("id"), column("kind"))
    found = await session.scalars(select(companies.c.id).where(companies.c.kind == "company").order_by(companies.c.id))
    for company_id in found.all():
        await _post(session, company_id)


async def replace_tag_key(session: AsyncSession, caller: Caller, company_id: str) -> int:
    """A phone was lost: from now on tags are written under a new key, and the ones before prove nothing. Answers its
    number.
    """
    place = await reference.find_place(session, company_id, caller=caller, right="devices.manage")
    await _secrets(session, place.company_id)
    live = (TagSecret.company_id == place.company_id, TagSecret.retired_at.is_(None))
    await session.execute(update(TagSecret).where(*live).values(retired_at=datetime.now(UTC)))
    last = await session.scalar(select(func.max(TagSecret.number)).where(TagSecret.company_id == place.company_id))
    number = (last or 0) + 1
    session.add(TagSecret(company_id=place.company_id, number=number, secret=os.urandom(_SECRET_BYTES)))
    await session.flush()
    await audit.record(
        session,
        caller,
        "tag_key.replaced",
        "tag_key",
        place.company_id,
        {"number": number},
        organisation_id=place.company_id,
    )
    await _post(session, place.company_id)
    return number


async def find_tag_key(session: AsyncSession, caller: Caller, company_id: str) -> TagKeyOut:
    """Which key tags are written with, since when, and how many tags carry an entry of before."""
    place = await reference.find_place(session, company_id, caller=caller, right="devices.manage")
    newest = (await _secrets(session, place.company_id))[0]
    retired = select(func.max(TagSecret.retired_at)).where(TagSecret.company_id == place.company_id)
    replaced_at = await session.scalar(retired)
    on_cylinders = [CylinderTag.company_id == place.company_id, CylinderTag.on_cylinder]
    tags = await session.scalar(select(func.count(CylinderTag.uid)).where(*on_cylinders))
    older = 0
    if replaced_at is not None:
        renewed = exists().where(
            TagWriting.uid == CylinderTag.uid, TagWriting.outcome == "written", TagWriting.at >= replaced_at
        )
        older = await session.scalar(select(func.count(CylinderTag.uid)).where(*on_cylinders, ~renewed)) or 0
    return TagKeyOut(
        company_id=place.company_id, number=newest.number, replaced_at=replaced_at, tags=tags or 0, tags_before=older
    )


async def _post(session: AsyncSession, company_id: str) -> None:
    document = documents.TagKeys(
        id=documents.reference_id("reference.tag_keys", "company"),
        keys=tuple(
            documents.TagSecret(secret=base64.b64encode(row.secret).decode(), retired=row.retired_at is not None)
            for row in await _secrets(session, company_id)
        ),
        public_url=session.info["settings"].public_page,
    )
    for unit in await accounts.units_under(session, company_id):
        await intake.post(session, unit_id=unit.id, document=document)


async def _secrets(session: AsyncSession, company_id: str) -> Sequence[TagSecret]:
    """The newest first; one is made where there is none."""
    query = select(TagSecret).where(TagSecret.company_id == company_id).order_by(TagSecret.number.desc())
    newest = query.limit(_POSTED_GENERATIONS).execution_options(populate_existing=True)
    held = (await session.scalars(newest)).all()
    if held:
        return held
    # Of several servers that start at once, one's key becomes the key.
    first = {"company_id": company_id, "number": 1, "secret": os.urandom(_SECRET_BYTES), "retired_at": None}
    await insert_new(session, TagSecret, [first])
    return (await session.scalars(newest)).all()
