"""Orders: who may plan them, what the driver's phone gets, and how they are changed."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from litestar.testing import AsyncTestClient
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.customers import service as customers
from backend.deliveries import service as deliveries
from backend.deliveries.schemas import Reassign
from backend.errors import AppError
from backend.intake.models import OutboxDocument
from backend.vehicles import service as vehicles
from backend.vehicles.schemas import VehicleIn
from sync.documents import decode_backend
from sync.documents.tasks import DeliveryTask
from tests.factories.accounts import bearer, make_company, make_staff
from tests.factories.customers import IDENTITY, customer_in
from tests.factories.deliveries import make_order, make_station


async def posted(session: AsyncSession, order_id: str) -> DeliveryTask:
    row = (await session.scalars(select(OutboxDocument).where(OutboxDocument.doc_id == order_id))).one()
    await session.refresh(row)
    assert row.body is not None
    found = decode_backend(order_id, row.body)
    assert isinstance(found, DeliveryTask)
    return found


class TestCreateOrder:
    async def test_a_driver_may_not(self, client: AsyncTestClient[Any], session: AsyncSession) -> None:
        station = await make_station(session)
        answer = await client.post("/api/deliveries/orders", headers=bearer(client, station.driver), json={})
        assert answer.status_code == 403

    async def test_another_company_cannot_order_for_our_customer(self, session: AsyncSession) -> None:
        ours, theirs = await make_station(session), await make_station(session)
        with pytest.raises(AppError) as refused:
            await make_order(session, theirs, customer_id=ours.customer_id)
        assert refused.value.code == "customer.unknown"

    async def test_the_driver_gets_the_order_with_the_customers_card_but_not_his_identity_number(
        self, session: AsyncSession
    ) -> None:
        station = await make_station(session)
        made = await make_order(session, station)
        sent = await posted(session, made.order.id)
        assert (sent.staff_id, sent.customer.phone, sent.lines[0].quantity) == (station.driver.id, "100-0000-0402", 2)
        assert sent.customer.identity_number_given
        assert IDENTITY.encode() not in msgspec.json.encode(sent)

    async def test_a_driver_of_another_station_is_refused(self, session: AsyncSession) -> None:
        station = await make_station(session)
        stranger = await make_staff(session, station.company, units=[station.company.other_unit])
        with pytest.raises(AppError) as refused:
            await make_order(session, station, staff_id=stranger.id)
        assert refused.value.code == "order.staff"

    async def test_a_window_that_ends_before_it_begins_is_refused(self, session: AsyncSession) -> None:
        station = await make_station(session)
        with pytest.raises(AppError) as refused:
            await make_order(session, station, due_at=datetime.now(UTC) - timedelta(days=1))
        assert refused.value.code == "order.window"

    async def test_numbers_of_a_day_count_up(self, session: AsyncSession) -> None:
        station = await make_station(session)
        numbers = [(await make_order(session, station)).order.order_number for _ in range(2)]
        assert [number[-3:] for number in numbers] == ["001", "002"]


class TestIncompleteCustomer:
    @pytest.mark.requirement("5.8.3-07")
    async def test_it_may_be_planned_and_the_phone_learns_when_the_record_is_complete(
        self, session: AsyncSession
    ) -> None:
        station = await make_station(session, phone="", code="KH-X")
        made = await make_order(session, station)
        assert made.order.customer_missing == ("phone",)
        assert (await posted(session, made.order.id)).customer.phone == ""
        whole = customer_in(station.company, code="KH-X", phone="100-0000-0001")
        await customers.change_customer(session, station.caller, station.customer_id, whole)
        assert (await posted(session, made.order.id)).customer.phone == "100-0000-0001"


class TestErasedCustomer:
    async def test_no_order_on_any_phone_still_tells_of_him(self, session: AsyncSession) -> None:
        station = await make_station(session)
        made = await make_order(session, station)
        await deliveries.withdraw_order(session, station.caller, made.order.id, "客户取消")
        await customers.erase_customer(session, station.caller, station.customer_id, "本人要求")
        card = (await posted(session, made.order.id)).customer
        assert (card.name, card.phone, card.address, card.identity_number_given) == ("", "", "", False)


class TestVehicle:
    async def test_without_one_named_the_drivers_own_is_taken_and_another_driver_comes_with_his(
        self, session: AsyncSession
    ) -> None:
        station = await make_station(session)
        for code, plate, driver in (("1", "吉·演示01", station.driver), ("2", "吉·演示02", station.other_driver)):
            given = VehicleIn(organisation_id=station.company.unit.id, code=code, plate=plate, driver_id=driver.id)
            await vehicles.create_vehicle(session, station.caller, given)
        made = await make_order(session, station, vehicle="")
        assert (await posted(session, made.order.id)).vehicle == "吉·演示01"
        moved = Reassign(staff_id=station.other_driver.id)
        successor = await deliveries.reassign_order(session, station.caller, made.order.id, moved)
        assert (await posted(session, successor.order.id)).vehicle == "吉·演示02"


class TestReassign:
    async def test_both_phones_learn_of_it(self, session: AsyncSession) -> None:
        station = await make_station(session)
        made = await make_order(session, station)
        given = Reassign(staff_id=station.other_driver.id, reason="车坏")
        successor = await deliveries.reassign_order(session, station.caller, made.order.id, given)
        first, second = await posted(session, made.order.id), await posted(session, successor.order.id)
        assert (first.status, first.status_reason, second.status) == ("reassigned", "车坏", "open")
        assert second.staff_id == station.other_driver.id

    async def test_a_withdrawn_order_is_left_alone(self, session: AsyncSession) -> None:
        station = await make_station(session)
        made = await make_order(session, station)
        await deliveries.withdraw_order(session, station.caller, made.order.id, "客户取消")
        with pytest.raises(AppError) as refused:
            await deliveries.withdraw_order(session, station.caller, made.order.id, "客户取消")
        assert refused.value.code == "order.over"


class TestListOrders:
    async def test_another_company_sees_none(self, client: AsyncTestClient[Any], session: AsyncSession) -> None:
        station = await make_station(session)
        await make_order(session, station)
        stranger = await make_staff(session, await make_company(session), roles=["dispatcher"])
        ours = await client.get("/api/deliveries/orders?state=open", headers=bearer(client, station.dispatcher))
        theirs = await client.get("/api/deliveries/orders", headers=bearer(client, stranger))
        assert (ours.json()["total"], theirs.json()["total"]) == (1, 0)
