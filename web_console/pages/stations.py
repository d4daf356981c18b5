"""台账, 场站: storage stations, supply stations and supply points with licence and cameras; brought in by a table."""

from typing import Any

import msgspec
from litestar import Response, get, post
from litestar.datastructures import UploadFile
from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts import service as accounts
from backend.certificates import service as certificates
from backend.errors import UnusableError
from backend.pages import EXPORT_MOST, Page
from backend.scope import requires
from backend.stations import importing
from backend.stations import service as stations
from backend.stations.schemas import StationIn, StationLine
from sync.databases import beijing_today
from web_console.forms import read_form
from web_console.listing import PageNumber, export, files, read_filters
from web_console.pages.cameras import STATION_KINDS as KINDS
from web_console.pages.cameras import of_place
from web_console.pages.certificates import STATES as CERTIFICATE_STATES
from web_console.pages.ledgers import tabs
from web_console.rendering import Visit, done, language_of, render, translate_into
from web_console.visiting import visitor, with_right

PAGE = 50
_VIEW = requires("station.view")
_EDIT = requires("station.edit")
_LARGEST_BODY = 16 * 1024 * 1024


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    search: str = ""
    kind: str = ""
    organisation_id: str = ""
    closed: bool = False


async def _found(request: Visit, session: AsyncSession, *, limit: int, offset: int = 0) -> Page[StationLine]:
    wanted = read_filters(request, Filter)
    return await stations.list_stations(
        session,
        visitor(request).narrowed("station.view"),
        search=wanted.search,
        kind=wanted.kind,
        organisation_id=wanted.organisation_id,
        state="" if wanted.closed else "open",
        limit=limit,
        offset=offset,
    )


async def _units(request: Visit, session: AsyncSession, right: str) -> list[Any]:
    reach = await accounts.list_organisations(session, visitor(request).narrowed(right))
    return [each for each in reach if each.kind == "unit"]


@get("/ledgers/stations", guards=[_VIEW])
async def show(request: Visit, session: AsyncSession) -> Response[str]:
    return render(
        request,
        "stations.html",
        filter=read_filters(request, Filter),
        tabs=tabs(request),
        kinds=KINDS,
        units=await _units(request, session, "station.view"),
        may_edit=with_right(request, "station.edit") is not None,
    )


@get("/ledgers/stations/found", guards=[_VIEW])
async def found(request: Visit, session: AsyncSession, page: PageNumber = 1) -> Response[str]:
    ledger = await _found(request, session, limit=PAGE, offset=PAGE * (page - 1))
    return render(
        request,
        "parts/stations.html",
        ledger=ledger,
        kinds=KINDS,
        states=CERTIFICATE_STATES,
        today=beijing_today(),
        page=page,
        size=PAGE,
    )


@get(files("/ledgers/stations/export"), guards=[_VIEW])
async def download(request: Visit, session: AsyncSession) -> Response[bytes]:
    return await export(request, "stations", importing.COLUMNS, await _found(request, session, limit=EXPORT_MOST))


@get("/ledgers/stations/new", guards=[_EDIT])
async def new(request: Visit, session: AsyncSession) -> Response[str]:
    return await _opened(request, session, None)


@get("/ledgers/stations/import", guards=[_EDIT])
async def ask_import(request: Visit) -> Response[str]:
    return render(request, "parts/station_import.html", report=None)


@post("/ledgers/stations/import", guards=[_EDIT], status_code=200, request_max_body_size=_LARGEST_BODY)
async def run_import(request: Visit, session: AsyncSession) -> Response[str]:
    """A trial unless the form says otherwise; both answer with the same report."""
    form = await request.form()
    upload = form.get("file")
    if not isinstance(upload, UploadFile) or not upload.filename:
        raise UnusableError("import.no_file", "请选择文件。", "Choose a file.")
    caller = visitor(request).narrowed("station.edit")
    dry_run = form.get("dry_run", "true") != "false"
    report = await importing.import_stations(session, caller, await upload.read(), dry_run=dry_run)
    answer = render(request, "parts/station_import.html", report=report)
    if not dry_run:
        answer.headers["HX-Trigger"] = "stations-changed"
    return answer


@get("/ledgers/stations/{station_id:str}", guards=[_VIEW])
async def open_one(request: Visit, session: AsyncSession, station_id: str) -> Response[str]:
    return await _opened(request, session, station_id)


async def _opened(request: Visit, session: AsyncSession, station_id: str | None) -> Response[str]:
    caller = visitor(request).narrowed("station.view")
    one = await stations.find_station(session, caller, station_id) if station_id else None
    looking = with_right(request, "certificate.view")
    held = await certificates.all_of(session, "station", [station_id], looking) if station_id and looking else {}
    may_edit = with_right(request, "station.edit") is not None
    return render(
        request,
        "parts/station.html",
        one=one,
        held=held.get(station_id or "", []),
        may_certify=with_right(request, "certificate.edit") is not None,
        kinds=KINDS,
        states=CERTIFICATE_STATES,
        units=await _units(request, session, "station.edit") if may_edit else [],
        may_edit=may_edit,
        **await of_place(request, session, "station", station_id),
    )


@post("/ledgers/stations", guards=[_EDIT], status_code=204)
async def create(request: Visit, session: AsyncSession) -> Response[None]:
    given = await read_form(request, StationIn)
    await stations.create_station(session, visitor(request).narrowed("station.edit"), given)
    return _saved(request)


@post("/ledgers/stations/{station_id:str}", guards=[_EDIT], status_code=204)
async def change(request: Visit, session: AsyncSession, station_id: str) -> Response[None]:
    given = await read_form(request, StationIn)
    await stations.change_station(session, visitor(request).narrowed("station.edit"), station_id, given)
    return _saved(request)


def _saved(request: Visit) -> Response[None]:
    return done(toast=translate_into(language_of(request))("场站已保存"), changed="stations-changed")


@get("/map/stations.geojson", guards=[_VIEW])
async def on_map(request: Visit, session: AsyncSession) -> dict[str, Any]:
    """As the overview's map tells what a click on one says."""
    t, english = translate_into(language_of(request)), language_of(request) == "en"
    page = await stations.list_stations(session, visitor(request).narrowed("station.view"), limit=5000)
    return {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "geometry": {"type": "Point", "coordinates": [one.lon, one.lat]},
                "properties": {
                    "id": one.id,
                    "layer": "stations",
                    "icon": "station",
                    "title": one.name,
                    "rows": [
                        (t("类型"), KINDS[one.kind][int(english)]),
                        (t("地址"), one.address),
                        (t("储存规模"), f"{one.capacity_t:g} t" if one.capacity_t is not None else ""),
                        (t("负责人"), f"{one.manager} {one.manager_phone}".strip()),
                        (t("所属单位"), one.organisation_name),
                    ],
                    "href": f"/ledgers/stations?search={one.code}",
                    "action": t("查看"),
                },
            }
            for one in page.items
            if one.lon is not None
        ],
    }


handlers: list[Any] = [
    show,
    found,
    download,
    new,
    ask_import,
    run_import,
    open_one,
    create,
    change,
    on_map,
]
