"""E 待核实 and 问题单: records that were not taken, byte for byte, and facts that contradict each other."""

from typing import Annotated, Any, Literal

from litestar import Response, get, post
from litestar.params import Parameter
from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts import service as accounts
from backend.accounts.keys import SigningKeys
from backend.errors import UnusableError
from backend.intake import conflicts, facts, quarantined
from backend.intake.replaying import replay
from backend.intake.rules import CODES
from backend.intake.running import setup_of
from backend.intake.schemas import ReasonIn
from backend.scope import Caller, requires
from backend.settings import Settings
from sync.documents.envelope import tag_of
from web_console.forms import read_form
from web_console.rendering import Visit, done, language_of, render, sayer, translate_into
from web_console.visiting import visitor
from web_console.words import CONFLICTS, record_words

PAGE = 30
# More than this are not replayed with one click: each is taken in its own step.
_AT_ONCE = 100
Tab = Literal["open", "conflicts", "settled"]
Page = Annotated[int, Parameter(ge=1, le=10_000)]


@get("/review", guards=[requires("records.review")])
async def show(request: Visit, session: AsyncSession, tab: Tab = "open") -> Response[str]:
    caller = _reviewer(request)
    held = await quarantined.list_quarantined(session, caller, limit=1)
    contradictions = await conflicts.list_conflicts(session, caller, limit=1)
    return render(request, "review.html", tab=tab, held=held.total, contradictions=contradictions.total)


@get("/review/found", guards=[requires("records.review")])
async def found(request: Visit, session: AsyncSession, tab: Tab = "open", page: Page = 1) -> Response[str]:
    caller, offset = _reviewer(request), PAGE * (page - 1)
    context: dict[str, Any] = {"tab": tab, "page": page, "size": PAGE, "record_words": record_words, "tag_of": tag_of}
    if tab == "conflicts":
        listed = await conflicts.list_conflicts(session, caller, limit=PAGE, offset=offset)
        return render(request, "parts/conflicts.html", listed=listed, kinds=CONFLICTS, **context)
    if tab == "settled":
        taken = await quarantined.list_quarantined(session, caller, state="taken", limit=PAGE, offset=offset)
        dismissed = await quarantined.list_quarantined(session, caller, state="dismissed", limit=PAGE, offset=offset)
        settled = await conflicts.list_conflicts(session, caller, state="settled", limit=PAGE, offset=offset)
        people = [one.settled_by for one in taken.items + dismissed.items]
        names = await accounts.staff_names(session, people + [one.settled_by for one in settled.items])
        context |= {"taken": taken, "dismissed": dismissed, "settled": settled, "names": names, "kinds": CONFLICTS}
        return render(request, "parts/review_settled.html", **context)
    held = await quarantined.list_quarantined(session, caller, limit=PAGE, offset=offset)
    names = await accounts.staff_names(session, [one.staff_id for one in held.items])
    return render(request, "parts/quarantine.html", held=held, names=names, **context)


def _reviewer(request: Visit) -> Caller:
    return visitor(request).narrowed("records.review")


@get("/review/quarantine/{quarantine_id:str}", guards=[requires("records.review")])
async def open_one(request: Visit, session: AsyncSession, quarantine_id: str) -> Response[str]:
    one = await quarantined.show_quarantined(session, _reviewer(request), quarantine_id)
    names = await accounts.staff_names(session, [one.staff_id, one.settled_by])
    words = CODES[one.code]
    return render(
        request,
        "parts/quarantined.html",
        one=one,
        names=names,
        action=(words.action_zh, words.action_en),
        record_words=record_words,
        tag=tag_of(one.doc_id),
    )


@post("/review/quarantine/{quarantine_id:str}/replay", guards=[requires("records.review")], status_code=204)
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


@post("/review/replay", guards=[requires("records.review")], status_code=204)
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


@post("/review/quarantine/{quarantine_id:str}/dismiss", guards=[requires("records.review")], status_code=204)
async def dismiss(request: Visit, session: AsyncSession, quarantine_id: str) -> Response[None]:
    given = await read_form(request, ReasonIn)
    await quarantined.dismiss(session, _reviewer(request), quarantine_id, given.reason)
    t = translate_into(language_of(request))
    return done(toast=t("已记为不采用，原件保留，手机会收到原因"), changed="review-changed")


@get("/review/conflicts/{conflict_id:str}", guards=[requires("records.review")])
async def open_conflict(request: Visit, session: AsyncSession, conflict_id: str) -> Response[str]:
    caller = _reviewer(request)
    one = await conflicts.find_conflict(session, caller, conflict_id)
    records = await facts.find_records(session, caller, one.record_ids)
    return render(request, "parts/conflict.html", one=one, records=records, kinds=CONFLICTS, record_words=record_words)


@post("/review/conflicts/{conflict_id:str}/settle", guards=[requires("records.review")], status_code=204)
async def settle(request: Visit, session: AsyncSession, conflict_id: str) -> Response[None]:
    given = await read_form(request, ReasonIn)
    await conflicts.settle_conflict(session, _reviewer(request), conflict_id, given.reason)
    return done(toast=translate_into(language_of(request))("问题单已定案"), changed="review-changed")


handlers = [show, found, open_one, replay_one, replay_marked, dismiss, open_conflict, settle]
