"""E 待核实 and 问题单: records that were not taken, byte for byte, and facts that contradict each other."""

from typing import Any, Literal

import msgspec
from litestar import Response, get, post
from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts import service as accounts
from backend.accounts.keys import SigningKeys
from backend.errors import UnusableError
from backend.intake import conflicts, facts, quarantined
from backend.intake.papers import find_papers, read_held
from backend.intake.reopening import reopen_conflict, reopen_record
from backend.intake.replaying import replay
from backend.intake.rules import CODES
from backend.intake.running import setup_of
from backend.intake.schemas import ReasonIn
from backend.scope import Caller, requires
from backend.settings import Settings
from sync.documents.envelope import tag_of
from web_console.comparing import Side, compare, heading
from web_console.forms import read_form
from web_console.listing import PageNumber, read_filters
from web_console.lists import words_for
from web_console.rendering import Visit, done, language_of, render, sayer, translate_into
from web_console.visiting import visitor
from web_console.words import CONFLICTS, record_words

PAGE = 30
# More than this are not replayed with one click: each is taken in its own step.
_AT_ONCE = 100
_REVIEW = requires("records.review")


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """Of the tab that is open: the reason or the person of what is held, the kind of a contradiction."""

    tab: Literal["open", "conflicts", "settled"] = "open"
    code: str = ""
    staff_id: str = ""
    kind: str = ""


def _reviewer(request: Visit) -> Caller:
    return visitor(request).narrowed("records.review")


async def _counts(session: AsyncSession, caller: Caller) -> dict[str, int]:
    held = await quarantined.list_quarantined(session, caller, limit=1)
    contradictions = await conflicts.list_conflicts(session, caller, limit=1)
    return {"open": held.total, "conflicts": contradictions.total}


@get("/review", guards=[_REVIEW])
async def show(request: Visit, session: AsyncSession) -> Response[str]:
    wanted = read_filters(request, Filter)
    names = await accounts.staff_names(session, [wanted.staff_id])
    reasons = {code: (words.reason_zh, words.reason_en) for code, words in CODES.items() if code != "dismissed"}
    context: dict[str, Any] = {"person": names.get(wanted.staff_id, ""), "reasons": reasons, "kinds": CONFLICTS}
    return render(request, "review.html", filter=wanted, **context)


@get("/review/found", guards=[_REVIEW])
async def found(request: Visit, session: AsyncSession, page: PageNumber = 1) -> Response[str]:
    caller, wanted, offset = _reviewer(request), read_filters(request, Filter), PAGE * (page - 1)
    context: dict[str, Any] = {"filter": wanted, "page": page, "size": PAGE, "kinds": CONFLICTS}
    context |= {"record_words": record_words, "tag_of": tag_of, "counts": await _counts(session, caller)}
    if wanted.tab == "conflicts":
        listed = await conflicts.list_conflicts(session, caller, kind=wanted.kind, limit=PAGE, offset=offset)
        return render(request, "parts/conflicts.html", listed=listed, **context)
    if wanted.tab == "settled":
        return render(request, "parts/review_settled.html", **context, **await _settled(session, caller, offset))
    held = await quarantined.list_quarantined(
        session, caller, code=wanted.code, staff_id=wanted.staff_id, limit=PAGE, offset=offset
    )
    names = await accounts.staff_names(session, [one.staff_id for one in held.items])
    return render(request, "parts/quarantine.html", held=held, names=names, **context)


async def _settled(session: AsyncSession, caller: Caller, offset: int) -> dict[str, Any]:
    taken = await quarantined.list_quarantined(session, caller, state="taken", limit=PAGE, offset=offset)
    dismissed = await quarantined.list_quarantined(session, caller, state="dismissed", limit=PAGE, offset=offset)
    settled = await conflicts.list_conflicts(session, caller, state="settled", limit=PAGE, offset=offset)
    people = [one.settled_by for one in taken.items + dismissed.items] + [one.settled_by for one in settled.items]
    names = await accounts.staff_names(session, people)
    return {"taken": taken, "dismissed": dismissed, "settled": settled, "names": names}


@get("/review/quarantine/{quarantine_id:str}", guards=[_REVIEW])
async def open_one(request: Visit, session: AsyncSession, quarantine_id: str) -> Response[str]:
    """With the record that was taken under the same id, where there is one: the two are to be compared."""
    caller = _reviewer(request)
    one = await quarantined.show_quarantined(session, caller, quarantine_id)
    names = await accounts.staff_names(session, [one.staff_id, one.settled_by])
    taken = await facts.find_records(session, caller, [one.doc_id])
    came = read_held(one, names.get(one.staff_id, ""))
    sides: list[Side] = [*taken, came] if came else [*taken]
    lines = compare(sides, await words_for(request, session), language_of(request)) if taken else []
    words = CODES[one.code]
    context: dict[str, Any] = {"names": names, "lines": lines, "tag": tag_of(one.doc_id), "both": came is not None}
    context |= {"action": (words.action_zh, words.action_en), "record_words": record_words}
    return render(request, "parts/quarantined.html", one=one, **context)


@post("/review/quarantine/{quarantine_id:str}/replay", guards=[_REVIEW], status_code=204)
async def replay_one(
    request: Visit, session: AsyncSession, quarantine_id: str, settings: Settings, keys: SigningKeys
) -> Response[None]:
    answer = await replay(session, _reviewer(request), quarantine_id, setup_of(settings, keys))
    t, say = translate_into(language_of(request)), sayer(language_of(request))
    if answer.state == "taken":
        return done(toast=t("已收下，工人端会显示“已收”"), changed="review-changed")
    words = CODES[answer.code]
    said = t("仍收不下：{reason}", reason=say((words.reason_zh, words.reason_en)))
    return done(close=False, toast=said, changed="review-changed")


@post("/review/replay", guards=[_REVIEW], status_code=204)
async def replay_marked(request: Visit, session: AsyncSession, settings: Settings, keys: SigningKeys) -> Response[None]:
    """Each of the marked ones is taken, or stays with what speaks against it today."""
    form = await request.form()
    ids = [str(one) for one in form.getall("marked", [])]
    if not 0 < len(ids) <= _AT_ONCE:
        raise UnusableError("review.marked", "请勾选 1 到 100 条记录。", "Mark between 1 and 100 records.")
    setup = setup_of(settings, keys)
    answers = [await replay(session, _reviewer(request), one, setup) for one in ids]
    taken = sum(1 for answer in answers if answer.state == "taken")
    t = translate_into(language_of(request))
    return done(toast=t("收下 {a} 条，仍有 {b} 条收不下", a=taken, b=len(ids) - taken), changed="review-changed")


@post("/review/quarantine/{quarantine_id:str}/dismiss", guards=[_REVIEW], status_code=204)
async def dismiss(request: Visit, session: AsyncSession, quarantine_id: str) -> Response[None]:
    given = await read_form(request, ReasonIn)
    await quarantined.dismiss(session, _reviewer(request), quarantine_id, given.reason)
    t = translate_into(language_of(request))
    undo = (t("撤销"), f"/review/quarantine/{quarantine_id}/reopen")
    return done(toast=t("已记为不采用，原件保留，手机会收到原因"), changed="review-changed", undo=undo)


@post("/review/quarantine/{quarantine_id:str}/reopen", guards=[_REVIEW], status_code=204)
async def reopen_held(request: Visit, session: AsyncSession, quarantine_id: str) -> Response[None]:
    await reopen_record(session, _reviewer(request), quarantine_id)
    return done(toast=translate_into(language_of(request))("已退回待核实"), changed="review-changed")


@get("/review/conflicts/{conflict_id:str}", guards=[_REVIEW])
async def open_conflict(request: Visit, session: AsyncSession, conflict_id: str) -> Response[str]:
    """What contradicts each other in columns: phones' records, then the office's own documents."""
    caller, language = _reviewer(request), language_of(request)
    one = await conflicts.find_conflict(session, caller, conflict_id)
    records = await facts.find_records(session, caller, one.record_ids)
    papers = await find_papers(session, caller, one.record_ids)
    sides: list[Side] = [*records, *papers]
    names = await accounts.staff_names(session, [one.settled_by])
    context: dict[str, Any] = {
        "lines": compare(sides, await words_for(request, session), language),
        "heads": [heading(side, language) for side in sides],
        "unseen": len(one.record_ids) - len(sides),
        "settled_by": names.get(one.settled_by, ""),
    }
    return render(request, "parts/conflict.html", one=one, kinds=CONFLICTS, **context)


@post("/review/conflicts/{conflict_id:str}/settle", guards=[_REVIEW], status_code=204)
async def settle(request: Visit, session: AsyncSession, conflict_id: str) -> Response[None]:
    given = await read_form(request, ReasonIn)
    await conflicts.settle_conflict(session, _reviewer(request), conflict_id, given.reason)
    t = translate_into(language_of(request))
    undo = (t("撤销"), f"/review/conflicts/{conflict_id}/reopen")
    return done(toast=t("问题单已定案"), changed="review-changed", undo=undo)


@post("/review/conflicts/{conflict_id:str}/reopen", guards=[_REVIEW], status_code=204)
async def reopen_settled(request: Visit, session: AsyncSession, conflict_id: str) -> Response[None]:
    await reopen_conflict(session, _reviewer(request), conflict_id)
    return done(toast=translate_into(language_of(request))("定案已撤销，问题单重新打开"), changed="review-changed")


handlers = [
    show,
    found,
    open_one,
    replay_one,
    replay_marked,
    dismiss,
    reopen_held,
    open_conflict,
    settle,
    reopen_settled,
]
