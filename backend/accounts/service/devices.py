"""Phones: registered by their owner's first sign-in, revoked when lost, heard of at each report.

A device id stands for one person on one phone: an app that two people share makes an id for each of them, since the
id is the role that opens its owner's databases in the hub.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Select, and_, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from backend import audit, events
from backend.accounts.models import Device, RefreshToken, RoleGrant, Staff
from backend.accounts.schemas import DeviceIn, DeviceOut, DeviceStatusIn
from backend.bulk import one_of
from backend.errors import ConflictingError, MissingError, NotAllowedError
from backend.intake import service as intake
from backend.intake.dropped import reopen
from backend.scope import Caller, scoped

# Whatever a phone's clock says, nothing waits longer.
_LONGEST_WAIT = timedelta(days=3650)


async def register_device(session: AsyncSession, staff: Staff, device: DeviceIn) -> Device:
    """Raises where it was revoked or belongs to somebody else."""
    found = await session.get(Device, device.device_id)
    if found is None:
        found = Device(
            id=device.device_id,
            staff_id=staff.id,
            organisation_id=staff.organisation_id,
            name=device.name,
            platform=device.platform,
            app_version=device.app_version,
        )
        session.add(found)
        await session.flush()
        facts = {"name": device.name, "platform": device.platform}
        await audit.record(
            session,
            None,
            "device.registered",
            "device",
            found.id,
            facts,
            organisation_id=staff.organisation_id,
            actor_id=staff.id,
        )
        await intake.provision(session, staff.id)
    if found.revoked_at is not None:
        raise NotAllowedError(
            "device.revoked",
            "本设备已被停用。",
            "This device has been revoked.",
            action="请联系管理员",
            action_en="Ask your administrator",
        )
    if found.staff_id != staff.id:
        raise ConflictingError(
            "device.other_owner",
            "本设备登记在他人名下。",
            "This device is registered to somebody else.",
            action="请更新应用后重试",
            action_en="Update the app and try again",
        )
    found.name, found.platform, found.app_version = device.name, device.platform, device.app_version
    found.last_seen_at = datetime.now(UTC)
    await session.flush()
    return found


async def active_device_ids(session: AsyncSession, staff_id: str) -> Sequence[str]:
    """Devices that may open this person's databases; none once he has left."""
    statement = (
        select(Device.id).join(Staff).where(Device.staff_id == staff_id, Device.revoked_at.is_(None), Staff.active)
    )
    return (await session.scalars(statement.order_by(Device.id))).all()


async def list_devices(
    session: AsyncSession, caller: Caller, *, staff_id: str = "", limit: int = 200, offset: int = 0
) -> list[DeviceOut]:
    """Most recently heard of first; `staff_id` asks for one person's."""
    statement = _shown(caller).where(Device.staff_id == staff_id) if staff_id else _shown(caller)
    statement = statement.order_by(Device.last_seen_at.desc().nulls_last(), Device.id)
    rows = (await session.execute(statement.limit(limit).offset(offset))).mappings()
    return [DeviceOut(**row) for row in rows]


async def handhelds(
    session: AsyncSession, caller: Caller | None, ids: Sequence[str] | None = None, *, role: str = ""
) -> list[DeviceOut]:
    """Those with these ids, else all in use; `role`: of people who hold it anywhere."""
    query = _select_shown()
    if caller is not None:
        query = scoped(query, Device.organisation_id, caller)
    query = query.where(one_of(Device.id, ids) if ids is not None else and_(Device.revoked_at.is_(None), Staff.active))
    if role:
        query = query.where(Staff.id.in_(select(RoleGrant.staff_id).where(RoleGrant.role == role)))
    rows = (await session.execute(query.order_by(Staff.name, Device.name, Device.id))).mappings()
    return [DeviceOut(**row) for row in rows]


def _shown(caller: Caller) -> Select[Any]:
    return scoped(_select_shown(), Device.organisation_id, caller)


def _select_shown() -> Select[Any]:
    own = [getattr(Device, name) for name in DeviceOut.__struct_fields__ if not name.startswith("staff_")]
    columns = [*own, Device.staff_id, Staff.staff_number, Staff.name.label("staff_name")]
    return select(*columns).join(Staff)


async def revoke_device(session: AsyncSession, caller: Caller | None, device_id: str) -> None:
    """The hub shuts it out within seconds: its role is taken from the owner's databases, its tokens end."""
    device = await _find(session, caller, device_id)
    if device.revoked_at is None:
        device.revoked_at = datetime.now(UTC)
        await _end(session, caller, device, "device.revoked")


async def reinstate_device(session: AsyncSession, caller: Caller, device_id: str) -> None:
    """The lost phone was found, or the wrong one was shut out: its owner signs in on it again."""
    device = await _find(session, caller, device_id)
    if device.revoked_at is not None:
        device.revoked_at = None
        await _changed(session, caller, device, "device.reinstated")


async def report_status(session: AsyncSession, caller: Caller, status: DeviceStatusIn) -> datetime:
    """A device's last contact; answers the server's time."""
    now = datetime.now(UTC)
    device = await session.get(Device, caller.device_id)
    if device is None or device.staff_id != caller.staff_id:
        raise MissingError("device.unknown", "本设备尚未登记。", "This device is not registered.")
    device.last_seen_at = now
    device.waiting, device.refused = status.waiting, status.refused
    device.unsettled = None if status.unsettled is None else list(status.unsettled)
    await reopen(session, device.staff_id, status.unsettled or ())
    device.app_version = status.app_version or device.app_version
    device.storage_free_bytes, device.battery_percent = status.storage_free_bytes, status.battery_percent
    if status.clock_at is not None:
        device.clock_offset_s = (now - status.clock_at).total_seconds()
    device.oldest_waiting_at = _oldest(status, now)
    await session.flush()
    await events.announce(session, "device.seen", device.id, device.organisation_id, waiting=status.waiting)
    return now


def _oldest(status: DeviceStatusIn, now: datetime) -> datetime | None:
    """By the server's clock: the phone's own may be a day off, the time between its two readings is not."""
    if not status.waiting or status.oldest_waiting_at is None:
        return None
    waited = (status.clock_at or now) - status.oldest_waiting_at
    return now - min(max(waited, timedelta(0)), _LONGEST_WAIT)


async def _find(session: AsyncSession, caller: Caller | None, device_id: str) -> Device:
    statement = select(Device).where(Device.id == device_id)
    found = await session.scalar(scoped(statement, Device.organisation_id, caller) if caller else statement)
    if found is None:
        raise _unknown()
    return found


def _unknown() -> MissingError:
    return MissingError("device.unknown", "没有这台设备。", "There is no such device.")


async def _end(session: AsyncSession, caller: Caller | None, device: Device, action: str) -> None:
    await session.execute(
        update(RefreshToken)
        .where(RefreshToken.device_id == device.id, RefreshToken.revoked_at.is_(None))
        .values(revoked_at=func.now())
    )
    await _changed(session, caller, device, action)


async def _changed(session: AsyncSession, caller: Caller | None, device: Device, action: str) -> None:
    """Told, written down, and the owner's databases are opened to the devices that he has now."""
    await session.flush()
    await audit.record(session, caller, action, "device", device.id, organisation_id=device.organisation_id)
    await events.announce(session, action, device.id, device.organisation_id)
    await intake.provision(session, device.staff_id)
