"""人员: who works here, in which units, with which roles and phones; made, changed and shut out by an administrator."""

import json
import secrets
from typing import Any

import msgspec
from litestar import Response, get, post
from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts import service as accounts
from backend.accounts.rules import ROLES
from backend.accounts.schemas import ActiveIn, GrantIn, Identifier, PasswordIn, PersonOut, StaffIn, UnitsIn
from backend.lists import Columns
from backend.pages import EXPORT_MOST, Page
from backend.scope import Caller, requires
from backend.settings import Settings
from web_console.forms import read_form
from web_console.listing import PageNumber, export, files, read_filters
from web_console.rendering import Visit, language_of, render, sayer, translate_into
from web_console.visiting import visitor, with_right

PAGE = 50
# A first password is read out or written down: no characters that are taken for each other.
_READABLE = "abcdefghjkmnpqrstuvwxyz23456789"
_MANAGE = requires("accounts.manage")


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    search: str = ""
    unit_id: str = ""
    role: str = ""
    active: bool | None = None


class NewPerson(StaffIn, frozen=True, kw_only=True):
    """With a first role, held on `role_on` or else on his own organisation."""

    role: str = ""
    role_on: Identifier | None = None


def _manager(request: Visit) -> Caller:
    return visitor(request).narrowed("accounts.manage")


async def _found(request: Visit, session: AsyncSession, *, limit: int, offset: int = 0) -> Page[Any]:
    wanted = msgspec.structs.asdict(read_filters(request, Filter))
    return await accounts.list_people(session, _manager(request), **wanted, limit=limit, offset=offset)


async def _places(request: Visit, session: AsyncSession) -> dict[str, Any]:
    """What the forms offer: the organisations within reach, the units among them, and roles that may be given."""
    organisations = await accounts.list_organisations(session, _manager(request))
    return {
        "organisations": organisations,
        "unit_choices": [each for each in organisations if each.kind == "unit"],
        "roles": [(name, ROLES[name]) for name in accounts.roles_to_give(_manager(request))],
    }


def _password(settings: Settings) -> str:
    return "".join(secrets.choice(_READABLE) for _ in range(max(10, settings.password_min_length)))


@get("/staff", guards=[_MANAGE])
async def show(request: Visit, session: AsyncSession) -> Response[str]:
    units = (await _places(request, session))["unit_choices"]
    return render(
        request, "people.html", filter=read_filters(request, Filter), unit_choices=units, roles=list(ROLES.items())
    )


@get("/staff/found", guards=[_MANAGE])
async def found(request: Visit, session: AsyncSession, page: PageNumber = 1) -> Response[str]:
    people = await _found(request, session, limit=PAGE, offset=PAGE * (page - 1))
    return render(request, "parts/people.html", people=people, page=page, size=PAGE)


@get(files("/staff/export"), guards=[_MANAGE])
async def download(request: Visit, session: AsyncSession) -> Response[bytes]:
    t, say = translate_into(language_of(request)), sayer(language_of(request))

    def roles(one: PersonOut) -> list[str]:
        return [f"{say((grant.role_zh, grant.role_en))} ({grant.organisation_name})" for grant in one.grants]

    columns: Columns = [
        (t("工号"), "staff_number"),
        (t("姓名"), "name"),
        (t("所属机构"), "organisation_name"),
        (t("所属单位"), lambda one: [unit.name for unit in one.units]),
        (t("角色"), roles),
        (t("在用设备"), "devices"),
        (t("状态"), lambda one: t("在职") if one.active else t("账号停用")),
    ]
    return await export(request, "staff", columns, await _found(request, session, limit=EXPORT_MOST))


@get("/staff/new", guards=[_MANAGE])
async def new(request: Visit, session: AsyncSession, settings: Settings) -> Response[str]:
    return render(request, "parts/person_new.html", password=_password(settings), **await _places(request, session))


@post("/staff", guards=[_MANAGE], status_code=200)
async def create(request: Visit, session: AsyncSession, settings: Settings) -> Response[str]:
    """Answers with the new person's page, where the first password stands this once."""
    given, caller = await read_form(request, NewPerson), _manager(request)
    made = await accounts.create_staff(
        session,
        caller,
        staff_number=given.staff_number,
        name=given.name,
        organisation_id=given.organisation_id,
        password=given.password,
        unit_ids=given.unit_ids,
        min_length=settings.password_min_length,
    )
    if given.role:
        on = given.role_on or given.organisation_id
        await accounts.grant_role(session, caller, made.id, organisation_id=on, role=given.role)
    t = translate_into(language_of(request))
    toast = t("已新建 {name}，请把初始密码告诉本人", name=made.name)
    return await _again(request, session, settings, made.id, toast, told=given.password)


@get("/staff/{staff_id:str}", guards=[_MANAGE])
async def open_one(request: Visit, session: AsyncSession, settings: Settings, staff_id: str) -> Response[str]:
    return await _opened(request, session, settings, staff_id)


async def _opened(
    request: Visit, session: AsyncSession, settings: Settings, staff_id: str, *, told: str = ""
) -> Response[str]:
    """`told` is the password that was just set: the administrator passes it on, nobody sees it again."""
    person = await accounts.find_person(session, _manager(request), staff_id)
    places = await _places(request, session)
    watching = with_right(request, "devices.manage")
    return render(
        request,
        "parts/person.html",
        person=person,
        reachable={each.id for each in places["organisations"]},
        devices=await accounts.list_devices(session, watching, staff_id=staff_id) if watching else None,
        password=_password(settings),
        told=told,
        **places,
    )


async def _again(
    request: Visit, session: AsyncSession, settings: Settings, staff_id: str, toast: str, *, told: str = ""
) -> Response[str]:
    """The dialog as it now stands; the list behind it loads anew."""
    opened = await _opened(request, session, settings, staff_id, told=told)
    opened.headers["HX-Trigger"] = json.dumps({"toast": {"text": toast}, "staff-changed": True})
    return opened


@post("/staff/{staff_id:str}/units", guards=[_MANAGE], status_code=200)
async def set_units(request: Visit, session: AsyncSession, settings: Settings, staff_id: str) -> Response[str]:
    form = await read_form(request, UnitsIn, **({} if "unit_ids" in await request.form() else {"unit_ids": ()}))
    await accounts.set_units(session, _manager(request), staff_id, form.unit_ids)
    return await _again(
        request, session, settings, staff_id, translate_into(language_of(request))("所属单位已保存，会发到他的手机")
    )


@post("/staff/{staff_id:str}/grants", guards=[_MANAGE], status_code=200)
async def grant(request: Visit, session: AsyncSession, settings: Settings, staff_id: str) -> Response[str]:
    form = msgspec.structs.asdict(await read_form(request, GrantIn))
    await accounts.grant_role(session, _manager(request), staff_id, **form)
    return await _again(request, session, settings, staff_id, translate_into(language_of(request))("已授权"))


@post("/staff/{staff_id:str}/grants/withdraw", guards=[_MANAGE], status_code=200)
async def withdraw(request: Visit, session: AsyncSession, settings: Settings, staff_id: str) -> Response[str]:
    form = msgspec.structs.asdict(await read_form(request, GrantIn))
    await accounts.withdraw_role(session, _manager(request), staff_id, **form)
    return await _again(request, session, settings, staff_id, translate_into(language_of(request))("授权已撤销"))


@post("/staff/{staff_id:str}/active", guards=[_MANAGE], status_code=200)
async def set_active(request: Visit, session: AsyncSession, settings: Settings, staff_id: str) -> Response[str]:
    form = await read_form(request, ActiveIn)
    await accounts.set_active(session, _manager(request), staff_id, active=form.active)
    t = translate_into(language_of(request))
    toast = t("账号已恢复") if form.active else t("账号已停用，手机和控制台马上退出")
    return await _again(request, session, settings, staff_id, toast)


@post("/staff/{staff_id:str}/password", guards=[_MANAGE], status_code=200)
async def reset_password(request: Visit, session: AsyncSession, settings: Settings, staff_id: str) -> Response[str]:
    form = await read_form(request, PasswordIn)
    least = settings.password_min_length
    await accounts.reset_password(session, _manager(request), staff_id, form.password, min_length=least)
    toast = translate_into(language_of(request))("密码已重置，请把新密码告诉本人")
    return await _again(request, session, settings, staff_id, toast, told=form.password)


handlers: list[Any] = [
    show,
    found,
    download,
    new,
    create,
    open_one,
    set_units,
    grant,
    withdraw,
    set_active,
    reset_password,
]
