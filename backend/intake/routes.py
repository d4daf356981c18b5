"""HTTP of 待核实 (records not taken) and 问题单 (conflicts)."""

from typing import Annotated, Literal

from litestar import Router, get, post
from litestar.params import QueryParameter
from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts.keys import SigningKeys
from backend.intake import conflicts, quarantined
from backend.intake.reopening import reopen_conflict, reopen_record
from backend.intake.replaying import replay
from backend.intake.running import setup_of
from backend.intake.schemas import ConflictOut, ConflictPage, QuarantinedOut, QuarantinedPage, ReasonIn, ReplayOut
from backend.pages import Limit, Offset
from backend.scope import Caller, requires
from backend.settings import Settings


@get("/quarantine")
async def list_quarantined(  # noqa: PLR0917 - Litestar gives arguments by name
    session: AsyncSession,
    caller: Caller,
    status: Annotated[Literal["open", "taken", "dismissed"], QueryParameter(name="state")] = "open",
    code: str = "",
    limit: Limit = 50,
    offset: Offset = 0,
) -> QuarantinedPage:
    return await quarantined.list_quarantined(session, caller, state=status, code=code, limit=limit, offset=offset)


@get("/quarantine/{quarantine_id:str}")
async def show_quarantined(session: AsyncSession, caller: Caller, quarantine_id: str) -> QuarantinedOut:
    return await quarantined.show_quarantined(session, caller, quarantine_id)


@post("/quarantine/{quarantine_id:str}/replay", status_code=200)
async def replay_quarantined(
    session: AsyncSession, caller: Caller, quarantine_id: str, settings: Settings, keys: SigningKeys
) -> ReplayOut:
    return await replay(session, caller, quarantine_id, setup_of(settings, keys))


@post("/quarantine/{quarantine_id:str}/dismiss", status_code=204)
async def dismiss_quarantined(session: AsyncSession, caller: Caller, quarantine_id: str, data: ReasonIn) -> None:
    await quarantined.dismiss(session, caller, quarantine_id, data.reason)


@post("/quarantine/{quarantine_id:str}/reopen", status_code=204)
async def reopen_quarantined(session: AsyncSession, caller: Caller, quarantine_id: str) -> None:
    """Takes a dismissal back."""
    await reopen_record(session, caller, quarantine_id)


@get("/conflicts")
async def list_conflicts(  # noqa: PLR0917 - Litestar gives arguments by name
    session: AsyncSession,
    caller: Caller,
    status: Annotated[Literal["open", "settled"], QueryParameter(name="state")] = "open",
    kind: str = "",
    limit: Limit = 50,
    offset: Offset = 0,
) -> ConflictPage:
    return await conflicts.list_conflicts(session, caller, state=status, kind=kind, limit=limit, offset=offset)


@post("/conflicts/{conflict_id:str}/settle", status_code=200)
async def settle_conflict(session: AsyncSession, caller: Caller, conflict_id: str, data: ReasonIn) -> ConflictOut:
    return await conflicts.settle_conflict(session, caller, conflict_id, data.reason)


@post("/conflicts/{conflict_id:str}/reopen", status_code=204)
async def reopen_settled(session: AsyncSession, caller: Caller, conflict_id: str) -> None:
    """Takes a settlement back."""
    await reopen_conflict(session, caller, conflict_id)


router = Router(
    path="/api",
    route_handlers=[
        list_quarantined,
        show_quarantined,
        replay_quarantined,
        dismiss_quarantined,
        reopen_quarantined,
        list_conflicts,
        settle_conflict,
        reopen_settled,
    ],
    guards=[requires("records.review")],
    tags=["records"],
)
