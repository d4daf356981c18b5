"""The ledger of staff: every field that the standard lists, the photograph, and who may look at it."""

from io import BytesIO
from typing import Any

import pytest
from litestar.testing import AsyncTestClient
from PIL import Image
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts.models import Organisation, Staff
from backend.audit import AuditEntry
from tests.factories.accounts import PASSWORD, Company, bearer, make_company, make_staff
from tests.factories.certificates import in_days, make_certificate
from tests.factories.stations import make_station_record


def picture(size: tuple[int, int] = (1200, 900), kind: str = "JPEG") -> bytes:
    """As a phone takes it: turned, and with the place where it was taken."""
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    exif[0x010F] = "SECRET-PHONE"
    exif.get_ifd(0x8825)[1] = "N"
    out = BytesIO()
    Image.new("RGB", size, (30, 60, 90)).save(out, kind, exif=exif)
    return out.getvalue()


class Office:
    def __init__(self, client: AsyncTestClient[Any], company: Company, staff: Staff) -> None:
        self.client, self.company, self.staff = client, company, staff
        self.headers = bearer(client, staff)

    async def get(self, path: str = "", **params: Any) -> Any:
        return await self.client.get(f"/api/employees{path}", headers=self.headers, params=params)

    async def put(self, staff_id: str, **fields: Any) -> Any:
        return await self.client.put(f"/api/employees/{staff_id}", headers=self.headers, json=fields)

    async def photo(self, staff_id: str, content: bytes) -> Any:
        url = f"/api/employees/{staff_id}/photo"
        return await self.client.put(url, headers=self.headers, files={"file": ("me.jpg", content)})


@pytest.fixture
async def keeper(client: AsyncTestClient[Any], session: AsyncSession) -> Office:
    company = await make_company(session)
    return Office(client, company, await make_staff(session, company, roles=["company_admin"], name="演示-钱管理"))


class TestWhoMay:
    @pytest.mark.parametrize("role", ["driver", "dispatcher"])
    async def test_who_has_not_to_do_with_staff_sees_nobody(
        self, client: AsyncTestClient[Any], session: AsyncSession, role: str
    ) -> None:
        company = await make_company(session)
        person = Office(client, company, await make_staff(session, company, roles=[role]))
        assert (await person.get()).status_code == 403
        assert (await person.get(f"/{person.staff.id}/photo")).status_code == 403
        assert (await person.put(person.staff.id, sex="male")).status_code == 403

    async def test_another_companys_people_are_not_there(self, keeper: Office, session: AsyncSession) -> None:
        theirs = await make_company(session)
        person = await make_staff(session, theirs)
        assert {each["staff_id"] for each in (await keeper.get()).json()["items"]} == {keeper.staff.id}
        assert (await keeper.get(f"/{person.id}")).status_code == 404
        assert (await keeper.put(person.id, sex="male")).status_code == 404
        assert (await keeper.photo(person.id, picture())).status_code == 404

    async def test_nobody_is_put_into_another_companys_station(self, keeper: Office, session: AsyncSession) -> None:
        theirs = await make_company(session)
        station = await make_station_record(session, theirs, await make_staff(session, theirs))
        assert (await keeper.put(keeper.staff.id, station_id=station.id)).status_code == 404

    async def test_a_regulator_sees_them_and_changes_nothing(self, keeper: Office, session: AsyncSession) -> None:
        officer = await make_staff(session, keeper.company, roles=["supervisor"], on=keeper.company.province)
        his = Office(keeper.client, keeper.company, officer)
        assert (await his.get(f"/{keeper.staff.id}")).status_code == 200
        assert (await his.put(keeper.staff.id, sex="male")).status_code == 403


class TestRecord:
    @pytest.mark.requirement("E5.8.3-1")
    async def test_every_field_of_the_standard_is_entered_and_shown_with_the_certificates(
        self, client: AsyncTestClient[Any], session: AsyncSession, keeper: Office
    ) -> None:
        """所属行政区域, 所属企业, 所属站点, 员工代码, 员工姓名, 岗位, 性别, 照片, 登记时间."""
        company = keeper.company
        station = await make_station_record(session, company, keeper.staff, name="东门供应站")
        body = {"staff_number": "YG-0001", "name": "演示-郑充装", "organisation_id": company.unit.id}
        made = await client.post("/api/staff", headers=keeper.headers, json={**body, "password": PASSWORD})
        staff_id = made.json()["id"]
        fields = {"station_id": station.id, "post": "filler", "sex": "female", "registered_on": "2024-03-01"}
        saved = await keeper.put(staff_id, **fields)
        assert saved.status_code == 200, saved.text
        assert (await keeper.photo(staff_id, picture())).status_code == 200
        holder = {"holder_kind": "staff", "holder_id": staff_id, "kind": "filler", "number": "CZ-77"}
        await make_certificate(session, company, keeper.staff, **holder, expires_on=in_days(5))
        shown = (await keeper.get(f"/{staff_id}")).json()
        assert {name: shown[name] for name in fields} == fields
        above = [await session.get_one(Organisation, key) for key in company.company.path.strip("/").split("/")[:-1]]
        assert [each.kind for each in above] == ["province", "city", "county"]
        assert shown["area"] == "".join(each.name for each in above)
        assert (shown["company_name"], shown["station_name"]) == (company.company.name, "东门供应站")
        assert (shown["staff_number"], shown["name"], shown["post_zh"]) == ("YG-0001", "演示-郑充装", "充装工")
        (held,) = shown["certificates"]
        assert (held["number"], held["state"], held["due_within"]) == ("CZ-77", "due", 7)
        listed = (await keeper.get(station_id=station.id, post="filler")).json()
        assert [each["staff_id"] for each in listed["items"]] == [staff_id]
        seen = await keeper.get(f"/{staff_id}/photo")
        assert (seen.status_code, seen.headers["content-type"]) == (200, "image/jpeg")
        actions = await session.scalars(
            select(AuditEntry.action).where(AuditEntry.subject_id == staff_id, AuditEntry.action.startswith("employee"))
        )
        assert actions.all() == ["employee.saved", "employee.photo"]

    async def test_who_has_no_record_yet_is_there_with_the_day_of_his_account(self, keeper: Office) -> None:
        (shown,) = (await keeper.get()).json()["items"]
        assert (shown["post"], shown["photo_id"], shown["station_name"]) == ("", "", "")
        assert shown["registered_on"]

    async def test_the_record_and_the_photograph_are_changed_apart(self, keeper: Office) -> None:
        await keeper.photo(keeper.staff.id, picture())
        before = (await keeper.put(keeper.staff.id, sex="male", post="office")).json()
        assert before["photo_id"]
        after = (await keeper.photo(keeper.staff.id, picture((300, 400)))).json()
        assert after["photo_id"] != before["photo_id"]
        assert (after["sex"], after["post"]) == ("male", "office")

    @pytest.mark.parametrize(
        ("fields", "status", "code"),
        [({"post": "poet"}, 422, "employee.post"), ({"sex": "x"}, 400, "request.malformed")],
    )
    async def test_what_cannot_be_is_told(self, keeper: Office, fields: dict[str, Any], status: int, code: str) -> None:
        answer = await keeper.put(keeper.staff.id, **fields)
        assert (answer.status_code, answer.json()["code"]) == (status, code)


class TestPhotograph:
    async def test_it_is_kept_upright_small_and_without_what_the_camera_wrote(self, keeper: Office) -> None:
        await keeper.photo(keeper.staff.id, picture((2400, 1200)))
        kept = (await keeper.get(f"/{keeper.staff.id}/photo")).content
        with Image.open(BytesIO(kept)) as image:
            assert (image.format, image.size) == ("JPEG", (400, 800))
            assert not image.getexif()
        assert b"SECRET-PHONE" not in kept

    @pytest.mark.parametrize("content", [b"", b"<svg onload=alert(1)>", picture()[:200], b"GIF89a" + bytes(50)])
    async def test_what_is_no_picture_is_refused_and_nothing_changes(self, keeper: Office, content: bytes) -> None:
        await keeper.photo(keeper.staff.id, picture())
        before = (await keeper.get(f"/{keeper.staff.id}")).json()
        answer = await keeper.photo(keeper.staff.id, content)
        assert (answer.status_code, answer.json()["code"]) == (422, "employee.photo")
        assert (await keeper.get(f"/{keeper.staff.id}")).json() == before

    async def test_there_is_none_until_one_was_brought(self, keeper: Office) -> None:
        answer = await keeper.get(f"/{keeper.staff.id}/photo")
        assert (answer.status_code, answer.json()["code"]) == (404, "employee.no_photo")
