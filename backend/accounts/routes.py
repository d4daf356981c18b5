"""Signing in, people, devices and regulators' clients over HTTP."""

import base64
from collections.abc import Sequence
from typing import Annotated, Any, TypeVar

import msgspec
from litestar import Request, Router, delete, get, post, put
from litestar.enums import RequestEncodingType
from litestar.params import Body, Parameter
from sqlalchemy.ext.asyncio import AsyncSession

from backend import audit
from backend.accounts import service
from backend.accounts.keys import SigningKeys
from backend.accounts.rules import ROLES
from backend.accounts.schemas import (
    ActiveIn,
    AuditOut,
    ClientIn,
    ClientMade,
    ClientOut,
    ClientToken,
    ClientTokenIn,
    DeviceOut,
    DeviceStatusIn,
    GrantIn,
    GrantOut,
    Me,
    OrganisationIn,
    OrganisationOut,
    PasswordChangeIn,
    PasswordIn,
    RefreshIn,
    ServerTime,
    SignedIn,
    SignInIn,
    StaffIn,
    StaffOut,
    UnitOut,
    UnitsIn,
)
from backend.db import Database
from backend.errors import UnauthenticatedError
from backend.scope import Caller, requires, signed_in
from backend.settings import Settings

Out = TypeVar("Out", bound=msgspec.Struct)
Limit = Annotated[int, Parameter(ge=1, le=500)]
Offset = Annotated[int, Parameter(ge=0)]
# Said in the API's description of what needs no token.
_OPEN: list[dict[str, list[str]]] = [{}]


@post("/sign-in", status_code=200, security=_OPEN)
async def sign_in(
    data: SignInIn,
    database: Database,
    settings: Settings,
    keys: SigningKeys,
) -> SignedIn:
    return await service.sign_in(
        database, settings, keys, staff_number=data.staff_number, password=data.password, device=data.device
    )


@post("/refresh", status_code=200, security=_OPEN)
async def refresh(
    data: RefreshIn,
    database: Database,
    settings: Settings,
    keys: SigningKeys,
) -> SignedIn:
    return await service.refresh(database, settings, keys, refresh_token=data.refresh_token, device_id=data.device_id)


@post("/sign-out", status_code=204, guards=[signed_in])
async def sign_out(session: AsyncSession, caller: Caller) -> None:
    await service.sign_out(session, caller)


@get("/me", guards=[signed_in])
async def me(session: AsyncSession, caller: Caller) -> Me:
    staff = await service.find_staff(session, caller.staff_id)
    company = await service.find_organisation(session, staff.company_id)
    units = await service.units_of(session, staff.id)
    return Me(
        staff_id=staff.id,
        staff_number=staff.staff_number,
        name=staff.name,
        company_id=company.id,
        company_name=company.name,
        rights=tuple(sorted(caller.rights)),
        grants=tuple(await service.roles_of(session, staff.id)),
        units=tuple(UnitOut(unit_id=unit.id, name=unit.name, kind=unit.kind) for unit in units),
    )


@post("/me/password", status_code=204, guards=[signed_in])
async def change_password(data: PasswordChangeIn, session: AsyncSession, caller: Caller, settings: Settings) -> None:
    await service.change_own_password(
        session, caller, data.current_password, data.password, min_length=settings.password_min_length
    )


@get("/signing-keys", guards=[signed_in])
async def signing_keys(keys: SigningKeys) -> dict[str, str]:
    return keys.public_pems()


@post("/devices/status", status_code=200, guards=[signed_in])
async def report_status(data: DeviceStatusIn, session: AsyncSession, caller: Caller) -> ServerTime:
    return ServerTime(await service.report_status(session, caller, data))


@get("/devices", guards=[requires("devices.manage")])
async def list_devices(
    session: AsyncSession, caller: Caller, limit: Limit = 200, offset: Offset = 0
) -> list[DeviceOut]:
    return await service.list_devices(session, caller, limit=limit, offset=offset)


@post("/devices/{device_id:str}/revoke", status_code=204, guards=[requires("devices.manage")])
async def revoke_device(session: AsyncSession, caller: Caller, device_id: str) -> None:
    await service.revoke_device(session, caller, device_id)


@post("/devices/{device_id:str}/reinstate", status_code=204, guards=[requires("devices.manage")])
async def reinstate_device(session: AsyncSession, caller: Caller, device_id: str) -> None:
    await service.reinstate_device(session, caller, device_id)


@get("/organisations", guards=[signed_in])
async def list_organisations(session: AsyncSession, caller: Caller) -> list[OrganisationOut]:
    return _many(await service.list_organisations(session, caller), OrganisationOut)


@post("/organisations", guards=[requires("accounts.manage")])
async def create_organisation(data: OrganisationIn, session: AsyncSession, caller: Caller) -> OrganisationOut:
    made = await service.create_organisation(session, caller, parent_id=data.parent_id, kind=data.kind, name=data.name)
    return msgspec.convert(made, OrganisationOut, from_attributes=True)


@get("/roles", guards=[signed_in])
async def list_roles() -> list[dict[str, Any]]:
    return [{"role": name, "zh": r.zh, "en": r.en, "rights": sorted(r.rights)} for name, r in ROLES.items()]


@get("/staff", guards=[requires("accounts.manage")])
async def list_staff(
    session: AsyncSession, caller: Caller, search: str = "", limit: Limit = 100, offset: Offset = 0
) -> list[StaffOut]:
    return _many(await service.list_staff(session, caller, search=search, limit=limit, offset=offset), StaffOut)


@post("/staff", guards=[requires("accounts.manage")])
async def create_staff(data: StaffIn, session: AsyncSession, caller: Caller, settings: Settings) -> StaffOut:
    made = await service.create_staff(
        session,
        caller,
        staff_number=data.staff_number,
        name=data.name,
        organisation_id=data.organisation_id,
        password=data.password,
        unit_ids=data.unit_ids,
        min_length=settings.password_min_length,
    )
    return msgspec.convert(made, StaffOut, from_attributes=True)


@put("/staff/{staff_id:str}/active", status_code=204, guards=[requires("accounts.manage")])
async def set_active(data: ActiveIn, session: AsyncSession, caller: Caller, staff_id: str) -> None:
    await service.set_active(session, caller, staff_id, active=data.active)


@put("/staff/{staff_id:str}/units", status_code=204, guards=[requires("accounts.manage")])
async def set_units(data: UnitsIn, session: AsyncSession, caller: Caller, staff_id: str) -> None:
    await service.set_units(session, caller, staff_id, data.unit_ids)


@put("/staff/{staff_id:str}/password", status_code=204, guards=[requires("accounts.manage")])
async def reset_password(
    data: PasswordIn, session: AsyncSession, caller: Caller, staff_id: str, settings: Settings
) -> None:
    await service.reset_password(session, caller, staff_id, data.password, min_length=settings.password_min_length)


@get("/staff/{staff_id:str}/grants", guards=[requires("accounts.manage")])
async def list_grants(session: AsyncSession, caller: Caller, staff_id: str) -> list[GrantOut]:
    staff = await service.find_staff(session, staff_id, caller)
    return await service.roles_of(session, staff.id)


@post("/staff/{staff_id:str}/grants", status_code=204, guards=[requires("accounts.manage")])
async def grant_role(data: GrantIn, session: AsyncSession, caller: Caller, staff_id: str) -> None:
    await service.grant_role(session, caller, staff_id, organisation_id=data.organisation_id, role=data.role)


@delete("/staff/{staff_id:str}/grants/{organisation_id:str}/{role:str}", guards=[requires("accounts.manage")])
async def withdraw_role(session: AsyncSession, caller: Caller, staff_id: str, organisation_id: str, role: str) -> None:
    await service.withdraw_role(session, caller, staff_id, organisation_id=organisation_id, role=role)


@get("/clients", guards=[requires("regulator.manage")])
async def list_clients(session: AsyncSession, caller: Caller) -> list[ClientOut]:
    return _many(await service.list_clients(session, caller), ClientOut)


@post("/clients", guards=[requires("regulator.manage")])
async def create_client(data: ClientIn, session: AsyncSession, caller: Caller) -> ClientMade:
    return await service.create_client(
        session, caller, name=data.name, organisation_id=data.organisation_id, datasets=data.datasets
    )


@delete("/clients/{client_id:str}", guards=[requires("regulator.manage")])
async def withdraw_client(session: AsyncSession, caller: Caller, client_id: str) -> None:
    await service.withdraw_client(session, caller, client_id)


@get("/audit", guards=[requires("audit.view")])
async def list_audit(  # noqa: PLR0917 - Litestar gives arguments by name
    session: AsyncSession,
    caller: Caller,
    action: str = "",
    actor_id: str = "",
    subject_id: str = "",
    before: int | None = None,
    limit: Limit = 100,
) -> list[AuditOut]:
    entries = await audit.list_entries(
        session, caller, action=action, actor_id=actor_id, subject_id=subject_id, before=before, limit=limit
    )
    names = await service.staff_names(session, [entry.actor_id for entry in entries])
    return [
        AuditOut(
            id=entry.id,
            at=entry.at,
            actor_id=entry.actor_id,
            actor_name=names.get(entry.actor_id, ""),
            device_id=entry.device_id,
            organisation_id=entry.organisation_id,
            action=entry.action,
            subject_type=entry.subject_type,
            subject_id=entry.subject_id,
            facts=entry.facts,
            sealed=entry.position is not None,
        )
        for entry in entries
    ]


@post("/oauth/token", status_code=200, security=_OPEN)
async def client_token(
    request: Request[Any, Any, Any],
    data: Annotated[ClientTokenIn, Body(media_type=RequestEncodingType.URL_ENCODED)],
    session: AsyncSession,
    keys: SigningKeys,
    settings: Settings,
) -> ClientToken:
    """Client credentials by HTTP Basic or in the form (RFC 6749, 2.3.1)."""
    client_id, secret = data.client_id, data.client_secret
    scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        client_id, secret = _basic(credentials)
    if data.grant_type != "client_credentials":
        raise UnauthenticatedError(
            "client.wrong_grant",
            "仅支持 client_credentials。",
            "Only client_credentials is supported.",
            error="unsupported_grant_type",
        )
    return await service.issue_client_token(
        session, keys, client_id=client_id, client_secret=secret, lifetime_s=settings.access_token_s
    )


def _basic(credentials: str) -> tuple[str, str]:
    try:
        name, _, secret = base64.b64decode(credentials, validate=True).decode().partition(":")
    except ValueError:  # not base64, not ASCII, or not UTF-8 inside
        return "", ""
    return name, secret


def _many(rows: Sequence[Any], kind: type[Out]) -> list[Out]:
    return [msgspec.convert(row, kind, from_attributes=True) for row in rows]


router = Router(
    "/api",
    tags=["accounts"],
    route_handlers=[
        sign_in,
        refresh,
        sign_out,
        me,
        change_password,
        signing_keys,
        report_status,
        list_devices,
        revoke_device,
        reinstate_device,
        list_organisations,
        create_organisation,
        list_roles,
        list_staff,
        create_staff,
        set_active,
        set_units,
        reset_password,
        list_grants,
        grant_role,
        withdraw_role,
        list_clients,
        create_client,
        withdraw_client,
        list_audit,
        client_token,
    ],
)
