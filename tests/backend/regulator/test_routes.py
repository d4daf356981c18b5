"""The regulator's client pulls patrols, deliveries and hazards."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from litestar.testing import AsyncTestClient
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.audit import AuditEntry
from backend.changes import service as changes
from backend.cylinders import service as cylinders
from backend.deliveries import service as deliveries
from backend.filling import service as filling
from sync.documents.hazards import HazardReported
from sync.documents.patrol import CheckPointVisited, PatrolFinished, PatrolStarted
from tests.backend.regulator.client import Regulator, regulator
from tests.factories.accounts import bearer, make_company
from tests.factories.customers import IDENTITY
from tests.factories.deliveries import (
    checked,
    completed,
    cylinder_in,
    loaded,
    make_cylinder,
    make_order,
    make_station,
)
from tests.factories.filling import checked_after, checked_before, filled, make_fillable, make_filling_station
from tests.factories.patrol import chunk, make_street
from tests.factories.taken import HERE, MORNING, record, take


class TestAccess:
    async def test_a_member_of_staff_may_not_read_as_a_regulator(
        self, client: AsyncTestClient[Any], session: AsyncSession
    ) -> None:
        street = await make_street(session)
        answer = await client.get("/api/regulator/datasets/T2-14", headers=bearer(client, street.dispatcher))
        assert (answer.status_code, answer.json()["code"]) == (403, "client.needed")

    async def test_nobody_reads_without_a_token(self, client: AsyncTestClient[Any]) -> None:
        assert (await client.get("/api/regulator/datasets/T2-14")).status_code == 401

    async def test_a_data_set_that_was_not_granted_is_refused(
        self, client: AsyncTestClient[Any], session: AsyncSession
    ) -> None:
        reader = await regulator(client, session, await make_company(session), datasets=("T2-14",))
        answer = await client.get("/api/regulator/datasets/T2-08", headers=reader.headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "dataset.not_granted")
        listed = await client.get("/api/regulator/datasets", headers=reader.headers)
        assert [each["id"] for each in listed.json()] == ["T2-14"]

    async def test_another_province_sees_nothing(self, client: AsyncTestClient[Any], session: AsyncSession) -> None:
        street = await make_street(session)
        made = record(HazardReported, street.inspector, hazard_type="other")
        await take(session, street.company, street.inspector, made)
        reader = await regulator(client, session, await make_company(session))
        assert (await reader.read("T2-14"))["items"] == []

    @pytest.mark.parametrize("cursor", ["abc", "-1", "9" * 30, "１"])
    async def test_a_cursor_that_is_not_ours_is_refused(
        self, client: AsyncTestClient[Any], session: AsyncSession, cursor: str
    ) -> None:
        reader = await regulator(client, session, await make_company(session))
        url = "/api/regulator/datasets/T2-14"
        answer = await client.get(url, headers=reader.headers, params={"cursor": cursor})
        assert (answer.status_code, answer.json()["code"]) == (422, "cursor.unknown")


class TestCylinders:
    @pytest.mark.requirement("T2-05")
    async def test_a_cylinder_is_told_with_its_archive_corrected_and_gone(
        self, client: AsyncTestClient[Any], session: AsyncSession
    ) -> None:
        station = await make_station(session)
        reader = await regulator(client, session, station.company)
        kept = (await make_cylinder(session, station, "35-1", manufacturer="松河制造", tare_kg=16.5)).cylinder.id
        mistaken = (await make_cylinder(session, station, "35-9")).cylinder.id
        first = await reader.read("T2-05")
        told = {item["id"]: item for item in first["items"]}
        assert (told[kept]["code"], told[kept]["manufacturer"], told[kept]["tare_kg"]) == ("35-1", "松河制造", 16.5)
        right = cylinder_in(station, "35-1", manufacturer="松河二厂")
        await cylinders.change_cylinder(session, station.caller, kept, right)
        await cylinders.delete_cylinder(session, station.caller, mistaken)
        later = await reader.read("T2-05", cursor=first["next_cursor"])
        told = {item["id"]: item for item in later["items"]}
        assert (told[kept]["version"], told[kept]["manufacturer"]) == (2, "松河二厂")
        assert (told[mistaken]["version"], told[mistaken]["deleted"]) == (2, True)
        assert "code" not in told[mistaken]

    @pytest.mark.requirement("5.8.4-3")
    async def test_where_a_cylinder_went_is_at_the_regulator_as_soon_as_it_is_here(
        self, client: AsyncTestClient[Any], session: AsyncSession
    ) -> None:
        station = await make_station(session, code="KH-7")
        reader = await regulator(client, session, station.company)
        one = (await make_cylinder(session, station, "35-1")).cylinder.id
        cursor, seen = (await reader.read("T2-05"))["next_cursor"], []
        done = completed(station, "", "35-1", check_id="x")
        for record_ in (loaded(station, "35-1"), done):
            await take(session, station.company, station.driver, record_)
            page = await reader.read("T2-05", cursor=cursor)
            cursor = page["next_cursor"]
            seen += [(item["id"], item["holder"]["kind"], item["holder"]["record_id"]) for item in page["items"]]
        assert [kind for _, kind, _ in seen] == ["vehicle", "customer"]
        assert seen[-1] == (one, "customer", done.id)
        (delivery,) = (await reader.read("T2-11"))["items"]
        assert (delivery["id"], delivery["customer_code"], delivery["delivered"]) == (done.id, "KH-7", ["35-1"])
        chain = (await cylinders.find_cylinder(session, station.caller, one)).chain
        assert [(move.kind, move.staff_name) for move in chain] == [
            ("delivered", station.driver.name),
            ("loaded", station.driver.name),
        ]


class TestPatrols:
    @pytest.mark.requirement("T2-08")
    async def test_a_patrol_is_told_with_what_it_covered_and_which_points_it_reached(
        self, client: AsyncTestClient[Any], session: AsyncSession
    ) -> None:
        street = await make_street(session)
        reader = await regulator(client, session, street.company)
        started = record(PatrolStarted, street.inspector)
        finish: dict[str, Any] = dict.fromkeys(("assigned_m", "covered_m", "visited", "check_points"), 0)
        for each in (
            started,
            chunk(street, started.id),
            record(
                CheckPointVisited,
                street.inspector,
                patrol_id=started.id,
                check_point_id="cp",
                proof="nfc",
                result="normal",
            ),
            record(PatrolFinished, street.inspector, patrol_id=started.id, chunks=1, **finish),
        ):
            await take(session, street.company, street.inspector, each)
        (item,) = (await reader.read("T2-08"))["items"]
        assert (item["id"], item["staff_name"], item["visited"]) == (started.id, street.inspector.name, 1)
        assert [visit["proof"] for visit in item["visits"]] == ["nfc"]
        assert item["started_at"]
        assert item["finished_at"]


class TestFillings:
    @pytest.mark.requirement("T2-10")
    async def test_fillings_are_told_with_corrections_and_deletions_and_no_names(
        self, client: AsyncTestClient[Any], session: AsyncSession
    ) -> None:
        station = await make_filling_station(session)
        await make_fillable(session, station, "35-1")
        reader = await regulator(client, session, station.company)
        check = checked_before(station, "35-1")
        first = filled(station, "35-1", check.id)
        for each in (check, first):
            await take(session, station.company, station.filler, each)
        page = await reader.read("T2-10")
        (item,) = page["items"]
        told = (item["code"], item["filled_on"], item["net_kg"], item["gun_number"], item["filler_number"])
        assert told == ("35-1", "20261123", 14.5, "3", station.filler.staff_number)
        assert (item["state"], item["version"], item["deleted"]) == ("unchecked", 1, False)
        assert station.filler.name not in str(item)
        after = checked_after(station, "35-1", first.id)
        await take(session, station.company, station.filler, after, at=MORNING + timedelta(minutes=1))
        page = await reader.read("T2-10", cursor=page["next_cursor"])
        assert [(i["id"], i["version"], i["state"]) for i in page["items"]] == [(first.id, 2, "passed")]
        better = filled(station, "35-1", check.id, net_kg=14.4, corrects=first.id)
        await take(session, station.company, station.filler, better)
        page = await reader.read("T2-10", cursor=page["next_cursor"])
        assert {(i["id"], i["deleted"]) for i in page["items"]} == {(first.id, True), (better.id, False)}
        assert next(i for i in page["items"] if not i["deleted"])["net_kg"] == 14.4
        await filling.withdraw_filling(session, station.caller, better.id, "没有充装")
        (gone,) = (await reader.read("T2-10", cursor=page["next_cursor"]))["items"]
        assert (gone["id"], gone["deleted"], "code" in gone) == (better.id, True, False)


class TestDeliveries:
    @pytest.mark.requirement("T2-11")
    async def test_a_delivery_is_told_by_cylinders_and_customer_code_without_personal_data(
        self, client: AsyncTestClient[Any], session: AsyncSession
    ) -> None:
        station = await make_station(session, code="KH-7")
        reader = await regulator(client, session, station.company)
        await make_cylinder(session, station, "35-1")
        order = await make_order(session, station)
        check = checked(station, order.order.id)
        done = completed(station, order.order.id, "35-1", check_id=check.id, returned=("35-2",))
        for each in (check, done):
            await take(session, station.company, station.driver, each)
        page = await reader.read("T2-11")
        (item,) = page["items"]
        assert (item["delivered"], item["returned"], item["customer_code"]) == (["35-1"], ["35-2"], "KH-7")
        assert (item["order_number"], item["leak_test_passed"]) == (order.order.order_number, True)
        written = msgspec.json.encode(page).decode()
        assert not any(personal in written for personal in (IDENTITY, "演示-孙", "100-0000", "林场小区"))

    @pytest.mark.requirement("T2-11")
    async def test_a_corrected_or_voided_delivery_is_told_as_deleted_to_who_has_read_it(
        self, client: AsyncTestClient[Any], session: AsyncSession
    ) -> None:
        station = await make_station(session)
        reader = await regulator(client, session, station.company)
        first = completed(station, "", "35-1", check_id="delivery.checked:x")
        await take(session, station.company, station.driver, first)
        page = await reader.read("T2-11")
        assert [(item["id"], item["deleted"]) for item in page["items"]] == [(first.id, False)]
        second = msgspec.structs.replace(
            completed(station, "", "35-2", check_id="delivery.checked:x"), corrects=first.id
        )
        await take(session, station.company, station.driver, second)
        page = await reader.read("T2-11", cursor=page["next_cursor"])
        told = {item["id"]: item for item in page["items"]}
        assert (told[first.id]["deleted"], told[first.id]["version"]) == (True, 2)
        assert "delivered" not in told[first.id]
        assert (told[second.id]["delivered"], told[second.id]["corrects"]) == (["35-2"], first.id)
        await deliveries.void_record(session, station.caller, second.id, "误录")
        page = await reader.read("T2-11", cursor=page["next_cursor"])
        assert [(item["id"], item["deleted"]) for item in page["items"]] == [(second.id, True)]

    @pytest.mark.requirement("T2-11")
    async def test_a_check_that_comes_late_changes_what_is_told_of_its_delivery(
        self, client: AsyncTestClient[Any], session: AsyncSession
    ) -> None:
        station = await make_station(session)
        reader = await regulator(client, session, station.company)
        check = checked(station, "")
        done = completed(station, "", "35-1", check_id=check.id)
        await take(session, station.company, station.driver, done)
        page = await reader.read("T2-11")
        assert page["items"][0]["check_passed"] is None
        assert (page["items"][0]["lon"], page["items"][0]["lat"]) == pytest.approx((HERE.lon, HERE.lat))
        await take(session, station.company, station.driver, check)
        page = await reader.read("T2-11", cursor=page["next_cursor"])
        assert [(item["version"], item["check_passed"]) for item in page["items"]] == [(2, True)]


class TestHazards:
    @pytest.mark.requirement("T2-14")
    async def test_a_hazard_is_told_once_a_version_and_later_when_it_went(
        self, client: AsyncTestClient[Any], session: AsyncSession
    ) -> None:
        street = await make_street(session)
        reader = await regulator(client, session, street.company)
        made = record(
            HazardReported, street.inspector, hazard_type="encroachment", position=HERE, address="站前街 7 号"
        )
        await take(session, street.company, street.inspector, made)
        first = await reader.read("T2-14")
        (item,) = first["items"]
        assert (item["version"], item["deleted"], item["stage"], item["address"]) == (
            1,
            False,
            "pending_review",
            "站前街 7 号",
        )
        assert (await reader.read("T2-14", cursor=first["next_cursor"]))["items"] == []
        await changes.changed(session, "T2-14", made.id, street.company.unit.id, deleted=True)
        await session.flush()
        (gone,) = (await reader.read("T2-14", cursor=first["next_cursor"]))["items"]
        assert (gone["id"], gone["version"], gone["deleted"]) == (made.id, 2, True)
        assert "address" not in gone


class TestFeed:
    async def hazards(self, client: AsyncTestClient[Any], session: AsyncSession, count: int) -> Regulator:
        street = await make_street(session)
        for _ in range(count):
            await take(
                session,
                street.company,
                street.inspector,
                record(HazardReported, street.inspector, hazard_type="other"),
            )
        return await regulator(client, session, street.company)

    async def test_pages_go_on_where_the_last_one_ended(
        self, client: AsyncTestClient[Any], session: AsyncSession
    ) -> None:
        reader = await self.hazards(client, session, 5)
        pages = [await reader.read("T2-14", limit=2)]
        for _ in range(2):
            pages.append(await reader.read("T2-14", limit=2, cursor=pages[-1]["next_cursor"]))
        assert [len(page["items"]) for page in pages] == [2, 2, 1]
        assert [page["has_more"] for page in pages] == [True, True, False]
        assert len({item["id"] for page in pages for item in page["items"]}) == 5

    async def test_lines_of_json_are_the_same_records_with_the_cursor_in_the_head(
        self, client: AsyncTestClient[Any], session: AsyncSession
    ) -> None:
        reader = await self.hazards(client, session, 3)
        headers = reader.headers | {"Accept": "application/x-ndjson"}
        answer = await client.get("/api/regulator/datasets/T2-14", headers=headers)
        page = await reader.read("T2-14")
        assert [msgspec.json.decode(line) for line in answer.content.splitlines()] == page["items"]
        assert answer.headers["X-Next-Cursor"] == page["next_cursor"]
        assert answer.headers["X-Has-More"] == "false"

    async def test_every_reading_is_written_down(self, client: AsyncTestClient[Any], session: AsyncSession) -> None:
        reader = await self.hazards(client, session, 1)
        await reader.read("T2-14")
        entry = (await session.scalars(select(AuditEntry).where(AuditEntry.action == "regulator.read"))).one()
        assert (entry.subject_id, entry.facts["items"]) == ("T2-14", 1)
        assert entry.actor_id
