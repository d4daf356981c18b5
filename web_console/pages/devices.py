"""Devices and their sync: last heard of, what they still hold, and shutting out one that is lost."""

from datetime import UTC, datetime
from typing import Any

from litestar import Response, get, post
from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts import service as accounts
from backend.intake.gaps import missing_numbers
from backend.scope import requires
from web_console.pages.overview import OFFLINE_AFTER
from web_console.rendering import Visit, done, language_of, render, translate_into
from web_console.visiting import visitor

_MOST = 500
# A clock that is farther off is told: its records' times are corrected, but the worker sees wrong ones.
CLOCK_OFF_S = 60.0
LOW_BATTERY = 20.0


@get("/devices", guards=[requires("devices.manage")])
async def show(request: Visit) -> Response[str]:
    return render(request, "devices.html")


@get("/devices/found", guards=[requires("devices.manage")])
async def found(request: Visit, session: AsyncSession, search: str = "") -> Response[str]:
    devices = await accounts.list_devices(session, visitor(request).narrowed("devices.manage"), limit=_MOST)
    now = datetime.now(UTC)
    words = search.strip()
    shown = [d for d in devices if not words or words in f"{d.staff_name} {d.staff_number} {d.name} {d.id}"]
    active = [d for d in devices if d.revoked_at is None]
    versions = [d.app_version for d in active if d.app_version]
    counts: dict[str, Any] = {
        "active": len(active),
        "offline": sum(1 for d in active if d.last_seen_at is None or now - d.last_seen_at > OFFLINE_AFTER),
        "waiting": sum(d.waiting or 0 for d in active),
        "refused": sum(d.refused or 0 for d in active),
    }
    return render(
        request,
        "parts/devices.html",
        devices=shown,
        counts=counts,
        newest=max(versions, default="", key=_version),
        offline_after=OFFLINE_AFTER,
        clock_off_s=CLOCK_OFF_S,
        low_battery=LOW_BATTERY,
    )


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".") if part.isdigit())


@get("/devices/{device_id:str}", guards=[requires("devices.manage")])
async def open_one(request: Visit, session: AsyncSession, device_id: str) -> Response[str]:
    """With the record numbers that never came: a gap shows even where phone and hub agree."""
    caller = visitor(request).narrowed("devices.manage")
    device = await accounts.find_device(session, caller, device_id)
    return render(request, "parts/device.html", device=device, gaps=await missing_numbers(session, device.id))


@post("/devices/{device_id:str}/revoke", guards=[requires("devices.manage")], status_code=204)
async def revoke(request: Visit, session: AsyncSession, device_id: str) -> Response[None]:
    await accounts.revoke_device(session, visitor(request).narrowed("devices.manage"), device_id)
    t = translate_into(language_of(request))
    return done(toast=t("设备已停用，它不能再登录和同步"), changed="devices-changed")


handlers = [show, found, open_one, revoke]
