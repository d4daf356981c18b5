"""A cylinder as somebody outside its company may see it: its archive's face, nothing of where it is."""

from collections.abc import Sequence
from datetime import date

import msgspec
from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts import service as accounts
from backend.cylinders.models import Cylinder
from backend.cylinders.rules import plain_uid
from backend.cylinders.service.posting import document
from backend.scope import Caller, within
from sync.documents import reference as documents

_MOST = 5


class CylinderFace(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    company_id: str
    company_name: str
    code: str
    last_inspected_on: date | None
    document: documents.Cylinder


async def find_face(session: AsyncSession, *, token: str) -> CylinderFace | None:
    """Of whatever company, for who knows the token of its public page."""
    found = await _faces(session, Cylinder.public_token == token)
    return found[0] if found else None


async def find_faces(
    session: AsyncSession, caller: Caller, *, names: Sequence[str], tag_uid: str = ""
) -> list[CylinderFace]:
    """Those in the caller's reach with this number or public token; where there is none, the one with this tag."""
    wanted = [name for name in names if name]
    reach = within(Cylinder.organisation_id, caller)
    named = or_(Cylinder.code.in_(wanted), Cylinder.public_token.in_([name.lower() for name in wanted]))
    found = await _faces(session, named, reach) if wanted else []
    if found or not plain_uid(tag_uid):
        return found
    carried = func.upper(func.replace(Cylinder.tag_uid, ":", "")) == plain_uid(tag_uid)
    return await _faces(session, carried, Cylinder.tag_uid != "", reach)


async def _faces(session: AsyncSession, *wanted: ColumnElement[bool]) -> list[CylinderFace]:
    query = select(Cylinder).where(*wanted).order_by(Cylinder.id).limit(_MOST)
    rows = (await session.scalars(query.execution_options(populate_existing=True))).all()
    names = await accounts.organisations_by_id(session, {row.company_id for row in rows}) if rows else {}
    return [
        CylinderFace(
            id=row.id,
            company_id=row.company_id,
            company_name=names[row.company_id].name,
            code=row.code,
            last_inspected_on=row.last_inspected_on,
            document=document(row),
        )
        for row in rows
    ]
