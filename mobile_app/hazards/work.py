"""What a worker finds, each saved in one call: 隐患, 疑似泄漏点, 第三方施工."""

from collections.abc import Sequence
from datetime import date
from typing import Any, Literal

import msgspec

from mobile_app.errors import FieldError
from mobile_app.phone import Phone
from mobile_app.photo_drafts import PhotoDraft
from sync.documents.envelope import Position
from sync.documents.hazards import HazardReported, LeakSuspected, ThirdPartyWorksReported

MAX_PHOTOS = 20


class LeakProposal(msgspec.Struct, frozen=True, kw_only=True):
    """A reading over the limit, filled in as far as the phone knows; `emergency` says to leave first (撤离)."""

    reading_ppm: float
    alarm_limit_ppm: float
    emergency: bool
    instrument_id: str
    instrument_verified_until: date | None = None
    position: Position | None = None
    pipe_id: str = ""
    pipe_distance_m: float | None = None
    address: str = ""
    task_id: str = ""
    patrol_id: str = ""


async def report_hazard(
    phone: Phone,
    *,
    hazard_type: str,
    photos: Sequence[PhotoDraft] = (),
    position: Position | None = None,
    task_id: str = "",
    pipe_id: str = "",
    **fields: Any,
) -> HazardReported:
    """Further `fields` are those of `HazardReported`; the nearest pipe is linked where none is named."""
    if not hazard_type:
        raise FieldError("hazard.no_type", "请选择隐患类型", "Choose the type of hazard", field="hazard_type")
    _check_photos(photos)
    here = position or phone.position()
    if not pipe_id and not fields.get("customer_id"):
        pipe_id = await _pipe_near(phone, here)
    return await phone.record(
        HazardReported,
        photos=photos,
        position=here,
        task_id=task_id,
        hazard_type=hazard_type,
        pipe_id=pipe_id,
        **fields,
    )


async def report_leak(
    phone: Phone,
    proposal: LeakProposal,
    *,
    photos: Sequence[PhotoDraft] = (),
    action: str = "",
    retest_ppm: float | None = None,
    corrects: str = "",
    **fields: Any,
) -> LeakSuspected:
    """Saves the proposal as it stands; a re-test or an action that comes later `corrects` the first record."""
    _check_photos(photos)
    taken = {
        name: getattr(proposal, name)
        for name in (
            "reading_ppm",
            "alarm_limit_ppm",
            "emergency",
            "instrument_id",
            "instrument_verified_until",
            "pipe_id",
            "address",
            "patrol_id",
        )
    }
    return await phone.record(
        LeakSuspected,
        photos=photos,
        position=proposal.position,
        task_id=proposal.task_id,
        action=action,
        retest_ppm=retest_ppm,
        corrects=corrects,
        **(taken | fields),
    )


async def report_works(
    phone: Phone,
    *,
    machinery: Sequence[str] = (),
    photos: Sequence[PhotoDraft] = (),
    kind: Literal["found", "guarding"] = "found",
    works_id: str = "",
    position: Position | None = None,
    task_id: str = "",
    pipe_id: str = "",
    distance_to_pipe_m: float | None = None,
    **fields: Any,
) -> ThirdPartyWorksReported:
    """Three taps: works, machinery, photo; all else is optional. Guarding names the first report."""
    if kind == "guarding" and not works_id:
        raise FieldError(
            "works.no_first_report",
            "监护要选择是哪个施工点",
            "Guarding must name the works it is about",
            field="works_id",
        )
    _check_photos(photos)
    here = position or phone.position()
    if not pipe_id and here is not None:
        nearest = await phone.nearest_pipe(here)
        if nearest is not None:
            pipe_id = nearest.pipe_id
            if distance_to_pipe_m is None:
                distance_to_pipe_m = round(nearest.distance_m, 1)
    return await phone.record(
        ThirdPartyWorksReported,
        photos=photos,
        position=here,
        task_id=task_id,
        kind=kind,
        works_id=works_id,
        machinery=tuple(machinery),
        pipe_id=pipe_id,
        distance_to_pipe_m=distance_to_pipe_m,
        **fields,
    )


async def _pipe_near(phone: Phone, here: Position | None) -> str:
    nearest = await phone.nearest_pipe(here) if here is not None else None
    return nearest.pipe_id if nearest else ""


def _check_photos(photos: Sequence[PhotoDraft]) -> None:
    if len(photos) > MAX_PHOTOS:
        raise FieldError(
            "photos.too_many",
            f"一条记录最多 {MAX_PHOTOS} 张照片",
            f"A record holds at most {MAX_PHOTOS} photos",
            field="photos",
        )
