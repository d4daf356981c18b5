"""Which certificate counts on a day: the same answer in the office, at the filling station and on the road."""

from collections.abc import Iterable
from datetime import date
from typing import Protocol

# Entries of the lists of certificates that other rules ask for by name.
FILLING_LICENCE = "filling_licence"
FILLER = "filler"
ROAD_TRANSPORT = "road_transport"
EXPLOSION_PROOF = "explosion_proof"
TAG_CONFORMITY = "tag_conformity"
READER_CONFORMITY = "reader_conformity"


class Expiring(Protocol):
    @property
    def holder_kind(self) -> str: ...
    @property
    def holder_id(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def expires_on(self) -> date: ...


def is_valid(expires_on: date, today: date) -> bool:
    """Through its last day."""
    return expires_on >= today


def in_force(since: date | None, today: date) -> bool:
    """Whether a rule that the company has set a day for holds."""
    return since is not None and since <= today


def holds(certificates: Iterable[Expiring], holder_kind: str, holder_id: str, kind: str, today: date) -> bool:
    """Whether one of these says so today; an older one that has run out does not speak against it."""
    return any(
        (each.holder_kind, each.holder_id, each.kind) == (holder_kind, holder_id, kind)
        and is_valid(each.expires_on, today)
        for each in certificates
    )
