"""Who or what may hold a certificate: staff and companies here; stations and vehicles tell of theirs."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts import service as accounts
from backend.certificates.schemas import Holder, HolderKind
from backend.errors import MissingError
from backend.pages import EXPORT_MOST
from backend.scope import Caller

# Holders by their ids, or all that the caller reaches. (Stations and vehicles know certificates, not these them.)
FindHolders = Callable[[AsyncSession, Caller | None, Sequence[str] | None], Awaitable[Sequence[Holder]]]
_finders: dict[HolderKind, FindHolders] = {}
# A choice of more holders than this is narrowed by searching.
_MOST = 500


def holders_of(kind: HolderKind, find: FindHolders) -> None:
    _finders[kind] = find


async def list_holders(session: AsyncSession, caller: Caller, kind: HolderKind, *, search: str = "") -> list[Holder]:
    found = await _ask(session, caller, kind, None)
    wanted = search.strip().casefold()
    return [each for each in found if wanted in f"{each.code} {each.name}".casefold()][:_MOST]


async def find_holder(session: AsyncSession, caller: Caller, kind: HolderKind, holder_id: str) -> Holder:
    found = await _ask(session, caller, kind, [holder_id])
    if not found:
        raise MissingError("certificate.holder_unknown", "没有这个持证人。", "There is no such holder.")
    return found[0]


async def holders_by_id(session: AsyncSession, wanted: Iterable[tuple[Any, str]]) -> dict[str, Holder]:
    """Those of them that there are, for lists."""
    ids: dict[HolderKind, set[str]] = {}
    for kind, holder_id in wanted:
        ids.setdefault(kind, set()).add(holder_id)
    return {each.id: each for kind, some in ids.items() for each in await _ask(session, None, kind, sorted(some))}


async def holders_named(session: AsyncSession, caller: Caller, search: str) -> list[str]:
    """Ids of those whose code or name holds the text."""
    wanted = search.casefold()
    return [
        each.id
        for kind in _finders
        for each in await _ask(session, caller, kind, None)
        if wanted in f"{each.code} {each.name}".casefold()
    ]


async def _ask(
    session: AsyncSession, caller: Caller | None, kind: HolderKind, ids: Sequence[str] | None
) -> Sequence[Holder]:
    return await _finders[kind](session, caller, ids) if kind in _finders else ()


async def _staff(session: AsyncSession, caller: Caller | None, ids: Sequence[str] | None) -> Sequence[Holder]:
    known: Iterable[Any] = (await accounts.staff_by_id(session, ids)).values() if ids is not None else ()
    if caller is not None:
        reached = await accounts.list_staff(session, caller, limit=EXPORT_MOST)
        known = [each for each in reached if each.id in ids] if ids is not None else [e for e in reached if e.active]
    return [
        Holder(id=each.id, code=each.staff_number, name=each.name, organisation_id=each.organisation_id)
        for each in known
    ]


async def list_companies(session: AsyncSession, caller: Caller | None, ids: Sequence[str] | None) -> Sequence[Holder]:
    if caller is not None:
        known: Iterable[Any] = await accounts.list_organisations(session, caller)
    else:
        known = (await accounts.organisations_by_id(session, ids or ())).values()
    return [
        Holder(id=each.id, code="", name=each.name, organisation_id=each.id)
        for each in known
        if each.kind == "company" and (ids is None or each.id in ids)
    ]


async def list_handhelds(session: AsyncSession, caller: Caller | None, ids: Sequence[str] | None) -> Sequence[Holder]:
    return [_handheld(each) for each in await accounts.handhelds(session, caller, ids)]


async def filling_handhelds(session: AsyncSession, caller: Caller) -> Sequence[Holder]:
    """Those of people who fill."""
    return [_handheld(each) for each in await accounts.handhelds(session, caller, role="filler")]


def _handheld(device: Any) -> Holder:
    name = f"{device.name}（{device.staff_name}）"
    return Holder(id=device.id, code=device.id[-6:], name=name, organisation_id=device.organisation_id)


holders_of("staff", _staff)
holders_of("device", list_handhelds)
holders_of("company", list_companies)
