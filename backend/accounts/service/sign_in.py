"""Signing in and staying signed in: passwords, lockout, rotating refresh tokens, console sessions."""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from backend import audit
from backend.accounts.keys import SigningKeys
from backend.accounts.models import ConsoleSession, Device, Organisation, RefreshToken, SignInFailure, Staff
from backend.accounts.schemas import DatabasesOut, DeviceIn, SignedIn, SignedInStaff, UnitOut
from backend.accounts.service.devices import register_device
from backend.accounts.service.passwords import verify_password
from backend.accounts.service.staff import roles_of, units_of
from backend.accounts.service.tokens import issue_access_token, new_secret, secret_digest
from backend.db import Database, new_key
from backend.errors import AppError, UnauthenticatedError
from backend.intake.dropped import dropped_names
from backend.scope import Caller
from backend.settings import Settings
from sync.databases import media_database, quarter_of, unit_database, user_database

# A phone whose answer was lost on a bad line may present the used token once more within this time.
_LOST_ANSWER = timedelta(minutes=10)
CONSOLE_SESSION = timedelta(hours=12)


async def sign_in(
    database: Database,
    settings: Settings,
    keys: SigningKeys,
    *,
    staff_number: str,
    password: str,
    device: DeviceIn | None,
) -> SignedIn:
    """Raises `UnauthenticatedError`, the same for an unknown number and a wrong password."""
    staff_id = await check_password(database, settings, staff_number, password)
    async with database.sessions() as session, session.begin():
        staff = await session.get_one(Staff, staff_id)
        if device is not None:
            await register_device(session, staff, device)
        device_id = device.device_id if device else ""
        await _note(session, staff, "staff.signed_in", device_id)
        return await _signed_in(session, settings, keys, staff, device_id, chain_id=new_key(), parent_id=None)


async def check_password(database: Database, settings: Settings, staff_number: str, password: str) -> str:
    """The staff id. Counts the attempt before it looks, in a transaction of its own: a burst of guesses in parallel
    is counted, and a failure stays counted though the request is rolled back.
    """
    number = staff_number.strip()
    async with database.sessions() as session, session.begin():
        attempts = await _count(session, settings, number)
    if attempts > settings.sign_in_attempts:
        raise _locked(settings)
    async with database.sessions() as session:
        staff = await session.scalar(select(Staff).where(Staff.staff_number == number))
    right = await verify_password(staff.password_hash if staff else None, password)
    if staff is None or not right or not staff.active:
        if attempts == settings.sign_in_attempts:
            async with database.sessions() as session, session.begin():
                await audit.record(session, None, "sign_in.locked", "staff_number", secret_digest(number).hex())
        raise UnauthenticatedError(
            "sign_in.wrong_password",
            "工号或密码不正确。",
            "The staff number or password is wrong.",
            action="请检查后重试",
            action_en="Check and try again",
            attempts_left=max(settings.sign_in_attempts - attempts, 0),
        )
    async with database.sessions() as session, session.begin():
        await session.execute(delete(SignInFailure).where(SignInFailure.staff_number == number))
    return staff.id


async def _count(session: AsyncSession, settings: Settings, number: str) -> int:
    """Attempts in a row; they are forgotten when the lock time has passed since the last one."""
    now = datetime.now(UTC)
    window = now - timedelta(minutes=settings.sign_in_lock_minutes)
    await session.execute(
        delete(SignInFailure).where(SignInFailure.staff_number == number, SignInFailure.last_at < window)
    )
    row = insert(SignInFailure).values(staff_number=number, attempts=1, last_at=now)
    counted = row.on_conflict_do_update(
        index_elements=["staff_number"],
        set_={"attempts": SignInFailure.attempts + 1, "last_at": now},
        # While locked, further attempts do not lengthen the lock.
        where=SignInFailure.attempts <= settings.sign_in_attempts,
    ).returning(SignInFailure.attempts)
    return await session.scalar(counted) or settings.sign_in_attempts + 1


def _locked(settings: Settings) -> AppError:
    minutes = settings.sign_in_lock_minutes
    return AppError(
        429,
        "sign_in.locked",
        f"密码错误次数过多，请 {minutes} 分钟后再试。",
        f"Too many wrong passwords: try again in {minutes} minutes.",
        action="或请管理员重置密码",
        action_en="Or ask your administrator for a new password",
        retry_after_s=minutes * 60,
    )


async def refresh(
    database: Database, settings: Settings, keys: SigningKeys, *, refresh_token: str, device_id: str
) -> SignedIn:
    """Rotates. A token presented twice revokes its whole chain: one of the two holders is a thief."""
    now = datetime.now(UTC)
    async with database.sessions() as session, session.begin():
        found = await session.scalar(
            select(RefreshToken).where(RefreshToken.token_hash == secret_digest(refresh_token)).with_for_update()
        )
        if found is None or found.device_id != device_id or found.expires_at <= now:
            raise _refused()
        # A revoked one had been replaced because its answer seemed lost: here is somebody who got it.
        stolen = found.revoked_at is not None or (
            found.used_at is not None and not await _answer_was_lost(session, found, now)
        )
        if stolen:
            if await _revoke_chain(session, found.chain_id):
                staff = await session.get_one(Staff, found.staff_id)
                await _note(session, staff, "refresh_token.reused", device_id)
        else:
            staff = await _still_welcome(session, found)
            found.used_at = now
            return await _signed_in(
                session, settings, keys, staff, device_id, chain_id=found.chain_id, parent_id=found.id
            )
    raise _refused()


async def _answer_was_lost(session: AsyncSession, found: RefreshToken, now: datetime) -> bool:
    """Whether this is a retry: used moments ago, and nobody has used its successor, which is withdrawn."""
    if found.used_at is None or now - found.used_at > _LOST_ANSWER:
        return False
    children = (await session.scalars(select(RefreshToken).where(RefreshToken.parent_id == found.id))).all()
    if any(child.used_at for child in children):
        return False
    for child in children:
        child.revoked_at = child.revoked_at or now
    return True


async def _still_welcome(session: AsyncSession, token: RefreshToken) -> Staff:
    staff = await session.get_one(Staff, token.staff_id)
    device = await session.get(Device, token.device_id) if token.device_id else None
    gone = token.device_id and (device is None or device.revoked_at or device.staff_id != staff.id)
    if not staff.active or gone:
        raise _refused()
    return staff


def _refused() -> UnauthenticatedError:
    return UnauthenticatedError(
        "sign_in.expired", "登录已过期。", "The sign-in has expired.", action="请重新登录", action_en="Sign in again"
    )


async def _revoke_chain(session: AsyncSession, chain_id: str) -> bool:
    """Whether anything was left of it: a chain that was signed out says nothing about thieves."""
    ended = await session.scalars(
        update(RefreshToken)
        .where(RefreshToken.chain_id == chain_id, RefreshToken.revoked_at.is_(None))
        .values(revoked_at=datetime.now(UTC))
        .returning(RefreshToken.id)
    )
    return bool(ended.all())


async def sign_out(session: AsyncSession, caller: Caller) -> None:
    """This device's refresh tokens end; the person's other devices stay signed in."""
    await session.execute(
        update(RefreshToken)
        .where(
            RefreshToken.staff_id == caller.staff_id,
            RefreshToken.device_id == caller.device_id,
            RefreshToken.revoked_at.is_(None),
        )
        .values(revoked_at=datetime.now(UTC))
    )
    await audit.record(session, caller, "staff.signed_out", "staff", caller.staff_id)


async def open_console_session(
    database: Database, settings: Settings, *, staff_number: str, password: str
) -> tuple[str, str, datetime]:
    """The cookie's value, the CSRF token of the session's forms, and when both end."""
    staff_id = await check_password(database, settings, staff_number, password)
    cookie, csrf_token, expires_at = new_secret(), new_secret(), datetime.now(UTC) + CONSOLE_SESSION
    async with database.sessions() as session, session.begin():
        staff = await session.get_one(Staff, staff_id)
        session.add(
            ConsoleSession(
                token_hash=secret_digest(cookie), staff_id=staff_id, csrf_token=csrf_token, expires_at=expires_at
            )
        )
        await _note(session, staff, "console.signed_in", "")
    return cookie, csrf_token, expires_at


async def close_console_session(session: AsyncSession, cookie: str) -> None:
    await session.execute(delete(ConsoleSession).where(ConsoleSession.token_hash == secret_digest(cookie)))


async def delete_expired(session: AsyncSession) -> None:
    """What can no longer open anything; a job's work."""
    now = datetime.now(UTC)
    await session.execute(delete(ConsoleSession).where(ConsoleSession.expires_at < now))
    await session.execute(delete(RefreshToken).where(RefreshToken.expires_at < now))
    await session.execute(delete(SignInFailure).where(SignInFailure.last_at < now - timedelta(days=1)))


async def _note(session: AsyncSession, staff: Staff, action: str, device_id: str) -> None:
    facts = {"device_id": device_id}
    await audit.record(
        session, None, action, "staff", staff.id, facts, organisation_id=staff.organisation_id, actor_id=staff.id
    )


async def _signed_in(
    session: AsyncSession,
    settings: Settings,
    keys: SigningKeys,
    staff: Staff,
    device_id: str,
    *,
    chain_id: str,
    parent_id: str | None,
) -> SignedIn:
    now = datetime.now(UTC)
    units = await units_of(session, staff.id)
    unit_ids = [unit.id for unit in units]
    access_token, expires_at = issue_access_token(
        keys,
        subject=staff.id,
        organisation_id=staff.company_id,
        lifetime_s=settings.access_token_s,
        device_id=device_id,
        unit_ids=unit_ids,
    )
    refresh_token = new_secret()
    session.add(
        RefreshToken(
            token_hash=secret_digest(refresh_token),
            chain_id=chain_id,
            parent_id=parent_id,
            staff_id=staff.id,
            device_id=device_id,
            expires_at=now + timedelta(days=settings.refresh_token_days),
        )
    )
    company = await session.get_one(Organisation, staff.company_id)
    return SignedIn(
        access_token=access_token,
        expires_at=expires_at,
        refresh_token=refresh_token,
        server_time=now,
        staff=SignedInStaff(
            staff_id=staff.id,
            staff_number=staff.staff_number,
            name=staff.name,
            company_id=company.id,
            company_name=company.name,
            roles=tuple(dict.fromkeys(grant.role for grant in await roles_of(session, staff.id))),
        ),
        units=tuple(UnitOut(unit_id=unit.id, name=unit.name, kind=unit.kind) for unit in units),
        hub_url=settings.public_hub_url or "/sync/",
        databases=_databases(staff, unit_ids, now, gone=await dropped_names(session, staff.id)),
        signing_keys=keys.public_pems(),
    )


def _databases(staff: Staff, unit_ids: list[str], now: datetime, *, gone: Collection[str]) -> DatabasesOut:
    """This quarter's, and the last one's if he was there then and it was not dropped."""
    before = now
    while quarter_of(before) == quarter_of(now):
        before -= timedelta(days=1)
    moments = (now, before) if quarter_of(staff.created_at) <= quarter_of(before) else (now,)
    return DatabasesOut(
        user=tuple(name for moment in moments if (name := user_database(staff.id, moment)) not in gone),
        media=(media_database(staff.id, now),),
        units=tuple(unit_database(unit_id) for unit_id in unit_ids),
    )
