"""Tags that are dead for ever: of scrapped cylinders, torn off, replaced. Clauses 5.8.6-4b, E5.8.6-3.

A UID is one tag in the world, so a tag that died at one company is dead for all.
"""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Literal

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.bulk import insert_new, one_of
from backend.cylinders.models import Cylinder, DeadTag
from backend.cylinders.rules import plain_uid
from backend.cylinders.tag_models import CylinderTag
from backend.errors import ConflictingError

Death = Literal["scrapped", "replaced", "torn"]


async def dead_among(session: AsyncSession, tag_uids: Collection[str]) -> dict[str, Death]:
    """Which of these never come back, and why; by their plain UID."""
    wanted = sorted({plain for uid in tag_uids if (plain := plain_uid(uid))})
    if not wanted:
        return {}
    rows = await session.execute(select(DeadTag.tag_uid, DeadTag.reason).where(one_of(DeadTag.tag_uid, wanted)))
    return {uid: msgspec.convert(reason, Death) for uid, reason in rows}


async def bury(session: AsyncSession, cylinder: Cylinder, reason: Death, tag_uid: str = "") -> None:
    """The tag that this cylinder carries, or this one that it carried. What is dead already keeps its first reason."""
    await _bury_all(session, {tag_uid or cylinder.tag_uid: cylinder}, reason)


async def bury_scrapped(session: AsyncSession, cylinders: Collection[Cylinder]) -> None:
    """Every tag that these scrapped cylinders carry or ever carried; to be called wherever a cylinder is scrapped, and
    wherever a tag turns out to have been a scrapped one's.
    """
    scrapped = {cylinder.id: cylinder for cylinder in cylinders if cylinder.scrapped}
    if not scrapped:
        return
    query = select(CylinderTag.uid, CylinderTag.cylinder_id).where(one_of(CylinderTag.cylinder_id, sorted(scrapped)))
    owned = {uid: scrapped[cylinder_id] for uid, cylinder_id in await session.execute(query) if cylinder_id}
    await _bury_all(session, owned | {cylinder.tag_uid: cylinder for cylinder in scrapped.values()}, "scrapped")


async def _bury_all(session: AsyncSession, tags: Mapping[str, Cylinder], reason: Death) -> None:
    rows = [
        {
            "tag_uid": plain_uid(uid),
            "company_id": cylinder.company_id,
            "cylinder_id": cylinder.id,
            "code": cylinder.code,
            "reason": reason,
            "at": datetime.now(UTC),
        }
        for uid, cylinder in sorted(tags.items())
        if plain_uid(uid)
    ]
    await insert_new(session, DeadTag, rows)


async def refuse_dead(session: AsyncSession, tag_uid: str) -> None:
    """Raises `ConflictingError` for a tag that must not be carried by any cylinder again."""
    dead = await dead_among(session, [tag_uid])
    if dead:
        raise dead_tag(next(iter(dead.values())))


def dead_tag(reason: Death) -> ConflictingError:
    zh, en = {
        "scrapped": ("已随气瓶报废", "was scrapped with its cylinder"),
        "replaced": ("已从气瓶上换下", "was taken off a cylinder"),
        "torn": ("已被剥离", "was torn off a cylinder"),
    }[reason]
    return ConflictingError(
        "cylinder.tag_dead",
        f"这个标签{zh}，不得再用。",
        f"This tag {en} and is never used again.",
        action="销毁这个标签，换新标签绑定",
        action_en="Destroy it and bind a new one",
        reason=reason,
    )
