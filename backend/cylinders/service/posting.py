"""What phones are told of a cylinder: what a verdict needs, offline."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from backend.cylinders.models import Cylinder
from backend.errors import MissingError
from backend.intake import service as intake
from sync.documents import reference as documents

# What a phone needs for its verdict, offline.
POSTED = (
    *("code", "specification", "medium", "tag_uid", "manufacturer", "made_on", "next_inspection_on"),
    *("service_ends_on", "owned", "scrapped", "tag_torn", "inspection_failed", "tare_kg", "water_capacity_l"),
    "inspected_by",
    *("former_tags", "factory_number", "public_token"),
)


# (An archive, or its columns as they were read.)
def document_id(cylinder: Any) -> str:
    return documents.reference_id("reference.cylinder", cylinder.id)


def document(cylinder: Any) -> documents.Cylinder:
    fields = {name: getattr(cylinder, name) for name in POSTED}
    return documents.Cylinder(id=document_id(cylinder), **fields | {"former_tags": tuple(cylinder.former_tags)})


async def post(session: AsyncSession, cylinder: Cylinder) -> None:
    """Written again only where what a verdict needs has changed: intake compares the content."""
    await intake.post(session, unit_id=cylinder.organisation_id, document=document(cylinder))


async def documents_by_code(
    session: AsyncSession, keys: Collection[tuple[str, str]]
) -> dict[tuple[str, str], documents.Cylinder]:
    """As phones are told of them, by company and code."""
    query = select(Cylinder).where(tuple_(Cylinder.company_id, Cylinder.code).in_(sorted(keys)))
    return {(row.company_id, row.code): document(row) for row in await session.scalars(query)} if keys else {}


def unknown() -> MissingError:
    return MissingError("cylinder.unknown", "没有这个气瓶。", "There is no such cylinder.")
