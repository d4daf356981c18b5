"""What the verdict at the gun rests on, from this phone alone: the company's tables, certificates, own fillings."""

from typing import TypedDict

from mobile_app.errors import NotReady
from mobile_app.phone import Phone
from sync.documents.filling import CylinderFilled
from sync.documents.reference import Certificate, ChoiceList, Cylinder
from sync.rules.certificates import in_force
from sync.rules.filling import (
    EMPTY_LIST,
    FACTOR_LIST,
    NET_WEIGHT_LIST,
    TOLERANCE_LIST,
    FillingLimits,
    Permits,
    limits_for,
    permits_of,
)

CHECKER_CERTIFICATE = "filling_inspector"


class Demands(TypedDict, total=False):
    """What `may_fill` is told besides."""

    tag_required: bool
    explosion_proof_required: bool


async def limits_of(phone: Phone, cylinder: Cylinder | None) -> FillingLimits:
    """A table that has not arrived says nothing, and what it would allow is refused."""
    if cylinder is None:
        return FillingLimits()
    lists: dict[str, ChoiceList] = {}
    for name in (NET_WEIGHT_LIST, TOLERANCE_LIST, FACTOR_LIST, EMPTY_LIST):
        try:
            lists[name] = await phone.lists(name)
        except NotReady:
            continue
    return limits_for(cylinder, lists)


async def permits(phone: Phone) -> Permits:
    profile = phone.profile
    return permits_of(
        await phone.certificates(),
        staff_id=profile.staff.staff_id,
        company_id=profile.staff.company_id,
        station_ids=[unit.unit_id for unit in profile.units],
        device_id=phone.device_id,
    )


async def demands(phone: Phone) -> Demands:
    """What the company asks for from a day on; nothing before its settings have arrived."""
    try:
        settings = await phone.settings()
    except NotReady:
        return {}
    today = phone.today()
    return {
        "tag_required": in_force(settings.tag_required_from, today),
        "explosion_proof_required": in_force(settings.explosion_proof_from, today),
    }


async def checker_certificate(phone: Phone) -> str:
    """The number of the worker's own certificate for checking, where he has one that is valid."""
    own = [c for c in await phone.certificates() if _is_checkers(c, phone.profile.staff.staff_id)]
    valid = [c for c in own if c.expires_on >= phone.today()]
    return max(valid, key=lambda each: each.expires_on).number if valid else ""


def _is_checkers(certificate: Certificate, staff_id: str) -> bool:
    held = (certificate.holder_kind, certificate.holder_id, certificate.kind)
    return held == ("staff", staff_id, CHECKER_CERTIFICATE)


async def words_of(phone: Phone, name: str) -> dict[str, tuple[str, str]]:
    """The items of a check list by their codes. Raises NotReady before the first sync."""
    return {entry.code: (entry.zh, entry.en) for entry in (await phone.lists(name)).entries}


async def last_filled_on(phone: Phone, code: str) -> str:
    """When this phone filled it the time before; the office knows of all the others."""
    own = [record.filled_on for record in await phone.recorded(CylinderFilled) if record.scan.code == code]
    return own[-1] if own else ""
