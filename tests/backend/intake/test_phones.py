"""Each phone's sync as the office sees it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from litestar import Litestar
from litestar.testing import AsyncTestClient
from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts.models import Device, Staff
from backend.errors import MissingError
from backend.intake import gaps
from backend.intake.phones import Fleet, PhoneFilter, count_phones, find_phone, list_phones
from backend.intake.rules import Arrived
from backend.intake.running import setup_of
from backend.intake.taking import take_batch
from backend.scope import Caller, Grant
from backend.settings import Settings
from sync.databases import DatabaseName, parse_database, user_database
from sync.documents.envelope import encode_body
from tests.factories import records
from tests.factories.accounts import Company, make_company, make_device, make_staff

NOW = datetime.now(UTC)


class Office(msgspec.Struct):
    session: AsyncSession
    company: Company
    staff: Staff
    caller: Caller
    setup: Any

    @property
    def database(self) -> DatabaseName:
        found = parse_database(user_database(self.staff.id, NOW))
        assert found is not None
        return found

    async def phone(self, **fields: Any) -> Device:
        device = await make_device(self.session, self.staff)
        for name, value in fields.items():
            setattr(device, name, value)
        await self.session.flush()
        return device

    async def found(self, **wanted: Any) -> list[str]:
        fleet = await count_phones(self.session, self.caller)
        page = await list_phones(self.session, self.caller, PhoneFilter(**wanted), fleet)
        assert page.total == len(page.items)
        return [one.id for one in page.items]

    async def records(self, device: Device, *numbers: int) -> None:
        who = {"staff_id": self.staff.id, "device_id": device.id, "unit_id": self.company.unit.id}
        written = [records.hazard(**who, record_number=number) for number in numbers]
        arrived = [Arrived(id=one.id, rev="1-a", seq="1", body=encode_body(one)) for one in written]
        await take_batch(self.session, self.database, arrived, self.setup, received_at=datetime.now(UTC))


def caller_of(company: Company) -> Caller:
    grant = Grant(company.company.id, company.company.path, frozenset({"devices.manage"}))
    return Caller(staff_id="boss", company_id=company.company.id, grants=(grant,))


@pytest.fixture
async def office(client: AsyncTestClient[Litestar], session: AsyncSession, settings: Settings) -> Office:
    company = await make_company(session)
    staff = await make_staff(session, company)
    return Office(session, company, staff, caller_of(company), setup_of(settings, client.app.state.signing_keys))


class TestListPhones:
    async def test_another_companys_phones_are_not_seen(self, office: Office) -> None:
        device = await office.phone()
        other = caller_of(await make_company(office.session))
        fleet = await count_phones(office.session, other)
        assert (await list_phones(office.session, other, PhoneFilter(use="all"), fleet)).total == 0
        assert fleet.in_use == 0
        with pytest.raises(MissingError):
            await find_phone(office.session, other, device.id)

    async def test_silent_waiting_refused_outdated_and_revoked_ones_are_told_apart(self, office: Office) -> None:
        fresh = {"last_seen_at": NOW, "app_version": "1.10.0", "waiting": 0, "refused": 0}
        good = await office.phone(**fresh)
        silent = await office.phone(**fresh | {"last_seen_at": NOW - timedelta(hours=9)})
        never = await office.phone(**fresh | {"last_seen_at": None})
        holding = await office.phone(**fresh | {"waiting": 4})
        refused = await office.phone(**fresh | {"refused": 1})
        old = await office.phone(**fresh | {"app_version": "1.9.3"})
        gone = await office.phone(**fresh | {"revoked_at": NOW})
        assert set(await office.found(silent_h=8)) == {silent.id, never.id}
        assert await office.found(waiting=True) == [holding.id]
        assert await office.found(refused=True) == [refused.id]
        assert await office.found(outdated=True) == [old.id]
        assert await office.found(use="revoked") == [gone.id]
        assert gone.id not in await office.found()
        assert good.id in await office.found(search=office.staff.staff_number)
        assert await office.found(search="nobody") == []

    async def test_the_longest_lag_comes_first_where_asked(self, office: Office) -> None:
        short = await office.phone(waiting=1, oldest_waiting_at=NOW - timedelta(minutes=5))
        long = await office.phone(waiting=1, oldest_waiting_at=NOW - timedelta(days=2))
        none = await office.phone()
        assert await office.found(order="lag") == [long.id, short.id, none.id]

    async def test_all_together_are_counted(self, office: Office) -> None:
        oldest = NOW - timedelta(hours=3)
        await office.phone(waiting=4, refused=1, last_seen_at=NOW, oldest_waiting_at=oldest, app_version="1.9.0")
        await office.phone(waiting=2, app_version="1.10.0")
        await office.phone(waiting=50, revoked_at=NOW)
        assert await count_phones(office.session, office.caller) == Fleet(
            in_use=2,
            offline=1,
            waiting=6,
            refused=1,
            oldest_waiting_at=oldest,
            newest_version="1.10.0",
            outdated=frozenset({"1.9.0"}),
        )


class TestWay:
    async def test_latest_record_says_how_long_it_was_on_its_way(self, office: Office) -> None:
        device = await office.phone()
        assert (await find_phone(office.session, office.caller, device.id)).way_s is None
        await office.records(device, 1, 2)
        found = await find_phone(office.session, office.caller, device.id)
        assert found.way_s is not None
        assert found.last_received_at is not None
        assert found.way_s == pytest.approx(
            max(0.0, (found.last_received_at - found.last_recorded_at).total_seconds())  # type: ignore[operator]
        )


class TestMissing:
    async def test_numbers_that_never_came_are_told_and_filtered(self, office: Office) -> None:
        whole, holed = await office.phone(), await office.phone()
        await office.records(whole, 1, 2, 3)
        await office.records(holed, 1, 4)
        await gaps.count_numbers(office.session, office.database)
        fleet = await count_phones(office.session, office.caller)
        page = await list_phones(office.session, office.caller, PhoneFilter(), fleet)
        assert {one.id: one.missing for one in page.items} == {whole.id: 0, holed.id: 2}
        assert await office.found(missing=True) == [holed.id]
