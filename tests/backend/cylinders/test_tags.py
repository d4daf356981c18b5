"""Tags bound and written in the field, and by the office; their keys on phones."""

import base64
from collections.abc import Sequence
from datetime import date, timedelta
from itertools import permutations
from typing import Any

import pytest
from litestar.testing import AsyncTestClient
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.audit import AuditEntry
from backend.cylinders import service as cylinders
from backend.cylinders.models import Cylinder
from backend.cylinders.schemas import ScrapIn
from backend.cylinders.tag_models import CylinderTag, TagBinding, TagWriting
from backend.errors import ConflictingError
from backend.intake.models import Conflict, OutboxDocument
from sync.documents import decode_backend
from sync.documents import reference as documents
from sync.documents.tags import TagBound, TagWritten
from tests.factories.accounts import bearer, make_staff
from tests.factories.cylinders import arrive, moved
from tests.factories.deliveries import Station, cylinder_in, loaded, make_cylinder, make_station, scan
from tests.factories.taken import MORNING, record, take

UID, OTHER_UID = "04A1B2C3D4E5F6", "04F6E5D4C3B2A1"


def bound(station: Station, code: str, uid: str, **fields: Any) -> TagBound:
    return record(TagBound, station.driver, scan=scan(code), tag_uid=uid, kind="nfc", **fields)


async def take_at(session: AsyncSession, station: Station, found: TagBound, hours: int) -> None:
    await take(session, station.company, station.driver, found, at=MORNING + timedelta(hours=hours))


async def tag_of(session: AsyncSession, cylinder_id: str) -> str:
    return (await row_of(session, cylinder_id)).tag_uid


async def row_of(session: AsyncSession, cylinder_id: str) -> Cylinder:
    query = select(Cylinder).where(Cylinder.id == cylinder_id).execution_options(populate_existing=True)
    return (await session.scalars(query)).one()


async def conflicts(session: AsyncSession) -> Sequence[Conflict]:
    return (await session.scalars(select(Conflict).where(Conflict.kind.startswith("tag.")))).all()


async def posted(session: AsyncSession, cylinder_id: str) -> documents.Cylinder:
    query = select(OutboxDocument).where(OutboxDocument.doc_id == f"reference.cylinder:{cylinder_id}")
    row = (await session.scalars(query.execution_options(populate_existing=True))).one()
    found = decode_backend(row.doc_id, row.body or b"")
    assert isinstance(found, documents.Cylinder)
    return found


class TestTakeBindings:
    @pytest.mark.requirement("5.8.6-3")
    async def test_the_tag_leads_to_the_cylinder_s_whole_archive(self, session: AsyncSession) -> None:
        """Registration, inspection and where it has been, found by the tag's number in the office and on phones."""
        station = await make_station(session)
        made = await make_cylinder(session, station, "35-1", last_inspected_on=date(2024, 12, 20))
        await take_at(session, station, bound(station, "35-1", UID), 0)
        await take(session, station.company, station.driver, loaded(station, "35-1"), at=MORNING + timedelta(hours=1))
        (line,) = (await cylinders.list_cylinders(session, station.caller, search="04:A1:B2:C3:D4:E5:F6")).items
        found = await cylinders.find_cylinder(session, station.caller, line.id)
        assert (line.id, found.last_inspected_on) == (made.cylinder.id, date(2024, 12, 20))
        assert [move.kind for move in reversed(found.chain)] == ["bound", "loaded"]
        assert (await posted(session, line.id)).tag_uid == UID

    @pytest.mark.requirement("5.8.6-4b")
    @pytest.mark.parametrize("order", list(permutations(range(3))))
    async def test_a_tag_on_a_second_cylinder_is_a_conflict_whatever_arrives_first(
        self, session: AsyncSession, order: tuple[int, ...]
    ) -> None:
        station = await make_station(session)
        one, two = [(await make_cylinder(session, station, code)).cylinder.id for code in ("35-1", "35-2")]
        records = [
            bound(station, "35-1", UID),
            bound(station, "35-2", UID),
            bound(station, "35-2", OTHER_UID),
        ]
        for number in order:
            await take_at(session, station, records[number], number)
        assert (await tag_of(session, one), await tag_of(session, two)) == (UID, OTHER_UID)
        (conflict,) = await conflicts(session)
        assert conflict.kind == "tag.bound_elsewhere"
        assert set(conflict.record_ids) >= {records[0].id, records[1].id}

    async def test_a_record_that_came_late_moves_the_tag_to_whom_it_belonged_first(self, session: AsyncSession) -> None:
        station = await make_station(session)
        one, two = [(await make_cylinder(session, station, code)).cylinder.id for code in ("35-1", "35-2")]
        await take_at(session, station, bound(station, "35-2", UID), 5)
        assert await tag_of(session, two) == UID
        await take_at(session, station, bound(station, "35-1", UID), 1)
        assert (await tag_of(session, one), await tag_of(session, two)) == (UID, "")
        assert (await posted(session, two)).tag_uid == ""

    async def test_taken_twice_it_is_one_binding(self, session: AsyncSession) -> None:
        station = await make_station(session)
        await make_cylinder(session, station, "35-1")
        found = bound(station, "35-1", UID)
        await take_at(session, station, found, 0)
        await take_at(session, station, found, 0)
        assert len((await session.scalars(select(TagBinding))).all()) == 1

    async def test_a_replaced_tag_is_void_on_every_phone(self, session: AsyncSession) -> None:
        station = await make_station(session)
        made = (await make_cylinder(session, station, "35-1")).cylinder.id
        await take_at(session, station, bound(station, "35-1", UID), 0)
        await take_at(session, station, bound(station, "35-1", OTHER_UID, replaces=UID, reason="peeled"), 1)
        document = await posted(session, made)
        assert (document.tag_uid, document.former_tags) == (OTHER_UID, (UID,))
        assert await conflicts(session) == []

    async def test_one_that_nobody_declared_replaced_is_asked_about(self, session: AsyncSession) -> None:
        station = await make_station(session)
        await make_cylinder(session, station, "35-1")
        await take_at(session, station, bound(station, "35-1", UID), 0)
        await take_at(session, station, bound(station, "35-1", OTHER_UID), 1)
        assert [c.kind for c in await conflicts(session)] == ["tag.replaced_other"]

    async def test_a_cylinder_that_nobody_has_entered_yet_gets_its_tag_when_somebody_does(
        self, session: AsyncSession
    ) -> None:
        station = await make_station(session)
        await take_at(session, station, bound(station, "35-9", UID), 0)
        made = await make_cylinder(session, station, "35-9")
        assert await tag_of(session, made.cylinder.id) == UID

    async def test_another_company_learns_that_a_tag_is_taken_and_not_where(self, session: AsyncSession) -> None:
        station, other = await make_station(session), await make_station(session)
        await make_cylinder(session, station, "35-1")
        await make_cylinder(session, other, "35-1")
        first, second = bound(station, "35-1", UID), bound(other, "35-1", UID)
        await take_at(session, station, first, 0)
        await take_at(session, other, second, 1)
        (conflict,) = await conflicts(session)
        assert conflict.organisation_id == other.company.unit.id
        assert first.id not in conflict.record_ids
        assert second.id in conflict.record_ids

    @pytest.mark.requirement("E5.8.6-3")
    async def test_a_scrapped_cylinder_s_tag_is_dead_for_the_field_too(self, session: AsyncSession) -> None:
        station = await make_station(session)
        one = (await make_cylinder(session, station, "35-1")).cylinder.id
        await make_cylinder(session, station, "35-2")
        await take_at(session, station, bound(station, "35-1", UID), 0)
        await cylinders.scrap_cylinder(
            session, station.caller, one, ScrapIn(reason="damaged", scrapped_on=date(2026, 11, 24))
        )
        await take_at(session, station, bound(station, "35-2", UID), 300)
        assert [c.kind for c in await conflicts(session)] == ["tag.bound_elsewhere"]
        with pytest.raises(ConflictingError):
            await make_cylinder(session, station, "35-3", tag_uid=UID)
        await cylinders.undo_scrapping(session, station.caller, one, "登记错了")
        assert await tag_of(session, one) == ""
        await take_at(session, station, bound(station, "35-1", UID), 24 * 365)
        assert await tag_of(session, one) == ""
        assert "tag.dead_again" in [c.kind for c in await conflicts(session)]


class TestScrappedInTheField:
    @pytest.mark.requirement("E5.8.6-3", "5.8.6-4b")
    @pytest.mark.parametrize("order", list(permutations(range(4))))
    async def test_its_tags_are_dead_whatever_arrives_first(
        self, session: AsyncSession, order: tuple[int, ...]
    ) -> None:
        """Also the tag that was replaced before, and whatever is recorded of them afterwards."""
        station = await make_station(session)
        one = (await make_cylinder(session, station, "35-1")).cylinder.id
        await make_cylinder(session, station, "35-2")

        async def arrives(number: int) -> None:
            at = MORNING + timedelta(hours=number)
            if number == 2:
                await arrive(session, moved(station, "scrapped", "35-1", at))
                return
            records = {
                0: bound(station, "35-1", UID),
                1: bound(station, "35-1", OTHER_UID, replaces=UID, reason="peeled"),
                3: bound(station, "35-2", OTHER_UID),
            }
            await take_at(session, station, records[number], number)

        for number in order:
            await arrives(number)
        assert await cylinders.dead_among(session, [UID, OTHER_UID]) == {UID: "scrapped", OTHER_UID: "scrapped"}
        for uid in (UID, OTHER_UID):
            with pytest.raises(ConflictingError) as refused:
                await make_cylinder(session, await make_station(session), "9-1", tag_uid=uid)
            assert refused.value.code == "cylinder.tag_dead"
        document = await posted(session, one)
        assert (document.scrapped, document.tag_uid, document.former_tags) == (True, OTHER_UID, (UID,))
        assert [c.kind for c in await conflicts(session)] == ["tag.bound_elsewhere"]

    @pytest.mark.requirement("E5.8.6-3")
    async def test_a_cylinder_that_is_entered_after_its_scrapping_was_recorded(self, session: AsyncSession) -> None:
        station = await make_station(session)
        await arrive(session, moved(station, "scrapped", "35-9", MORNING + timedelta(hours=2)))
        await take_at(session, station, bound(station, "35-9", UID), 1)
        await make_cylinder(session, station, "35-9")
        assert await cylinders.dead_among(session, [UID]) == {UID: "scrapped"}

    async def test_an_administrator_takes_it_back_and_the_tag_stays_dead(self, session: AsyncSession) -> None:
        station = await make_station(session)
        one = (await make_cylinder(session, station, "35-1")).cylinder.id
        await take_at(session, station, bound(station, "35-1", UID), 0)
        await arrive(session, moved(station, "scrapped", "35-1", MORNING + timedelta(hours=1)))
        await cylinders.undo_scrapping(session, station.caller, one, "登记错了")
        await take_at(session, station, bound(station, "35-1", UID), 24 * 365)
        assert await tag_of(session, one) == ""
        assert [c.kind for c in await conflicts(session)] == ["tag.dead_again"]


class TestOffice:
    async def test_a_tag_of_another_cylinder_is_refused(self, session: AsyncSession) -> None:
        station, other = await make_station(session), await make_station(session)
        await make_cylinder(session, station, "35-1", tag_uid="04:a1:b2:c3:d4:e5:f6")
        for place in (station, other):
            with pytest.raises(ConflictingError) as refused:
                await make_cylinder(session, place, "35-2", tag_uid=UID)
            assert refused.value.code == "tag.bound_elsewhere"

    async def test_what_the_office_enters_is_a_binding_and_a_field_record_is_measured_against_it(
        self, session: AsyncSession
    ) -> None:
        station = await make_station(session)
        one = await make_cylinder(session, station, "35-1", tag_uid=UID)
        await make_cylinder(session, station, "35-2")
        await take_at(session, station, bound(station, "35-2", UID), 24 * 365)
        assert [c.kind for c in await conflicts(session)] == ["tag.bound_elsewhere"]
        changed = cylinder_in(station, "35-1", tag_uid=OTHER_UID)
        await cylinders.change_cylinder(session, station.caller, one.cylinder.id, changed)
        row = await row_of(session, one.cylinder.id)
        assert (row.tag_uid, row.former_tags) == (OTHER_UID, [UID])

    async def test_a_tag_that_an_import_brought_is_bound_all_the_same(self, session: AsyncSession) -> None:
        station = await make_station(session)
        one = await make_cylinder(session, station, "35-1")
        await make_cylinder(session, station, "35-2")
        (await row_of(session, one.cylinder.id)).tag_uid = "04:A1:B2:C3:D4:E5:F6"
        await session.flush()
        await take_at(session, station, bound(station, "35-2", UID), 24 * 365)
        assert [c.kind for c in await conflicts(session)] == ["tag.bound_elsewhere"]
        owner = (await session.scalars(select(CylinderTag).where(CylinderTag.uid == UID))).one()
        assert owner.cylinder_id == one.cylinder.id


class TestTakeWritings:
    async def test_what_was_written_and_what_was_not_is_kept(self, session: AsyncSession) -> None:
        station = await make_station(session)
        made = await make_cylinder(session, station, "35-1")
        written = record(
            TagWritten,
            station.driver,
            scan=scan("35-1"),
            tag_uid=UID,
            occasion="filled",
            outcome="not_written",
            gross_kg=31.02,
            left_out=("address",),
        )
        for _ in range(2):
            await take(session, station.company, station.driver, written)
        (row,) = (await session.scalars(select(TagWriting))).all()
        assert (row.cylinder_id, row.outcome, row.gross_kg, row.left_out) == (
            made.cylinder.id,
            "not_written",
            31.02,
            ["address"],
        )


class TestTagKeys:
    async def keys(self, session: AsyncSession, station: Station) -> documents.TagKeys:
        query = select(OutboxDocument).where(
            OutboxDocument.doc_id == "reference.tag_keys:company",
            OutboxDocument.database == f"unit_{station.company.unit.id}",
        )
        row = (await session.scalars(query.execution_options(populate_existing=True))).one()
        found = decode_backend(row.doc_id, row.body or b"")
        assert isinstance(found, documents.TagKeys)
        return found

    async def test_replacing_is_for_whom_a_lost_phone_is_reported_to(
        self, client: AsyncTestClient[Any], session: AsyncSession
    ) -> None:
        station = await make_station(session)
        path = f"/api/cylinders/tag-keys/{station.company.company.id}/replace"
        assert (await client.post(path)).status_code == 401
        assert (await client.post(path, headers=bearer(client, station.dispatcher))).status_code == 403
        other = await make_station(session)
        admin = await make_staff(session, other.company, roles=["company_admin"])
        assert (await client.post(path, headers=bearer(client, admin))).status_code == 404

    async def test_each_company_has_its_own_and_posting_again_changes_nothing(self, session: AsyncSession) -> None:
        station, other = await make_station(session), await make_station(session)
        await cylinders.post_tag_keys(session)
        mine, theirs = await self.keys(session, station), await self.keys(session, other)
        assert [len(base64.b64decode(found.keys[0].secret)) for found in (mine, theirs)] == [16, 16]
        assert mine.keys != theirs.keys
        await cylinders.post_tag_keys(session)
        assert await self.keys(session, station) == mine

    async def test_after_a_lost_phone_tags_are_written_under_a_new_key_and_the_old_one_is_retired(
        self, client: AsyncTestClient[Any], session: AsyncSession
    ) -> None:
        station = await make_station(session)
        await cylinders.post_tag_keys(session)
        before = await self.keys(session, station)
        admin = bearer(client, await make_staff(session, station.company, roles=["company_admin"]))
        answer = await client.post(f"/api/cylinders/tag-keys/{station.company.company.id}/replace", headers=admin)
        assert (answer.status_code, answer.json()) == (201, {"number": 2})
        new, old = (await self.keys(session, station)).keys
        assert (new.retired, old.retired, old.secret) == (False, True, before.keys[0].secret)
        assert new.secret != old.secret
        rows = await session.scalars(select(AuditEntry.action).where(AuditEntry.action == "tag_key.replaced"))
        assert rows.all() == ["tag_key.replaced"]
