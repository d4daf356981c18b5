"""Online application and review: whose it is, which papers it needs, who decides by when, and what comes of it."""

from io import BytesIO
from typing import Any

import pytest
from litestar.testing import AsyncTestClient
from PIL import Image
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts.models import Organisation, Staff
from backend.audit import AuditEntry
from backend.licensing.models import LicenceApplication
from tests.factories.accounts import Company, bearer, make_company, make_staff
from tests.factories.certificates import in_days
from tests.factories.stations import make_station_record

PDF = b"%PDF-1.7\nan invented paper"


def picture() -> bytes:
    out = BytesIO()
    Image.new("RGB", (20, 20)).save(out, "PNG")
    return out.getvalue()


class Person:
    def __init__(self, client: AsyncTestClient[Any], staff: Staff) -> None:
        self.client, self.staff, self.headers = client, staff, bearer(client, staff)

    async def get(self, path: str = "", **params: Any) -> Any:
        return await self.client.get(f"/api/licences{path}", headers=self.headers, params=params)

    async def post(self, path: str, body: Any = None) -> Any:
        return await self.client.post(f"/api/licences{path}", headers=self.headers, json=body)

    async def attach(self, application: str, content: bytes = PDF, role: str = "form", name: str = "申请表.pdf") -> Any:
        url = f"/api/licences/{application}/attachments"
        return await self.client.post(url, headers=self.headers, files={"file": (name, content)}, data={"role": role})


class County:
    """A company whose administrator applies, and the county's officer who reviews."""

    def __init__(self, company: Company, applicant: Person, reviewer: Person) -> None:
        self.company, self.applicant, self.reviewer = company, applicant, reviewer

    def form(self, **fields: Any) -> dict[str, Any]:
        return {
            "holder_kind": "company",
            "holder_id": self.company.company.id,
            "kind": "gas_business",
            "statement": "申请瓶装燃气经营许可",
            "contact": "演示-周管理",
            "contact_phone": "100-0000-0002",
        } | fields

    async def draft(self, **fields: Any) -> str:
        made = await self.applicant.post("", self.form(**fields))
        assert made.status_code == 201, made.text
        return str(made.json()["application"]["id"])

    async def submitted(self, **fields: Any) -> str:
        application = await self.draft(**fields)
        assert (await self.applicant.attach(application)).status_code == 201
        answer = await self.applicant.post(f"/{application}/submit")
        assert answer.status_code == 200, answer.text
        return application

    async def accepted(self, **fields: Any) -> str:
        application = await self.submitted(**fields)
        assert (await self.reviewer.post(f"/{application}/accept")).status_code == 200
        return application


def approval(number: str = "JL-2026-001") -> dict[str, Any]:
    return {"number": number, "issued_on": in_days(0).isoformat(), "expires_on": in_days(1095).isoformat()}


@pytest.fixture
async def county(client: AsyncTestClient[Any], session: AsyncSession) -> County:
    company = await make_company(session)
    office = await session.get_one(Organisation, company.company.parent_id)
    applicant = await make_staff(session, company, roles=["company_admin"], name="演示-周管理")
    reviewer = await make_staff(session, company, roles=["licence_reviewer"], on=office, name="演示-县审核")
    return County(company, Person(client, applicant), Person(client, reviewer))


class TestWhoMay:
    async def test_a_driver_neither_sees_nor_applies_nor_decides(self, county: County, session: AsyncSession) -> None:
        application = await county.submitted()
        driver = Person(county.applicant.client, await make_staff(session, county.company, roles=["driver"]))
        assert (await driver.get()).status_code == 403
        assert (await driver.post("", county.form())).status_code == 403
        for action in ("submit", "withdraw", "accept", "return", "refuse", "approve"):
            assert (await driver.post(f"/{application}/{action}", {})).status_code == 403, action

    async def test_a_company_decides_nothing_not_even_its_own(self, county: County) -> None:
        application = await county.accepted()
        for action, body in (("approve", approval()), ("refuse", {"reason": "x"}), ("return", {"reason": "x"})):
            assert (await county.applicant.post(f"/{application}/{action}", body)).status_code == 403

    async def test_a_draft_is_its_applicants_alone(self, county: County) -> None:
        application = await county.draft()
        assert (await county.reviewer.get(f"/{application}")).status_code == 404
        assert (await county.reviewer.get()).json()["total"] == 0
        assert (await county.applicant.get()).json()["total"] == 1

    async def test_another_companys_are_not_there(
        self, county: County, client: AsyncTestClient[Any], session: AsyncSession
    ) -> None:
        application = await county.submitted()
        paper = (await county.applicant.get(f"/{application}")).json()["attachments"][0]["id"]
        theirs = await make_company(session)
        stranger = Person(client, await make_staff(session, theirs, roles=["company_admin"]))
        assert (await stranger.get()).json()["total"] == 0
        assert (await stranger.get(f"/{application}")).status_code == 404
        assert (await stranger.get(f"/{application}/attachments/{paper}")).status_code == 404
        assert (await stranger.attach(application)).status_code == 404
        assert (await stranger.post(f"/{application}/withdraw")).status_code == 404
        assert (await stranger.post("", county.form())).status_code == 404

    async def test_another_countys_reviewer_decides_nothing_here(
        self, county: County, client: AsyncTestClient[Any], session: AsyncSession
    ) -> None:
        application = await county.submitted()
        theirs = await make_company(session)
        office = await session.get_one(Organisation, theirs.company.parent_id)
        other = Person(client, await make_staff(session, theirs, roles=["licence_reviewer"], on=office))
        assert (await other.post(f"/{application}/accept")).status_code == 404
        assert (await other.get()).json()["total"] == 0

    async def test_nobody_reviews_what_he_applied_for_himself(
        self, county: County, client: AsyncTestClient[Any], session: AsyncSession
    ) -> None:
        both = Person(client, await make_staff(session, county.company, roles=["system_admin"]))
        own = County(county.company, both, both)
        application = await own.submitted()
        answer = await both.post(f"/{application}/accept")
        assert (answer.status_code, answer.json()["code"]) == (403, "licence.own")


class TestApplying:
    @pytest.mark.parametrize("lacking", ["statement", "contact", "contact_phone"])
    async def test_what_is_not_complete_is_not_submitted(self, county: County, lacking: str) -> None:
        application = await county.draft(**{lacking: ""})
        await county.applicant.attach(application)
        answer = await county.applicant.post(f"/{application}/submit")
        assert (answer.status_code, answer.json()["code"]) == (422, "licence.incomplete")
        assert (await county.applicant.get(f"/{application}")).json()["application"]["state"] == "draft"

    async def test_without_papers_it_is_not_submitted(self, county: County) -> None:
        application = await county.draft()
        answer = await county.applicant.post(f"/{application}/submit")
        assert answer.json()["code"] == "licence.incomplete"
        assert "附件" in answer.json()["detail"]

    async def test_what_was_submitted_is_not_changed_behind_the_reviewers_back(self, county: County) -> None:
        application = await county.submitted()
        paper = (await county.applicant.get(f"/{application}")).json()["attachments"][0]["id"]
        client, headers = county.applicant.client, county.applicant.headers
        url = f"/api/licences/{application}"
        changed = await client.put(url, headers=headers, json=county.form(statement="另一件事"))
        removed = await client.delete(f"{url}/attachments/{paper}", headers=headers)
        added = await county.applicant.attach(application, PDF + b"2")
        assert [answer.status_code for answer in (changed, removed, added)] == [409, 409, 409]

    @pytest.mark.parametrize(
        ("content", "code"),
        [
            (b"", "licence.empty_file"),
            (b"<html><script>alert(1)</script>", "licence.file_kind"),
            (b"\xff\xd8 no picture", "licence.file_kind"),
            (b"MZ\x90\x00", "licence.file_kind"),
        ],
    )
    async def test_a_paper_that_is_none_is_refused(self, county: County, content: bytes, code: str) -> None:
        application = await county.draft()
        answer = await county.applicant.attach(application, content)
        assert (answer.status_code, answer.json()["code"]) == (422, code)
        assert (await county.applicant.get(f"/{application}")).json()["attachments"] == []

    async def test_papers_are_kept_shown_by_what_they_are_and_taken_out_again(self, county: County) -> None:
        application = await county.draft()
        await county.applicant.attach(application, picture(), "identity", "C:\\用户\\身份证.exe")
        assert (await county.applicant.attach(application, picture(), "identity")).status_code == 409
        assert (await county.applicant.attach(application, PDF, "poem")).json()["code"] == "licence.paper"
        (paper,) = (await county.applicant.get(f"/{application}")).json()["attachments"]
        assert (paper["name"], paper["media_type"], paper["role"]) == ("身份证.exe", "image/png", "identity")
        opened = await county.applicant.get(f"/{application}/attachments/{paper['id']}")
        assert opened.content == picture()
        assert opened.headers["content-disposition"].startswith("attachment")
        assert opened.headers["x-content-type-options"] == "nosniff"
        url = f"/api/licences/{application}/attachments/{paper['id']}"
        gone = await county.applicant.client.delete(url, headers=county.applicant.headers)
        assert gone.json()["attachments"] == []

    async def test_a_certificate_that_no_list_names_is_not_applied_for(self, county: County) -> None:
        answer = await county.applicant.post("", county.form(kind="poetic_licence"))
        assert (answer.status_code, answer.json()["code"]) == (422, "certificate.kind")

    async def test_it_is_taken_back_while_nobody_has_decided(self, county: County) -> None:
        application = await county.accepted()
        taken = await county.applicant.post(f"/{application}/withdraw")
        assert taken.json()["application"]["state"] == "withdrawn"
        late = await county.reviewer.post(f"/{application}/approve", approval())
        assert (late.status_code, late.json()["code"]) == (409, "licence.wrong_step")


class TestReview:
    @pytest.mark.requirement("E5.8.4-4")
    @pytest.mark.parametrize("holder_kind", ["company", "staff", "station"])
    async def test_companies_staff_and_stations_apply_online_and_get_their_certificate(
        self, county: County, session: AsyncSession, holder_kind: str
    ) -> None:
        company = county.company
        station = await make_station_record(session, company, county.applicant.staff, kind="supply")
        worker = await make_staff(session, company, name="演示-新员工")
        holder_id, kind = {
            "company": (company.company.id, "gas_business"),
            "staff": (worker.id, "gas_operator"),
            "station": (station.id, "supply_station"),
        }[holder_kind]
        given = {"holder_kind": holder_kind, "holder_id": holder_id, "kind": kind}
        application = await county.submitted(**given)
        (waiting,) = (await county.reviewer.get(state="submitted")).json()["items"]
        assert (waiting["id"], waiting["holder_id"], waiting["overdue"]) == (application, holder_id, False)
        assert waiting["due_on"] > in_days(0).isoformat()
        returned = await county.reviewer.post(f"/{application}/return", {"reason": "缺安全评价报告"})
        assert (returned.json()["application"]["state"], returned.json()["reason"]) == ("returned", "缺安全评价报告")
        assert returned.json()["application"]["due_on"] is None
        await county.applicant.attach(application, PDF + b" assessment", "safety_assessment")
        assert (await county.applicant.post(f"/{application}/submit")).status_code == 200
        assert (await county.reviewer.post(f"/{application}/accept")).status_code == 200
        approved = (await county.reviewer.post(f"/{application}/approve", approval())).json()
        assert approved["application"]["state"] == "approved"
        assert [step["action"] for step in approved["steps"]] == ["submit", "return", "submit", "accept", "approve"]
        assert {step["staff_name"] for step in approved["steps"]} == {"演示-周管理", "演示-县审核"}
        url = f"/api/certificates/{approved['certificate_id']}"
        certificate = (await county.applicant.client.get(url, headers=county.applicant.headers)).json()
        assert (certificate["holder_kind"], certificate["holder_id"], certificate["kind"]) == (
            holder_kind,
            holder_id,
            kind,
        )
        assert (certificate["number"], certificate["state"]) == ("JL-2026-001", "valid")
        assert certificate["issued_by"]
        audited = await session.scalars(select(AuditEntry.action).where(AuditEntry.subject_id == application))
        assert {"licence.submit", "licence.return", "licence.accept", "licence.approve"} <= set(audited)

    async def test_a_refusal_says_why_and_makes_nothing(self, county: County) -> None:
        application = await county.accepted()
        assert (await county.reviewer.post(f"/{application}/refuse", {"reason": ""})).status_code == 400
        refused = (await county.reviewer.post(f"/{application}/refuse", {"reason": "场地不符"})).json()
        assert (refused["application"]["state"], refused["reason"]) == ("refused", "场地不符")
        seen = (await county.applicant.get(f"/{application}")).json()
        assert (seen["reason"], seen["certificate_id"], seen["actions"]) == ("场地不符", None, [])

    async def test_it_is_approved_only_after_it_was_taken_up_and_once(
        self, county: County, session: AsyncSession
    ) -> None:
        application = await county.submitted()
        early = await county.reviewer.post(f"/{application}/approve", approval())
        assert (early.status_code, early.json()["code"]) == (409, "licence.wrong_step")
        await county.reviewer.post(f"/{application}/accept")
        assert (await county.reviewer.post(f"/{application}/approve", approval())).status_code == 200
        again = await county.reviewer.post(f"/{application}/approve", approval("JL-2"))
        assert again.status_code == 409
        url = "/api/certificates"
        listed = (await county.applicant.client.get(url, headers=county.applicant.headers)).json()
        assert [each["number"] for each in listed["items"]] == ["JL-2026-001"]

    async def test_a_number_that_is_taken_approves_nothing(self, county: County, session: AsyncSession) -> None:
        first, second = await county.accepted(), await county.accepted(purpose="renewal")
        assert (await county.reviewer.post(f"/{first}/approve", approval())).status_code == 200
        taken = await county.reviewer.post(f"/{second}/approve", approval())
        assert (taken.status_code, taken.json()["code"]) == (409, "certificate.number_taken")
        assert (await county.reviewer.get(f"/{second}")).json()["application"]["state"] == "under_review"

    async def test_what_is_not_answered_in_time_is_overdue(self, county: County, session: AsyncSession) -> None:
        application = await county.submitted()
        await county.submitted(purpose="change")
        late = update(LicenceApplication).where(LicenceApplication.id == application)
        await session.execute(late.values(due_on=in_days(-1)))
        found = (await county.reviewer.get(overdue=True)).json()["items"]
        assert [(each["id"], each["overdue"]) for each in found] == [(application, True)]
        everything = (await county.reviewer.get()).json()["items"]
        assert everything[0]["id"] == application

    async def test_numbers_count_up_without_a_gap(self, county: County, session: AsyncSession) -> None:
        for _ in range(3):
            await county.draft()
        numbers = await session.scalars(select(LicenceApplication.number).order_by(LicenceApplication.number))
        assert [number[-3:] for number in numbers] == ["001", "002", "003"]
        assert await session.scalar(select(func.count(LicenceApplication.id))) == 3
