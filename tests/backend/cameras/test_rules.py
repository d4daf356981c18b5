"""What a recorder tells becomes a verdict: days kept, interruptions, an end."""

from datetime import UTC, date, datetime, timedelta

import pytest

from backend.cameras.rules import LIMITS, Change, Gap, Recording, choose, gaps_of, judge, limits_for
from backend.reference.defaults import LISTS

NOW = datetime(2026, 11, 29, 4, 0, tzinfo=UTC)
TABLE = {entry.code: entry for entry in LISTS[LIMITS]}
LONG_AGO = date(2020, 1, 1)


def ago(days: float = 0, minutes: float = 0) -> datetime:
    return NOW - timedelta(days=days, minutes=minutes)


def verdict(kind: str, kept: float, *, gaps=(), latest: datetime = NOW, installed_on: date = LONG_AGO):
    recording = Recording("R", "", ago(kept), latest)
    return judge(recording, gaps, limits_for(kind, TABLE), kind=kind, installed_on=installed_on, now=NOW)


class TestDaysKept:
    @pytest.mark.requirement("E5.8.3-10a", "E5.8.3-10b", "E5.8.3-10c")
    @pytest.mark.parametrize(
        ("kind", "kept", "state", "days"),
        [
            ("storage", 90, "kept", 90),
            ("storage", 400, "kept", 400),
            ("storage", 89.9, "short", 89),
            ("supply", 30, "kept", 30),
            ("supply", 29.9, "short", 29),
            ("point", 29, "short", 29),
            ("vehicle", 3, "kept", 3),
            ("vehicle", 2.9, "short", 2),
            ("storage", 0, "short", 0),
        ],
    )
    def test_each_kind_of_place_is_held_to_its_own_days(self, kind: str, kept: float, state: str, days: int) -> None:
        found = verdict(kind, kept)
        assert (found.state, found.kept_days) == (state, days)

    def test_a_company_that_asks_for_more_is_held_to_more(self) -> None:
        table = {"kept_storage": TABLE["kept_storage"]}
        assert limits_for("storage", table).kept_days == 90
        assert limits_for("storage", {}).kept_days == 0

    @pytest.mark.parametrize(
        ("installed", "kept", "state"),
        [
            (40, 40, "growing"),
            (40, 39, "growing"),
            (40, 30, "short"),
            (900, 40, "short"),
            (89, 89, "growing"),
            (91, 89.5, "short"),
        ],
    )
    def test_a_new_camera_grows_until_it_begins_to_overwrite(self, installed: int, kept: float, state: str) -> None:
        day = (NOW - timedelta(days=installed)).date()
        assert verdict("storage", kept, installed_on=day).state == state

    def test_a_recorder_with_nothing_on_it_has_stopped(self) -> None:
        empty = Recording("R", "", None, None)
        found = judge(empty, (), limits_for("storage", TABLE), kind="storage", installed_on=LONG_AGO, now=NOW)
        assert (found.state, found.kept_days) == ("stopped", 0)


class TestInterruptions:
    @pytest.mark.requirement("5.8.8-4")
    @pytest.mark.parametrize(
        ("kind", "gap", "state"),
        [
            ("supply", Gap(ago(2), ago(2, -6)), "gap"),
            ("supply", Gap(ago(2), ago(2, -5)), "kept"),
            ("supply", Gap(ago(40), ago(35)), "kept"),
            ("supply", Gap(ago(31), ago(29)), "gap"),
            ("storage", Gap(ago(80), ago(79)), "gap"),
            ("vehicle", Gap(ago(2), ago(1)), "kept"),
        ],
    )
    def test_only_what_is_longer_than_the_limit_and_within_the_days_counts(
        self, kind: str, gap: Gap, state: str
    ) -> None:
        assert verdict(kind, 100, gaps=[gap]).state == state

    @pytest.mark.requirement("5.8.8-4")
    def test_a_recorder_that_no_longer_records_is_told_before_anything_else(self) -> None:
        assert verdict("supply", 100, latest=ago(0, 25)).state == "stopped"
        assert verdict("supply", 100, latest=ago(0, 15)).state == "kept"
        assert verdict("vehicle", 100, latest=ago(1)).state == "kept"

    def test_what_is_not_told_is_not_called_whole(self) -> None:
        assert verdict("supply", 100, gaps=None).gaps is None

    def test_changes_become_stretches_whatever_their_order(self) -> None:
        told = [(5, True), (9, True), (3, False), (4, False), (1, False)]
        changes = [Change(ago(days), present) for days, present in told]
        assert gaps_of(changes, NOW) == [Gap(ago(4), NOW)]
        assert gaps_of([*changes, Change(ago(2), present=True)], NOW) == [Gap(ago(4), ago(2)), Gap(ago(1), NOW)]


class TestChoose:
    ONE, TWO = Recording("A", "", None, None), Recording("B", "", None, None)

    def test_the_only_one_needs_no_name_and_of_several_it_must_be_said(self) -> None:
        assert choose([self.ONE], "") is self.ONE
        assert choose([self.ONE, self.TWO], "") is None
        assert choose([self.ONE, self.TWO], "B") is self.TWO
        assert choose([self.ONE], "C") is None
