"""Signing in to the console."""

import pytest

from tests.factories.accounts import PASSWORD
from tests.web_console.conftest import Visitor
from tests.web_console.scene import Scene


async def send(console, **fields):
    return await console.post("/sign-in", data=fields, follow_redirects=False)


class TestSignIn:
    async def test_wrong_password_says_so_and_keeps_the_number(self, console, scene: Scene):
        answer = await send(console, staff_number=scene.stranger.staff_number, password="wrong")
        assert answer.status_code == 401
        assert "工号或密码不正确" in answer.text
        assert scene.stranger.staff_number in answer.text
        assert "set-cookie" not in answer.headers

    async def test_leads_to_the_page_that_was_wanted(self, console, scene: Scene):
        answer = await send(
            console, staff_number=scene.admin.staff_number, password=PASSWORD, next="/hazards?view=list"
        )
        assert answer.status_code == 303
        assert answer.headers["location"] == "/hazards?view=list"
        cookie = answer.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=lax" in cookie

    @pytest.mark.parametrize("elsewhere", ["//evil.example", "https://evil.example", "/\\evil.example"])
    async def test_never_leads_to_another_site(self, console, scene: Scene, elsewhere):
        answer = await send(console, staff_number=scene.admin.staff_number, password=PASSWORD, next=elsewhere)
        assert answer.headers["location"] == "/"

    async def test_signing_out_ends_the_session(self, as_staff, scene: Scene):
        visitor: Visitor = await as_staff(scene.dispatcher)
        assert (await visitor.post("/sign-out")).status_code == 303
        assert (await visitor.get("/")).status_code == 302


class TestLanguage:
    async def test_page_is_chinese_by_default_and_english_by_choice(self, console, scene: Scene):
        assert "密码" in (await console.get("/sign-in", headers={"Cookie": ""})).text
        english = await console.get("/sign-in", headers={"Cookie": "qixun_language=en"})
        assert "Password" in english.text
        assert "密码" not in english.text
