"""What happens is heard at once, and only by those whose it is."""

import asyncio

import msgspec
from litestar.testing import RequestFactory

from backend import events
from backend.accounts import service as accounts
from backend.events import Event
from backend.scope import Caller, Grant
from tests.web_console.conftest import COOKIE, Visitor
from tests.web_console.scene import Scene
from web_console.live import TOPICS, _messages, topic_for

PATHS = {"unit": "/province/company/unit/", "elsewhere": "/province/other/unit2/"}


def caller(*rights: str) -> Caller:
    grant = Grant("company", "/province/company/", frozenset(rights))
    return Caller(staff_id="zhao", company_id="company", grants=(grant,))


class TestTopics:
    def test_hazard_is_heard_by_who_may_see_hazards_there(self):
        assert topic_for(Event("hazard.changed", "h", "unit"), caller("hazard.view"), PATHS) == "hazards"

    def test_not_without_the_right(self):
        assert topic_for(Event("hazard.changed", "h", "unit"), caller("patrol.view"), PATHS) == ""

    def test_not_from_another_company(self):
        assert topic_for(Event("hazard.changed", "h", "elsewhere"), caller("hazard.view"), PATHS) == ""

    def test_not_from_a_unit_that_is_unknown(self):
        assert topic_for(Event("hazard.changed", "h", "new"), caller("hazard.view"), PATHS) == ""

    def test_lost_events_reload_everybody(self):
        assert topic_for(events.RELOAD, caller(), PATHS) == "reload"

    def test_every_right_is_one(self):
        from backend.scope import RIGHTS  # noqa: PLC0415 - beside what it proves

        assert {right for _, right in TOPICS.values()} <= RIGHTS


class TestStream:
    async def test_hazard_arrives_at_the_office_and_not_at_the_neighbours(
        self, served, dispatcher: Visitor, neighbour: Visitor, town, scene: Scene
    ):
        heard: dict[str, list[str]] = {"dispatcher": [], "neighbour": []}
        greeted = {name: asyncio.Event() for name in heard}

        async def listen(name: str, visitor: Visitor) -> None:
            headers = {"Cookie": f"{COOKIE}={visitor.cookie}"}
            async with served.client.stream("GET", "/events", headers=headers, timeout=20) as answer:
                async for line in answer.aiter_lines():
                    heard[name].append(line)
                    greeted[name].set()
                    if name == "dispatcher" and line.startswith("data: {") and "probe" in line:
                        return

        listening = asyncio.create_task(listen("dispatcher", dispatcher))
        beside = asyncio.create_task(listen("neighbour", neighbour))
        await asyncio.wait_for(asyncio.gather(*(one.wait() for one in greeted.values())), 10)
        async with town.sessions() as session, session.begin():
            await events.announce(session, "hazard.changed", "probe", scene.company.unit.id)
        await asyncio.wait_for(listening, 10)
        beside.cancel()
        position = next(i for i, line in enumerate(heard["dispatcher"]) if "probe" in line)
        assert "event: hazards" in heard["dispatcher"][position - 2 : position]
        body = msgspec.json.decode(heard["dispatcher"][position].removeprefix("data: "))
        assert body["kind"] == "hazard.changed"
        assert not any("probe" in line for line in heard["neighbour"])

    async def test_who_signed_out_hears_nothing_more(self, console, town, as_staff, scene: Scene, monkeypatch):
        monkeypatch.setattr("web_console.live._KEEP_ALIVE_S", 0.05)
        visitor = await as_staff(scene.dispatcher)
        request = RequestFactory(app=console.app).get("/events", headers={"Cookie": f"{COOKIE}={visitor.cookie}"})
        caller = await console.app.state.authenticate(request)
        messages = _messages(request, console.app.state, caller, town)
        first = [await anext(messages) for _ in range(3)]
        assert [message.event for message in first] == ["hello", None, None]
        async with town.sessions() as session, session.begin():
            await accounts.close_console_session(session, visitor.cookie)
        async with asyncio.timeout(10):
            assert len([message async for message in messages]) <= 1
