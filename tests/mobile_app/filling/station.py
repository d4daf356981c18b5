"""A phone of a filler at a station, with all that a verdict needs and no network; and the simulated scale's words."""

import asyncio
import json
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import msgspec

from mobile_app.filling.after import check_after
from mobile_app.filling.work import Filling
from mobile_app.phone import Phone
from sync.documents.filling import FillingCheckedAfter, FillingCheckItem
from sync.documents.reference import Certificate, ChoiceList, ListEntry
from tests.mobile_app.phones import SETTINGS, STAFF_ID, TODAY, UNIT_ID, cylinder, put

COMPANY_ID = "018f0000c1"


WORDS = {"valve": "护罩、瓶阀", "colour": "颜色、检验色标", "leak": "检漏", "label": "充装、警示标签"}


def entries(name: str, **codes: float | None) -> ChoiceList:
    found = tuple(ListEntry(code=code, zh=WORDS.get(code, code), en=code, limit=limit) for code, limit in codes.items())
    return ChoiceList(id=f"reference.list:{name}", name=name, version=1, entries=found)


LISTS = (
    entries("filling_check_before", valve=None, colour=None),
    entries("filling_check_after", leak=None, label=None),
    entries("filling_net_weight", **{"YSP35.5": 14.5}),
    entries("filling_tolerance", **{"YSP35.5": 0.4}),
    entries("filling_factor", LPG=0.42),
    entries("filling_empty_limit", residue=1.0, below_tare=0.3),
)


def certificate(kind: str, holder_kind: Any, holder_id: str, **fields: Any) -> Certificate:
    given: dict[str, Any] = {"number": f"{kind}-1", "expires_on": TODAY + timedelta(days=365)}
    return Certificate(
        id=f"reference.certificate:{kind}", kind=kind, holder_kind=holder_kind, holder_id=holder_id, **(given | fields)
    )


FILLER = certificate("filler", "staff", STAFF_ID)
LICENCE = certificate("filling_licence", "company", COMPANY_ID)
FILLABLE = {"tare_kg": 16.5, "water_capacity_l": 35.5, "inspected_by": "演示检验站"}
CYLINDERS = (
    cylinder("FL0001", **FILLABLE),
    cylinder("FL0002", **FILLABLE),
    cylinder("FL0003", **FILLABLE, next_inspection_on=date(2020, 1, 1)),
    cylinder("FL0004", **FILLABLE, owned=False),
)


def equip(phone: Phone, *, certificates: Sequence[Certificate] = (FILLER, LICENCE)) -> None:
    """What a sync has brought to a filling station's phone."""
    put(phone.stores.unit(UNIT_ID), (*LISTS, *certificates, *CYLINDERS))
    staff = msgspec.structs.replace(phone.profile.staff, company_id=COMPANY_ID, roles=("filler",))
    phone.session.profile = msgspec.structs.replace(phone.profile, staff=staff)


def ask(phone: Phone, **demands: date) -> None:
    """The office has set a day from which it asks for something."""
    put(phone.stores.unit(UNIT_ID), [msgspec.structs.replace(SETTINGS, version=9, **demands)])


def passed(*items: str) -> list[FillingCheckItem]:
    return [FillingCheckItem(item=item, result="pass") for item in items]


BEFORE, AFTER = passed("valve", "colour"), passed("leak", "label")


async def up_to_fill(phone: Phone, code: str = "FL0001") -> Filling:
    filling = await Filling.open(phone)
    assert (await filling.scan(code, "nfc", tag_uid=f"04{code}")).allowed
    assert await filling.check(BEFORE, residual_pressure_mpa=0.1, ambient_c=-25)
    return filling


async def end(filling: Filling, gross_kg: float = 31.0, **fields: Any) -> FillingCheckedAfter:
    given: dict[str, Any] = {
        "second_scale_number": "FC-1",
        "gross_kg": gross_kg,
        "checker_certificate": "JC-7",
        "tag_uid": "04FL0001",
    }
    return await check_after(
        filling, fields.pop("code", "FL0001"), "nfc", fields.pop("items", AFTER), **(given | fields)
    )


def state(scale: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(scale.tell("state"))
    return found


async def closed(scale: Any, within_s: float = 8.0) -> dict[str, Any]:
    async with asyncio.timeout(within_s):
        while (found := state(scale))["lock"] == "open":  # noqa: ASYNC110 - another process is looked at
            await asyncio.sleep(0.05)
    return found
