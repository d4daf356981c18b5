"""The regulator's feeds over HTTP."""

from datetime import datetime
from typing import Any

import msgspec


class DatasetOut(msgspec.Struct, frozen=True):
    """`id` as in table 2 of the standard (clause 4.1.3)."""

    id: str
    zh: str
    en: str
    url: str


class FeedPage(msgspec.Struct, frozen=True, kw_only=True):
    """`next_cursor` is where to go on, also when nothing more is there now; `snapshot_at`: all that was committed by
    then and is not in a later page is in this one or an earlier one.
    """

    dataset: str
    items: list[dict[str, Any]]
    next_cursor: str
    has_more: bool
    snapshot_at: datetime
