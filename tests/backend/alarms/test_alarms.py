"""Alarms of stations: who may, how they are folded from facts in any order, and what the office does about them."""

import io
import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from litestar.testing import AsyncTestClient
from python_calamine import CalamineWorkbook
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts.models import Staff
from backend.alarms import service as alarms
from backend.alarms.schemas import Acknowledgement
from backend.audit import AuditEntry
from backend.taken import Waiting
from sync.documents.alarms import AlarmCleared, AlarmRaised, FireWaterStarted, SensorReading, StationReadings
from tests.factories.accounts import Company, bearer, make_company, make_staff
from tests.factories.stations import make_station_record
from tests.factories.taken import MORNING, office, record, take

Client = AsyncTestClient[Any]
MINUTE = timedelta(minutes=1)
CODE = "CZ-901"


def raised(pc: Staff, **fields: Any) -> AlarmRaised:
    given = {"sensor": "pressure", "sensor_name": "1# 储罐压力", "kind": "pressure", "reason": "over"}
    return record(AlarmRaised, pc, station=CODE, **{**given, "value": 1.72, "limit": 1.6, "unit": "MPa", **fields})


def cleared(pc: Staff, alarm: AlarmRaised, **fields: Any) -> AlarmCleared:
    return record(AlarmCleared, pc, **{"station": CODE, "alarm_id": alarm.id, "value": 1.3, **fields})


def readings(pc: Staff, *, station: str = CODE, **fields: Any) -> StationReadings:
    told = {"sensor": "level", "name": "1# 储罐液位", "kind": "level", "unit": "%", "value": 62.0, "state": "normal"}
    sensor = SensorReading(**{**told, "state_age_s": 120.0, **fields})
    return record(StationReadings, pc, station=station, sensors=(sensor,), pump_runs=False)


class Setting:
    """A company with a monitored station."""

    def __init__(self, session: AsyncSession, company: Company, pc: Staff) -> None:
        self.session, self.company, self.pc = session, company, pc
        self.caller = office(company, pc)

    async def take(self, made: Any, at: datetime = MORNING) -> Waiting | None:
        return await take(self.session, self.company, self.pc, made, at=at)


@pytest.fixture
async def setting(session: AsyncSession) -> Setting:
    company = await make_company(session)
    return Setting(session, company, await make_staff(session, company, name="站控电脑"))


class TestWhoMay:
    @pytest.mark.parametrize("path", ["", "/export.xlsx", "/stations", "/x", f"/stations/{CODE}/minutes"])
    async def test_nobody_without_the_right(self, client: Client, setting: Setting, path: str) -> None:
        period = "?since=2026-01-01T00:00:00Z&until=2026-01-02T00:00:00Z" if path.endswith("minutes") else ""
        assert (await client.get(f"/api/alarms{path}{period}")).status_code == 401
        answer = await client.get(f"/api/alarms{path}{period}", headers=bearer(client, setting.pc))
        assert answer.status_code == 403

    async def test_another_company_sees_and_settles_nothing(self, client: Client, setting: Setting) -> None:
        made = raised(setting.pc)
        await setting.take(made)
        await setting.take(readings(setting.pc))
        stranger = await make_staff(setting.session, await make_company(setting.session), roles=["company_admin"])
        headers = bearer(client, stranger)
        assert (await client.get("/api/alarms", headers=headers)).json()["total"] == 0
        assert (await client.get("/api/alarms/stations", headers=headers)).json() == []
        assert (await client.get(f"/api/alarms/{made.id}", headers=headers)).status_code == 404
        answer = await client.post(f"/api/alarms/{made.id}/acknowledge", headers=headers, json={"action": "x"})
        assert answer.status_code == 404

    async def test_who_may_only_look_settles_nothing(self, client: Client, setting: Setting) -> None:
        made = raised(setting.pc)
        await setting.take(made)
        looking = await make_staff(setting.session, setting.company, roles=["network_engineer"])
        answer = await client.post(
            f"/api/alarms/{made.id}/acknowledge", headers=bearer(client, looking), json={"action": "x"}
        )
        assert answer.status_code == 403

    async def test_another_unit_does_not_clear_it(self, setting: Setting) -> None:
        made = raised(setting.pc)
        await setting.take(made)
        other = Company(
            setting.company.province, setting.company.company, setting.company.other_unit, setting.company.unit
        )
        await take(setting.session, other, setting.pc, cleared(setting.pc, made), at=MORNING + MINUTE)
        (line,) = (await alarms.list_alarms(setting.session, setting.caller)).items
        assert line.cleared_at is None


class TestFold:
    @pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
    async def test_any_order_of_arrival_tells_the_same(self, setting: Setting, order: tuple[int, ...]) -> None:
        made = raised(setting.pc)
        started = [
            record(FireWaterStarted, setting.pc, station=CODE, alarm_id=made.id, running=runs) for runs in (False, True)
        ]
        facts = [(made, 0), (started[0], 1), (started[1], 2), (cleared(setting.pc, made), 5)]
        waiting = []
        for place in order:
            fact, minutes = facts[place]
            if await setting.take(fact, MORNING + minutes * MINUTE) is not None:
                waiting.append((fact, minutes))
        for fact, minutes in waiting:
            assert await setting.take(fact, MORNING + minutes * MINUTE) is None
        (line,) = (await alarms.list_alarms(setting.session, setting.caller)).items
        assert (line.raised_at, line.cleared_at, line.cleared_value) == (MORNING, MORNING + 5 * MINUTE, 1.3)
        assert (line.fire_water_at, line.fire_water_runs) == (MORNING + 2 * MINUTE, True)

    async def test_one_taken_twice_is_there_once(self, setting: Setting) -> None:
        made = raised(setting.pc)
        for _ in range(2):
            await setting.take(made)
            await setting.take(cleared(setting.pc, made), MORNING + MINUTE)
        assert (await alarms.list_alarms(setting.session, setting.caller)).total == 1

    async def test_the_newest_reading_is_the_state_whatever_came_last(self, setting: Setting) -> None:
        now = datetime.now(UTC)
        await setting.take(readings(setting.pc, value=70.0), now)
        await setting.take(readings(setting.pc, value=61.0), now - MINUTE)
        (state,) = await alarms.list_states(setting.session, setting.caller)
        (sensor,) = state.sensors
        assert (sensor.value, sensor.state, state.silent) == (70.0, "normal", False)
        assert sensor.since == now - timedelta(seconds=120)
        minutes = await alarms.list_minutes(
            setting.session, setting.caller, CODE, since=now - 2 * MINUTE, until=now + MINUTE
        )
        assert [minute.sensors[0]["value"] for minute in minutes] == [61.0, 70.0]

    async def test_a_silent_station_is_never_normal(self, setting: Setting) -> None:
        heard = datetime.now(UTC) - 4 * MINUTE
        await setting.take(readings(setting.pc), heard)
        (state,) = await alarms.list_states(setting.session, setting.caller, silent=True)
        assert (state.silent, state.pump_runs) == (True, None)
        assert [(sensor.state, sensor.since) for sensor in state.sensors] == [("lost", heard)]


class TestList:
    @pytest.mark.parametrize(
        ("query", "found"),
        [
            ("", 2),
            ("serious=true", 1),
            ("is_open=true", 1),
            ("is_open=false", 1),
            ("acknowledged=false", 2),
            ("kind=gas", 1),
            ("reason=over", 1),
            (f"station_code={CODE}", 2),
            ("search=压力", 1),
            ("search=nowhere", 0),
            ("since=2026-11-24T00:00:00Z", 0),
        ],
    )
    async def test_filters(self, client: Client, setting: Setting, query: str, found: int) -> None:
        first, second = raised(setting.pc), raised(setting.pc, sensor_name="灌装间", kind="gas", reason="high")
        await setting.take(first)
        await setting.take(second, MORNING + MINUTE)
        await setting.take(cleared(setting.pc, first), MORNING + 2 * MINUTE)
        keeper = await make_staff(setting.session, setting.company, roles=["station_keeper"])
        answer = await client.get(f"/api/alarms?{query}", headers=bearer(client, keeper))
        assert answer.json()["total"] == found

    async def test_a_station_of_the_ledger_is_named(self, client: Client, setting: Setting) -> None:
        made = await make_station_record(setting.session, setting.company, setting.pc, code=CODE)
        await setting.take(raised(setting.pc))
        await setting.take(readings(setting.pc), datetime.now(UTC))
        keeper = await make_staff(setting.session, setting.company, roles=["station_keeper"])
        (line,) = (await client.get("/api/alarms", headers=bearer(client, keeper))).json()["items"]
        assert (line["station_id"], line["station_name"]) == (made.id, made.name)
        state = await alarms.state_of(setting.session, setting.caller, made.id)
        assert state is not None
        assert state.open_alarms == 1
        book = (await client.get("/api/alarms/export.xlsx", headers=bearer(client, keeper))).content
        heads, row = CalamineWorkbook.from_filelike(io.BytesIO(book)).get_sheet_by_index(0).to_python()
        assert row[heads.index("测点")] == "1# 储罐压力"


class TestAcknowledge:
    async def test_who_and_what_was_done_is_kept_with_its_audit_row(self, client: Client, setting: Setting) -> None:
        made = raised(setting.pc)
        await setting.take(made)
        officer = await make_staff(setting.session, setting.company, roles=["safety_officer"], name="演示-钱安全")
        url, headers = f"/api/alarms/{made.id}/acknowledge", bearer(client, officer)
        assert (await client.post(url, headers=headers, json={"action": " "})).status_code == 400
        done = await client.post(url, headers=headers, json={"action": "已到现场，关进液阀"})
        assert done.status_code == 200, done.text
        assert (done.json()["acknowledged_by_name"], done.json()["action"]) == ("演示-钱安全", "已到现场，关进液阀")
        again = await client.post(url, headers=headers, json={"action": "x"})
        assert (again.status_code, again.json()["code"]) == (409, "alarm.acknowledged")
        query = select(AuditEntry).where(AuditEntry.action == "alarm.acknowledged")
        entry = (await setting.session.scalars(query)).one()
        assert (entry.subject_id, entry.actor_id, entry.facts["action"]) == (made.id, officer.id, "已到现场，关进液阀")

    async def test_a_fact_that_comes_later_leaves_it(self, setting: Setting) -> None:
        made = raised(setting.pc)
        await setting.take(made)
        keeper = await make_staff(setting.session, setting.company)
        caller = office(setting.company, keeper)
        await alarms.acknowledge_alarm(setting.session, caller, made.id, Acknowledgement("已处理"))
        await setting.take(made)
        await setting.take(cleared(setting.pc, made), MORNING + MINUTE)
        line = await alarms.find_alarm(setting.session, caller, made.id)
        assert (line.action, line.cleared_at) == ("已处理", MORNING + MINUTE)
