"""The office's ledgers with mouse and keys; pictures are kept."""

import pytest

from tests.factories.certificates import in_days
from tests.web_console.browser.conftest import SignIn
from tests.web_console.scene import Scene


class TestCertificates:
    @pytest.mark.parametrize("theme", ["light", "dark"])
    async def test_certificate_is_entered_and_found(self, sign_in: SignIn, scene: Scene, theme: str):
        screen = await sign_in(scene.admin, theme=theme)
        page, number = screen.page, f"B-{theme}"
        await screen.open("/ledgers/certificates")
        await page.locator("#certificates tr[data-item]").first.wait_for()
        await screen.picture(f"certificates-{theme}")
        await page.keyboard.press("n")
        await page.select_option("#holder-kind", "company")
        await page.locator("#holder-list option", has_text=scene.company.company.name).wait_for(state="attached")
        await page.select_option("#holder-list", scene.company.company.id)
        await page.select_option("#dialog [name=kind]", "work_safety")
        await page.fill("#dialog [name=number]", number)
        await page.fill("#dialog [name=expires_on]", in_days(20).isoformat())
        await screen.picture(f"certificate-new-{theme}")
        await page.locator("#dialog footer .primary").click()
        await page.locator("#certificates").get_by_text(number).click()
        await page.locator("#dialog header").get_by_text("剩 20 天").wait_for()
        await screen.picture(f"certificate-{theme}")
        assert screen.complaints == []


class TestStations:
    @pytest.mark.parametrize("theme", ["light", "dark"])
    async def test_station_is_made_brought_and_seen_on_the_map(self, sign_in: SignIn, scene: Scene, theme: str):
        screen = await sign_in(scene.admin, theme=theme)
        page, code = screen.page, f"B-{theme}"
        await screen.open("/ledgers/stations")
        await page.locator("#stations tr[data-item]").first.wait_for()
        await screen.picture(f"stations-{theme}")
        await page.locator("#stations").get_by_text("松河液化气储配站").click()
        await page.locator("#cameras").get_by_text("储罐区").wait_for()
        await screen.picture(f"station-{theme}")
        await page.keyboard.press("Escape")
        await page.keyboard.press("n")
        await page.fill("#dialog [name=code]", code)
        await page.fill("#dialog [name=name]", "新供应站")
        await page.select_option("#dialog [name=kind]", "supply")
        await page.locator("#dialog footer .primary").click()
        await page.locator("#stations").get_by_text(code).wait_for()
        await page.locator("[hx-get='/ledgers/stations/import']").click()
        table = f"编号,名称,类型,单位\n{code}-2,带入的站,供应点,{scene.company.unit.name}\n{code}-3,坏的,城堡,\n"
        brought = {"name": "stations.csv", "mimeType": "text/csv", "buffer": table.encode()}
        await page.locator("#dialog [type=file]").set_input_files(files=[brought])  # type: ignore[list-item]
        await page.locator("#dialog footer [value=true]").click()
        await page.locator("#report").get_by_text("试导入").wait_for()
        await screen.picture(f"station-import-{theme}")
        assert screen.complaints == []

    async def test_stations_stand_on_the_map(self, sign_in: SignIn, scene: Scene):
        screen = await sign_in(scene.admin)
        await screen.open("/")
        await screen.map_is_drawn()
        assert int(await screen.page.locator("[data-count=stations]").inner_text()) >= 3
        await screen.picture("overview-stations")


class TestStaff:
    @pytest.mark.parametrize("theme", ["light", "dark"])
    async def test_person_is_shown_with_photograph_and_certificates(self, sign_in: SignIn, scene: Scene, theme: str):
        screen = await sign_in(scene.admin, theme=theme)
        page = screen.page
        await screen.open("/ledgers/staff")
        await page.locator("#employees tr[data-item]").first.wait_for()
        await screen.picture(f"employees-{theme}")
        await page.locator("#employees").get_by_text("演示-王送气").click()
        await page.locator("#dialog img.portrait").wait_for()
        await page.select_option("#dialog [name=sex]", "female")
        await page.locator("#dialog footer .primary").click()
        await page.locator("#employees").get_by_text("女").wait_for()
        await screen.picture(f"employee-{theme}")
        await page.select_option("#dialog [name=sex]", "male")
        await page.locator("#dialog footer .primary").click()
        await page.locator("#employees").get_by_text("女").wait_for(state="detached")
        assert screen.complaints == []


class TestStatistics:
    @pytest.mark.parametrize("theme", ["light", "dark"])
    async def test_figures_are_drawn_in_both_themes(self, sign_in: SignIn, scene: Scene, theme: str):
        screen = await sign_in(scene.admin, theme=theme)
        page = screen.page
        for view in ("operation", "units", "registration"):
            await screen.open(f"/statistics?view={view}")
            await page.locator("#filters").wait_for()
            await screen.picture(f"statistics-{view}-{theme}")
        await screen.open("/statistics")
        await page.select_option("[name=specification]", "YSP118")
        await page.wait_for_url("**/statistics?*specification=YSP118*")
        assert await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        assert screen.complaints == []


class TestLicences:
    async def test_application_is_written_and_submitted(self, sign_in: SignIn, scene: Scene):
        screen = await sign_in(scene.admin)
        page = screen.page
        await screen.open("/ledgers/licences")
        await page.keyboard.press("n")
        await page.select_option("#holder-list", scene.company.company.id)
        await page.select_option("#dialog [name=kind]", "work_safety")
        await page.locator("#dialog footer .primary").click()
        await page.fill("#dialog [name=contact]", "演示-钱管理")
        paper = {"name": "申请表.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.7 paper"}
        await page.locator("#papers [type=file]").set_input_files(files=[paper])  # type: ignore[list-item]
        await page.locator("#papers").get_by_text("添加材料").click()
        await page.locator("#papers").get_by_text("申请表.pdf").wait_for()
        await page.fill("#dialog [name=statement]", "安全生产许可证到期延续")
        assert await page.input_value("#dialog [name=contact]") == "演示-钱管理"
        await page.fill("#dialog [name=contact_phone]", "100-0000-0003")
        await screen.picture("licence-draft")
        await page.locator("#submit").click()
        await page.locator("#dialog header").get_by_text("待受理").wait_for()
        await screen.picture("licence-submitted")
        await page.keyboard.press("Escape")
        await page.locator("#licences").get_by_text("待受理").first.wait_for()
        await screen.picture("licences")
        assert screen.complaints == []
