"""The organisation tree: province > city > county > company > unit."""

from collections.abc import Iterable, Sequence

from sqlalchemy import func, literal, select
from sqlalchemy.ext.asyncio import AsyncSession

from backend import audit
from backend.accounts.models import ORGANISATION_KINDS, Organisation, Staff
from backend.db import new_key
from backend.errors import MissingError, NotAllowedError, UnusableError
from backend.scope import Caller, scoped


async def create_organisation(
    session: AsyncSession, caller: Caller | None, *, parent_id: str | None, kind: str, name: str
) -> Organisation:
    """`caller` is None only for set-up; a kind may stand only under a wider one."""
    parent = await find_organisation(session, parent_id, caller) if parent_id else None
    if caller is not None and (parent is None or not caller.holds("accounts.manage", parent.path)):
        raise NotAllowedError("organisation.outside", "不在您的管理范围内。", "It is outside what you manage.")
    if parent is not None and ORGANISATION_KINDS.index(kind) <= ORGANISATION_KINDS.index(parent.kind):
        raise UnusableError(
            "organisation.wrong_level", "下级机构的级别不对。", "This kind does not belong under that organisation."
        )
    key = new_key()
    path = f"{parent.path if parent else '/'}{key}/"
    organisation = Organisation(id=key, parent_id=parent_id, kind=kind, name=name, path=path)
    session.add(organisation)
    await session.flush()
    facts = {"kind": kind, "name": name, "parent_id": parent_id}
    await audit.record(
        session, caller, "organisation.created", "organisation", key, facts, organisation_id=parent_id or key
    )
    return organisation


async def list_organisations(session: AsyncSession, caller: Caller) -> Sequence[Organisation]:
    """What the caller reaches, parents first."""
    return (
        await session.scalars(scoped(select(Organisation), Organisation.id, caller).order_by(Organisation.path))
    ).all()


async def organisations_by_id(session: AsyncSession, organisation_ids: Iterable[str]) -> dict[str, Organisation]:
    """Those of them that there are, for lists that name them."""
    rows = await session.scalars(select(Organisation).where(Organisation.id.in_(set(organisation_ids))))
    return {organisation.id: organisation for organisation in rows}


async def ancestors_of(session: AsyncSession, organisation_ids: Iterable[str]) -> dict[str, list[Organisation]]:
    """From the province down to each of these organisations, itself the last."""
    found = await organisations_by_id(session, organisation_ids)
    above = {key for organisation in found.values() for key in organisation.path.strip("/").split("/")}
    known = await organisations_by_id(session, above)
    return {key: [known[step] for step in one.path.strip("/").split("/")] for key, one in found.items()}


async def find_organisation(session: AsyncSession, organisation_id: str, caller: Caller | None = None) -> Organisation:
    """Raises `MissingError` also where it lies outside the caller's reach."""
    statement = select(Organisation).where(Organisation.id == organisation_id)
    found = await session.scalar(scoped(statement, Organisation.id, caller) if caller else statement)
    if found is None:
        raise MissingError("organisation.unknown", "没有这个机构。", "There is no such organisation.")
    return found


async def find_company(session: AsyncSession, organisation_id: str) -> Organisation:
    """The company that a unit belongs to; an office above companies is its own."""
    organisation = await find_organisation(session, organisation_id)
    above = (
        select(Organisation)
        .where(literal(organisation.path).startswith(Organisation.path), Organisation.kind == "company")
        .order_by(func.length(Organisation.path).desc())
        .limit(1)
    )
    return await session.scalar(above) or organisation


async def areas_above(session: AsyncSession, organisation_id: str) -> Sequence[Organisation]:
    """所属行政区域: provinces, cities and counties above it, the widest first."""
    organisation = await find_organisation(session, organisation_id)
    above = select(Organisation).where(
        literal(organisation.path).startswith(Organisation.path),
        Organisation.kind.in_(("province", "city", "county")),
    )
    return (await session.scalars(above.order_by(func.length(Organisation.path)))).all()


async def company_of_staff(session: AsyncSession, staff_id: str) -> str:
    """Empty for somebody unknown."""
    return await session.scalar(select(Staff.company_id).where(Staff.id == staff_id)) or ""


async def same_company(session: AsyncSession, one_id: str, other_id: str) -> bool:
    """What the workers of one company record never touches what is another's."""
    if one_id == other_id:
        return True
    return (await find_company(session, one_id)).id == (await find_company(session, other_id)).id


async def units_under(session: AsyncSession, organisation_id: str) -> Sequence[Organisation]:
    """Units in a subtree, the organisation itself among them if it is one."""
    organisation = await find_organisation(session, organisation_id)
    below = select(Organisation).where(Organisation.path.startswith(organisation.path), Organisation.kind == "unit")
    return (await session.scalars(below.order_by(Organisation.path))).all()
