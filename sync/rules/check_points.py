"""When a visit to a check point counts as proved: by position, by QR code, or by tag. Clause 5.6.4."""

from typing import Literal

import msgspec

from sync.documents.tasks import CheckPoint
from sync.rules.geometry import distance_m

ProofFault = Literal["", "no_fix", "poor_accuracy", "too_far", "dwell", "wrong_code", "wrong_proof"]


class Arrival(msgspec.Struct, frozen=True):
    """How a position stands to a check point; `fault` is empty when it proves the visit."""

    distance_m: float
    accuracy_m: float
    dwell_s: float
    fault: ProofFault


def judge_position(point: CheckPoint, lon: float, lat: float, accuracy_m: float, dwell_s: float) -> Arrival:
    """`dwell_s`: for how long every fix so far has been within the radius and accurate enough."""
    away_m = distance_m(point.lon, point.lat, lon, lat)
    fault: ProofFault = ""
    if accuracy_m > point.accuracy_m:
        fault = "poor_accuracy"
    elif away_m > point.radius_m:
        fault = "too_far"
    elif dwell_s < point.dwell_s:
        fault = "dwell"
    return Arrival(away_m, accuracy_m, dwell_s, fault)


def judge_code(point: CheckPoint, proof: str, code: str) -> ProofFault:
    """A QR code or tag proves the visit if it carries the point's own code, and the plan does not ask for the other."""
    if not point.code or (point.proof not in ("gps", proof)):
        return "wrong_proof"
    return "" if code.strip() == point.code else "wrong_code"
