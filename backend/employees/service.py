"""The ledger of staff (从业人员): who works where, in which post, with which certificates."""

import asyncio
import hashlib
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from backend import audit, events
from backend.accounts import service as accounts
from backend.accounts.schemas import PersonOut
from backend.bulk import one_of
from backend.certificates import service as certificates
from backend.certificates.schemas import CertificateOut
from backend.employees.models import Employee
from backend.employees.rules import portrait
from backend.employees.schemas import EmployeeIn, EmployeeLine, Sex
from backend.errors import MissingError, UnusableError
from backend.pages import Page
from backend.photos.service import PhotoStore
from backend.reference import service as reference
from backend.scope import Caller
from backend.stations import service as stations
from sync.databases import BEIJING
from sync.documents.reference import ListEntry

POSTS = "staff_post"
# A phone's picture as it comes from the camera.
PHOTO_MOST_BYTES = 12 * 1024 * 1024


async def list_employees(
    session: AsyncSession,
    caller: Caller,
    *,
    search: str = "",
    organisation_id: str = "",
    station_id: str = "",
    post: str = "",
    active: bool | None = True,
    limit: int = 100,
    offset: int = 0,
) -> Page[EmployeeLine]:
    """By staff number; `organisation_id` finds the unit's members and whoever stands in it on the books."""
    among: Any = None
    if station_id or post:
        pairs = ((Employee.station_id, station_id), (Employee.post, post))
        among = select(Employee.staff_id).where(*(column == value for column, value in pairs if value))
    people = await accounts.list_people(
        session,
        caller,
        search=search,
        unit_id=organisation_id,
        active=active,
        among=among,
        limit=limit,
        offset=offset,
    )
    return Page(await _lines(session, caller, people.items), people.total)


async def find_employee(session: AsyncSession, caller: Caller, staff_id: str) -> EmployeeLine:
    return (await _lines(session, caller, [await accounts.find_person(session, caller, staff_id)]))[0]


async def set_employee(session: AsyncSession, caller: Caller, staff_id: str, given: EmployeeIn) -> EmployeeLine:
    person = await accounts.find_person(session, caller, staff_id)
    place = await reference.find_place(session, person.organisation_id, caller=caller, right="staff.edit")
    if given.post and given.post not in await reference.words(session, place.company_id, POSTS):
        raise UnusableError("employee.post", "没有这个岗位。", "There is no such post.", field="post")
    if given.station_id:
        await stations.find_station(session, caller, given.station_id)
    fields = {name: getattr(given, name) for name in ("post", "sex", "registered_on")}
    fields["station_id"] = given.station_id or None
    await _write(session, caller, person, fields, "employee.saved", {"post": given.post})
    return await find_employee(session, caller, staff_id)


async def set_photo(
    session: AsyncSession, caller: Caller, store: PhotoStore, staff_id: str, content: bytes
) -> EmployeeLine:
    person = await accounts.find_person(session, caller, staff_id)
    await reference.find_place(session, person.organisation_id, caller=caller, right="staff.edit")
    if len(content) > PHOTO_MOST_BYTES:
        raise UnusableError("employee.photo_large", "照片超过 12 MB。", "The photograph is over 12 MB.")
    try:
        picture = await asyncio.to_thread(portrait, content)
    except ValueError as error:
        raise UnusableError(
            "employee.photo",
            "这不是能打开的照片。",
            "This is no picture that opens.",
            action="上传 JPEG、PNG 或 WebP 照片",
            action_en="Send a JPEG, PNG or WebP",
        ) from error
    photo_id = f"photo:{hashlib.sha256(picture).hexdigest()}"
    await store.put(photo_id, picture)
    await _write(session, caller, person, {"photo_id": photo_id}, "employee.photo", {"photo_id": photo_id})
    return await find_employee(session, caller, staff_id)


async def open_photo(session: AsyncSession, caller: Caller, store: PhotoStore, staff_id: str) -> bytes:
    """`MissingError` where there is none, or the person is not this caller's to see."""
    person = await accounts.find_person(session, caller, staff_id)
    row = await session.get(Employee, person.id, populate_existing=True)
    if row is None or not row.photo_id:
        raise MissingError("employee.no_photo", "没有照片。", "There is no photograph.")
    return await store.get(row.photo_id)


async def _write(  # noqa: PLR0917 - one place for both ways in
    session: AsyncSession, caller: Caller, person: PersonOut, fields: dict[str, Any], action: str, facts: dict[str, Any]
) -> None:
    fields |= {"organisation_id": person.organisation_id, "changed_at": datetime.now(UTC)}
    blank = {"post": "", "sex": "", "photo_id": ""}
    row = insert(Employee).values(**blank | fields, staff_id=person.id)
    await session.execute(row.on_conflict_do_update(index_elements=["staff_id"], set_=fields))
    place = person.organisation_id
    await audit.record(session, caller, action, "staff", person.id, facts, organisation_id=place)
    await events.announce(session, "employee.changed", person.id, place)


async def _lines(session: AsyncSession, caller: Caller, people: Sequence[PersonOut]) -> list[EmployeeLine]:
    ids = [person.id for person in people]
    found = select(Employee).where(one_of(Employee.staff_id, ids)).execution_options(populate_existing=True)
    rows = {row.staff_id: row for row in await session.scalars(found)}
    held = await certificates.all_of(session, "staff", ids, caller)
    places = await accounts.ancestors_of(session, {person.organisation_id for person in people})
    named = await stations.names_of(session, [row.station_id for row in rows.values() if row.station_id])
    lines = []
    posts: dict[str, dict[str, ListEntry]] = {}
    for person in people:
        above = places[person.organisation_id]
        company = next((each for each in reversed(above) if each.kind == "company"), above[-1])
        if company.id not in posts:
            posts[company.id] = await reference.words(session, company.id, POSTS)
        area = "".join(each.name for each in above if each.kind in {"province", "city", "county"})
        words = posts[company.id]
        lines.append(_line(person, rows.get(person.id), area, company, named, words, held.get(person.id, [])))
    return lines


def _line(  # noqa: PLR0917 - put together from as many tables
    person: PersonOut,
    row: Employee | None,
    area: str,
    company: Any,
    named: dict[str, str],
    words: dict[str, ListEntry],
    held: list[CertificateOut],
) -> EmployeeLine:
    post = row.post if row else ""
    word = words.get(post)
    sex: Any = row.sex if row else ""
    return EmployeeLine(
        staff_id=person.id,
        staff_number=person.staff_number,
        name=person.name,
        area=area,
        company_id=company.id,
        company_name=company.name,
        organisation_id=person.organisation_id,
        organisation_name=person.organisation_name,
        station_id=(row.station_id or "") if row else "",
        station_name=named.get(row.station_id or "", "") if row else "",
        post=post,
        post_zh=word.zh if word else post,
        post_en=word.en if word else post,
        sex=_sex(sex),
        photo_id=row.photo_id if row else "",
        registered_on=_registered(row, person),
        active=person.active,
        certificates=held,
    )


def _sex(text: Any) -> Sex:
    found: Sex = text
    return found


def _registered(row: Employee | None, person: PersonOut) -> date:
    """Where no day was entered, the day on which the person was."""
    return row.registered_on if row and row.registered_on else person.created_at.astimezone(BEIJING).date()
