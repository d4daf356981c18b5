"""实名登记 at the door: what a customer's record lacks is taken down then and there (5.8.3-07), and his contract is
photographed (5.8.3-04). An identity card is read from its photo (E5.8.4-3); what was read he confirms or types anew.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import date

import msgspec

from mobile_app.errors import FieldError
from mobile_app.for_office import sealed_for_office
from mobile_app.phone import Phone
from mobile_app.photo_drafts import PhotoDraft
from sync.documents.customers import (
    CustomerCompleted,
    CustomerPaperDone,
    CustomerPersonal,
    IdentityEntry,
    PaperKind,
)
from sync.documents.envelope import new_id
from sync.documents.tasks import CustomerCard, DeliveryTask
from sync.rules.customers import kind_of_identity, missing_fields, required_fields
from sync.rules.identity import Finding, check_identity, normal_identity

ADDRESS = ("district", "street", "community", "road", "house")
# Province, city and county, each of which may be missing; 小区 and 社区 are no counties.
_DISTRICT = re.compile(
    r"(?:[^省区市州县旗]{2,}?(?:省|自治区))?(?:[^省区市州盟县旗]{2,}?(?:市|自治州|地区|盟))?"
    r"(?:[^省区市州盟县旗小社]+?(?:自治县|县|区|旗|市))?"
)
_ROAD = re.compile(r"(.*(?:路|街|巷|道|胡同|小区|花园|家园|社区|苑|村|屯))(.+)")


async def given_here(phone: Phone, customer_id: str) -> frozenset[str]:
    """What this phone has taken down of the customer, whether the office has it yet or not."""
    found: set[str] = set()
    for completed in await phone.recorded(CustomerCompleted):
        if completed.customer_id == customer_id:
            found |= set(completed.given)
    for paper in await phone.recorded(CustomerPaperDone):
        if paper.customer_id == customer_id and paper.kind == "agreement":
            found.add("agreement_on")
    return frozenset(found | ({"address"} if found & {"road", "house"} else set()))


async def missing_here(phone: Phone, card: CustomerCard) -> tuple[str, ...]:
    """What a delivery to him still lacks. Raises NotReady before the first sync."""
    settings = await phone.settings()
    given = await given_here(phone, card.customer_id)
    return tuple(name for name in missing_fields(card, required_fields(card, settings)) if name not in given)


def check_number(phone: Phone, number: str, category: str, person_categories: Sequence[str]) -> tuple[Finding, ...]:
    """What is wrong or unusual about it; empty when nothing is."""
    return check_identity(normal_identity(number), kind_of_identity(category, person_categories), phone.today())


def address_parts(address: str) -> dict[str, str]:
    """A card's address by the parts that the form asks for; what is no district and no road is the house."""
    match = _DISTRICT.match(address)
    district = match[0] if match else ""
    rest = address[len(district) :]
    split = _ROAD.fullmatch(rest)
    road, house = split.groups() if split else ("", rest)
    return {name: value for name, value in (("district", district), ("road", road), ("house", house)) if value}


async def complete_customer(
    phone: Phone,
    task: DeliveryTask,
    values: Mapping[str, str],
    *,
    photo: PhotoDraft | None = None,
    entry: IdentityEntry = "keyed",
) -> CustomerCompleted:
    """Raises FieldError for a number that cannot be right or lacks its photo, NotReady without the office's key."""
    settings = await phone.settings()
    typed = {name: value.strip() for name, value in values.items() if value.strip()}
    if not typed:
        raise FieldError("customer.nothing", "还没有填写", "Nothing was filled in", field="name")
    category = typed.pop("category", "")
    kind = kind_of_identity(category or task.customer.category, settings.person_categories)
    if "identity_number" in typed:
        typed["identity_number"] = normal_identity(typed["identity_number"])
        for finding in check_identity(typed["identity_number"], kind, phone.today()):
            if finding.blocks:
                raise FieldError(finding.code, finding.zh, finding.en, field="identity_number")
        if photo is None:
            raise FieldError(
                "identity.no_photo",
                "请拍证件照片",
                "Take a photo of the card",
                action_zh="号码手工输入，照片供办公室核对",
                action_en="the number is typed; the office compares it with the photo",
                field="photo",
            )
    record_id = new_id("customer.completed")
    try:
        personal = msgspec.convert(typed, CustomerPersonal)
    except msgspec.ValidationError as error:
        raise FieldError(
            "customer.phone", "电话号码填得不对", "The telephone number is not valid", field="phone", why=str(error)
        ) from error
    sealed = await sealed_for_office(phone, msgspec.json.encode(personal).decode(), record_id, needed=bool(typed))
    return await phone.record(
        CustomerCompleted,
        record_id=record_id,
        photos=(photo,) if photo else (),
        task_id=task.id,
        customer_id=task.customer.customer_id,
        given=tuple(sorted({*typed, *(["category"] if category else [])})),
        category=category,
        identity_kind=kind,
        identity_photo=photo.id if photo else "",
        identity_entry=entry,
        sealed=sealed if typed else "",
    )


async def keep_paper(
    phone: Phone,
    task: DeliveryTask,
    kind: PaperKind,
    photos: Sequence[PhotoDraft],
    *,
    number: str = "",
    valid_until: date | None = None,
) -> CustomerPaperDone:
    """供用气合同 and the like, linked to this customer and this delivery. Raises FieldError without a photo."""
    if not photos:
        raise FieldError("paper.no_photo", "请拍合同照片", "Take a photo of the paper", field="photos")
    return await phone.record(
        CustomerPaperDone,
        photos=photos,
        task_id=task.id,
        customer_id=task.customer.customer_id,
        kind=kind,
        number=number.strip(),
        valid_until=valid_until,
    )
