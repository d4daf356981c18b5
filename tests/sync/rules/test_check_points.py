import msgspec
import pytest

from sync.documents.tasks import CheckPoint
from sync.rules.check_points import judge_code, judge_position
from sync.rules.geometry import Plane

PLANE = Plane.at(126.5, 43.8)
POINT = CheckPoint(
    check_point_id="p1",
    name="调压箱",
    lon=126.5,
    lat=43.8,
    order=1,
    code="CP-1",
    radius_m=15,
    dwell_s=20,
    accuracy_m=10,
)


class TestJudgePosition:
    @pytest.mark.parametrize(
        ("away_m", "accuracy_m", "dwell_s", "fault"),
        [
            (14, 10, 20, ""),
            (16, 10, 20, "too_far"),
            (14, 11, 20, "poor_accuracy"),
            (14, 10, 19, "dwell"),
        ],
    )
    def test_distance_accuracy_and_time_must_all_hold(
        self, away_m: float, accuracy_m: float, dwell_s: float, fault: str
    ) -> None:
        lon, lat = PLANE.degrees(0, away_m)
        assert judge_position(POINT, lon, lat, accuracy_m, dwell_s).fault == fault


class TestJudgeCode:
    def test_the_points_own_code_proves_it(self) -> None:
        assert judge_code(POINT, "qr", " CP-1 ") == ""

    def test_another_code_does_not(self) -> None:
        assert judge_code(POINT, "qr", "CP-2") == "wrong_code"

    def test_a_plan_that_asks_for_a_tag_takes_no_qr_code(self) -> None:
        assert judge_code(msgspec.structs.replace(POINT, proof="nfc"), "qr", "CP-1") == "wrong_proof"

    def test_a_point_without_a_code_cannot_be_proved_by_one(self) -> None:
        assert judge_code(msgspec.structs.replace(POINT, code=""), "qr", "") == "wrong_proof"
