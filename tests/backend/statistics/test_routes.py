"""Figures: shut to who may not, kept to the asker's subtree, and never other than the lists that they count."""

from datetime import date, timedelta
from io import BytesIO
from typing import Any

import pytest
from litestar.testing import AsyncTestClient
from python_calamine import CalamineWorkbook
from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts.models import Staff
from backend.customers import service as customers
from backend.customers.schemas import PaperIn
from backend.employees import service as employees
from backend.employees.schemas import EmployeeIn
from backend.stations.schemas import StationKind
from backend.vehicles import service as vehicles
from backend.vehicles.schemas import VehicleIn
from sync.databases import BEIJING
from sync.documents.hazards import HazardReported
from tests.factories.accounts import Company, bearer, make_company, make_staff
from tests.factories.certificates import in_days
from tests.factories.customers import make_customer
from tests.factories.deliveries import Station, checked, completed, loaded, make_order, missed
from tests.factories.filling import FillingStation, checked_after, checked_before, filled, make_fillable
from tests.factories.stations import make_station_record
from tests.factories.taken import MORNING, office, record, take

DAY = MORNING.astimezone(BEIJING).date()
PATHS = ["operation", "days", "registration", "days.xlsx", "units.xlsx", "registration.xlsx"]


class Town:
    """A company's day: fillings, a refusal, a delivery, checks, a visit in vain, hazards."""

    def __init__(self, client: AsyncTestClient[Any], session: AsyncSession, company: Company, keeper: Staff) -> None:
        self.client, self.session, self.company, self.keeper = client, session, company, keeper
        self.caller = office(company, keeper)
        self.headers = bearer(client, keeper)

    async def get(self, path: str, **params: Any) -> Any:
        answer = await self.client.get(path, headers=self.headers, params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def figures(self, **params: Any) -> Any:
        return await self.get("/api/statistics/operation", **{"span": "day", "day": DAY.isoformat()} | params)


@pytest.fixture
async def town(client: AsyncTestClient[Any], session: AsyncSession) -> Town:
    company = await make_company(session)
    keeper = await make_staff(session, company, roles=["company_admin"])
    town = Town(client, session, company, keeper)
    driver = await make_staff(session, company, name="演示-王送气")
    made = await make_customer(session, company, keeper, road="林场小区")
    station = Station(company, driver, driver, keeper, made.customer.id)
    filling = FillingStation(company, driver, keeper)
    await _fill(town, filling)
    await _deliver(town, station)
    for _ in range(2):
        await take(session, company, driver, record(HazardReported, driver, hazard_type="other"))
    return town


async def _fill(town: Town, filling: FillingStation) -> None:
    """Four filled, of which one is not ours, one is another size, and one is corrected; two refused."""
    for code, fields in (
        ("35-1", {}),
        ("35-2", {"owned": False}),
        ("118-1", {"specification": "YSP118"}),
        ("35-3", {}),
    ):
        await make_fillable(town.session, filling, code, **fields)
        check = checked_before(filling, code)
        done = filled(filling, code, check.id)
        for each in (check, done, checked_after(filling, code, done.id)):
            await take(town.session, town.company, filling.filler, each)
        if code == "35-3":
            again = filled(filling, code, check.id, net_kg=14.0, corrects=done.id)
            await take(town.session, town.company, filling.filler, again)
    for code, reasons in (("35-8", ("inspection_overdue",)), ("35-9", ("not_owned",))):
        refusal = checked_before(filling, code, reasons=reasons)
        await take(town.session, town.company, filling.filler, refusal)


async def _deliver(town: Town, station: Station) -> None:
    order = (await make_order(town.session, station)).order
    other = (await make_order(town.session, station)).order
    check = checked(station, order.id)
    for each in (
        loaded(station, "35-1", "35-3"),
        check,
        completed(station, order.id, "35-1", "35-3", check_id=check.id),
        missed(station, other.id),
    ):
        await take(town.session, town.company, station.driver, each, at=MORNING + timedelta(hours=2))


class TestWhoMay:
    @pytest.mark.parametrize("path", PATHS)
    async def test_a_driver_sees_no_figures(
        self, client: AsyncTestClient[Any], session: AsyncSession, path: str
    ) -> None:
        driver = await make_staff(session, await make_company(session), roles=["driver"])
        answer = await client.get(f"/api/statistics/{path}", headers=bearer(client, driver))
        assert (answer.status_code, answer.json()["code"]) == (403, "right.missing")

    async def test_another_company_counts_nothing_of_ours(
        self, town: Town, client: AsyncTestClient[Any], session: AsyncSession
    ) -> None:
        theirs = await make_company(session)
        stranger = Town(client, session, theirs, await make_staff(session, theirs, roles=["company_admin"]))
        found = await stranger.figures()
        assert {name: value for name, value in found["total"].items() if value} == {}
        assert (found["units"], found["areas"], found["hours"], found["specifications"]) == ([], [], [], [])
        refused = await client.get(
            "/api/statistics/operation",
            headers=stranger.headers,
            params={"organisation_id": town.company.unit.id},
        )
        assert refused.status_code == 404

    async def test_an_officer_counts_his_whole_subtree(self, town: Town, session: AsyncSession) -> None:
        officer = await make_staff(session, town.company, roles=["supervisor"], on=town.company.province)
        his = Town(town.client, session, town.company, officer)
        assert (await his.figures())["total"]["filled"] == 4

    async def test_one_unit_counts_itself_alone(self, town: Town) -> None:
        found = await town.figures(organisation_id=town.company.other_unit.id)
        assert (found["total"]["filled"], found["total"]["sold"]) == (0, 0)


class TestOperation:
    @pytest.mark.requirement("5.8.3-03")
    async def test_every_figure_is_what_its_list_holds(self, town: Town) -> None:
        """储配站, 送气工, 配送车辆, 客户, 气瓶销售数量, 气瓶库存; by unit and day."""
        session, company = town.session, town.company
        kinds: tuple[StationKind, ...] = ("storage", "supply", "supply", "point")
        for kind in kinds:
            await make_station_record(session, company, town.keeper, kind=kind)
        await make_station_record(session, company, town.keeper, kind="supply", state="closed")
        worker = await make_staff(session, company)
        for person in (worker, town.keeper):
            post = "delivery" if person is worker else "office"
            await employees.set_employee(session, town.caller, person.id, EmployeeIn(post=post))
        vehicle = VehicleIn(organisation_id=company.unit.id, code="CL-1", plate="吉·演示01")
        await vehicles.create_vehicle(session, town.caller, vehicle)
        total = (await town.figures())["total"]
        listed = {
            "storage_stations": (await town.get("/api/stations", kind="storage"))["total"],
            "supply_stations": (await town.get("/api/stations", kind="supply"))["total"],
            "supply_points": (await town.get("/api/stations", kind="point"))["total"],
            "delivery_workers": (await town.get("/api/employees", post="delivery", active=True))["total"],
            "vehicles": (await town.get("/api/vehicles"))["total"],
            "customers": (await town.get("/api/customers"))["total"],
            "stock": (await town.get("/api/cylinders", holder_kind="station"))["total"],
            "hazards": (await town.get("/api/hazards"))["total"],
        }
        deliveries = (await town.get("/api/deliveries"))["items"]
        listed["sold"] = sum(len(each["delivered"]) for each in deliveries)
        assert {name: total[name] for name in listed} == listed
        assert all(listed.values())
        (day,) = await town.get("/api/statistics/days", span="month", day=DAY.isoformat())
        assert (day["name"], day["day"], day["sold"]) == (company.unit.name, DAY.isoformat(), listed["sold"])

    async def test_fillings_are_counted_as_they_stand_by_size_and_owner(self, town: Town) -> None:
        found = await town.figures()
        total = found["total"]
        assert (total["filled"], total["filled_owned"]) == (4, 3)
        assert total["filled_kg"] == pytest.approx(3 * 14.5 + 14.0)
        assert total["filled"] == (await town.get("/api/fillings"))["total"]
        assert (total["refused"], total["refused_overdue"]) == (2, 1)
        by_hour = [step for step in found["steps"] if step["filled"]]
        assert [step["filled"] for step in by_hour] == [{"YSP35.5": 3, "YSP118": 1}]
        small = await town.figures(specification="YSP118")
        assert (small["total"]["filled"], small["total"]["sold"]) == (1, 0)

    async def test_a_voided_delivery_sells_nothing(self, town: Town) -> None:
        (delivery,) = (await town.get("/api/deliveries"))["items"]
        before = (await town.figures())["total"]["sold"]
        url = f"/api/deliveries/{delivery['id']}/void"
        answer = await town.client.post(url, headers=town.headers, json={"reason": "送错门"})
        assert answer.status_code in {200, 201, 204}, answer.text
        assert (before, (await town.figures())["total"]["sold"]) == (2, 0)

    async def test_visits_are_told_by_outcome_and_street(self, town: Town) -> None:
        found = await town.figures()
        (area,) = found["areas"]
        assert (area["area"], area["outcomes"]["entered"], area["outcomes"]["not_home"]) == ("林场小区", 1, 1)
        total = found["total"]
        assert (total["checked_households"], total["entered_percent"]) == (1, 50.0)
        failed = (await town.get("/api/deliveries/failed-visits"))["total"]
        assert total["visits"] - total["entered"] == failed

    @pytest.mark.parametrize(("span", "steps"), [("day", 24), ("month", 30), ("year", 12)])
    async def test_steps_of_a_period_add_up_to_its_total(self, town: Town, span: str, steps: int) -> None:
        found = await town.figures(span=span)
        assert len(found["steps"]) == steps
        assert sum(sum(step["filled"].values()) for step in found["steps"]) == found["total"]["filled"] == 4
        assert sum(sum(step["sold"].values()) for step in found["steps"]) == found["total"]["sold"] == 2
        units = {name: sum(unit[name] for unit in found["units"]) for name in ("filled", "sold", "customers")}
        assert units == {name: found["total"][name] for name in units}

    async def test_another_day_has_none(self, town: Town) -> None:
        elsewhere = await town.figures(day=(DAY - timedelta(days=40)).isoformat())
        assert (elsewhere["total"]["filled"], elsewhere["total"]["sold"], elsewhere["hours"]) == (0, 0, [])
        assert elsewhere["total"]["customers"] == 1

    async def test_last_year_is_compared(self, town: Town) -> None:
        later = date(DAY.year + 1, DAY.month, DAY.day)
        assert (await town.figures(day=later.isoformat()))["filled_a_year_before"] == 4


class TestRegistration:
    @pytest.mark.requirement("E5.8.3-6")
    async def test_shares_are_those_of_the_ledger_by_unit_and_in_all(self, town: Town) -> None:
        """自有产权钢瓶, 总用户, 已审核 and 实时 completion of the four papers, 实名登记, 产权瓶充装."""
        session, company = town.session, town.company
        ids = [
            (await make_customer(session, company, town.keeper, **fields)).customer.id
            for fields in ({}, {"organisation_id": company.other_unit.id}, {"identity_number": None})
        ]
        done, reviewed = PaperIn(done_on=DAY), PaperIn(done_on=DAY, reviewed=True)
        for customer_id, kind, paper in (
            (ids[0], "agreement", reviewed),
            (ids[1], "agreement", done),
            (ids[0], "safety_notice", done),
            (ids[2], "fittings", reviewed),
        ):
            await customers.set_paper(session, town.caller, customer_id, kind, paper)  # type: ignore[arg-type]
        found = await town.get("/api/statistics/registration")
        total = found["total"]
        ledger = await town.get("/api/customers/registration")
        assert (total["customers"], total["named"]) == (ledger["customers"], ledger["named"]) == (4, 3)
        assert total["done_percent"] == ledger["done_percent"]
        assert total["reviewed_percent"] == ledger["reviewed_percent"]
        # (One check was made with the day's delivery, and nobody has reviewed it.)
        assert total["done_percent"] == {
            "agreement": 50.0,
            "safety_notice": 25.0,
            "fittings": 25.0,
            "in_home_check": 25.0,
        }
        assert total["reviewed_percent"] == {
            "agreement": 25.0,
            "safety_notice": 0.0,
            "fittings": 25.0,
            "in_home_check": 0.0,
        }
        cylinders = (await town.get("/api/cylinders"))["items"]
        assert total["own_cylinders"] == sum(each["owned"] and not each["scrapped"] for each in cylinders) == 3
        by_unit = {unit["organisation_id"]: unit for unit in found["units"]}
        assert by_unit[company.other_unit.id]["done_percent"]["agreement"] == 100.0
        assert sum(unit["customers"] for unit in by_unit.values()) == total["customers"]

    async def test_what_was_filled_today_counts_our_own_alone(self, town: Town) -> None:
        before = (await town.get("/api/statistics/registration"))["total"]["filled_today"]
        filling = FillingStation(town.company, town.keeper, town.keeper)
        for code in ("35-1", "35-2"):
            check = checked_before(filling, code)
            done = filled(filling, code, check.id, filled_on=f"{in_days(0):%Y%m%d}")
            for each in (check, done):
                await take(town.session, town.company, town.keeper, each)
        after = (await town.get("/api/statistics/registration"))["total"]["filled_today"]
        assert (before, after) == (0, 1)


class TestSpreadsheets:
    @pytest.mark.parametrize(
        ("path", "head", "rows"),
        [("days.xlsx", "日期", 2), ("units.xlsx", "单位", 3), ("registration.xlsx", "单位", 3)],
    )
    async def test_the_figures_go_into_a_workbook(self, town: Town, path: str, head: str, rows: int) -> None:
        params = {"span": "month", "day": DAY.isoformat()} if path != "registration.xlsx" else {}
        answer = await town.client.get(f"/api/statistics/{path}", headers=town.headers, params=params)
        assert answer.status_code == 200, answer.text
        sheet = CalamineWorkbook.from_filelike(BytesIO(answer.content)).get_sheet_by_index(0).to_python()
        assert (sheet[0][0], len(sheet)) == (head, rows)

    async def test_the_last_line_adds_up(self, town: Town) -> None:
        params = {"span": "month", "day": DAY.isoformat()}
        answer = await town.client.get("/api/statistics/units.xlsx", headers=town.headers, params=params)
        sheet = CalamineWorkbook.from_filelike(BytesIO(answer.content)).get_sheet_by_index(0).to_python()
        assert dict(zip(sheet[0], sheet[-1], strict=True))["充装 瓶"] == 4


class TestReports:
    async def make(self, town: Town, **params: Any) -> Any:
        given = {"span": "month", "day": DAY.isoformat()} | params
        return await town.client.post("/api/statistics/reports", headers=town.headers, params=given)

    async def test_a_regulators_officer_reads_reports_and_makes_none(
        self, client: AsyncTestClient[Any], session: AsyncSession
    ) -> None:
        company = await make_company(session)
        officer = await make_staff(session, company, roles=["supervisor"], on=company.province)
        assert (await client.post("/api/statistics/reports", headers=bearer(client, officer))).status_code == 403

    async def test_another_company_sees_none_of_ours(self, client: AsyncTestClient[Any], town: Town) -> None:
        assert (await self.make(town)).status_code == 201
        (made,) = (await town.get("/api/statistics/reports"))["items"]
        other = await make_company(town.session)
        headers = bearer(client, await make_staff(town.session, other, roles=["company_admin"]))
        assert (await client.get("/api/statistics/reports", headers=headers)).json()["items"] == []
        answer = await client.get(f"/api/statistics/reports/{made['id']}", headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (404, "report.unknown")
        params = {"organisation_id": town.company.unit.id}
        assert (await client.post("/api/statistics/reports", headers=headers, params=params)).status_code == 404

    async def test_it_says_who_made_it_for_which_company_and_period_and_its_sheets_hold_the_figures(
        self, town: Town
    ) -> None:
        answer = await self.make(town)
        assert answer.status_code == 201, answer.text
        book = CalamineWorkbook.from_filelike(BytesIO(answer.content))
        assert book.sheet_names == ["填报信息", "按日按单位", "按单位", "实名登记"]
        sheets = [book.get_sheet_by_name(name).to_python() for name in book.sheet_names]
        head = dict(sheets[0][1:])
        (made,) = (await town.get("/api/statistics/reports"))["items"]
        assert (head["企业"], head["填报人"], head["报表编号"]) == (
            town.company.company.name,
            town.keeper.name,
            made["number"],
        )
        assert head["报告期"].startswith(f"{DAY.replace(day=1)} 至 ")
        figures = await town.figures(span="month")
        (day,) = sheets[1][1:]
        assert dict(zip(sheets[1][0], day, strict=True))["充装 瓶"] == figures["total"]["filled"] == 4
        assert dict(zip(sheets[2][0], sheets[2][-1], strict=True))["拒充 瓶"] == figures["total"]["refused"]
        assert dict(zip(sheets[3][0], sheets[3][-1], strict=True))["总用户"] == 1

    async def test_what_was_handed_over_stays_as_it_was_when_the_figures_change(self, town: Town) -> None:
        first = await self.make(town, span="year")
        refusal = checked_before(FillingStation(town.company, town.keeper, town.keeper), "35-7", reasons=("not_owned",))
        await take(town.session, town.company, town.keeper, refusal)
        second = await self.make(town, span="year")
        newest, oldest = (await town.get("/api/statistics/reports"))["items"]
        assert (newest["made_by"], newest["span"], newest["number"][-3:]) == (town.keeper.name, "year", "002")
        kept = await town.client.get(f"/api/statistics/reports/{oldest['id']}", headers=town.headers)
        assert kept.content == first.content != second.content
        refused = []
        for content in (first.content, second.content):
            sheet = CalamineWorkbook.from_filelike(BytesIO(content)).get_sheet_by_name("按月按单位").to_python()
            refused.append(sum(dict(zip(sheet[0], row, strict=True))["拒充 瓶"] for row in sheet[1:]))
        assert refused == [2, 3]

    async def test_a_period_that_has_not_begun_is_refused(self, town: Town) -> None:
        answer = await self.make(town, span="day", day=in_days(1).isoformat())
        assert (answer.status_code, answer.json()["code"]) == (422, "report.future")

    @pytest.mark.requirement("E5.8.4-1")
    async def test_the_regulator_is_told_how_many_cylinders_there_are_marked_and_overdue(self, town: Town) -> None:
        filling = FillingStation(town.company, town.keeper, town.keeper)
        await make_fillable(town.session, filling, "35-90", tag_uid="")
        await make_fillable(town.session, filling, "35-91", next_inspection_on=in_days(-1))
        book = CalamineWorkbook.from_filelike(BytesIO((await self.make(town)).content))
        sheet = book.get_sheet_by_name("按单位").to_python()
        told = dict(zip(sheet[0], sheet[-1], strict=True))
        # (Of the town's four one is not its own.)
        assert [told[name] for name in ("自有气瓶", "已装标签", "检验超期")] == [5, 4, 1]
