import hashlib
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from sync.rules.photos import check_code

AT = datetime(2026, 11, 23, 1, 2, 3, 456000, tzinfo=UTC)


def test_the_code_is_that_of_original_time_person_and_device() -> None:
    text = "ab" * 32 + "|2026-11-23T01:02:03.456+00:00|staff|device"
    assert check_code("ab" * 32, AT, "staff", "device") == hashlib.sha256(text.encode()).hexdigest()[:10]


def test_the_same_moment_in_beijing_gives_the_same_code() -> None:
    local = AT.astimezone(ZoneInfo("Asia/Shanghai"))
    assert check_code("ab" * 32, local, "s", "d") == check_code("ab" * 32, AT, "s", "d")


def test_another_original_gives_another_code() -> None:
    assert check_code("ab" * 32, AT, "s", "d") != check_code("ac" * 32, AT, "s", "d")
