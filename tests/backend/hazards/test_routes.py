"""The hazard board over HTTP: who may decide, the way to closure, and what is refused on it."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from litestar.testing import AsyncTestClient
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.audit import AuditEntry
from sync.databases import BEIJING
from sync.documents.hazards import HazardReported, LeakSuspected
from tests.factories.accounts import bearer, make_company, make_staff
from tests.factories.patrol import Street, make_street
from tests.factories.taken import HERE, record, take

TODAY = datetime.now(BEIJING).date()
DECIDE = {"grade": "serious", "clause": "GB 51142 第 8.2.3 条"}
DISPATCH = {"department": "工程部", "measure": "迁改", "due_on": (TODAY + timedelta(days=3)).isoformat()}
STEPS: dict[str, dict[str, Any]] = {
    "decide": DECIDE,
    "dispatch": DISPATCH,
    "extend": {"due_on": (TODAY + timedelta(days=9)).isoformat(), "note": "等材料"},
    "supervise": {"note": "占压多年"},
    "rectify": {"note": "已拆除", "photos": ["photo:after"]},
    "return": {"note": "照片不清"},
    "recheck": {"note": "合格"},
}


class Board:
    """One hazard, and a safety officer who moves it."""

    def __init__(self, client: AsyncTestClient[Any], headers: dict[str, str], hazard_id: str, street: Street) -> None:
        self.client, self.headers, self.hazard_id, self.street = client, headers, hazard_id, street

    async def move(self, action: str, body: dict[str, Any] | None = None) -> Any:
        url = f"/api/hazards/{self.hazard_id}/{action}"
        return await self.client.post(url, headers=self.headers, json=body or STEPS[action])

    async def stages(self, *actions: str) -> list[str]:
        return [(await self.move(action)).json()["hazard"]["stage"] for action in actions]


@pytest.fixture
async def board(client: AsyncTestClient[Any], session: AsyncSession) -> Board:
    street = await make_street(session)
    officer = await make_staff(session, street.company, roles=["safety_officer"], name="演示-安全员")
    made = record(HazardReported, street.inspector, hazard_type="encroachment", address="站前街 7 号", position=HERE)
    await take(session, street.company, street.inspector, made)
    return Board(client, bearer(client, officer), made.id, street)


class TestDecide:
    async def test_a_dispatcher_may_not(self, board: Board) -> None:
        board.headers = bearer(board.client, board.street.dispatcher)
        answer = await board.move("decide")
        assert (answer.status_code, answer.json()["code"]) == (403, "right.missing")

    async def test_another_companys_officer_finds_nothing(self, board: Board, session: AsyncSession) -> None:
        stranger = await make_staff(session, await make_company(session), roles=["safety_officer"])
        board.headers = bearer(board.client, stranger)
        assert (await board.move("decide")).status_code == 404

    async def test_the_grade_needs_the_clause_it_rests_on(self, board: Board) -> None:
        assert (await board.move("decide", {"grade": "serious", "clause": ""})).status_code == 400

    async def test_a_grade_that_is_not_in_the_companys_list_is_refused(self, board: Board) -> None:
        answer = await board.move("decide", {"grade": "huge", "clause": "x"})
        assert (answer.status_code, answer.json()["code"]) == (422, "hazard.grade")

    async def test_it_is_written_into_history_and_audit(self, board: Board, session: AsyncSession) -> None:
        found = (await board.move("decide")).json()
        assert [step["action"] for step in found["steps"]] == ["report", "decide"]
        assert found["steps"][1]["staff_name"] == "演示-安全员"
        audited = await session.scalar(select(AuditEntry.facts).where(AuditEntry.action == "hazard.decide"))
        assert audited == {
            "grade": "serious",
            "proposed": "general",
            "clause": DECIDE["clause"],
            "from": "pending_review",
            "to": "pending_dispatch",
        }


class TestTheWayToClosure:
    async def test_from_report_to_closure_with_a_return_and_an_extension(self, board: Board) -> None:
        way = ["decide", "dispatch", "extend", "supervise", "rectify", "return", "rectify", "recheck"]
        assert await board.stages(*way) == [
            "pending_dispatch",
            "in_rectification",
            "in_rectification",
            "in_rectification",
            "pending_recheck",
            "in_rectification",
            "pending_recheck",
            "closed",
        ]
        found = (await board.client.get(f"/api/hazards/{board.hazard_id}", headers=board.headers)).json()
        assert (found["hazard"]["extended"], found["hazard"]["returned"], found["hazard"]["supervised"]) == (1, 1, True)
        assert found["actions"] == []

    @pytest.mark.parametrize("action", ["dispatch", "rectify", "recheck", "extend", "return"])
    async def test_a_step_out_of_order_is_refused_in_words(self, board: Board, action: str) -> None:
        answer = await board.move(action)
        assert (answer.status_code, answer.json()["code"]) == (409, "hazard.stage")
        assert "待核定" in answer.json()["detail"]

    async def test_a_due_day_in_the_past_is_refused(self, board: Board) -> None:
        await board.move("decide")
        answer = await board.move("dispatch", DISPATCH | {"due_on": (TODAY - timedelta(days=1)).isoformat()})
        assert answer.json()["code"] == "hazard.due_past"

    async def test_an_extension_must_be_later(self, board: Board) -> None:
        await board.stages("decide", "dispatch")
        answer = await board.move("extend", {"due_on": DISPATCH["due_on"], "note": "等材料"})
        assert answer.json()["code"] == "hazard.not_later"

    async def test_what_is_no_hazard_is_closed_with_a_reason(self, board: Board) -> None:
        assert (await board.move("dismiss", {"note": ""})).status_code == 400
        assert (await board.move("dismiss", {"note": "临时棚已拆"})).json()["hazard"]["stage"] == "closed"


class TestBoard:
    async def test_each_stage_is_a_lane_with_its_count(self, board: Board) -> None:
        await board.move("decide")
        lanes = (await board.client.get("/api/hazards/board", headers=board.headers)).json()
        assert [(lane["zh"], lane["total"]) for lane in lanes] == [
            ("待核定", 0),
            ("待派单", 1),
            ("整改中", 0),
            ("待复查", 0),
            ("已销号", 0),
        ]

    async def test_the_map_shows_it_where_it_is(self, board: Board) -> None:
        found = (await board.client.get("/api/hazards.geojson", headers=board.headers)).json()
        (feature,) = found["features"]
        assert feature["geometry"]["coordinates"] == [HERE.lon, HERE.lat]

    async def test_a_search_finds_it_by_address_and_a_filter_leaves_it_out(self, board: Board) -> None:
        async def count(**params: str) -> int:
            answer = await board.client.get("/api/hazards", headers=board.headers, params=params)
            return int(answer.json()["total"])

        assert [await count(search="站前街"), await count(search="%"), await count(stage="closed")] == [1, 0, 0]

    async def test_a_formula_in_an_address_is_only_text_in_a_spreadsheet(
        self, board: Board, session: AsyncSession
    ) -> None:
        bad = record(HazardReported, board.street.inspector, hazard_type="other", address='=HYPERLINK("x")')
        await take(session, board.street.company, board.street.inspector, bad)
        text = (await board.client.get("/api/hazards.csv", headers=board.headers)).text
        assert "'=HYPERLINK" in text


class TestLeaks:
    async def test_a_confirmed_leak_becomes_a_hazard_that_waits_for_its_grade(
        self, board: Board, session: AsyncSession
    ) -> None:
        leak = record(
            LeakSuspected,
            board.street.inspector,
            reading_ppm=3200.0,
            instrument_id="CH4-07",
            alarm_limit_ppm=500.0,
            position=HERE,
        )
        await take(session, board.street.company, board.street.inspector, leak)
        url = f"/api/leaks/{leak.id}/confirm"
        made = (await board.client.post(url, headers=board.headers, json={})).json()
        assert (made["hazard"]["stage"], made["origin_id"]) == ("pending_review", leak.id)
        again = await board.client.post(url, headers=board.headers, json={})
        assert (again.status_code, again.json()["code"]) == (409, "leak.settled")

    @pytest.mark.requirement("5.6.4-22")
    async def test_an_abnormal_reading_goes_the_whole_way_of_a_hazard_to_its_closure(
        self, board: Board, session: AsyncSession
    ) -> None:
        leak = record(
            LeakSuspected,
            board.street.inspector,
            reading_ppm=3200.0,
            instrument_id="CH4-07",
            alarm_limit_ppm=500.0,
            position=HERE,
        )
        await take(session, board.street.company, board.street.inspector, leak)
        confirmed = await board.client.post(f"/api/leaks/{leak.id}/confirm", headers=board.headers, json={})
        board.hazard_id = confirmed.json()["hazard"]["id"]
        early = await board.move("recheck")
        assert (early.status_code, early.json()["code"]) == (409, "hazard.stage")
        assert await board.stages("decide", "dispatch", "rectify", "recheck") == [
            "pending_dispatch",
            "in_rectification",
            "pending_recheck",
            "closed",
        ]
        found = (await board.client.get(f"/api/hazards/{board.hazard_id}", headers=board.headers)).json()
        assert found["origin_id"] == leak.id
        assert [found["hazard"][name] for name in ("lon", "lat")] == [HERE.lon, HERE.lat]
        assert [step["action"] for step in found["steps"]][-4:] == ["decide", "dispatch", "rectify", "recheck"]
