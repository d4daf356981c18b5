"""What intake hands to a domain: field records that were read, checked and are owned, in the batch's transaction."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Generic, TypeVar

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from sync.documents.envelope import Record

R = TypeVar("R", bound=Record)


class Taken(msgspec.Struct, Generic[R], frozen=True, kw_only=True):
    """A fact with what intake knows of it. `organisation_id` is the record's unit, one of the person's;
    `recorded_at` is when, in UTC, corrected where the phone's clock was wrong, never after `received_at`;
    `attachment` is a photo's picture.
    """

    record: R
    rev: str
    database: str
    organisation_id: str
    company_id: str
    staff_id: str
    device_id: str
    recorded_at: datetime
    received_at: datetime
    attachment: bytes | None = None


class Waiting(msgspec.Struct, frozen=True):
    """Taken, but the records with these ids are still to come; the take runs again when one of them arrives."""

    refers_to: tuple[str, ...]


# Takes some records at once, in the order of their corrected time, then id; those of all tags that share a take come
# together. Answers which of them wait, by their ids. Idempotent, and never refuses a well-formed fact: a contradiction
# becomes a conflict for the office.
Take = Callable[[AsyncSession, Sequence[Taken[Any]]], Awaitable[Mapping[str, Waiting]]]
NONE_WAIT: Mapping[str, Waiting] = {}
