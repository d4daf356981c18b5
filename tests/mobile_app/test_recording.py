from mobile_app.phone import Phone
from mobile_app.recording import Corrections
from sync.documents.hazards import HazardReported, ThirdPartyWorksReported


class TestCorrections:
    async def test_each_reading_goes_on_where_the_last_one_stopped(self, phone: Phone) -> None:
        corrections = Corrections()
        stores = phone.stores.all_own("user")
        first = await phone.record(HazardReported, hazard_type="corrosion")
        second = await phone.record(ThirdPartyWorksReported, machinery=("excavator",))
        assert corrections.of(stores) == {}
        better = await phone.record(HazardReported, hazard_type="other", corrects=first.id)
        assert corrections.of(stores) == {first.id: better.id}
        best = await phone.record(ThirdPartyWorksReported, machinery=("crane",), corrects=second.id)
        assert corrections.of(stores) == {first.id: better.id, second.id: best.id} == Corrections().of(stores)
        assert phone.corrections_here() == corrections.of(stores)


class TestRecorded:
    async def test_all_of_a_kind_or_those_made_after_one(self, phone: Phone) -> None:
        hazards = [await phone.record(HazardReported, hazard_type="other") for _ in range(2)]
        works = await phone.record(ThirdPartyWorksReported, machinery=("crane",))
        hazards.append(await phone.record(HazardReported, hazard_type="other"))
        assert await phone.recorded(HazardReported) == hazards
        assert await phone.recorded(HazardReported, after=hazards[0].id) == hazards[1:]
        assert await phone.recorded(HazardReported, after=works.id) == hazards[2:]
        assert await phone.recorded(ThirdPartyWorksReported, after=works.id) == []
        assert await phone.recorded(HazardReported, after="unknown") == hazards
