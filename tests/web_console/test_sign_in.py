"""Signing in to the console."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from backend.accounts.models import Staff
from backend.accounts.service.authentication import COOKIE
from backend.db import Database
from backend.settings import Settings
from tests.factories.accounts import PASSWORD, make_staff
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


class TestOwnPassword:
    @pytest.fixture
    async def worker(self, console, town: Database, scene: Scene) -> AsyncIterator[Staff]:
        async with town.sessions() as session, session.begin():
            made = await make_staff(session, scene.company, name="演示-改密")
        yield made
        console.cookies.clear()

    async def test_it_is_changed_here_and_ends_every_other_sign_in(self, console, as_staff: Any, worker: Staff) -> None:
        elsewhere, here = await as_staff(worker), await as_staff(worker)
        new = " 松河 walks on 2027 "
        typed = {"current_password": PASSWORD, "password": new, "again": new}
        answer = await here.post("/me/password", typed)
        assert answer.status_code == 204
        assert "HttpOnly" in answer.headers["set-cookie"]
        assert (await elsewhere.get("/settings")).status_code == 302
        here.cookie = answer.cookies[COOKIE]
        assert (await here.get("/me/password", part=True)).status_code == 200
        assert (await here.post("/me/password", typed)).status_code == 403
        assert (await send(console, staff_number=worker.staff_number, password=PASSWORD)).status_code == 401
        assert (await send(console, staff_number=worker.staff_number, password=new)).status_code == 303

    @pytest.mark.parametrize(
        ("typed", "told"),
        [
            ({"current_password": "not mine"}, (403, "当前密码不正确")),
            ({"again": "another one 2"}, (422, "两次输入的新密码不一致")),
            ({"password": "short", "again": "short"}, (422, "密码至少")),
            ({"password": ""}, (422, "请检查填写的内容")),
        ],
    )
    async def test_what_will_not_do_is_told_and_changes_nothing(
        self, as_staff: Any, worker: Staff, typed: dict[str, str], told: tuple[int, str]
    ) -> None:
        visitor = await as_staff(worker)
        good = {"current_password": PASSWORD, "password": "another one 1", "again": "another one 1"}
        answer = await visitor.post("/me/password", good | typed)
        assert (answer.status_code, told[1] in answer.text) == (told[0], True)
        assert (await visitor.get("/me/password", part=True)).status_code == 200

    async def test_guessing_at_an_open_console_locks_the_number(
        self, as_staff: Any, worker: Staff, town_settings: Settings
    ) -> None:
        visitor = await as_staff(worker)
        guess = {"current_password": "a guess", "password": "another one 1", "again": "another one 1"}
        statuses = [
            (await visitor.post("/me/password", guess)).status_code for _ in range(town_settings.sign_in_attempts + 1)
        ]
        assert statuses == [403] * town_settings.sign_in_attempts + [429]


class TestLanguage:
    async def test_page_is_chinese_by_default_and_english_by_choice(self, console, scene: Scene):
        assert "密码" in (await console.get("/sign-in", headers={"Cookie": ""})).text
        english = await console.get("/sign-in", headers={"Cookie": "qixun_language=en"})
        assert "Password" in english.text
        assert "密码" not in english.text
