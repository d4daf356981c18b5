"""Records as the office looks at them: every labelled field, no personal one."""

from datetime import UTC, datetime

from backend.intake.facts import find_records
from backend.intake.models import Fact
from sync.documents.cylinders import CylinderScan
from sync.documents.deliveries import DeliveryCompleted, LeakTest, Signature
from sync.documents.envelope import encode_body
from sync.documents.hazards import ThirdPartyWorksReported
from tests.factories.accounts import make_company, make_staff
from tests.factories.taken import office, record


async def keep(session, company, staff, made):
    now = datetime.now(UTC)
    fact = Fact(
        id=made.id,
        tag=made.id.partition(":")[0],
        rev="1-a",
        database="user_x_20264",
        organisation_id=company.unit.id,
        company_id=company.company.id,
        staff_id=staff.id,
        device_id="phone",
        record_number=1,
        recorded_at=now,
        received_at=now,
        state="accepted",
        remarks=[],
        body=encode_body(made),
    )
    session.add(fact)
    await session.flush()


async def test_a_delivery_shows_with_its_lists(session):
    company = await make_company(session)
    driver = await make_staff(session, company)
    made = record(
        DeliveryCompleted,
        driver,
        customer_id="c",
        check_id="d",
        delivered=(CylinderScan(code="SH35-0001", method="qr"),),
        leak_test=LeakTest(method="soap_water", passed=True),
        signature=Signature(kind="written", receiver="演示-钱用户"),
    )
    await keep(session, company, driver, made)
    (found,) = await find_records(session, office(company, driver), [made.id])
    assert "送达气瓶" in [zh for zh, _, _ in found.fields]
    assert "演示-钱用户" not in str(found.fields)


async def test_who_to_call_at_the_works_is_not_shown(session):
    company = await make_company(session)
    inspector = await make_staff(session, company)
    made = record(
        ThirdPartyWorksReported, inspector, machinery=("excavator",), contact="演示-孙", contact_phone="100-0000-0001"
    )
    await keep(session, company, inspector, made)
    (found,) = await find_records(session, office(company, inspector), [made.id])
    assert "机械" in [zh for zh, _, _ in found.fields]
    assert not {"演示-孙", "100-0000-0001"} & {value for _, _, value in found.fields if isinstance(value, str)}


async def test_another_companys_record_is_not_there(session):
    company, other = await make_company(session), await make_company(session)
    inspector, stranger = await make_staff(session, company), await make_staff(session, other)
    made = record(ThirdPartyWorksReported, inspector)
    await keep(session, company, inspector, made)
    assert await find_records(session, office(other, stranger), [made.id]) == []
