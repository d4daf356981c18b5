"""How near the worker is to each check point, and for how long; why a proof is refused."""

from collections.abc import Sequence

import msgspec

from device_bridge.models import Fix
from mobile_app.errors import ProofRefused
from sync.documents.tasks import CheckPoint
from sync.rules.check_points import Arrival, ProofFault, judge_code, judge_position

# An older fix does not tell where the worker stands now.
FIX_FRESH_S = 30.0


class Approach(msgspec.Struct, frozen=True):
    """A check point as the worker stands to it now; `arrival` is None without a fix."""

    point: CheckPoint
    arrival: Arrival | None

    @property
    def ready(self) -> bool:
        return self.arrival is not None and not self.arrival.fault


class Approaches:
    def __init__(self, points: Sequence[CheckPoint]) -> None:
        self.points = {point.check_point_id: point for point in points}
        self._inside_since: dict[str, float] = {}
        self._fix: tuple[Fix, float] | None = None

    def take(self, t_s: float, fix: Fix) -> None:
        self._fix = (fix, t_s)
        for key, point in self.points.items():
            if judge_position(point, fix.lon, fix.lat, fix.accuracy_m, point.dwell_s).fault:
                self._inside_since.pop(key, None)
            else:
                self._inside_since.setdefault(key, t_s)

    def approach(self, check_point_id: str, now_s: float) -> Approach:
        point = self.points[check_point_id]
        if self._fix is None or now_s - self._fix[1] > FIX_FRESH_S:
            return Approach(point, None)
        fix, fix_s = self._fix
        # Up to the last fix, not to now: a silent receiver proves no staying.
        dwell_s = fix_s - self._inside_since.get(check_point_id, fix_s)
        return Approach(point, judge_position(point, fix.lon, fix.lat, fix.accuracy_m, dwell_s))

    def prove_position(self, check_point_id: str, now_s: float) -> Arrival:
        """Raises ProofRefused with what is missing."""
        approach = self.approach(check_point_id, now_s)
        point, arrival = approach.point, approach.arrival
        if point.proof != "gps":
            raise refused("wrong_proof", point, None)
        if arrival is None or arrival.fault:
            raise refused(arrival.fault if arrival else "no_fix", point, arrival)
        return arrival

    def prove_code(self, check_point_id: str, proof: str, code: str) -> None:
        point = self.points[check_point_id]
        fault = judge_code(point, proof, code)
        if fault:
            raise refused(fault, point, None)


_PROOFS = {"gps": ("定位", "position"), "qr": ("二维码", "QR code"), "nfc": ("NFC 标签", "NFC tag")}


def refused(fault: ProofFault, point: CheckPoint, arrival: Arrival | None) -> ProofRefused:
    away_m = arrival.distance_m if arrival else 0.0
    accuracy_m = arrival.accuracy_m if arrival else 0.0
    left_s = point.dwell_s - arrival.dwell_s if arrival else point.dwell_s
    proof_zh, proof_en = _PROOFS[point.proof]
    zh, en, action_zh, action_en = {
        "no_fix": ("现在没有定位", "There is no position now", "到开阔处等一下", "wait under the open sky"),
        "poor_accuracy": (
            f"定位误差 ±{accuracy_m:.0f} m，要求 ±{point.accuracy_m:.0f} m 以内",
            f"The position is ±{accuracy_m:.0f} m, ±{point.accuracy_m:.0f} m is asked for",
            "到开阔处等定位变准",
            "wait in the open until it is better",
        ),
        "too_far": (
            f"离检查点还有 {away_m:.0f} m，要求 {point.radius_m:.0f} m 以内",
            f"{away_m:.0f} m from the check point, {point.radius_m:.0f} m is asked for",
            "再走近一些；过不去就选“无法到达”",
            "go nearer, or choose “out of reach”",
        ),
        "dwell": (
            f"还要停留 {max(left_s, 1):.0f} 秒",
            f"Stay {max(left_s, 1):.0f} s longer",
            "在检查点旁等一下",
            "wait beside the check point",
        ),
        "wrong_code": (
            "扫到的不是这个检查点",
            "This code is not this check point's",
            "核对检查点编号后再扫",
            "compare the check point and scan again",
        ),
        "wrong_proof": (
            f"这个检查点要用{proof_zh}证明到位",
            f"This check point is to be proved by {proof_en}",
            f"请用{proof_zh}；过不去就选“无法到达”",
            f"use the {proof_en}, or choose “out of reach”",
        ),
    }[fault or "no_fix"]
    return ProofRefused(
        f"check_point.{fault}", zh, en, action_zh=action_zh, action_en=action_en, distance_m=away_m, left_s=left_s
    )
