"""People: who they are, which units they belong to, what they may do."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import UTC, datetime

from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from backend import audit
from backend.accounts.models import ConsoleSession, FormerUnit, Organisation, RefreshToken, RoleGrant, Staff, StaffUnit
from backend.accounts.rules import ROLES
from backend.accounts.schemas import GrantOut
from backend.accounts.service.directory import grant_out
from backend.accounts.service.organisations import find_company, find_organisation
from backend.accounts.service.passwords import hash_password, verify_password
from backend.db import new_key
from backend.errors import ConflictingError, MissingError, NotAllowedError, UnusableError
from backend.intake import service as intake
from backend.scope import Caller, scoped
from sync.documents.receipts import Membership, MembershipUnit

Listener = Callable[[AsyncSession, str], Awaitable[None]]
# Who sends what concerns a person after him to his units. (They know accounts, not it them.)
_listeners: list[Listener] = []


def when_units_changed(listener: Listener) -> None:
    _listeners.append(listener)


async def create_staff(
    session: AsyncSession,
    caller: Caller | None,
    *,
    staff_number: str,
    name: str,
    organisation_id: str,
    password: str,
    unit_ids: Iterable[str] = (),
    min_length: int = 8,
) -> Staff:
    organisation = await find_organisation(session, organisation_id, caller)
    number = staff_number.strip()
    if await session.scalar(select(Staff.id).where(Staff.staff_number == number)):
        raise ConflictingError(
            "staff.number_taken", "该工号已存在。", "The staff number is taken.", staff_number=number
        )
    company = await find_company(session, organisation.id)
    staff = Staff(
        id=new_key(),
        staff_number=number,
        name=name.strip(),
        organisation_id=organisation.id,
        company_id=company.id,
        password_hash=await hash_password(password, staff_number=number, min_length=min_length),
    )
    session.add(staff)
    await session.flush()
    await audit.record(
        session, caller, "staff.created", "staff", staff.id, {"number": number}, organisation_id=organisation.id
    )
    await set_units(session, caller, staff.id, unit_ids)
    return staff


async def find_staff(session: AsyncSession, staff_id: str, caller: Caller | None = None) -> Staff:
    """Raises `MissingError` also for another organisation's staff."""
    statement = select(Staff).where(Staff.id == staff_id)
    found = await session.scalar(scoped(statement, Staff.organisation_id, caller) if caller else statement)
    if found is None:
        raise MissingError("staff.unknown", "没有这个人员。", "There is no such member of staff.")
    return found


async def list_staff(
    session: AsyncSession, caller: Caller, *, search: str = "", limit: int = 100, offset: int = 0
) -> Sequence[Staff]:
    statement = scoped(select(Staff), Staff.organisation_id, caller).order_by(Staff.staff_number)
    if search:
        statement = statement.where(
            or_(Staff.name.contains(search, autoescape=True), Staff.staff_number.startswith(search, autoescape=True))
        )
    return (await session.scalars(statement.limit(limit).offset(offset))).all()


async def staff_by_id(session: AsyncSession, staff_ids: Iterable[str]) -> dict[str, Staff]:
    """Those of them that there are, active or not."""
    return {staff.id: staff for staff in await session.scalars(select(Staff).where(Staff.id.in_(set(staff_ids))))}


async def staff_names(session: AsyncSession, staff_ids: Iterable[str]) -> dict[str, str]:
    """Names for lists that show who did it."""
    rows = await session.execute(select(Staff.id, Staff.name).where(Staff.id.in_(set(staff_ids))))
    return {staff_id: name for staff_id, name in rows}  # noqa: C416 - rows are Row objects


async def staff_of_unit(session: AsyncSession, unit_id: str) -> Sequence[Staff]:
    """Active members of a unit: whom a plan may name."""
    members = select(StaffUnit.staff_id).where(StaffUnit.unit_id == unit_id)
    statement = select(Staff).where(Staff.id.in_(members), Staff.active)
    return (await session.scalars(statement.order_by(Staff.staff_number))).all()


async def units_of(session: AsyncSession, staff_id: str) -> Sequence[Organisation]:
    """The units whose data this person's phones hold."""
    member = select(StaffUnit.unit_id).where(StaffUnit.staff_id == staff_id)
    return (
        await session.scalars(select(Organisation).where(Organisation.id.in_(member)).order_by(Organisation.id))
    ).all()


async def set_units(session: AsyncSession, caller: Caller | None, staff_id: str, unit_ids: Iterable[str]) -> None:
    """Replaces the units within the caller's reach and sends his phones the new signed membership."""
    staff = await find_staff(session, staff_id, caller)
    units = [await find_organisation(session, unit_id, caller) for unit_id in sorted(set(unit_ids))]
    if any(unit.kind != "unit" for unit in units):
        raise UnusableError("unit.not_a_unit", "只能选择基层单位。", "Only units can be chosen.")
    # The administrator of one unit does not take a person out of another's.
    units += [unit for unit in await units_of(session, staff.id) if caller and not unit.path.startswith(caller.paths)]
    gone = await session.scalars(delete(StaffUnit).where(StaffUnit.staff_id == staff.id).returning(StaffUnit.unit_id))
    await _remember_left(session, staff.id, set(gone) - {unit.id for unit in units})
    session.add_all(StaffUnit(staff_id=staff.id, unit_id=unit.id) for unit in units)
    staff.membership_version += 1
    await session.flush()
    membership = Membership(
        id=f"membership:{staff.id}",
        staff_id=staff.id,
        version=staff.membership_version,
        issued_at=datetime.now(UTC),
        units=tuple(MembershipUnit(unit_id=unit.id, name=unit.name, kind=unit.kind) for unit in units),
    )
    await intake.post(session, staff_id=staff.id, document=membership)
    for unit in units:
        await intake.provision_unit(session, unit.id)
    for listener in _listeners:
        await listener(session, staff.id)
    facts = {"units": sorted(unit.id for unit in units), "version": staff.membership_version}
    await audit.record(
        session, caller, "staff.units_set", "staff", staff.id, facts, organisation_id=staff.organisation_id
    )


async def _remember_left(session: AsyncSession, staff_id: str, unit_ids: Iterable[str]) -> None:
    left = [{"staff_id": staff_id, "unit_id": unit_id} for unit_id in sorted(unit_ids)]
    if left:
        again = insert(FormerUnit).on_conflict_do_update(
            index_elements=["staff_id", "unit_id"], set_={"left_at": func.now()}
        )
        await session.execute(again, left)


async def roles_of(session: AsyncSession, staff_id: str) -> list[GrantOut]:
    rows = await session.execute(
        select(RoleGrant.organisation_id, Organisation.name, RoleGrant.role)
        .join(Organisation, Organisation.id == RoleGrant.organisation_id)
        .where(RoleGrant.staff_id == staff_id)
        .order_by(Organisation.path, RoleGrant.role)
    )
    return [grant_out(organisation_id, name, role) for organisation_id, name, role in rows]


async def grant_role(
    session: AsyncSession, caller: Caller | None, staff_id: str, *, organisation_id: str, role: str
) -> None:
    """Nobody gives away more than he holds at that place himself."""
    staff = await find_staff(session, staff_id, caller)
    organisation = await find_organisation(session, organisation_id, caller)
    _may_hand(caller, organisation, role)
    if await session.get(RoleGrant, (staff.id, organisation.id, role)) is None:
        session.add(RoleGrant(staff_id=staff.id, organisation_id=organisation.id, role=role))
        await session.flush()
        facts = {"role": role, "on": organisation.id}
        await audit.record(
            session, caller, "role.granted", "staff", staff.id, facts, organisation_id=staff.organisation_id
        )


async def withdraw_role(
    session: AsyncSession, caller: Caller | None, staff_id: str, *, organisation_id: str, role: str
) -> None:
    staff = await find_staff(session, staff_id, caller)
    organisation = await find_organisation(session, organisation_id, caller)
    _may_hand(caller, organisation, role)
    held = await session.get(RoleGrant, (staff.id, organisation.id, role))
    if held is None:
        raise MissingError("role.not_held", "没有这项授权。", "This role is not held there.")
    await session.delete(held)
    facts = {"role": role, "on": organisation.id}
    await audit.record(
        session, caller, "role.withdrawn", "staff", staff.id, facts, organisation_id=staff.organisation_id
    )


def _may_hand(caller: Caller | None, organisation: Organisation, role: str) -> None:
    if role not in ROLES:
        raise UnusableError("role.unknown", "没有这个角色。", "There is no such role.", roles=sorted(ROLES))
    if caller is not None and not all(caller.holds(right, organisation.path) for right in ROLES[role].rights):
        raise NotAllowedError(
            "role.beyond_own", "不能授予超出本人权限的角色。", "You cannot give a role beyond your own rights."
        )


async def _require_above(session: AsyncSession, caller: Caller | None, staff: Staff) -> None:
    """Who shuts somebody out or opens his door must hold every right of that person himself."""
    for grant in await roles_of(session, staff.id):
        _may_hand(caller, await find_organisation(session, grant.organisation_id), grant.role)


async def set_active(session: AsyncSession, caller: Caller | None, staff_id: str, *, active: bool) -> None:
    """Who left is shut out at once, on every device; his records stay. Nobody shuts out who stands above him."""
    staff = await find_staff(session, staff_id, caller)
    await _require_above(session, caller, staff)
    staff.active = active
    if not active:
        await _end_sessions(session, staff.id)
    action = "staff.reinstated" if active else "staff.deactivated"
    await audit.record(session, caller, action, "staff", staff.id, organisation_id=staff.organisation_id)
    await intake.provision(session, staff.id)


async def reset_password(
    session: AsyncSession, caller: Caller | None, staff_id: str, password: str, *, min_length: int = 8
) -> None:
    """By an administrator, who must hold every right of the person whose door he opens."""
    staff = await find_staff(session, staff_id, caller)
    await _require_above(session, caller, staff)
    await _set_password(session, staff, password, min_length)
    await audit.record(session, caller, "password.reset", "staff", staff.id, organisation_id=staff.organisation_id)


async def change_own_password(
    session: AsyncSession, caller: Caller, current: str, password: str, *, min_length: int = 8
) -> None:
    staff = await find_staff(session, caller.staff_id)
    if not await verify_password(staff.password_hash, current):
        raise NotAllowedError("password.wrong_current", "当前密码不正确。", "The current password is wrong.")
    await _set_password(session, staff, password, min_length)
    await audit.record(session, caller, "password.changed", "staff", staff.id, organisation_id=staff.organisation_id)


async def _set_password(session: AsyncSession, staff: Staff, password: str, min_length: int) -> None:
    staff.password_hash = await hash_password(password, staff_number=staff.staff_number, min_length=min_length)
    await _end_sessions(session, staff.id)


async def _end_sessions(session: AsyncSession, staff_id: str) -> None:
    await session.execute(delete(ConsoleSession).where(ConsoleSession.staff_id == staff_id))
    await session.execute(
        update(RefreshToken)
        .where(RefreshToken.staff_id == staff_id, RefreshToken.revoked_at.is_(None))
        .values(revoked_at=datetime.now(UTC))
    )
