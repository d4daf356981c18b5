"""What was found and is not settled, as shapes on the map: hazards, suspected leaks, third-party works."""

from datetime import datetime
from typing import Any

from litestar import get
from sqlalchemy.ext.asyncio import AsyncSession

from backend.hazards import service as hazards
from backend.hazards.schemas import HazardLine, LeakOut, WorksOut
from backend.scope import requires
from web_console.lists import Words, words_for
from web_console.rendering import Visit, beijing, language_of, translate_into
from web_console.visiting import visitor

# A map with more is unreadable; the list has them all.
_MOST = 2000
_WEIGHTS = {"general": 1, "serious": 2, "major": 3}


@get("/map/findings.geojson", guards=[requires("hazard.view")])
async def findings(request: Visit, session: AsyncSession) -> dict[str, Any]:
    caller = visitor(request).narrowed("hazard.view")
    words, t = await words_for(request, session), translate_into(language_of(request))
    open_hazards = [
        hazard
        for stage in ("pending_review", "pending_dispatch", "in_rectification", "pending_recheck")
        for hazard in (await hazards.list_hazards(session, caller, stage=stage, limit=_MOST)).items
    ]
    leaks = (await hazards.list_leaks(session, caller, limit=_MOST)).items
    works = (await hazards.list_works(session, caller, limit=_MOST)).items
    features = [_hazard(one, words, t) for one in open_hazards if one.lon is not None]
    features += [_works(one, words, t) for one in works if one.lon is not None]
    features += [_leak(one, words, t) for one in leaks if one.lon is not None]
    return {"type": "FeatureCollection", "features": features}


def _hazard(one: HazardLine, words: Words, t: Any) -> dict[str, Any]:
    grade = one.grade or one.proposed_grade
    rows = [
        (t("等级"), words("hazard_grade", grade) + ("" if one.grade else t("（初判）"))),
        (t("地址"), one.address),
        (t("上报"), f"{one.reported_by_name} {beijing(one.reported_at)}"),
        (t("责任"), f"{one.department} {one.responsible_name}".strip()),
        (t("期限"), f"{one.due_on:%Y-%m-%d}" + (" " + t("逾期") if one.overdue else "") if one.due_on else ""),
    ]
    return _feature(
        one,
        one.reported_at,
        layer="hazards",
        icon=f"hazard-{grade if grade in _WEIGHTS else 'general'}",
        weight=_WEIGHTS.get(grade, 1),
        urgent=False,
        title=words("hazard_type", one.hazard_type),
        rows=rows,
        href=f"/hazards?open={one.id}",
        action=t("处理"),
    )


def _leak(one: LeakOut, words: Words, t: Any) -> dict[str, Any]:
    rows = [
        (t("复测"), f"{one.retest_ppm:,.0f} ppm" if one.retest_ppm is not None else ""),
        (t("位置"), one.address or (f"± {one.accuracy_m:.0f} m" if one.accuracy_m is not None else "")),
        (t("仪器"), one.instrument_id),
        (t("检定至"), one.instrument_verified_until.isoformat() if one.instrument_verified_until else ""),
        (t("现场"), f"{one.reported_by_name} {words('leak_action', one.action)}"),
        (t("时间"), beijing(one.at)),
    ]
    return _feature(
        one,
        one.at,
        layer="hazards",
        icon="hazard-leak",
        weight=9,
        urgent=True,
        title=t("疑似泄漏点"),
        rows=rows,
        href=f"/hazards?leak={one.id}",
        action=t("处理"),
        big=f"{one.reading_ppm:,.0f}",
        unit="ppm",
    )


def _works(one: WorksOut, words: Words, t: Any) -> dict[str, Any]:
    rows = [
        (t("机械"), "、".join(words("machinery", code) for code in one.machinery)),
        (t("与管距离"), f"{one.distance_to_pipe_m:g} m" if one.distance_to_pipe_m is not None else ""),
        (t("进度"), words("works_progress", one.progress)),
        (t("施工单位"), one.contractor),
        (t("联系人"), f"{one.contact} {one.contact_phone}".strip()),
        (t("最近报告"), f"{one.reported_by_name} {beijing(one.last_at)} · {t('共 {n} 次', n=one.reports)}"),
    ]
    return _feature(
        one,
        one.found_at or one.last_at,
        layer="works",
        icon="works",
        weight=1,
        urgent=False,
        title=t("第三方施工"),
        rows=rows,
        href=f"/hazards?works={one.id}",
        action=t("处理"),
    )


def _feature(one: HazardLine | LeakOut | WorksOut, at: datetime, **properties: Any) -> dict[str, Any]:
    return {
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": [one.lon, one.lat]},
        "properties": {"id": one.id, "at": at.isoformat(), **properties},
    }


handlers = [findings]
