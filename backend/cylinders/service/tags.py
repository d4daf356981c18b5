"""Electronic tags: which cylinder each belongs to, for ever; what was written on them; the company's keys for them."""

import base64
import os
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import and_, delete, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from backend import events
from backend.bulk import Row, insert_new, one_of
from backend.cylinders.models import Cylinder, DeadTag
from backend.cylinders.rules import plain_uid
from backend.cylinders.service.dead_tags import bury_scrapped
from backend.cylinders.service.movements import known_cylinders
from backend.cylinders.service.posting import document_id, post
from backend.cylinders.tag_models import CylinderTag, TagBinding, TagWriting
from backend.cylinders.tag_rules import Binding, FoldedTags, TagContradiction, fold_tags
from backend.db import new_key
from backend.errors import ConflictingError
from backend.intake import service as intake
from backend.taken import Taken
from sync.documents.tags import TagBound, TagWritten


async def record_bindings(session: AsyncSession, takens: Sequence[Taken[TagBound]]) -> None:
    """Bindings as they were recorded in the field; one that contradicts is kept, and put before the office."""
    known = await known_cylinders(session, [(taken.company_id, taken.record.scan) for taken in takens])
    rows: list[Row] = [
        {
            "record_id": taken.record.id,
            "uid": plain_uid(taken.record.tag_uid),
            "organisation_id": taken.organisation_id,
            "company_id": taken.company_id,
            "cylinder_id": known[taken.company_id, taken.record.scan],
            "code": taken.record.scan.code,
            "kind": taken.record.kind,
            "replaces": plain_uid(taken.record.replaces),
            "reason": taken.record.reason,
            "method": taken.record.scan.method,
            "at": taken.recorded_at,
            "staff_id": taken.staff_id,
        }
        for taken in takens
    ]
    await insert_new(session, TagBinding, sorted(rows, key=lambda row: row["record_id"]))
    await refold_tags(session, uids={row["uid"] for row in rows})


async def record_writings(session: AsyncSession, takens: Sequence[Taken[TagWritten]]) -> None:
    known = await known_cylinders(session, [(taken.company_id, taken.record.scan) for taken in takens])
    rows = [_writing(taken, known[taken.company_id, taken.record.scan]) for taken in takens]
    await insert_new(session, TagWriting, sorted(rows, key=lambda row: row["record_id"]))


def _writing(taken: Taken[TagWritten], cylinder_id: str | None) -> Row:
    record = taken.record
    copied = ("occasion", "outcome", "sequence", "next_inspection_on", "filled_on", "gross_kg", "delivered_on")
    return {
        "record_id": record.id,
        "uid": plain_uid(record.tag_uid),
        "organisation_id": taken.organisation_id,
        "company_id": taken.company_id,
        "cylinder_id": cylinder_id,
        "code": record.scan.code,
        "at": taken.recorded_at,
        "staff_id": taken.staff_id,
        "left_out": list(record.left_out),
        **{name: getattr(record, name) for name in copied},
    }


async def require_free_tags(session: AsyncSession, wanted: Mapping[str, str]) -> None:
    """`wanted`: cylinder id by UID, asked before anything is changed. Raises `ConflictingError` where a tag belongs to
    another cylinder, of whatever company (5.8.6-4b).
    """
    plain = {plain_uid(uid): cylinder_id for uid, cylinder_id in wanted.items() if plain_uid(uid)}
    owned = await session.execute(
        select(CylinderTag.uid, CylinderTag.cylinder_id).where(one_of(CylinderTag.uid, sorted(plain)))
    )
    for uid, cylinder_id in owned:
        if cylinder_id is not None and cylinder_id != plain[uid]:
            raise ConflictingError(
                "tag.bound_elsewhere",
                f"标签 {uid} 属于另一只气瓶，不能转用。",
                f"The tag {uid} belongs to another cylinder and must not be moved.",
                action="换一张新标签。",
                action_en="Use a new tag.",
                uid=uid,
            )


async def bind_in_archive(session: AsyncSession, cylinders: Sequence[Cylinder], staff_id: str) -> None:
    """To be called where the office has entered these cylinders' `tag_uid` or taken it off: what it says becomes a
    binding like those of the field.
    """
    held = await _current(session, [cylinder.id for cylinder in cylinders])
    rows = [
        _archived(cylinder, held.get(cylinder.id, ""), staff_id)
        for cylinder in cylinders
        if plain_uid(cylinder.tag_uid) != held.get(cylinder.id, "")
    ]
    await insert_new(session, TagBinding, rows)
    await refold_tags(session, cylinder_ids={cylinder.id for cylinder in cylinders})


def _archived(cylinder: Cylinder, before: str, staff_id: str) -> Row:
    return {
        "record_id": f"archive:{new_key()}",
        "uid": plain_uid(cylinder.tag_uid),
        "organisation_id": cylinder.organisation_id,
        "company_id": cylinder.company_id,
        "cylinder_id": cylinder.id,
        "code": cylinder.code,
        "kind": "",
        "replaces": before,
        "reason": "",
        "method": "archive",
        "at": datetime.now(UTC),
        "staff_id": staff_id,
    }


async def _current(session: AsyncSession, cylinder_ids: Collection[str]) -> dict[str, str]:
    rows = await session.execute(
        select(CylinderTag.cylinder_id, CylinderTag.uid).where(
            one_of(CylinderTag.cylinder_id, sorted(cylinder_ids)), CylinderTag.on_cylinder
        )
    )
    return {cylinder_id: uid for cylinder_id, uid in rows if cylinder_id}


async def adopt_bindings(session: AsyncSession, cylinder_ids: Collection[str]) -> None:
    """New archives take over the bindings and writings that were recorded before anybody had entered them."""
    new = select(Cylinder.id, Cylinder.company_id, Cylinder.code).where(one_of(Cylinder.id, sorted(cylinder_ids)))
    entered = new.subquery()
    for table in (TagBinding, TagWriting):
        theirs = (table.company_id == entered.c.company_id, table.cylinder_id.is_(None), table.code == entered.c.code)
        taken_over = update(table).where(*theirs).values(cylinder_id=entered.c.id)
        await session.execute(taken_over.execution_options(synchronize_session=False))
    await refold_tags(session, cylinder_ids=cylinder_ids)


async def adopt_stray_tags(session: AsyncSession, *, limit: int = 500) -> int:
    """Bindings whose cylinder came into the archive otherwise than by the office's form (an import)."""
    met = and_(TagBinding.company_id == Cylinder.company_id, TagBinding.code == Cylinder.code)
    strays = select(Cylinder.id).join(TagBinding, met).where(TagBinding.cylinder_id.is_(None))
    found = set(await session.scalars(strays.distinct().limit(limit)))
    await adopt_bindings(session, found)
    return len(found)


async def forget_archived(session: AsyncSession, cylinder_id: str) -> None:
    """A cylinder that was entered by mistake goes, and what the office alone said of its tag with it."""
    await session.execute(delete(CylinderTag).where(CylinderTag.cylinder_id == cylinder_id))
    await session.execute(delete(TagBinding).where(TagBinding.cylinder_id == cylinder_id))
    await session.execute(update(TagWriting).where(TagWriting.cylinder_id == cylinder_id).values(cylinder_id=None))


async def refold_tags(session: AsyncSession, *, uids: Collection[str] = (), cylinder_ids: Collection[str] = ()) -> None:
    """Owners and contradictions of these tags, and of all that hangs together with them."""
    rows = await _hanging_together(session, uids, cylinder_ids)
    if not rows:
        return
    tags = await _locked_tags(session, sorted({row.uid for row in rows if row.uid}), rows[0])
    cylinders = await _locked_cylinders(session, {row.cylinder_id for row in rows if row.cylinder_id})
    folded = fold_tags(
        [
            Binding(record_id=r.record_id, uid=r.uid, cylinder_id=r.cylinder_id, at=r.at, replaces=r.replaces)
            for r in rows
            if r.cylinder_id
        ],
        await _died(session, tags),
    )
    for uid, tag in tags.items():
        _set_owner(tag, uid, folded)
    await _set_current(session, cylinders, folded, tags)
    await _tell_contradictions(session, rows, cylinders, folded)


async def _hanging_together(
    session: AsyncSession, uids: Collection[str], cylinder_ids: Collection[str]
) -> Sequence[TagBinding]:
    """Every binding of the tags of every cylinder that one of these tags was ever on."""
    wanted_uids, wanted_cylinders = set(uids) - {""}, set(cylinder_ids)
    rows: Sequence[TagBinding] = ()
    while True:
        query = select(TagBinding).where(
            or_(one_of(TagBinding.uid, sorted(wanted_uids)), one_of(TagBinding.cylinder_id, sorted(wanted_cylinders)))
        )
        await _adopt_archive(session, wanted_uids, wanted_cylinders)
        rows = (await session.scalars(query.execution_options(populate_existing=True))).all()
        more_uids = {row.uid for row in rows if row.uid} - wanted_uids
        more_cylinders = {row.cylinder_id for row in rows if row.cylinder_id} - wanted_cylinders
        if not more_uids and not more_cylinders:
            return rows
        wanted_uids |= more_uids
        wanted_cylinders |= more_cylinders


async def _adopt_archive(session: AsyncSession, uids: Collection[str], cylinder_ids: Collection[str]) -> None:
    """A tag that came into the archive without a binding (an import) counts as bound since the cylinder's entry."""
    carried = func.upper(func.replace(Cylinder.tag_uid, ":", ""))
    bound = select(TagBinding.record_id).where(TagBinding.cylinder_id == Cylinder.id, TagBinding.uid == carried)
    found = await session.scalars(
        select(Cylinder).where(
            Cylinder.tag_uid != "",
            or_(one_of(carried, sorted(uids)), one_of(Cylinder.id, sorted(cylinder_ids))),
            ~bound.exists(),
        )
    )
    rows = [
        _archived(cylinder, "", "") | {"record_id": f"archive:{cylinder.id}", "at": cylinder.registered_at}
        for cylinder in found
    ]
    await insert_new(session, TagBinding, rows)


async def _locked_tags(session: AsyncSession, uids: Sequence[str], like: TagBinding) -> dict[str, CylinderTag]:
    """In one order always, so that two batches with the same tags wait for each other."""
    fresh = [
        {
            "uid": uid,
            "cylinder_id": None,
            "company_id": like.company_id,
            "on_cylinder": False,
            "since": like.at,
            "record_id": "",
        }
        for uid in uids
    ]
    await insert_new(session, CylinderTag, fresh)
    query = select(CylinderTag).where(one_of(CylinderTag.uid, uids)).order_by(CylinderTag.uid).with_for_update()
    return {tag.uid: tag for tag in await session.scalars(query.execution_options(populate_existing=True))}


async def _locked_cylinders(session: AsyncSession, cylinder_ids: Collection[str]) -> dict[str, Cylinder]:
    query = select(Cylinder).where(one_of(Cylinder.id, sorted(cylinder_ids))).order_by(Cylinder.id)
    locked = query.with_for_update(key_share=True).execution_options(populate_existing=True)
    return {cylinder.id: cylinder for cylinder in await session.scalars(locked)}


async def _died(session: AsyncSession, uids: Collection[str]) -> dict[str, datetime]:
    """Not those of cylinders that are scrapped now: what is recorded of these, their chains tell the office."""
    scrapped = select(Cylinder.id).where(Cylinder.id == DeadTag.cylinder_id, Cylinder.scrapped)
    dead = (one_of(DeadTag.tag_uid, sorted(uids)), ~and_(DeadTag.reason == "scrapped", scrapped.exists()))
    rows = await session.execute(select(DeadTag.tag_uid, DeadTag.at).where(*dead))
    return {uid: at for uid, at in rows}  # noqa: C416 (rows are not pairs to dict)


def _set_owner(tag: CylinderTag, uid: str, folded: FoldedTags) -> None:
    owner = folded.tags.get(uid)
    if owner is None:  # its cylinder is not in the archive yet
        return
    tag.cylinder_id, tag.since, tag.record_id = owner.cylinder_id, owner.since, owner.record_id
    tag.on_cylinder = owner.on_cylinder


async def _set_current(
    session: AsyncSession, cylinders: dict[str, Cylinder], folded: FoldedTags, tags: dict[str, CylinderTag]
) -> None:
    former: dict[str, list[str]] = {key: [] for key in cylinders}
    for uid, tag in sorted(tags.items()):
        if tag.cylinder_id in cylinders:
            tag.company_id = cylinders[tag.cylinder_id].company_id
            if not tag.on_cylinder:
                former[tag.cylinder_id].append(uid)
    changed = {key: row for key, row in cylinders.items() if plain_uid(row.tag_uid) != folded.current.get(key, "")}
    # First off, then on: no two cylinders have a tag at once, not even in between.
    for cylinder in changed.values():
        cylinder.tag_uid = ""
    await session.flush()
    for key, cylinder in cylinders.items():
        cylinder.former_tags = former[key]
    for key, cylinder in changed.items():
        cylinder.tag_uid = folded.current.get(key, "")
    await session.flush()
    await bury_scrapped(session, cylinders.values())
    for _, cylinder in sorted(cylinders.items()):
        await post(session, cylinder)
    await events.announce_all(
        session, [events.Event("cylinder.changed", key, changed[key].organisation_id) for key in sorted(changed)]
    )


async def _tell_contradictions(
    session: AsyncSession, rows: Sequence[TagBinding], cylinders: dict[str, Cylinder], folded: FoldedTags
) -> None:
    companies = {row.record_id: row.company_id for row in rows}
    found = [_conflict(each, cylinders[each.cylinder_id], companies) for each in folded.contradictions]
    await intake.retract_conflicts(
        session,
        subjects=[document_id(cylinder) for cylinder in cylinders.values()],
        kind_prefix="tag.",
        keep=[(each.kind, each.record_ids) for each in found],
    )
    await intake.open_conflicts(session, found)


def _conflict(each: TagContradiction, cylinder: Cylinder, companies: dict[str, str]) -> intake.Contradiction:
    facts: dict[str, Any] = {"cylinder_id": cylinder.id, "code": cylinder.code, "uid": each.uid}
    # Another company learns that the tag is taken, and nothing of where.
    records = [each.later, document_id(cylinder)]
    if companies.get(each.earlier) == cylinder.company_id:
        records.append(each.earlier)
    return intake.Contradiction(cylinder.organisation_id, f"tag.{each.kind}", records, facts)


def new_secret() -> str:
    return base64.b64encode(os.urandom(16)).decode()
