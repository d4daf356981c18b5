"""The public page: no sign-in, no person, no way from one cylinder to another, and not too often."""

from datetime import UTC, date, datetime, timedelta

import msgspec
import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.cylinders import service as cylinders
from backend.db import Database
from backend.errors import MissingError
from backend.lookups import service as lookups
from backend.lookups.models import PublicScanCount
from backend.lookups.schemas import PublicCylinder
from backend.settings import Settings
from tests.factories.deliveries import make_cylinder, make_station
from tests.factories.filling import checked_after, checked_before, filled, make_fillable, make_filling_station
from tests.factories.taken import MORNING, take

NOW = datetime(2026, 11, 29, 6, 30, tzinfo=UTC)


async def token_of(session: AsyncSession, station, code: str) -> str:
    (face,) = await cylinders.find_faces(session, station.caller, names=[code])
    return face.document.public_token


class TestFindPublic:
    @pytest.mark.requirement("E5.8.4-5")
    async def test_maker_inspection_and_last_filling(self, session: AsyncSession) -> None:
        station = await make_filling_station(session)
        await make_fillable(
            session, station, "35-1", manufacturer="松河演示钢瓶制造有限公司", last_inspected_on=date(2024, 12, 20)
        )
        before = checked_before(station, "35-1")
        done = filled(station, "35-1", before.id)
        for number, record in enumerate((before, done, checked_after(station, "35-1", done.id))):
            await take(session, station.company, station.filler, record, at=MORNING + timedelta(minutes=number))
        found = await lookups.find_public(session, (await token_of(session, station, "35-1")).upper())
        assert (found.code, found.manufacturer, found.last_inspected_on) == (
            "35-1",
            "松河演示钢瓶制造有限公司",
            date(2024, 12, 20),
        )
        assert found.filled_on == date(2026, 11, 23)
        assert found.state == "good"

    async def test_nothing_of_a_person_or_of_where_it_is(self, session: AsyncSession) -> None:
        assert set(PublicCylinder.__struct_fields__).isdisjoint(
            {"customer_id", "customer_name", "address", "holder_id", "holder_name", "staff_id", "organisation_id"}
        )

    @pytest.mark.parametrize("wrong", ["", "35-1", "0" * 24, "../../x", "g" * 24, "0123456789abcdef01234567'--"])
    async def test_what_is_no_token_answers_like_what_does_not_exist(self, session: AsyncSession, wrong: str) -> None:
        station = await make_station(session)
        await make_cylinder(session, station, "35-1")
        with pytest.raises(MissingError) as missing:
            await lookups.find_public(session, wrong)
        assert missing.value.code == "cylinder.no_page"

    async def test_no_token_leads_to_another(self, session: AsyncSession) -> None:
        station = await make_station(session)
        tokens = []
        for number in range(20):
            await make_cylinder(session, station, f"35-{number}")
            tokens.append(await token_of(session, station, f"35-{number}"))
        assert len({token[:8] for token in tokens}) == len({token[-8:] for token in tokens}) == 20
        assert all(len(token) == 24 for token in tokens)


class TestAdmit:
    @pytest.fixture
    def few(self, settings: Settings) -> Settings:
        return msgspec.structs.replace(settings, public_scans_each=3, public_scans_all=5)

    async def asked(self, database: Database, settings: Settings, address: str, *, at: datetime = NOW) -> bool:
        try:
            await lookups.admit(database, settings, address, at)
        except lookups.TooManyScansError:
            return False
        return True

    @pytest.mark.requirement("E5.8.4-5")
    async def test_one_address_is_stopped_and_the_others_are_not(self, database: Database, few: Settings) -> None:
        assert [await self.asked(database, few, "203.0.113.7") for _ in range(6)] == [True] * 3 + [False] * 3
        assert await self.asked(database, few, "203.0.113.8")
        assert await self.asked(database, few, "203.0.113.7", at=NOW + timedelta(minutes=1))

    async def test_all_together_are_stopped_too(self, database: Database, few: Settings) -> None:
        assert [await self.asked(database, few, f"203.0.113.{n}") for n in range(7)] == [True] * 5 + [False] * 2

    async def test_a_subscriber_s_whole_net_is_one_asker(self, database: Database, few: Settings) -> None:
        assert [await self.asked(database, few, f"2001:db8:1:2::{n}") for n in range(4)] == [True] * 3 + [False]

    async def test_addresses_are_not_kept(self, database: Database, few: Settings, session: AsyncSession) -> None:
        await self.asked(database, few, "203.0.113.7", at=NOW - timedelta(days=1))
        askers = (await session.scalars(select(PublicScanCount.asker))).all()
        assert not any("203.0.113" in asker for asker in askers)
        await lookups.forget_scan_counts(session)
        assert (await session.scalars(select(PublicScanCount.asker))).all() == []
