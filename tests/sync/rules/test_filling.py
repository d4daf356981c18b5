from datetime import date
from typing import Any

import msgspec
import pytest

from sync.documents.filling import FillingCheckItem
from sync.documents.reference import Certificate, ChoiceList, Cylinder, ListEntry
from sync.rules.filling import (
    FillingLimits,
    Permits,
    against_empty,
    failed_without_photo,
    items_pass,
    limits_for,
    may_fill,
    net_weight,
    not_judged,
    permits_of,
    target_kg,
)

TODAY = date(2026, 11, 29)
YESTERDAY = date(2026, 11, 28)
GOOD = Cylinder(
    id="reference.cylinder:c1",
    code="SH0001",
    specification="YSP35.5",
    tag_uid="04AABBCC",
    next_inspection_on=TODAY,
    service_ends_on=TODAY,
    tare_kg=16.5,
    water_capacity_l=35.5,
)
LIMITS = FillingLimits(
    net_kg=14.5, tolerance_kg=0.3, factor_kg_per_l=0.42, residue_at_most_kg=1.0, below_tare_at_most_kg=0.3
)


def certificate(kind: str = "filler", holder_kind: Any = "staff", holder_id: str = "s1", **fields: Any) -> Certificate:
    given: dict[str, Any] = {"id": f"reference.certificate:{kind}", "number": "CZ-1", "expires_on": TODAY}
    return Certificate(kind=kind, holder_kind=holder_kind, holder_id=holder_id, **(given | fields))


PERMITS = Permits(certificate(), certificate("filling_licence", "company", "company"))


def but(**fields: Any) -> Cylinder:
    return msgspec.structs.replace(GOOD, **fields)


class TestDemands:
    def test_a_cylinder_without_a_tag_is_filled_only_where_the_company_does_not_ask_for_one_yet(self) -> None:
        bare = but(tag_uid="")
        assert may_fill(bare, "SH0001", TODAY, LIMITS, PERMITS, medium="LPG").allowed
        found = may_fill(bare, "SH0001", TODAY, LIMITS, PERMITS, medium="LPG", tag_required=True)
        assert found.codes == ("tag_missing",)
        assert "绑定" in found.reasons[0].action_zh

    @pytest.mark.parametrize(
        ("expires_on", "codes"),
        [
            (TODAY, ()),
            (YESTERDAY, ("explosion_proof_expired",)),
            (None, ("explosion_proof_missing",)),
        ],
    )
    def test_a_handheld_fills_through_the_last_day_of_its_explosion_proof_certificate(
        self, expires_on: date | None, codes: tuple[str, ...]
    ) -> None:
        held = [PERMITS.filler, PERMITS.licence, certificate("explosion_proof", "device", "another")]
        if expires_on:
            held.append(certificate("explosion_proof", "device", "d1", expires_on=expires_on))
        permits = permits_of(
            [each for each in held if each], staff_id="s1", company_id="company", station_ids=[], device_id="d1"
        )
        found = may_fill(GOOD, "SH0001", TODAY, LIMITS, permits, medium="LPG", explosion_proof_required=True)
        assert found.codes == codes
        assert may_fill(GOOD, "SH0001", TODAY, LIMITS, permits, medium="LPG").allowed


class TestMayFill:
    def test_an_own_inspected_cylinder_is_filled_on_the_last_day_of_everything(self) -> None:
        found = may_fill(GOOD, "SH0001", TODAY, LIMITS, PERMITS, medium="LPG", scale_verified_until=TODAY)
        assert (found.allowed, found.reasons) == (True, ())

    @pytest.mark.parametrize(
        ("cylinder", "code"),
        [
            (None, "unknown_cylinder"),
            (but(owned=False), "not_owned"),
            (but(next_inspection_on=YESTERDAY), "inspection_overdue"),
            (but(next_inspection_on=None), "inspection_unknown"),
            (but(service_ends_on=YESTERDAY), "service_ended"),
            (but(scrapped=True), "scrapped"),
            (but(tag_torn=True), "tag_torn"),
            (but(tag_uid="04FFFFFF"), "tag_mismatch"),
            (but(medium="DME"), "medium_wrong"),
            (but(tare_kg=None), "tare_unknown"),
        ],
    )
    def test_an_abnormal_one_is_refused_with_its_reason_and_what_to_do(
        self, cylinder: Cylinder | None, code: str
    ) -> None:
        found = may_fill(cylinder, "SH0001", TODAY, LIMITS, PERMITS, tag_uid="04AABBCC", medium="LPG")
        assert (found.allowed, found.codes) == (False, (code,))
        (reason,) = found.reasons
        assert reason.zh
        assert reason.en
        assert "配送" not in reason.action_zh
        assert reason.action_zh
        assert reason.action_en

    @pytest.mark.parametrize(
        ("permits", "code"),
        [
            (Permits(None, PERMITS.licence), "filler_certificate_missing"),
            (Permits(certificate(expires_on=YESTERDAY), PERMITS.licence), "filler_certificate_expired"),
            (Permits(PERMITS.filler, None), "filling_licence_missing"),
            (
                Permits(PERMITS.filler, certificate("filling_licence", "company", "company", expires_on=YESTERDAY)),
                "filling_licence_expired",
            ),
        ],
    )
    def test_nothing_is_filled_without_a_valid_licence_and_certificate(self, permits: Permits, code: str) -> None:
        assert may_fill(GOOD, "SH0001", TODAY, LIMITS, permits).codes == (code,)

    @pytest.mark.parametrize("state", ["copied", "damaged", "other_company"])
    def test_a_tag_that_proves_to_be_none_of_ours_is_refused(self, state: str) -> None:
        found = may_fill(GOOD, "SH0001", TODAY, LIMITS, PERMITS, tag_uid="04AABBCC", tag_state=state)
        assert found.codes == (f"tag_{state}",)
        assert found.reasons[0].action_zh.startswith("不得充装")

    def test_a_size_without_a_net_weight_is_refused(self) -> None:
        assert may_fill(GOOD, "SH0001", TODAY, FillingLimits(), PERMITS).codes == ("net_weight_unknown",)

    def test_a_scale_past_its_verification_is_refused(self) -> None:
        found = may_fill(GOOD, "SH0001", TODAY, LIMITS, PERMITS, scale_verified_until=YESTERDAY)
        assert found.codes == ("scale_overdue",)

    def test_every_reason_is_told(self) -> None:
        found = may_fill(but(owned=False, scrapped=True), "SH0001", TODAY, LIMITS, Permits(), medium="DME")
        assert set(found.codes) == {
            *("scrapped", "not_owned", "medium_wrong", "filler_certificate_missing", "filling_licence_missing")
        }


class TestPermitsOf:
    def test_only_what_was_given_to_this_person_and_this_company_or_station_counts(self) -> None:
        own = certificate()
        licence = certificate("filling_licence", "station", "station")
        others = [
            certificate(holder_id="s2"),
            certificate("driver"),
            certificate("filling_licence", "company", "other"),
            certificate("filling_licence", "staff", "station"),
            certificate(holder_kind="company", holder_id="company"),
        ]
        found = permits_of([*others, own, licence], staff_id="s1", company_id="company", station_ids=["station"])
        assert found == Permits(own, licence)
        assert permits_of(others, staff_id="s1", company_id="company", station_ids=["station"]) == Permits()

    def test_the_one_valid_longest_counts(self) -> None:
        old, new = certificate(expires_on=YESTERDAY), certificate(number="CZ-2")
        assert permits_of([new, old], staff_id="s1", company_id="", station_ids=[]).filler == new


class TestWeights:
    @pytest.mark.parametrize(
        ("net_kg", "state"),
        [(14.19, "under"), (14.2, "right"), (14.5, "right"), (14.8, "right"), (14.81, "over"), (20.0, "over")],
    )
    def test_the_tables_tolerance_decides(self, net_kg: float, state: str) -> None:
        assert net_weight(net_kg, GOOD, LIMITS, target=14.5) == state

    def test_a_small_volume_holds_less_than_the_table_allows(self) -> None:
        small = but(water_capacity_l=33.0)
        assert target_kg(small, LIMITS) == pytest.approx(13.86)
        assert net_weight(13.9, small, LIMITS, target=13.86) == "over"
        assert target_kg(but(water_capacity_l=None), LIMITS) == 14.5

    @pytest.mark.parametrize(
        ("gross_kg", "codes"),
        [(16.5, ()), (17.5, ()), (17.51, ("residue",)), (16.2, ()), (16.19, ("tare_wrong",)), (0.0, ("tare_wrong",))],
    )
    def test_an_empty_must_weigh_about_its_tare(self, gross_kg: float, codes: tuple[str, ...]) -> None:
        assert against_empty(GOOD, gross_kg, LIMITS).codes == codes


class TestLimitsFor:
    def test_they_come_from_the_companys_lists(self) -> None:
        def entries(**limits: float) -> tuple[ListEntry, ...]:
            return tuple(ListEntry(code=code, zh=code, en=code, limit=limit) for code, limit in limits.items())

        weights = (
            ListEntry(code="YSP35.5", zh="", en="", limit=14.5),
            ListEntry(code="YSP118", zh="", en="", limit=49),
        )
        lists = {
            "filling_net_weight": ChoiceList(id="x", name="filling_net_weight", version=2, entries=weights),
            "filling_tolerance": (ListEntry(code="YSP35.5", zh="", en="", limit=0.3),),
            "filling_factor": entries(LPG=0.42),
            "filling_empty_limit": entries(residue=1.0, below_tare=0.3),
        }
        assert limits_for(GOOD, lists) == LIMITS
        assert limits_for(but(specification="YSP15", medium="DME"), lists) == FillingLimits(
            residue_at_most_kg=1.0, below_tare_at_most_kg=0.3
        )


class TestItems:
    def test_one_failure_fails_and_needs_its_photo(self) -> None:
        items = [FillingCheckItem(item="valve", result="fail"), FillingCheckItem(item="colour", result="pass")]
        assert not items_pass(items)
        assert items_pass(items[1:])
        assert failed_without_photo(items) == ("valve",)
        assert not_judged(items, ("valve", "guard")) == ("guard",)
