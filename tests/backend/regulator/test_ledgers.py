"""The regulator's client pulls users, stations, in-home checks and cameras."""

from datetime import date
from typing import Any

import msgspec
import pytest
from litestar.testing import AsyncTestClient
from sqlalchemy.ext.asyncio import AsyncSession

from backend.cameras import service as cameras
from backend.customers import service as customers
from backend.customers.schemas import PaperIn
from backend.deliveries import service as deliveries
from backend.stations import service as stations
from tests.backend.regulator.client import regulator
from tests.factories.accounts import make_company, make_staff
from tests.factories.cameras import make_camera
from tests.factories.certificates import make_certificate
from tests.factories.customers import IDENTITY, make_customer
from tests.factories.deliveries import (
    checked,
    make_order,
    make_station,
    missed,
)
from tests.factories.stations import make_station_record, station_in
from tests.factories.taken import office, take


class TestUsers:
    @pytest.mark.requirement("T2-02")
    async def test_a_users_file_is_told_by_code_again_when_it_changes_and_goes_with_the_person(
        self, client: AsyncTestClient[Any], session: AsyncSession
    ) -> None:
        company = await make_company(session)
        keeper = await make_staff(session, company)
        caller = office(company, keeper)
        reader = await regulator(client, session, company)
        made = await make_customer(session, company, keeper, code="KH-7", district="松河县", street="站前街道")
        customer_id = made.customer.id
        first = await reader.read("T2-02")
        (item,) = first["items"]
        assert (item["id"], item["version"], item["code"], item["category"]) == (customer_id, 1, "KH-7", "residential")
        assert (item["district"], item["street"], item["opened_on"]) == ("松河县", "站前街道", "2020-05-01")
        assert (item["customer_kind"], item["real_name_registered"]) == ("person", True)
        await customers.set_paper(
            session, caller, customer_id, "agreement", PaperIn(done_on=date(2026, 5, 1), reviewed=True)
        )
        changed = await reader.read("T2-02", cursor=first["next_cursor"])
        (again,) = changed["items"]
        assert (again["version"], again["papers"]["agreement"]["done_on"]) == (2, "2026-05-01")
        assert again["papers"]["agreement"]["reviewed_at"]
        await customers.erase_customer(session, caller, customer_id, "本人要求")
        gone = await reader.read("T2-02", cursor=changed["next_cursor"])
        assert [(each["version"], each["deleted"], "code" in each) for each in gone["items"]] == [(3, True, False)]
        written = msgspec.json.encode([first, changed, gone]).decode()
        assert not any(personal in written for personal in (IDENTITY, "演示-孙", "100-0000", "3号楼"))

    async def test_an_organisation_is_told_by_name(self, client: AsyncTestClient[Any], session: AsyncSession) -> None:
        company = await make_company(session)
        reader = await regulator(client, session, company)
        given = {"name": "演示饭店", "identity_kind": "organisation", "identity_number": "91220100MA0000001L"}
        await make_customer(session, company, await make_staff(session, company), **given)
        (item,) = (await reader.read("T2-02"))["items"]
        assert (item["name"], item["customer_kind"]) == ("演示饭店", "organisation")
        assert "91220100MA0000001L" not in msgspec.json.encode(item).decode()

    async def test_of_another_province_nothing_is_told(
        self, client: AsyncTestClient[Any], session: AsyncSession
    ) -> None:
        company = await make_company(session)
        await make_customer(session, company, await make_staff(session, company))
        elsewhere = await regulator(client, session, await make_company(session))
        assert (await elsewhere.read("T2-02"))["items"] == []


class TestInHomeChecks:
    @pytest.mark.requirement("T2-07")
    async def test_a_check_is_told_with_its_findings_and_a_visit_in_vain_with_its_outcome(
        self, client: AsyncTestClient[Any], session: AsyncSession
    ) -> None:
        station = await make_station(session, code="KH-7")
        reader = await regulator(client, session, station.company)
        order = await make_order(session, station)
        failed = checked(station, order.order.id, passed=False)
        await take(session, station.company, station.driver, failed)
        first = await reader.read("T2-07")
        (item,) = first["items"]
        assert (item["id"], item["outcome"], item["passed"]) == (failed.id, "entered", False)
        assert (item["customer_code"], item["staff_name"]) == ("KH-7", station.driver.name)
        assert item["failed_items"] == [each.item for each in failed.items if each.result == "fail"]
        assert item["failed_items"]
        assert item["hazard_id"]
        assert item["at"]
        visit = missed(station, order.order.id)
        await take(session, station.company, station.driver, visit)
        again = await reader.read("T2-07", cursor=first["next_cursor"])
        assert [(each["id"], each["outcome"], each["passed"]) for each in again["items"]] == [
            (visit.id, "not_home", None)
        ]
        await take(session, station.company, station.driver, failed)
        assert (await reader.read("T2-07", cursor=again["next_cursor"]))["items"] == []
        written = msgspec.json.encode([first, again]).decode()
        assert not any(personal in written for personal in (IDENTITY, "演示-孙", "100-0000", "林场小区"))
        elsewhere = await regulator(client, session, await make_company(session))
        assert (await elsewhere.read("T2-07"))["items"] == []

    @pytest.mark.requirement("T2-07")
    async def test_a_check_that_was_corrected_or_voided_is_told_as_deleted_and_counts_no_more(
        self, client: AsyncTestClient[Any], session: AsyncSession
    ) -> None:
        station = await make_station(session)
        reader = await regulator(client, session, station.company)
        order = (await make_order(session, station)).order
        wrong = checked(station, order.id, passed=False)
        right = msgspec.structs.replace(checked(station, order.id), corrects=wrong.id)
        visit = missed(station, order.id)
        for each in (right, wrong, visit):
            await take(session, station.company, station.driver, each)
        first = await reader.read("T2-07")
        told = {item["id"]: item for item in first["items"]}
        assert [told[each.id]["deleted"] for each in (wrong, right, visit)] == [True, False, False]
        assert told[right.id]["corrects"] == wrong.id
        assert "passed" not in told[wrong.id]
        await deliveries.void_record(session, station.caller, right.id, "误录")
        await deliveries.void_record(session, station.caller, visit.id, "走错门")
        after = await reader.read("T2-07", cursor=first["next_cursor"])
        assert {(item["id"], item["deleted"], item["version"]) for item in after["items"]} == {
            (right.id, True, 2),
            (visit.id, True, 2),
        }
        # Nothing of it stands: the order is open again and no in-home check is on the customer's record.
        found = await deliveries.find_order(session, station.caller, order.id)
        assert (found.order.state, found.order.attempt) == ("open", 1)
        papers = (await customers.find_customer(session, station.caller, station.customer_id)).papers
        assert {paper.kind: paper.done_on for paper in papers}["in_home_check"] is None


class TestStations:
    @pytest.mark.requirement("T2-04")
    async def test_a_station_is_told_with_its_licence_again_when_it_changes_and_without_its_manager(
        self, client: AsyncTestClient[Any], session: AsyncSession
    ) -> None:
        company = await make_company(session)
        keeper = await make_staff(session, company)
        reader = await regulator(client, session, company)
        station = await make_station_record(session, company, keeper, code="CZ-1", kind="supply", capacity_t=4.5)
        first = await reader.read("T2-04")
        (item,) = first["items"]
        assert (item["code"], item["kind"], item["capacity_t"], item["state"]) == ("CZ-1", "supply", 4.5, "open")
        assert (item["organisation_name"], item["position"]) == (company.unit.name, [station.lon, station.lat])
        assert item["address"] == station.address
        held = {"holder_kind": "station", "holder_id": station.id, "kind": "gas_station", "number": "ZH-7"}
        await make_certificate(session, company, keeper, **held)
        licensed = await reader.read("T2-04", cursor=first["next_cursor"])
        assert [(each["version"], each["licence_number"]) for each in licensed["items"]] == [(2, "ZH-7")]
        closed = station_in(company, code="CZ-1", state="closed")
        await stations.change_station(session, office(company, keeper), station.id, closed)
        after = await reader.read("T2-04", cursor=licensed["next_cursor"])
        assert [(each["version"], each["state"]) for each in after["items"]] == [(3, "closed")]
        written = msgspec.json.encode([first, licensed, after]).decode()
        assert not any(personal in written for personal in ("演示-钱站长", "100-0000-0001"))

    async def test_of_another_county_nothing_is_told(self, client: AsyncTestClient[Any], session: AsyncSession) -> None:
        company = await make_company(session)
        await make_station_record(session, company, await make_staff(session, company))
        elsewhere = await regulator(client, session, await make_company(session))
        assert (await elsewhere.read("T2-04"))["items"] == []


class TestCameras:
    @pytest.mark.requirement("T2-20")
    async def test_points_are_told_with_what_is_kept_and_without_address_or_password(
        self, client: AsyncTestClient[Any], session: AsyncSession
    ) -> None:
        company = await make_company(session)
        staff = await make_staff(session, company)
        station = await make_station_record(session, company, staff)
        made = await make_camera(session, company, staff, "http://10.0.0.9", station.id)
        reader = await regulator(client, session, company)
        (item,) = (await reader.read("T2-20"))["items"]
        assert (item["id"], item["area"], item["place_name"]) == (made.id, "tanks", station.name)
        assert "10.0.0.9" not in str(item)
        await cameras.remove_camera(session, office(company, staff), made.id)
        assert [each["deleted"] for each in (await reader.read("T2-20"))["items"]] == [True]
