"""Runs the domains' takes: over what has just come, and again over facts that waited for it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import delete, func, select, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from backend.bulk import insert_new, one_of
from backend.intake import receipts
from backend.intake.models import Fact, FactReference
from backend.intake.receipts import Answer
from backend.intake.rules import PHOTO_TAG
from backend.positions import service as positions
from backend.taken import Take, Taken, Waiting
from sync.databases import parse_database
from sync.documents import decode_record
from sync.documents.envelope import tag_of
from sync.documents.photos import is_file

# SQLSTATE classes of failures that are not the record's fault: lost connection, no resources, shutdown, deadlock.
_PASSING = ("08", "53", "57", "58", "40", "55P03")
_UNIQUE_VIOLATION = "23505"

_log = structlog.get_logger(__name__)


def is_passing(error: Exception) -> bool:
    """Whether another try may succeed: deadlock, lost connection, a shutting-down or overfull server."""
    if not isinstance(error, DBAPIError):
        return isinstance(error, OSError)
    state = getattr(error.orig, "sqlstate", None) or ""
    # Another worker is writing the same row from another database at this moment: it was not there when asked for.
    constraint = str(getattr(getattr(error.orig, "diag", None), "constraint_name", ""))
    race = state == _UNIQUE_VIOLATION and constraint.startswith("pk_")
    return race or error.connection_invalidated or state.startswith(_PASSING)


async def take_all(session: AsyncSession, takens: Sequence[Taken[Any]], takes: Mapping[str, Take]) -> list[Answer]:
    """What each domain makes of its records; answers for them, and for whatever waited for them."""
    waiting: dict[str, Waiting] = {}
    for take, together in _by_take(takens, takes):
        waiting |= await take(session, together)
    await _remember_waits(session, waiting)
    await positions.note_seen(session, [taken for taken in takens if not is_file(taken.record.id)])
    answers = [
        receipts.accepted(
            taken.record.id,
            taken.rev,
            taken.device_id,
            waiting=taken.record.id in waiting,
            photos=bool(taken.record.photos),
        )
        for taken in takens
    ]
    answers += await settle(session, [taken.record.id for taken in takens], takes)
    pictures = [taken.record.id for taken in takens if tag_of(taken.record.id) == PHOTO_TAG]
    return answers + (await receipts.records_of_photos(session, pictures) if pictures else [])


def _by_take(takens: Sequence[Taken[Any]], takes: Mapping[str, Take]) -> list[tuple[Take, list[Taken[Any]]]]:
    """Each take with its records, always in the order of the table: rows are locked in one order by every batch."""
    by_tag: dict[str, list[Taken[Any]]] = {}
    for taken in takens:
        by_tag.setdefault(tag_of(taken.record.id), []).append(taken)
    together: dict[Take, list[Taken[Any]]] = {}
    for tag, take in takes.items():
        together.setdefault(take, []).extend(by_tag.get(tag, ()))
    return [(take, sorted(its, key=_in_time)) for take, its in together.items() if its]


def _in_time(taken: Taken[Any]) -> tuple[datetime, str]:
    return taken.recorded_at, taken.record.id


async def _remember_waits(session: AsyncSession, waiting: Mapping[str, Waiting]) -> None:
    if not waiting:
        return
    await session.execute(update(Fact).where(one_of(Fact.id, sorted(waiting))).values(state="waiting"))
    rows = [
        {"fact_id": fact_id, "refers_to": target}
        for fact_id, wait in sorted(waiting.items())
        for target in dict.fromkeys(wait.refers_to)
    ]
    await insert_new(session, FactReference, rows)


async def settle(session: AsyncSession, arrived: Sequence[str], takes: Mapping[str, Take]) -> list[Answer]:
    """Takes the waiting facts that refer to one of these once more; what was settled is answered anew."""
    referring = select(FactReference.fact_id).where(one_of(FactReference.refers_to, arrived))
    waiting = select(Fact).where(Fact.state == "waiting", Fact.id.in_(referring))
    return await _take_again(session, (await session.scalars(waiting)).all(), takes)


async def settle_some(session: AsyncSession, takes: Mapping[str, Take], limit: int) -> None:
    """Tries some of the waiting facts again: what they refer to may have come by another way than a record."""
    waiting = select(Fact).where(Fact.state == "waiting").order_by(func.random()).limit(limit)
    facts = (await session.scalars(waiting.with_for_update(skip_locked=True))).all()
    by_database: dict[str, list[Answer]] = {}
    for answer in await _take_again(session, facts, takes):
        by_database.setdefault(answer.database, []).append(answer)
    for name, answers in sorted(by_database.items()):
        database = parse_database(name)
        if database is not None:
            await receipts.send(session, database, answers)


async def _take_again(session: AsyncSession, facts: Sequence[Fact], takes: Mapping[str, Take]) -> list[Answer]:
    takens = {fact.id: _taken_of(fact) for fact in facts}
    still: dict[str, Waiting] = {}
    failed: set[str] = set()
    for take, together in _by_take(list(takens.values()), takes):
        await _try_again(session, take, together, still, failed)
    tried = sorted(takens.keys() - failed)
    if not tried:
        return []
    await session.execute(delete(FactReference).where(one_of(FactReference.fact_id, tried)))
    await _remember_waits(session, still)
    settled = [takens[fact_id] for fact_id in tried if fact_id not in still]
    done = [taken.record.id for taken in settled]
    await session.execute(update(Fact).where(one_of(Fact.id, done)).values(state="accepted"))
    return [
        receipts.accepted(taken.record.id, taken.rev, taken.device_id, database=taken.database) for taken in settled
    ]


async def _try_again(
    session: AsyncSession, take: Take, takens: Sequence[Taken[Any]], still: dict[str, Waiting], failed: set[str]
) -> None:
    """Notes which of them still wait, and which failed: those were taken once, and what came now must not suffer."""
    try:
        async with session.begin_nested():
            still |= await take(session, takens)
            return
    except Exception as error:
        if is_passing(error):
            raise
        if len(takens) == 1:
            failed.add(takens[0].record.id)
            _log.exception("intake.not_settled", doc_id=takens[0].record.id)
            return
    middle = len(takens) // 2
    for half in (takens[:middle], takens[middle:]):
        await _try_again(session, take, half, still, failed)


def _taken_of(fact: Fact) -> Taken[Any]:
    return Taken(
        record=decode_record(fact.id, fact.body),
        rev=fact.rev,
        database=fact.database,
        organisation_id=fact.organisation_id,
        company_id=fact.company_id,
        staff_id=fact.staff_id,
        device_id=fact.device_id,
        recorded_at=fact.recorded_at,
        received_at=fact.received_at,
    )
