from datetime import UTC, datetime

import pytest

from mobile_app.errors import FieldError
from mobile_app.hazards.work import report_hazard, report_works
from mobile_app.phone import Phone
from mobile_app.photos import take_photo
from tests.mobile_app.phones import fix_at, jpeg


class TestReportHazard:
    async def test_without_a_type_nothing_is_saved(self, phone: Phone) -> None:
        with pytest.raises(FieldError) as refused:
            await report_hazard(phone, hazard_type="")
        assert refused.value.facts["field"] == "hazard_type"
        assert (await phone.counts())["saved"] == 0

    async def test_type_and_photo_are_enough_and_the_pipe_is_linked(self, phone: Phone) -> None:
        phone.take_fix(fix_at(50, 10, datetime.now(UTC)))
        hazard = await report_hazard(phone, hazard_type="corrosion", photos=[await take_photo(phone, jpeg())])
        assert (hazard.pipe_id, hazard.proposed_grade, len(hazard.photos)) == ("main", "general", 1)

    async def test_far_from_every_pipe_none_is_linked(self, phone: Phone) -> None:
        phone.take_fix(fix_at(50, -300, datetime.now(UTC)))
        assert (await report_hazard(phone, hazard_type="other")).pipe_id == ""


class TestReportWorks:
    async def test_machinery_and_photo_are_enough(self, phone: Phone) -> None:
        phone.take_fix(fix_at(50, 10, datetime.now(UTC)))
        photo = await take_photo(phone, jpeg())
        works = await report_works(phone, machinery=["excavator"], photos=[photo])
        assert (works.kind, works.machinery, works.pipe_id) == ("found", ("excavator",), "main")
        assert works.distance_to_pipe_m == pytest.approx(10, abs=0.2)

    async def test_guarding_names_the_first_report(self, phone: Phone) -> None:
        with pytest.raises(FieldError):
            await report_works(phone, kind="guarding")
        first = await report_works(phone, machinery=["excavator"])
        repeat = await report_works(phone, kind="guarding", works_id=first.id, progress="digging")
        assert (repeat.works_id, repeat.progress) == (first.id, "digging")
