"""The list of alarm limits is believed within bounds alone: no entry switches an alarm off."""

import msgspec
import pytest

from sync.documents.reference import ListEntry
from sync.rules.station_limits import ENTRIES, FIGURES, station_limits, unbelievable

BUILT_IN = {figure.code: figure.start for figure in FIGURES}


def changed(code: str, limit: float | None) -> list[ListEntry]:
    return [msgspec.structs.replace(entry, limit=limit) if entry.code == code else entry for entry in ENTRIES]


def test_what_a_company_sets_is_in_force() -> None:
    assert station_limits(changed("level_over", 80.0))["level_over"] == 80.0
    assert unbelievable(changed("level_over", 80.0)) == ()


@pytest.mark.parametrize(
    ("code", "limit"),
    [
        ("level_over", 900.0),
        ("pressure_over", None),
        ("temperature_over", 0.0),
        ("gas_over", 100.0),
        ("gas_delay", 600.0),
    ],
)
def test_what_makes_no_sense_leaves_the_built_in_figure(code: str, limit: float | None) -> None:
    assert station_limits(changed(code, limit)) == BUILT_IN
    assert [figure.code for figure in unbelievable(changed(code, limit))] == [code]


def test_the_first_step_of_gas_lies_below_the_second() -> None:
    entries = [
        msgspec.structs.replace(entry, limit={"gas_high": 25.0, "gas_over": 15.0}.get(entry.code, entry.limit))
        for entry in ENTRIES
    ]
    assert station_limits(entries) == BUILT_IN


def test_a_list_without_entries_leaves_them_all() -> None:
    assert station_limits(()) == BUILT_IN
