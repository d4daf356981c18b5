"""The company's lists and limits: what is in force, and how a change reaches every phone."""

from collections.abc import Sequence
from datetime import UTC, date, datetime

import msgspec
from sqlalchemy import column, select, table
from sqlalchemy.dialects.postgresql import distinct_on, insert
from sqlalchemy.ext.asyncio import AsyncSession

from backend import audit
from backend.accounts import service as accounts
from backend.errors import MissingError, NotAllowedError, UnusableError
from backend.intake import service as intake
from backend.personal_keys import data_dir, office_public_pem
from backend.reference.defaults import (
    CUSTOMER_REQUIRED_FIELDS,
    LEAK_ALARM_PPM,
    LEAK_EMERGENCY_PPM,
    LISTS,
)
from backend.reference.models import ChoiceListVersion, InspectionPeriodsVersion, NumberSeries, SettingsVersion
from backend.reference.periods import INSPECTION_PERIODS
from backend.reference.rules import Deadlines, deadlines
from backend.reference.schemas import InspectionPeriod, InspectionPeriodsOut, ListOut, SettingsFields, SettingsOut
from backend.scope import Caller
from sync.documents.envelope import BackendDocument
from sync.documents.reference import ChoiceList, CompanySettings, ListEntry, reference_id
from sync.rules.station_limits import STATION_LIMITS, unbelievable

__all__ = [
    "Deadlines",
    "Place",
    "change_list",
    "change_periods",
    "change_settings",
    "deadlines",
    "find_list",
    "find_periods",
    "find_place",
    "find_settings",
    "list_lists",
    "next_number",
    "next_numbers",
    "post_everywhere",
    "post_reference",
    "words",
]


class Place(msgspec.Struct, frozen=True):
    """An organisation and the company above it (itself, where it is one)."""

    organisation_id: str
    name: str
    path: str
    company_id: str


async def find_place(
    session: AsyncSession, organisation_id: str, *, caller: Caller | None = None, right: str = ""
) -> Place:
    """Raises `MissingError` for an unknown organisation, `NotAllowedError` where `right` ends before it."""
    organisation = await accounts.find_organisation(session, organisation_id, caller)
    if caller is not None and not caller.holds(right, organisation.path):
        raise NotAllowedError("right.missing", "您没有这个单位的权限。", "You may not do this there.", right=right)
    company = await accounts.find_company(session, organisation_id)
    return Place(organisation.id, organisation.name, organisation.path, company.id)


async def next_number(session: AsyncSession, company_id: str, kind: str, day: date) -> int:
    """Counts from 1 each day for each company; those that ask at once wait for each other."""
    return (await next_numbers(session, company_id, kind, day, 1))[0]


async def next_numbers(session: AsyncSession, company_id: str, kind: str, day: date, count: int) -> range:
    """Several at once."""
    row = insert(NumberSeries).values(organisation_id=company_id, kind=kind, day=day, last=count)
    counted = row.on_conflict_do_update(
        index_elements=["organisation_id", "kind", "day"], set_={"last": NumberSeries.last + row.excluded.last}
    )
    last = await session.scalar(counted.returning(NumberSeries.last))
    assert last is not None
    return range(last - count + 1, last + 1)


async def list_lists(session: AsyncSession, company_id: str) -> list[ListOut]:
    """Every list in force: the company's newest version, else the one that companies start with."""
    rows = await session.scalars(
        select(ChoiceListVersion)
        .where(ChoiceListVersion.organisation_id == company_id)
        .ext(distinct_on(ChoiceListVersion.name))
        .order_by(ChoiceListVersion.name, ChoiceListVersion.version.desc())
    )
    own = {row.name: ListOut(row.name, row.version, _entries(row.entries), row.changed_at) for row in rows}
    start = {name: ListOut(name, 0, entries) for name, entries in LISTS.items()}
    return sorted((start | own).values(), key=lambda found: found.name)


async def find_list(session: AsyncSession, company_id: str, name: str) -> ListOut:
    for found in await list_lists(session, company_id):
        if found.name == name:
            return found
    raise MissingError("list.unknown", f"没有这个选项表：{name}。", f"There is no list {name}.", name=name)


async def words(session: AsyncSession, company_id: str, name: str) -> dict[str, ListEntry]:
    return {entry.code: entry for entry in (await find_list(session, company_id, name)).entries}


async def change_list(
    session: AsyncSession, caller: Caller, company_id: str, name: str, entries: Sequence[ListEntry]
) -> ListOut:
    """A further version, posted to all of the company's units."""
    place = await find_place(session, company_id, caller=caller, right="accounts.manage")
    codes = [entry.code for entry in entries]
    if len(set(codes)) != len(codes):
        raise UnusableError("list.duplicate_code", "选项代码重复。", "A code stands twice in the list.")
    if name == STATION_LIMITS:
        _require_believable(entries)
    before = await find_list(session, place.company_id, name)
    session.add(
        ChoiceListVersion(
            organisation_id=place.company_id,
            name=name,
            version=before.version + 1,
            entries=msgspec.to_builtins(list(entries)),
            changed_at=datetime.now(UTC),
            changed_by=caller.staff_id,
        )
    )
    await session.flush()
    await audit.record(
        session, caller, "list.changed", "reference.list", name, {"version": before.version + 1, "codes": codes}
    )
    after = await find_list(session, place.company_id, name)
    await _post_to_units(session, place.company_id, [_list_document(after)])
    return after


def _require_believable(entries: Sequence[ListEntry]) -> None:
    """A station goes on with the built-in figure where it cannot believe one: better that nobody sets such a one."""
    for figure in unbelievable(entries):
        raise UnusableError(
            "list.station_limit",
            f"“{figure.zh}”应在 {figure.least:g} 到 {figure.most:g} {figure.unit} 之间，且低限小于高限。",
            f"{figure.en}: {figure.least:g} to {figure.most:g} {figure.unit}, the first step below the second.",
            figure=figure.code,
        )


async def find_settings(session: AsyncSession, company_id: str) -> SettingsOut:
    row = await session.scalar(
        select(SettingsVersion)
        .where(SettingsVersion.organisation_id == company_id)
        .order_by(SettingsVersion.version.desc())
        .limit(1)
    )
    if row is not None:
        return SettingsOut(row.version, msgspec.convert(row.fields, SettingsFields), row.changed_at)
    company = await accounts.find_organisation(session, company_id)
    start = SettingsFields(
        company_name=company.name,
        emergency_phone="",
        leak_alarm_ppm=LEAK_ALARM_PPM,
        leak_emergency_ppm=LEAK_EMERGENCY_PPM,
        customer_required_fields=CUSTOMER_REQUIRED_FIELDS,
    )
    return SettingsOut(0, start)


async def change_settings(
    session: AsyncSession, caller: Caller, company_id: str, fields: SettingsFields
) -> SettingsOut:
    place = await find_place(session, company_id, caller=caller, right="accounts.manage")
    if fields.leak_emergency_ppm <= fields.leak_alarm_ppm:
        raise UnusableError(
            "settings.limits", "紧急限值应大于报警限值。", "The emergency limit must be above the alarm limit."
        )
    before = await find_settings(session, place.company_id)
    session.add(
        SettingsVersion(
            organisation_id=place.company_id,
            version=before.version + 1,
            fields=msgspec.to_builtins(fields),
            changed_at=datetime.now(UTC),
            changed_by=caller.staff_id,
        )
    )
    await session.flush()
    await audit.record(
        session, caller, "settings.changed", "reference.settings", place.company_id, {"version": before.version + 1}
    )
    after = await find_settings(session, place.company_id)
    await _post_to_units(session, place.company_id, [_settings_document(session, after)])
    return after


async def find_periods(session: AsyncSession, company_id: str) -> InspectionPeriodsOut:
    """The company's newest table of inspection periods, else the one that companies start with."""
    query = select(InspectionPeriodsVersion).where(InspectionPeriodsVersion.organisation_id == company_id)
    row = await session.scalar(query.order_by(InspectionPeriodsVersion.version.desc()).limit(1))
    if row is None:
        return InspectionPeriodsOut(0, INSPECTION_PERIODS)
    return InspectionPeriodsOut(row.version, msgspec.convert(row.entries, tuple[InspectionPeriod, ...]), row.changed_at)


async def change_periods(
    session: AsyncSession, caller: Caller, company_id: str, entries: Sequence[InspectionPeriod]
) -> InspectionPeriodsOut:
    """A further version; dates that cylinders have already stay as they are."""
    place = await find_place(session, company_id, caller=caller, right="accounts.manage")
    for number, entry in enumerate(entries, 1):
        if entry.made_from and entry.made_until and entry.made_until < entry.made_from:
            raise UnusableError(
                "periods.made",
                f"第 {number} 行：制造年月的起止颠倒。",
                f"Line {number}: it is made until before it is made from.",
            )
    version = (await find_periods(session, place.company_id)).version + 1
    session.add(
        InspectionPeriodsVersion(
            organisation_id=place.company_id,
            version=version,
            entries=msgspec.to_builtins(list(entries)),
            changed_at=datetime.now(UTC),
            changed_by=caller.staff_id,
        )
    )
    await session.flush()
    await audit.record(
        session,
        caller,
        "inspection_periods.changed",
        "reference.inspection_periods",
        place.company_id,
        {"version": version, "lines": len(entries)},
        organisation_id=place.company_id,
    )
    return await find_periods(session, place.company_id)


async def post_reference(session: AsyncSession, company_id: str) -> None:
    """Posts lists and limits to every unit of the company; what a unit has already is not written again."""
    documents: list[BackendDocument] = [_list_document(found) for found in await list_lists(session, company_id)]
    documents.append(_settings_document(session, await find_settings(session, company_id)))
    await _post_to_units(session, company_id, documents)


async def post_everywhere(session: AsyncSession) -> None:
    """For every company: a unit that is new, or a list that a newer program brings, reaches the phones by itself."""
    companies = table("organisations", column("id"), column("kind"))
    found = await session.scalars(select(companies.c.id).where(companies.c.kind == "company").order_by(companies.c.id))
    for company_id in found.all():
        await post_reference(session, company_id)


async def _post_to_units(session: AsyncSession, company_id: str, documents: Sequence[BackendDocument]) -> None:
    for unit in await accounts.units_under(session, company_id):
        for document in documents:
            await intake.post(session, unit_id=unit.id, document=document)


def _list_document(found: ListOut) -> ChoiceList:
    return ChoiceList(
        id=reference_id("reference.list", found.name), name=found.name, version=found.version, entries=found.entries
    )


def _settings_document(session: AsyncSession, found: SettingsOut) -> CompanySettings:
    return CompanySettings(
        id=reference_id("reference.settings", "company"),
        version=found.version,
        company_name=found.fields.company_name,
        emergency_phone=found.fields.emergency_phone,
        leak_alarm_ppm=found.fields.leak_alarm_ppm,
        leak_emergency_ppm=found.fields.leak_emergency_ppm,
        customer_required_fields=found.fields.customer_required_fields,
        company_required_fields=found.fields.company_required_fields,
        person_categories=found.fields.person_categories,
        personal_key=office_public_pem(data_dir(session)),
        gas_unit=found.fields.gas_unit,
        voice_note_at_most_s=found.fields.voice_note_at_most_s,
        tag_required_from=found.fields.tag_required_from,
        explosion_proof_from=found.fields.explosion_proof_from,
    )


def _entries(rows: list[object]) -> tuple[ListEntry, ...]:
    return msgspec.convert(rows, tuple[ListEntry, ...])
