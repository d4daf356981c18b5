"""Devices and their sync: last heard of, what they still hold, and shutting out one that is lost."""

from collections.abc import Callable
from typing import Any

from litestar import Response, get, post
from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts import service as accounts
from backend.cylinders import service as cylinders
from backend.errors import UnusableError
from backend.intake import phones, quarantined
from backend.intake.gaps import missing_numbers
from backend.intake.phones import OFFLINE_AFTER, PhoneFilter, PhoneOut
from backend.lists import Columns
from backend.pages import EXPORT_MOST
from backend.scope import Caller, requires
from web_console.listing import PageNumber, export, files, read_filters
from web_console.rendering import Visit, done, language_of, render, translate_into
from web_console.visiting import visitor, with_right
from web_console.words import PHONE_ORDERS

PAGE = 50
# A clock that is farther off is told: its records' times are corrected, but the worker sees wrong ones.
CLOCK_OFF_S = 60.0
LOW_BATTERY = 20.0
# Photos and a shift's records no longer fit for certain.
LOW_STORAGE_BYTES = 1e9
# What waits on a phone for longer, though it is heard of, is worth a call.
SLOW_S = 3600.0
_MANAGE = requires("devices.manage")


def _manager(request: Visit) -> Caller:
    return visitor(request).narrowed("devices.manage")


def _limits() -> dict[str, Any]:
    return {
        "offline_after": OFFLINE_AFTER,
        "clock_off_s": CLOCK_OFF_S,
        "low_battery": LOW_BATTERY,
        "low_storage": LOW_STORAGE_BYTES,
        "slow_s": SLOW_S,
    }


@get("/devices", guards=[_MANAGE])
async def show(request: Visit, session: AsyncSession) -> Response[str]:
    organisations = await accounts.list_organisations(session, _manager(request))
    units = [each for each in organisations if each.kind == "unit"]
    return render(
        request, "devices.html", filter=read_filters(request, PhoneFilter), unit_choices=units, orders=PHONE_ORDERS
    )


@get("/devices/found", guards=[_MANAGE])
async def found(request: Visit, session: AsyncSession, page: PageNumber = 1) -> Response[str]:
    caller = _manager(request)
    fleet = await phones.count_phones(session, caller)
    offset = PAGE * (page - 1)
    devices = await phones.list_phones(
        session, caller, read_filters(request, PhoneFilter), fleet, limit=PAGE, offset=offset
    )
    shown: dict[str, Any] = {"fleet": fleet, "devices": devices, "page": page, "size": PAGE}
    return render(request, "parts/devices.html", **shown, **_limits())


def _rounded(field: str, digits: int, factor: float = 1.0) -> Callable[[PhoneOut], float | None]:
    def told(one: PhoneOut) -> float | None:
        value = getattr(one, field)
        return None if value is None else round(value * factor, digits)

    return told


@get(files("/devices/export"), guards=[_MANAGE])
async def download(request: Visit, session: AsyncSession) -> Response[bytes]:
    t, caller = translate_into(language_of(request)), _manager(request)
    columns: Columns = [
        (t("工号"), "staff_number"),
        (t("姓名"), "staff_name"),
        (t("所属机构"), "organisation_name"),
        (t("设备"), "name"),
        (t("系统"), "platform"),
        (t("版本"), "app_version"),
        (t("最后联络"), "last_seen_at"),
        (t("待收"), "waiting"),
        (t("最早待收"), "oldest_waiting_at"),
        (t("最近一条在途（秒）"), _rounded("way_s", 1)),
        (t("退回"), "refused"),
        (t("缺号"), "missing"),
        (t("电量") + " %", "battery_percent"),
        (t("剩余空间") + " GB", _rounded("storage_free_bytes", 1, 1e-9)),
        (t("时钟偏差") + " s", _rounded("clock_offset_s", 0, -1)),
        (t("停用时间"), "revoked_at"),
    ]
    fleet = await phones.count_phones(session, caller)
    wanted = read_filters(request, PhoneFilter)
    listed = await phones.list_phones(session, caller, wanted, fleet, limit=EXPORT_MOST)
    return await export(request, "devices", columns, listed)


@get("/devices/{device_id:str}", guards=[_MANAGE])
async def open_one(request: Visit, session: AsyncSession, device_id: str) -> Response[str]:
    """With the record numbers that never came: a gap shows even where phone and hub agree."""
    device = await phones.find_phone(session, _manager(request), device_id)
    held = 0
    if reviewing := with_right(request, "records.review"):
        page = await quarantined.list_quarantined(session, reviewing, staff_id=device.staff_id, limit=1)
        held = page.total
    gaps = await missing_numbers(session, device.id)
    return render(request, "parts/device.html", device=device, gaps=gaps, held=held, **_limits())


@post("/devices/{device_id:str}/revoke", guards=[_MANAGE], status_code=204)
async def revoke(request: Visit, session: AsyncSession, device_id: str) -> Response[None]:
    await accounts.revoke_device(session, _manager(request), device_id)
    t = translate_into(language_of(request))
    undo = f"/devices/{device_id}/reinstate"
    return done(toast=t("设备已停用，它不能再登录和同步"), changed="devices-changed", undo=(t("撤销"), undo))


@post("/devices/{device_id:str}/reinstate", guards=[_MANAGE], status_code=204)
async def reinstate(request: Visit, session: AsyncSession, device_id: str) -> Response[None]:
    await accounts.reinstate_device(session, _manager(request), device_id)
    t = translate_into(language_of(request))
    return done(toast=t("设备已恢复，本人重新登录后继续同步"), changed="devices-changed")


@get("/devices/tag-key", guards=[_MANAGE])
async def show_tag_key(request: Visit, session: AsyncSession) -> Response[str]:
    key = await cylinders.find_tag_key(session, _manager(request), visitor(request).company_id)
    return render(request, "parts/tag_key.html", key=key)


@post("/devices/tag-key", guards=[_MANAGE], status_code=204)
async def replace_tag_key(request: Visit, session: AsyncSession) -> Response[None]:
    """The number is typed: what follows cannot be undone, and a second click must not do it twice."""
    caller, company_id = _manager(request), visitor(request).company_id
    key = await cylinders.find_tag_key(session, caller, company_id)
    if str((await request.form()).get("number", "")).strip() != str(key.number):
        raise UnusableError(
            "tag_key.number",
            f"请输入现在的密钥编号 {key.number} 以确认。",
            f"Type the present key's number, {key.number}, to confirm.",
        )
    number = await cylinders.replace_tag_key(session, caller, company_id)
    return done(toast=translate_into(language_of(request))("标签密钥已更换为第 {n} 号，会发到各单位的手机", n=number))


handlers = [show, found, download, show_tag_key, replace_tag_key, open_one, revoke, reinstate]
