"""What the accounts' routes take and give."""

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec

ShortText = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
Identifier = Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_-]+$")]
Password = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class DeviceIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    device_id: Identifier
    name: Annotated[str, msgspec.Meta(max_length=100)] = ""
    platform: Annotated[str, msgspec.Meta(max_length=100)] = ""
    app_version: Annotated[str, msgspec.Meta(max_length=50)] = ""


class SignInIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    staff_number: ShortText
    password: Password
    device: DeviceIn | None = None


class RefreshIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    refresh_token: Annotated[str, msgspec.Meta(max_length=200)]
    device_id: Annotated[str, msgspec.Meta(max_length=64)] = ""


class UnitOut(msgspec.Struct, frozen=True, kw_only=True):
    unit_id: str
    name: str
    kind: str


class SignedInStaff(msgspec.Struct, frozen=True, kw_only=True):
    staff_id: str
    staff_number: str
    name: str
    company_id: str
    company_name: str
    roles: tuple[str, ...]


class DatabasesOut(msgspec.Struct, frozen=True, kw_only=True):
    user: tuple[str, ...]
    media: tuple[str, ...]
    units: tuple[str, ...]


class SignedIn(msgspec.Struct, frozen=True, kw_only=True):
    access_token: str
    expires_at: datetime
    refresh_token: str
    server_time: datetime
    staff: SignedInStaff
    units: tuple[UnitOut, ...]
    hub_url: str
    databases: DatabasesOut
    signing_keys: dict[str, str]


class GrantOut(msgspec.Struct, frozen=True, kw_only=True):
    organisation_id: str
    organisation_name: str
    role: str
    role_zh: str
    role_en: str


class Me(msgspec.Struct, frozen=True, kw_only=True):
    staff_id: str
    staff_number: str
    name: str
    company_id: str
    company_name: str
    rights: tuple[str, ...]
    grants: tuple[GrantOut, ...]
    units: tuple[UnitOut, ...]


class DeviceStatusIn(msgspec.Struct, frozen=True, kw_only=True):
    waiting: Annotated[int, msgspec.Meta(ge=0)] = 0
    refused: Annotated[int, msgspec.Meta(ge=0)] = 0
    # When the oldest of those that wait was recorded, by the phone's clock.
    oldest_waiting_at: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    app_version: Annotated[str, msgspec.Meta(max_length=50)] = ""
    storage_free_bytes: Annotated[float, msgspec.Meta(ge=0)] | None = None
    battery_percent: Annotated[float, msgspec.Meta(ge=0, le=100)] | None = None
    clock_at: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    # Hub databases of which the phone holds records that are not accepted yet; None from an app that does not tell.
    unsettled: (
        Annotated[tuple[Annotated[str, msgspec.Meta(max_length=120)], ...], msgspec.Meta(max_length=100)] | None
    ) = None


class ServerTime(msgspec.Struct, frozen=True):
    server_time: datetime


class DeviceOut(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    organisation_id: str
    staff_id: str
    staff_number: str
    staff_name: str
    name: str
    platform: str
    app_version: str
    registered_at: datetime
    revoked_at: datetime | None
    last_seen_at: datetime | None
    waiting: int | None
    refused: int | None
    oldest_waiting_at: datetime | None
    storage_free_bytes: float | None
    battery_percent: float | None
    clock_offset_s: float | None


class OrganisationOut(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    parent_id: str | None
    kind: str
    name: str
    path: str


class OrganisationIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    parent_id: Identifier
    kind: Literal["city", "county", "company", "unit"]
    name: ShortText


class StaffIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    staff_number: ShortText
    name: ShortText
    organisation_id: Identifier
    password: Password
    unit_ids: tuple[Identifier, ...] = ()


class StaffOut(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    staff_number: str
    name: str
    organisation_id: str
    company_id: str
    active: bool


class PersonOut(msgspec.Struct, frozen=True, kw_only=True):
    """`devices` counts those not revoked."""

    id: str
    staff_number: str
    name: str
    organisation_id: str
    organisation_name: str
    active: bool
    created_at: datetime
    units: tuple[UnitOut, ...]
    grants: tuple[GrantOut, ...]
    devices: int


class ActiveIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    active: bool


class UnitsIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    unit_ids: tuple[Identifier, ...]


class GrantIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    organisation_id: Identifier
    role: ShortText


class PasswordIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    password: Password


class PasswordChangeIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    current_password: Password
    password: Password


class ClientIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: ShortText
    organisation_id: Identifier
    datasets: tuple[ShortText, ...]


class ClientOut(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    name: str
    organisation_id: str
    datasets: list[str]
    active: bool
    created_at: datetime
    last_used_at: datetime | None


class ClientMade(msgspec.Struct, frozen=True, kw_only=True):
    """The secret is shown this once."""

    client_id: str
    client_secret: str


class ClientTokenIn(msgspec.Struct, frozen=True, kw_only=True):
    """RFC 6749, 4.4.2; id and secret here or by HTTP Basic. Words that are not ours are passed over, as 3.2 asks."""

    grant_type: str = ""
    client_id: str = ""
    client_secret: str = ""


class ClientToken(msgspec.Struct, frozen=True, kw_only=True):
    """RFC 6749, 5.1."""

    access_token: str
    expires_in: int
    scope: str
    token_type: str = "Bearer"  # noqa: S105 - the scheme, no secret


class AuditOut(msgspec.Struct, frozen=True, kw_only=True):
    """`sealed` once it is a link of the chain: it can then not be changed unseen."""

    id: int
    at: datetime
    actor_id: str
    actor_name: str
    device_id: str
    organisation_id: str
    action: str
    subject_type: str
    subject_id: str
    facts: dict[str, Any]
    sealed: bool
