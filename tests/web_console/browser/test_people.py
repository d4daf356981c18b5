"""An administrator brings in a colleague with mouse and keys, and shuts the account again; pictures are kept."""

import pytest

from tests.web_console.browser.conftest import SignIn
from tests.web_console.scene import Scene


class TestPeople:
    @pytest.mark.parametrize("theme", ["light", "dark"])
    async def test_colleague_is_made_changed_and_shut_out(self, sign_in: SignIn, scene: Scene, theme: str):
        screen = await sign_in(scene.admin, theme=theme)
        page, number = screen.page, f"B-{theme}"
        confirmed: list[str] = []
        page.on("dialog", lambda dialog: (confirmed.append(dialog.message), dialog.accept())[1])
        await screen.open("/staff")
        await page.locator("#people tr[data-item]").first.wait_for()
        await screen.picture(f"people-{theme}")

        await page.keyboard.press("n")
        await page.fill("#dialog [name=staff_number]", number)
        await page.fill("#dialog [name=name]", "演示-新同事")
        await page.select_option("#dialog [name=organisation_id]", scene.company.unit.id)
        await page.select_option("#dialog [name=role]", "inspector")
        await page.check(f"#dialog [name=unit_ids][value='{scene.company.unit.id}']")
        proposed = await page.input_value("#dialog [name=password]")
        await page.fill("#dialog [name=password]", number + "-2026")
        await page.locator("#dialog footer .primary").click()
        await page.locator("#dialog .problem").get_by_text("密码不能包含工号").wait_for()
        await screen.picture(f"person-new-refused-{theme}")
        await page.fill("#dialog [name=password]", proposed)
        await page.locator("#dialog footer .primary").click()
        await page.locator("#told").get_by_text(proposed).wait_for()
        await screen.picture(f"person-made-{theme}")
        await page.keyboard.press("Escape")
        await page.locator("#people").get_by_text(number).click()

        await page.select_option("#dialog [name=role]", "dispatcher")
        await page.locator("#grant button").click()
        await page.locator("#dialog td").get_by_text("调度员").wait_for()
        await page.check(f"#units [value='{scene.company.other_unit.id}']")
        await page.locator("#units button").click()
        await page.locator("#toast").get_by_text("所属单位已保存").wait_for()
        assert await page.is_checked(f"#units [value='{scene.company.other_unit.id}']")
        await screen.picture(f"person-{theme}")
        await page.locator("#dialog tr", has_text="调度员").get_by_role("button").click()
        await page.locator("#dialog td").get_by_text("调度员").wait_for(state="detached")
        await page.locator("#dialog footer .danger").click()
        await page.locator("#dialog header").get_by_text("账号停用").wait_for()
        await page.keyboard.press("Escape")
        await page.locator("#people tr.gone").get_by_text(number).wait_for()
        assert len(confirmed) == 2
        refusal = [said for said in screen.complaints if "422" not in said]
        assert refusal == []

    async def test_phone_of_a_person_opens_from_his_page(self, sign_in: SignIn, scene: Scene):
        screen = await sign_in(scene.admin, language="en")
        await screen.open(f"/staff?search={scene.zhou.staff.staff_number}")
        await screen.page.locator("#people tr[data-item]").click()
        await screen.picture("person-english")
        await screen.page.locator(f"#dialog [hx-get='/devices/{scene.zhou.device.id}']").click()
        await screen.page.locator("#dialog").get_by_text(scene.zhou.device.id).wait_for()
