from sync.documents.deliveries import DeliveryCheckItem
from sync.documents.tasks import OrderLine
from sync.rules.deliveries import short_of, supply_allowed, unanswered, without_photo

GOOD = DeliveryCheckItem(item="upright", result="pass")
BAD = DeliveryCheckItem(item="hose", result="fail", photo="photo:1")


def test_one_failed_item_stops_the_supply() -> None:
    assert supply_allowed([GOOD])
    assert not supply_allowed([GOOD, BAD])


def test_items_that_nobody_judged_are_named() -> None:
    assert unanswered([GOOD], ["upright", "hose", "vent"]) == ("hose", "vent")


def test_a_failed_item_needs_its_photo() -> None:
    assert without_photo([GOOD, BAD, DeliveryCheckItem(item="vent", result="fail")]) == ("vent",)


def test_exchanged_cylinders_are_counted_by_size() -> None:
    lines = [OrderLine(specification="YSP35.5", quantity=2)]
    assert short_of(lines, ["YSP35.5", "YSP35.5"]) == {}
    assert short_of(lines, ["YSP35.5"]) == {"YSP35.5": 1}
    assert short_of(lines, ["YSP35.5", "YSP118", "YSP35.5"]) == {"YSP118": -1}
