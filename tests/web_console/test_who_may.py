"""Pages are closed: to whom nobody knows, to whom no right opens them, and to another company."""

import pytest

from tests.web_console.conftest import Visitor
from tests.web_console.scene import Scene
from web_console.router import router

# What anybody may fetch, and what any member of staff may.
PUBLIC = {"/sign-in", "/sign-out", "/static/{file_path}", "/c/{token}"}
ANY_STAFF = {
    "/events",
    "/parts/state",
    "/overview/kpis",
    "/overview/feed",
    "/overview/todo",
    "/search",
    "/search/found",
    "/basemap.pmtiles",
    "/me/password",
    "/settings",
}
PAGES = sorted(
    route.path_format
    for route in router.routes
    if "GET" in getattr(route, "methods", ()) and route.path_format not in PUBLIC
)


def plain(path: str) -> str:
    """An address with made-up ids: guards come before the search for the row."""
    parts = ["x" if part.startswith("{") else part for part in path.split("/")]
    return "/".join(parts)


class TestAnonymous:
    @pytest.mark.parametrize("path", PAGES)
    async def test_is_sent_to_sign_in(self, console, path):
        answer = await console.get(plain(path), follow_redirects=False, headers={"Cookie": ""})
        assert answer.status_code == 302
        assert answer.headers["location"].startswith("/sign-in?next=")

    async def test_part_of_a_page_sends_the_browser_to_sign_in(self, console):
        answer = await console.get("/overview/todo", headers={"HX-Request": "true"}, follow_redirects=False)
        assert answer.status_code == 401
        assert answer.headers["hx-redirect"] == "/sign-in"

    async def test_cannot_move_a_hazard(self, console, scene: Scene):
        answer = await console.post(f"/hazards/{scene.hazard_ids[0]}/decide", data={"grade": "general"})
        assert answer.status_code == 401


class TestWithoutRights:
    @pytest.mark.parametrize("path", [path for path in PAGES if path not in ANY_STAFF])
    async def test_page_is_refused(self, stranger: Visitor, path):
        answer = await stranger.get(plain(path))
        assert answer.status_code == 403
        assert "您没有这项权限" in answer.text

    async def test_dispatcher_may_not_read_the_audit(self, dispatcher: Visitor):
        assert (await dispatcher.get("/audit")).status_code == 403

    async def test_dispatcher_may_not_revoke_a_phone(self, dispatcher: Visitor, scene: Scene):
        assert (await dispatcher.post(f"/devices/{scene.li.device.id}/revoke")).status_code == 403

    async def test_rail_shows_only_what_opens(self, dispatcher: Visitor):
        page = (await dispatcher.get("/")).text
        assert 'href="/hazards"' in page
        assert 'href="/audit"' not in page


class TestAnotherCompany:
    async def test_sees_none_of_the_hazards(self, neighbour: Visitor, scene: Scene):
        assert (await neighbour.get(f"/hazards/{scene.hazard_ids[0]}", part=True)).status_code == 404
        assert "林场小区3号楼" not in (await neighbour.get("/hazards/found", part=True)).text

    async def test_sees_nothing_on_the_map(self, neighbour: Visitor):
        assert (await neighbour.get("/map/findings.geojson")).json()["features"] == []
        assert (await neighbour.get("/map/people.json")).json() == []

    async def test_cannot_withdraw_the_task(self, neighbour: Visitor, scene: Scene):
        answer = await neighbour.post(f"/tasks/{scene.task_id}/withdraw", {"reason": "x"})
        assert answer.status_code == 404

    async def test_search_finds_nothing(self, neighbour: Visitor):
        assert "<a " not in (await neighbour.get("/search/found", part=True, q="35-018266")).text


class TestForgedForms:
    async def test_form_without_the_sessions_token_is_refused(self, admin: Visitor, scene: Scene):
        answer = await admin.post(f"/hazards/{scene.hazard_ids[0]}/decide", {"grade": "general"}, csrf=False)
        assert answer.status_code == 403
        assert "页面已过期" in answer.text
