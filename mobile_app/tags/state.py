"""电子标签, as the screens see it."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import flet as ft

from mobile_app.state import AppState
from mobile_app.tags.reading import tag_keys
from mobile_app.tags.work import Refreshed
from sync.documents.cylinders import CylinderScan

Kind = Literal["ok", "warn", "quiet"]
Refresh = Callable[[CylinderScan], Awaitable[Refreshed]]
WRITING = ("正在更新标签，把标签贴住读写器", "Updating the tag: hold it to the reader")
WRITTEN = ("标签已更新", "The tag is up to date")
BROKEN_OFF = ("标签没写完；记录已存，不受影响", "The tag is not fully written; the record is saved all the same")


@ft.observable
@dataclass
class TagFollow:
    """The tag follows a record that is saved already: nobody waits for it, and whatever becomes of it the record
    stands. `words` is the one sentence that the worker reads.
    """

    app: AppState
    words: tuple[str, str] = ("", "")
    kind: Kind = "quiet"

    def begin(self, scans: Sequence[CylinderScan], refresh: Refresh) -> None:
        """Of those that were told by their tags, since only these tags are at hand."""
        told = [scan for scan in scans if scan.method in ("nfc", "uhf") and scan.tag_uid]
        if told:
            self.app.run(self._follow(told, refresh))

    async def _follow(self, scans: Sequence[CylinderScan], refresh: Refresh) -> None:
        if not await tag_keys(self.app.phone):
            return  # a company that writes no tags
        self.kind, self.words = "quiet", WRITING
        kind: Kind = "warn"
        words = BROKEN_OFF
        try:
            outcomes = [(scan.code, (await refresh(scan)).outcome) for scan in scans]
            missed = [code for code, outcome in outcomes if outcome == "no_writer"]
            if all(outcome == "written" for _, outcome in outcomes):
                kind, words = "ok", WRITTEN
            elif all(outcome != "unfinished" for _, outcome in outcomes):
                words = _missed(missed)
        finally:
            self.kind, self.words = kind, words


def _missed(codes: Sequence[str]) -> tuple[str, str]:
    return (
        f"没读到 {'、'.join(codes)} 的标签，标签没更新；记录已存，不受影响",
        f"The tag of {', '.join(codes)} was not read and is as before; the record is saved all the same",
    )
