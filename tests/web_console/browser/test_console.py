"""What a dispatcher does with mouse and keys, and what the page shows without being loaded anew."""

import re
from datetime import UTC, datetime

import pytest
from playwright.async_api import Page

from backend.db import Database
from sync.documents.hazards import HazardReported
from tests.web_console.browser.conftest import SignIn
from tests.web_console.scene import Scene
from tests.web_console.town import crossing

PAGES = {
    "map": "/",
    "hazards": "/hazards",
    "hazard-list": "/hazards?view=list",
    "tasks": "/tasks",
    "plans": "/plans",
    "plan-new": "/plans/new",
    "deliveries": "/deliveries",
    "delivery-day": "/deliveries/day",
    "deposits": "/deliveries/deposits",
    "returns": "/deliveries/returns",
    "missed": "/deliveries/missed",
    "vehicles": "/ledgers/vehicles",
    "customers": "/customers",
    "cylinder": "/cylinders?q=35-018266",
    "review": "/review",
    "devices": "/devices",
    "databases": "/devices/databases",
    "people": "/staff",
    "audit": "/audit",
    "settings": "/settings",
    "network": "/settings/network",
}


async def report_hazard(town: Database, scene: Scene, address: str) -> None:
    """As it comes from a phone, through intake."""
    fields = scene.li.envelope("hazard.reported", datetime.now(UTC), crossing(5.5, 4))
    async with town.sessions() as session, session.begin():
        await scene.li.send(
            session, HazardReported(**fields, hazard_type="subsidence", proposed_grade="serious", address=address)
        )


async def option_of(page: Page, words: str) -> str:
    """The value of the choice that begins so."""
    return str(await page.locator(f"[name=area_id] option:has-text('{words}')").get_attribute("value"))


class TestEveryPage:
    @pytest.mark.parametrize("theme", ["light", "dark"])
    async def test_loads_without_a_complaint(self, sign_in: SignIn, scene: Scene, theme: str):
        screen = await sign_in(scene.admin, theme=theme)
        for name, path in PAGES.items():
            await screen.open(path)
            if name in {"map", "plan-new"}:
                await screen.map_is_drawn()
            await screen.page.wait_for_load_state("domcontentloaded")
            await screen.picture(f"{name}-{theme}")
            wide = await screen.page.evaluate("document.documentElement.scrollWidth > innerWidth")
            assert not wide, f"{name} is wider than the screen"
        assert screen.complaints == []


class TestMap:
    async def test_draws_the_network_and_tells_lengths(self, sign_in: SignIn, scene: Scene):
        screen = await sign_in(scene.dispatcher)
        await screen.open("/")
        await screen.map_is_drawn()
        drawn = await screen.page.evaluate("window.qixunMap.querySourceFeatures('pipes').length")
        assert drawn > 100
        assert re.fullmatch(r"[\d.]+ km", await screen.page.inner_text('[data-length="medium_a"]'))

    @pytest.mark.requirement("5.6.4-18")
    async def test_click_on_what_waits_locates_it(self, sign_in: SignIn, scene: Scene):
        screen = await sign_in(scene.dispatcher)
        await screen.open("/")
        await screen.map_is_drawn()
        await screen.page.click(".todo li[data-lon]")
        await screen.page.locator("#callout:not([hidden])").wait_for()
        assert "ppm" in await screen.page.inner_text("#callout")
        await screen.until("!window.qixunMap.isMoving()")
        centre = await screen.page.evaluate("window.qixunMap.getCenter().toArray()")
        assert centre == pytest.approx(crossing(6, 3), abs=1e-3)
        await screen.picture("map-located")

    async def test_hidden_layer_is_no_longer_drawn(self, sign_in: SignIn, scene: Scene):
        screen = await sign_in(scene.dispatcher)
        await screen.open("/")
        await screen.map_is_drawn()
        await screen.page.uncheck('[data-layer="pipes:low"]')
        assert await screen.page.evaluate("window.qixunMap.getLayoutProperty('pipes:low', 'visibility')") == "none"


class TestLive:
    async def test_hazard_from_a_phone_appears_on_board_and_map_without_reloading(
        self, sign_in: SignIn, scene: Scene, town: Database
    ):
        board, overview = await sign_in(scene.dispatcher), await sign_in(scene.dispatcher)
        await board.page.locator(".ticket").first.wait_for()
        await overview.open("/")
        await overview.map_is_drawn()
        before = int(await overview.page.inner_text("[data-count=hazards]"))
        for screen in (board, overview):
            await screen.page.evaluate("window.sameDocument = true")
        await report_hazard(town, scene, "实时路 1 号")
        await board.page.get_by_text("实时路 1 号").wait_for(timeout=10_000)
        await overview.until(
            f"document.querySelector('[data-count=hazards]').textContent === '{before + 1}'", within_s=10
        )
        for screen in (board, overview):
            assert await screen.page.evaluate("window.sameDocument")


class TestKeyboard:
    async def test_list_is_walked_opened_and_closed_by_keys(self, sign_in: SignIn, scene: Scene):
        screen = await sign_in(scene.dispatcher)
        page = screen.page
        await page.locator(".ticket").first.wait_for()
        await page.keyboard.press("j")
        first = await page.evaluate("document.activeElement.textContent")
        await page.keyboard.press("j")
        assert await page.evaluate("document.activeElement.textContent") != first
        await page.keyboard.press("k")
        assert await page.evaluate("document.activeElement.textContent") == first
        await page.keyboard.press("Enter")
        await page.locator("#dialog[open]").wait_for()
        await page.keyboard.press("Escape")
        await page.locator("#dialog[open]").wait_for(state="detached")

    async def test_slash_searches_and_arrows_reach_what_was_found(self, sign_in: SignIn, scene: Scene):
        screen = await sign_in(scene.dispatcher)
        await screen.page.keyboard.press("/")
        await screen.page.keyboard.type("35-018266")
        await screen.page.locator("#found a").first.wait_for()
        await screen.page.keyboard.press("ArrowDown")
        await screen.page.keyboard.press("Enter")
        await screen.page.wait_for_url("**/cylinders?**")
        assert "可配送" in await screen.page.inner_text(".verdict")


class TestForms:
    async def test_graded_hazard_moves_to_the_next_lane_and_says_so(
        self, sign_in: SignIn, scene: Scene, town: Database
    ):
        await report_hazard(town, scene, "核定路 2 号")
        screen = await sign_in(scene.dispatcher)
        page = screen.page
        await page.get_by_text("核定路 2 号").click()
        await page.locator("#dialog footer .primary").click()
        await page.fill("#dialog [name=clause]", "第六条")
        await page.locator("#dialog form .primary").click()
        await page.locator("#pending_dispatch").get_by_text("核定路 2 号").wait_for()
        assert "待派单" in await page.inner_text("#toast")

    async def test_refusal_stands_in_the_dialog_and_keeps_what_was_filled_in(self, sign_in: SignIn, scene: Scene):
        screen = await sign_in(scene.dispatcher)
        page = screen.page
        await screen.open("/deliveries")
        await page.keyboard.press("n")
        await page.locator("#drivers option").nth(1).wait_for(state="attached")
        await page.fill("#customer-search", "KH-0001")
        await page.locator("#customer-choices input").first.check()
        async with page.expect_response("**/drivers?**"):
            await page.select_option("#dialog [name=station_id]", scene.wang.unit_id)
        await page.locator("#drivers:not(.htmx-request):not(.htmx-settling)").wait_for()
        await page.select_option("#drivers", scene.wang.staff.id)
        await page.locator("[name=specification]").first.fill("YSP35.5")
        await page.fill("[name=start_at]", "2030-01-02T10:00")
        await page.fill("[name=due_at]", "2030-01-02T09:00")
        await page.locator("#dialog form .primary").click()
        await page.locator("#dialog .problem").get_by_text("截止时间应晚于开始时间").wait_for()
        assert await page.input_value("[name=due_at]") == "2030-01-02T09:00"
        await screen.picture("order-refused")
        await page.fill("[name=due_at]", "2030-01-02T12:00")
        await page.locator("#dialog form .primary").click()
        await page.locator("#dialog[open]").wait_for(state="detached")
        await page.get_by_text("01-02 10:00 – 12:00").wait_for()

    @pytest.mark.requirement("6.5.2")
    async def test_plan_is_picked_on_the_map_and_its_task_sent(self, sign_in: SignIn, scene: Scene):
        screen = await sign_in(scene.dispatcher)
        page = screen.page
        await screen.open("/plans/new")
        await screen.map_is_drawn()
        await page.select_option("[name=area_id]", await option_of(page, "老城"))
        await page.check("[name=pressure_levels][value=medium_b]")
        await page.locator(".picked").wait_for()
        await page.select_option("[name=staff_id]", scene.zhou.staff.id)
        await screen.until("window.qixunMap.querySourceFeatures('picked').length > 3")
        await page.click("#place")
        await page.locator("#canvas canvas").click(position={"x": 400, "y": 400})
        await page.locator("#points li").wait_for()
        assert await page.input_value("[name=name]") == "老城 中压B"
        await screen.picture("plan-picked")
        await page.fill("[name=start_1]", "00:00")
        await page.fill("[name=end_1]", "23:59")
        await page.click(".plan-foot .primary")
        await page.wait_for_url("**/tasks?task=**")
        await page.locator("#chosen-task").get_by_text("老城 中压B").wait_for()
        await screen.picture("task-sent")
