"""Who sends this request: a bearer token (phone, program) or the console's cookie; rights read afresh each time."""

import secrets
from datetime import UTC, datetime
from typing import Any

from litestar import Request
from litestar.connection import ASGIConnection
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts.models import ApiClient, ConsoleSession, Device, Organisation, RoleGrant, Staff
from backend.accounts.rules import ROLES
from backend.accounts.service.tokens import Claims, read_access_token, secret_digest
from backend.errors import NotAllowedError, UnauthenticatedError
from backend.scope import Caller, Grant

COOKIE = "qixun_session"
CSRF_HEADER = "x-csrf-token"
CSRF_FIELD = "csrf_token"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


async def authenticate(connection: ASGIConnection[Any, Any, Any, Any]) -> Caller | None:
    """None where there is neither token nor cookie; raises `UnauthenticatedError` where one does not hold."""
    state = connection.app.state
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    cookie = connection.cookies.get(COOKIE)
    if scheme.lower() != "bearer" and not cookie:
        return None
    async with state.database.sessions() as session:
        if scheme.lower() == "bearer":
            return await _bearer(session, read_access_token(state.signing_keys, token.strip()))
        caller = await console_caller(session, cookie or "")
    if caller is not None and connection.scope.get("method", "GET") not in _SAFE:
        await _check_csrf(connection, caller)
    return caller


async def console_caller(session: AsyncSession, cookie: str) -> Caller | None:
    """None for a session that ended: the console shows its sign-in page."""
    found = await session.get(ConsoleSession, secret_digest(cookie))
    if found is None or found.expires_at <= datetime.now(UTC):
        return None
    return await _staff(session, found.staff_id, device_id="", csrf_token=found.csrf_token)


async def _check_csrf(connection: ASGIConnection[Any, Any, Any, Any], caller: Caller) -> None:
    given = connection.headers.get(CSRF_HEADER, "")
    if not given and isinstance(connection, Request) and "form" in connection.headers.get("content-type", ""):
        given = str((await connection.form()).get(CSRF_FIELD, ""))
    if not secrets.compare_digest(given.encode(), caller.csrf_token.encode()):
        raise NotAllowedError(
            "csrf.missing",
            "页面已过期。",
            "The page is out of date.",
            action="请刷新页面重试",
            action_en="Reload and try again",
        )


async def _bearer(session: AsyncSession, claims: Claims) -> Caller | None:
    if claims.client:
        return await _client(session, claims)
    if claims.device:
        device = await session.get(Device, claims.device)
        if device is None or device.revoked_at is not None or device.staff_id != claims.sub:
            raise UnauthenticatedError(
                "device.revoked",
                "本设备已被停用。",
                "This device has been revoked.",
                action="请联系管理员",
                action_en="Ask your administrator",
            )
    return await _staff(session, claims.sub, device_id=claims.device)


async def _staff(session: AsyncSession, staff_id: str, *, device_id: str, csrf_token: str = "") -> Caller:
    staff = await session.get(Staff, staff_id)
    if staff is None or not staff.active:
        raise UnauthenticatedError("staff.inactive", "账号已停用。", "The account is closed.")
    rows = await session.execute(
        select(RoleGrant.organisation_id, Organisation.path, RoleGrant.role)
        .join(Organisation, Organisation.id == RoleGrant.organisation_id)
        .where(RoleGrant.staff_id == staff.id)
    )
    return Caller(
        staff_id=staff.id,
        company_id=staff.company_id,
        device_id=device_id,
        name=staff.name,
        csrf_token=csrf_token,
        grants=tuple(
            Grant(organisation_id, path, ROLES[role].rights) for organisation_id, path, role in rows if role in ROLES
        ),
    )


async def _client(session: AsyncSession, claims: Claims) -> Caller:
    client = await session.get(ApiClient, claims.sub)
    if client is None or not client.active:
        raise UnauthenticatedError("client.inactive", "该接入方已停用。", "The client is closed.")
    path = await session.scalar(select(Organisation.path).where(Organisation.id == client.organisation_id))
    return Caller(
        staff_id="",
        client_id=client.id,
        company_id=client.organisation_id,
        name=client.name,
        datasets=frozenset(client.datasets) & frozenset(claims.scope.split()),
        grants=(Grant(client.organisation_id, path or "", frozenset()),) if path else (),
    )
