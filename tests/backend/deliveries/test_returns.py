"""回站入库, deposit slips, evidence of visits, and deliveries that were voided or corrected."""

import itertools
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from litestar.testing import AsyncTestClient
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.cylinders import service as cylinders
from backend.deliveries import service as deliveries
from backend.deliveries.models import Delivery, FailedVisit
from backend.deliveries.rules import Slip, balance
from backend.errors import AppError
from backend.intake.models import Conflict
from backend.personal_keys import data_dir, office_public_pem
from sync.documents.cylinders import CylindersStored, StoredCylinder
from sync.documents.deliveries import DepositSlip, Signature
from sync.sealed import seal_for_office
from tests.factories.accounts import bearer, make_company, make_staff
from tests.factories.deliveries import (
    Station,
    checked,
    completed,
    loaded,
    make_cylinder,
    make_order,
    make_station,
    missed,
    scan,
)
from tests.factories.taken import MORNING, record, take

HOUR = timedelta(hours=1)


def stored(station: Station, full: tuple[str, ...] = (), empty: tuple[str, ...] = (), **fields: Any) -> CylindersStored:
    both = [StoredCylinder(scan=scan(code), full=True) for code in full]
    both += [StoredCylinder(scan=scan(code), full=False) for code in empty]
    return record(
        CylindersStored,
        station.driver,
        station_id=station.company.unit.id,
        vehicle="吉·演示01",
        cylinders=tuple(both),
        **fields,
    )


async def holder(session: AsyncSession, station: Station, cylinder_id: str) -> tuple[str, str]:
    found = (await cylinders.find_cylinder(session, station.caller, cylinder_id)).cylinder
    return found.holder_kind, found.holder_id


class TestStored:
    async def test_any_order_of_arrival_brings_full_ones_and_empties_back_to_the_station(
        self, session: AsyncSession
    ) -> None:
        for turn in itertools.permutations(range(3)):
            station = await make_station(session)
            made = [await make_cylinder(session, station, code) for code in ("35-1", "35-2", "35-3")]
            told = [
                (loaded(station, "35-1", "35-2"), MORNING),
                (completed(station, "", "35-1", check_id="x", returned=("35-3",)), MORNING + HOUR),
                (stored(station, ("35-2",), ("35-3",)), MORNING + 2 * HOUR),
            ]
            for number in turn:
                await take(session, station.company, station.driver, told[number][0], at=told[number][1])
            places = [await holder(session, station, one.cylinder.id) for one in made]
            here = ("station", station.company.unit.id)
            assert places == [("customer", station.customer_id), here, here]
            (back,) = (await deliveries.list_returns(session, station.caller)).items
            assert (back.full, back.empty, back.missing) == (["35-2"], ["35-3"], [])

    async def test_what_did_not_come_back_is_put_before_the_office_once(self, session: AsyncSession) -> None:
        station = await make_station(session)
        fact = stored(station, missing=("35-9",), missing_reason="客户不在家")
        for _ in range(2):
            await take(session, station.company, station.driver, fact)
        conflict = (await session.scalars(select(Conflict))).one()
        assert (conflict.kind, conflict.facts["missing"]) == ("load.missing", ["35-9"])

    async def test_another_company_sees_none(self, client: AsyncTestClient[Any], session: AsyncSession) -> None:
        station = await make_station(session)
        await take(session, station.company, station.driver, stored(station, ("35-1",)))
        stranger = await make_staff(session, await make_company(session), roles=["dispatcher"])
        driver = await client.get("/api/deliveries/returns", headers=bearer(client, station.driver))
        ours = await client.get("/api/deliveries/returns", headers=bearer(client, station.dispatcher))
        theirs = await client.get("/api/deliveries/returns", headers=bearer(client, stranger))
        assert (driver.status_code, ours.json()["total"], theirs.json()["total"]) == (403, 1, 0)


def slip(kind: Any, number: str = "YJ-1", **fields: Any) -> DepositSlip:
    given: dict[str, Any] = {"specification": "YSP35.5", "quantity": 1, "amount_fen": 13_000}
    return DepositSlip(kind=kind, number=number, **(given | fields))


class TestDeposits:
    @pytest.mark.parametrize(
        ("slips", "held", "amount"),
        [
            ([Slip("taken", "YSP35.5", 2, 26_000)], {"YSP35.5": 2}, 26_000),
            ([Slip("taken", "YSP35.5", 2, 26_000), Slip("refunded", "YSP35.5", 2, 26_000)], {}, 0),
            (
                [Slip("taken", "YSP35.5", 2, 26_000), Slip("moved", "YSP35.5", 1, 20_000, "YSP118")],
                {"YSP118": 1, "YSP35.5": 1},
                46_000,
            ),
            ([Slip("refunded", "YSP35.5", 1, 13_000)], {"YSP35.5": -1}, -13_000),
        ],
    )
    def test_the_balance_is_what_was_taken_less_what_was_paid_back(
        self, slips: list[Slip], held: dict[str, int], amount: int
    ) -> None:
        found = balance(slips)
        assert (found.cylinders, found.amount_fen) == (held, amount)

    async def test_slips_of_deliveries_come_to_the_customers_balance(self, session: AsyncSession) -> None:
        station = await make_station(session)
        for at, deposits in ((0, (slip("taken", quantity=2, amount_fen=26_000),)), (5, (slip("refunded", "YJ-2"),))):
            done = completed(station, "", f"35-{at}", check_id="x")
            done = msgspec.structs.replace(done, deposits=deposits)
            for _ in range(2):
                await take(session, station.company, station.driver, done, at=MORNING + at * HOUR)
        page = await deliveries.list_slips(session, station.caller)
        assert [(s.number, s.kind, s.customer_name) for s in page.items] == [
            ("YJ-2", "refunded", "演示-孙客户"),
            ("YJ-1", "taken", "演示-孙客户"),
        ]
        (held,) = (await deliveries.list_balances(session, station.caller)).items
        assert (held.cylinders, held.amount_fen) == ({"YSP35.5": 1}, 13_000)
        stranger = await make_station(session)
        assert (await deliveries.list_balances(session, stranger.caller)).total == 0

    async def test_a_driver_may_not_read_them(self, client: AsyncTestClient[Any], session: AsyncSession) -> None:
        station = await make_station(session)
        for path in ("deposits", "deposits/balances"):
            answer = await client.get(f"/api/deliveries/{path}", headers=bearer(client, station.driver))
            assert answer.status_code == 403


class TestSealedNames:
    async def test_the_receiver_is_read_by_the_office_and_stands_in_no_table(self, session: AsyncSession) -> None:
        station = await make_station(session)
        done = completed(station, "", "35-1", check_id="x")
        key = office_public_pem(data_dir(session))
        name = seal_for_office(key, "演示-代收邻居".encode(), done.id)
        signed = Signature(kind="written", relation="neighbour", photo="photo:s", sealed=name)
        done = msgspec.structs.replace(done, signature=signed)
        await take(session, station.company, station.driver, done)
        (kept,) = (await deliveries.list_deliveries(session, station.caller)).items
        assert (kept.receiver, kept.receiver_relation) == ("演示-代收邻居", "neighbour")
        rows = await session.scalars(select(func.row_to_json(Delivery.__table__.table_valued())))
        assert "演示-代收邻居" not in "".join(map(str, rows))

    async def test_a_refusal_keeps_its_reason_its_notice_and_its_witness(self, session: AsyncSession) -> None:
        station = await make_station(session)
        visit = missed(station, "task.delivery:x", outcome="refused")
        witness = seal_for_office(office_public_pem(data_dir(session)), "演示-见证人".encode(), visit.id)
        visit = msgspec.structs.replace(visit, reason="不让进", notice_handed_over=True, sealed=witness)
        await take(session, station.company, station.driver, visit)
        (found,) = (await deliveries.list_failed_visits(session, station.caller)).items
        assert (found.reason, found.notice_handed_over, found.witness) == ("不让进", True, "演示-见证人")
        rows = await session.scalars(select(func.row_to_json(FailedVisit.__table__.table_valued())))
        assert "演示-见证人" not in "".join(map(str, rows))


class TestDeliveryPosition:
    @pytest.mark.requirement("5.8.3-02")
    async def test_where_a_cylinder_was_handed_over_and_how_the_check_ended_is_on_record(
        self, session: AsyncSession
    ) -> None:
        station = await make_station(session)
        made = await make_order(session, station)
        check = checked(station, made.order.id)
        check = msgspec.structs.replace(check, list_version=4)
        done = completed(station, made.order.id, "35-1", check_id=check.id)
        await take(session, station.company, station.driver, check)
        await take(session, station.company, station.driver, done, at=MORNING + HOUR)
        found = await deliveries.find_order(session, station.caller, made.order.id)
        (delivery,) = found.deliveries
        assert done.position is not None
        assert (delivery.lon, delivery.lat) == pytest.approx((done.position.lon, done.position.lat))
        assert [(c.passed, c.list_version) for c in found.checks] == [(True, 4)]


class TestVoid:
    async def test_a_driver_may_not(self, client: AsyncTestClient[Any], session: AsyncSession) -> None:
        station = await make_station(session)
        path = "/api/deliveries/delivery.completed:x/void"
        answer = await client.post(path, headers=bearer(client, station.driver), json={"reason": "误录"})
        assert answer.status_code == 403

    async def test_another_companys_delivery_is_not_found(self, session: AsyncSession) -> None:
        ours, theirs = await make_station(session), await make_station(session)
        done = completed(ours, "", "35-1", check_id="x")
        await take(session, ours.company, ours.driver, done)
        with pytest.raises(AppError) as refused:
            await deliveries.void_record(session, theirs.caller, done.id, "误录")
        assert refused.value.code == "delivery.unknown"

    async def test_the_order_is_open_again_and_the_cylinder_back_on_the_vehicle(self, session: AsyncSession) -> None:
        station = await make_station(session)
        cylinder = await make_cylinder(session, station, "35-1")
        made = await make_order(session, station)
        done = msgspec.structs.replace(
            completed(station, made.order.id, "35-1", check_id="x"), deposits=(slip("taken"),)
        )
        await take(session, station.company, station.driver, loaded(station, "35-1"))
        await take(session, station.company, station.driver, done, at=MORNING + HOUR)
        await deliveries.void_record(session, station.caller, done.id, "误录")
        assert (await deliveries.find_order(session, station.caller, made.order.id)).order.state == "open"
        assert await holder(session, station, cylinder.cylinder.id) == ("vehicle", station.driver.id)
        assert (await deliveries.list_slips(session, station.caller)).total == 0
        with pytest.raises(AppError) as refused:
            await deliveries.void_record(session, station.caller, done.id, "误录")
        assert refused.value.code == "delivery.void"

    async def test_a_correction_replaces_what_it_corrects_whatever_came_first(self, session: AsyncSession) -> None:
        for turn in itertools.permutations(range(2)):
            station = await make_station(session)
            wrong, right = await make_cylinder(session, station, "35-1"), await make_cylinder(session, station, "35-2")
            first = completed(station, "", "35-1", check_id="x")
            second = msgspec.structs.replace(completed(station, "", "35-2", check_id="x"), corrects=first.id)
            told = [(first, MORNING), (second, MORNING + HOUR)]
            for number in turn:
                await take(session, station.company, station.driver, told[number][0], at=told[number][1])
            found = {d.id: d for d in (await deliveries.list_deliveries(session, station.caller)).items}
            assert [found[d.id].voided_at is not None for d in (first, second)] == [True, False]
            assert (await holder(session, station, wrong.cylinder.id))[0] == "station"
            assert (await holder(session, station, right.cylinder.id))[0] == "customer"

    async def test_a_colleague_corrects_nothing(self, session: AsyncSession) -> None:
        station = await make_station(session)
        first = completed(station, "", "35-1", check_id="x")
        forged = completed(station, "", "35-2", check_id="x", by=station.other_driver)
        await take(session, station.company, station.driver, first)
        await take(session, station.company, station.other_driver, msgspec.structs.replace(forged, corrects=first.id))
        found = (await deliveries.list_deliveries(session, station.caller)).items
        assert [d.voided_at for d in found] == [None, None]
