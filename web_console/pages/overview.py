"""A 一张图: the network, who is where, what was walked, what waits for a decision. Its parts load by themselves."""

from datetime import UTC, datetime, timedelta
from typing import Any

from litestar import Response, get
from sqlalchemy.ext.asyncio import AsyncSession

from backend.alarms import service as alarms
from backend.deliveries import service as deliveries
from backend.intake import conflicts, facts, phones, quarantined
from backend.intake.phones import OFFLINE_AFTER
from backend.network import service as network
from backend.patrol import service as patrol
from backend.positions import service as positions
from backend.scope import requires, signed_in
from backend.settings import Settings
from sync.databases import beijing_today
from web_console.basemap import base_of
from web_console.rendering import BEIJING, Visit, language_of, render
from web_console.visiting import visitor, with_right
from web_console.words import RECORDS, record_words

# The feed tells what somebody did; photos and tracks only come along with it.
_SILENT = {"photo", "voice_note", "patrol.tracked", "patrol.paused", "vehicle.tracked", "station.readings"}
TOLD = tuple(tag for tag in RECORDS if tag not in _SILENT)


def midnight() -> datetime:
    return datetime.now(BEIJING).replace(hour=0, minute=0, second=0, microsecond=0)


@get("/", guards=[requires("network.view")])
async def show(request: Visit, session: AsyncSession, settings: Settings) -> Response[str]:
    english = language_of(request) == "en"
    levels = [
        {"code": code, "name": level.en if english else level.zh}
        for code, level in reversed(network.PRESSURE_LEVELS.items())
    ]
    areas = await network.list_areas(session, visitor(request).narrowed("network.view"))
    return render(request, "overview.html", levels=levels, areas=areas, base=base_of(settings))


@get("/parts/state", guards=[signed_in])
async def state(request: Visit, session: AsyncSession) -> Response[str]:
    """What stands in the top bar and as counts on the rail."""
    received = await facts.count_received(session, visitor(request), midnight())
    context: dict[str, Any] = {"received": received, "fleet": None, "counts": {}}
    if managing := with_right(request, "devices.manage"):
        context["fleet"] = await phones.count_phones(session, managing)
    if reviewing := with_right(request, "records.review"):
        held = await quarantined.list_quarantined(session, reviewing, limit=1)
        contradictions = await conflicts.list_conflicts(session, reviewing, limit=1)
        context["counts"]["review"] = held.total + contradictions.total
    if watching := with_right(request, "station.view"):
        context["counts"]["alarms"] = await alarms.count_unhandled(session, watching)
    return render(request, "parts/state.html", **context)


@get("/overview/kpis", guards=[signed_in])
async def kpis(request: Visit, session: AsyncSession) -> Response[str]:
    context: dict[str, Any] = {"rates": None, "deliveries": None, "people": None}
    if viewing := with_right(request, "patrol.view"):
        context["rates"] = await patrol.rates_of(session, viewing, beijing_today(), beijing_today())
        since = datetime.now(UTC) - OFFLINE_AFTER
        context["people"] = len(await positions.list_positions(session, viewing, since=since))
    if seeing := with_right(request, "delivery.view"):
        day: dict[str, Any] = {"since": midnight(), "until": midnight() + timedelta(days=1), "limit": 1}
        done_today = await deliveries.list_orders(session, seeing, state="done", **day)
        context["deliveries"] = (done_today.total, (await deliveries.list_orders(session, seeing, **day)).total)
    return render(request, "parts/kpis.html", **context)


@get("/overview/feed", guards=[signed_in])
async def feed(request: Visit, session: AsyncSession) -> Response[str]:
    records = await facts.recent_records(session, visitor(request), tags=TOLD, limit=5)
    return render(request, "parts/feed.html", records=records, record_words=record_words)


@get("/map/tracks.geojson", guards=[requires("patrol.view")])
async def tracks(request: Visit, session: AsyncSession) -> Response[bytes]:
    found = await patrol.tracks_geojson(session, visitor(request).narrowed("patrol.view"), since=midnight())
    return geojson(found)


@get("/map/walked.geojson", guards=[requires("patrol.view")])
async def walked(request: Visit, session: AsyncSession) -> Response[bytes]:
    since = midnight()
    caller = visitor(request).narrowed("patrol.view")
    return geojson(await patrol.walked_geojson(session, caller, since, since + timedelta(days=1)))


@get("/map/people.json", guards=[requires("patrol.view")])
async def people(request: Visit, session: AsyncSession) -> list[dict[str, Any]]:
    """Everybody seen today; `off` has not been heard of for a while."""
    seen = await positions.list_positions(session, visitor(request).narrowed("patrol.view"), since=midnight())
    silent = datetime.now(UTC) - OFFLINE_AFTER
    return [
        {
            "id": one.staff_id,
            "name": one.staff_name,
            "lon": one.lon,
            "lat": one.lat,
            "at": one.at.isoformat(),
            "accuracy_m": one.accuracy_m,
            "mocked": one.mocked,
            "methane_ppm": one.methane_ppm,
            "off": one.at < silent,
        }
        for one in seen
    ]


def geojson(content: bytes) -> Response[bytes]:
    return Response(content, media_type="application/geo+json", headers={"Cache-Control": "no-store"})


handlers = [show, state, kpis, feed, tracks, walked, people]
