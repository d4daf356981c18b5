"""May this cylinder be filled, with how much, and is it right afterwards? Clauses 5.8.8-1 and -2, E5.8.8-1 and -2.

Decided on the phone without a network and again in the office; everything that has a figure in it comes from the
company's tables (`FillingLimits`), nothing from here.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Literal

import msgspec

from sync.documents.filling import FillingCheckItem
from sync.documents.reference import Certificate, ChoiceList, Cylinder, ListEntry
from sync.rules.certificates import EXPLOSION_PROOF, FILLER, FILLING_LICENCE, is_valid
from sync.rules.cylinders import Reason, Verdict, verdict

# Counts up when a reason is added or judged otherwise; the records carry it.
FILLING_RULES_VERSION = 2

# The company's tables: net weight and tolerance in kg by size, gas in kg for each litre by medium, and the kilograms
# by which an empty may differ from its tare ("residue" at most, "below_tare" at most).
NET_WEIGHT_LIST, TOLERANCE_LIST, FACTOR_LIST = "filling_net_weight", "filling_tolerance", "filling_factor"
EMPTY_LIST = "filling_empty_limit"
BEFORE_LIST, AFTER_LIST = "filling_check_before", "filling_check_after"
# The item of the check before that asks whether the tag is firm, whole and readable (5.8.6-2, 5.8.6-4a).
TAG_ITEM = "tag"

WeightState = Literal["under", "right", "over"]


class FillingLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What the company's tables say of one cylinder; None where they say nothing."""

    net_kg: float | None = None
    tolerance_kg: float | None = None
    factor_kg_per_l: float | None = None
    residue_at_most_kg: float | None = None
    below_tare_at_most_kg: float | None = None


class Permits(msgspec.Struct, frozen=True):
    """The filler's certificate, the company's (or station's) filling licence and the handheld's explosion-proof
    certificate, the one that is valid longest.
    """

    filler: Certificate | None = None
    licence: Certificate | None = None
    device: Certificate | None = None


def limits_for(cylinder: Cylinder, lists: Mapping[str, ChoiceList | Sequence[ListEntry]]) -> FillingLimits:
    """From the company's lists by their names."""

    def limit(name: str, code: str) -> float | None:
        found = lists.get(name, ())
        entries = found.entries if isinstance(found, ChoiceList) else found
        return next((entry.limit for entry in entries if entry.code == code), None)

    return FillingLimits(
        net_kg=limit(NET_WEIGHT_LIST, cylinder.specification),
        tolerance_kg=limit(TOLERANCE_LIST, cylinder.specification),
        factor_kg_per_l=limit(FACTOR_LIST, cylinder.medium),
        residue_at_most_kg=limit(EMPTY_LIST, "residue"),
        below_tare_at_most_kg=limit(EMPTY_LIST, "below_tare"),
    )


def permits_of(
    certificates: Iterable[Certificate],
    *,
    staff_id: str,
    company_id: str,
    station_ids: Iterable[str],
    device_id: str = "",
) -> Permits:
    """Of all certificates on the phone those that allow this person to fill at this place."""
    holders = {company_id, *station_ids}
    found = sorted(certificates, key=lambda each: each.expires_on)
    own = [c for c in found if (c.holder_kind, c.holder_id, c.kind) == ("staff", staff_id, FILLER)]
    licences = [c for c in found if c.kind == FILLING_LICENCE and c.holder_kind != "staff" and c.holder_id in holders]
    devices = [c for c in found if (c.holder_kind, c.holder_id, c.kind) == ("device", device_id, EXPLOSION_PROOF)]
    return Permits(*(each[-1] if each else None for each in (own, licences, devices)))


def may_fill(
    cylinder: Cylinder | None,
    code: str,
    today: date,
    limits: FillingLimits,
    permits: Permits,
    *,
    tag_uid: str = "",
    tag_state: str = "",
    medium: str = "",
    scale_verified_until: date | None = None,
    tag_required: bool = False,
    explosion_proof_required: bool = False,
) -> Verdict:
    """Every reason against, each with what to do. `today` is the date in Beijing by a trusted clock; `medium` is what
    the gun gives, `scale_verified_until` is given once the scale has told it; the tag as for `verdict`.
    `explosion_proof_required`: the handheld must be certified for explosive places (5.8.7-2b).
    """
    known = verdict(
        cylinder, code, today, "filling", tag_uid=tag_uid, tag_state=tag_state, tag_required=tag_required
    ).reasons
    reasons = [_with_action(reason) for reason in known]
    if cylinder is not None:
        reasons += _against_cylinder(cylinder, limits, medium)
    reasons += _against_permits(permits, today)
    if explosion_proof_required:
        reasons += _against_device(permits.device, today)
    if scale_verified_until is not None and scale_verified_until < today:
        reasons.append(
            _reason(
                "scale_overdue",
                f"充装秤检定已过期（至 {scale_verified_until:%Y-%m-%d}）",
                f"The scale's verification has expired ({scale_verified_until:%Y-%m-%d})",
                "停用这台秤，换一台在检定期内的秤",
                "stop using this scale, use one that is verified",
            )
        )
    return Verdict(allowed=not reasons, reasons=tuple(reasons))


def target_kg(cylinder: Cylinder, limits: FillingLimits) -> float:
    """The net weight due: the table's, never more than the cylinder's volume may hold. `may_fill` has seen to it that
    the table has one.
    """
    if limits.net_kg is None:
        raise ValueError(f"no net weight for {cylinder.specification}")
    if limits.factor_kg_per_l is None or cylinder.water_capacity_l is None:
        return limits.net_kg
    return round(min(limits.net_kg, limits.factor_kg_per_l * cylinder.water_capacity_l), 3)


def against_empty(cylinder: Cylinder, gross_kg: float, limits: FillingLimits) -> Verdict:
    """What the scale says before filling: too much left in it, or less than the cylinder itself weighs."""
    over_kg = round(gross_kg - (cylinder.tare_kg or 0.0), 3)
    reasons: list[Reason] = []
    if limits.residue_at_most_kg is not None and over_kg > limits.residue_at_most_kg:
        reasons.append(
            _reason(
                "residue",
                f"残液过多：{over_kg:.2f} kg（限 {limits.residue_at_most_kg:g} kg）",
                f"Too much residue: {over_kg:.2f} kg (at most {limits.residue_at_most_kg:g} kg)",
                "先倒残，再重新过秤",
                "drain it first, then weigh it again",
            )
        )
    if limits.below_tare_at_most_kg is not None and -over_kg > limits.below_tare_at_most_kg:
        reasons.append(
            _reason(
                "tare_wrong",
                f"比皮重还轻 {-over_kg:.2f} kg：秤不准，或不是这只瓶",
                f"{-over_kg:.2f} kg lighter than its tare: the scale is wrong, or it is another cylinder",
                "核对钢印号和皮重，校秤",
                "compare the stamped number and tare, check the scale",
            )
        )
    return Verdict(allowed=not reasons, reasons=tuple(reasons))


def net_weight(net_kg: float, cylinder: Cylinder | None, limits: FillingLimits, *, target: float) -> WeightState:
    """`over` also where the volume holds less than the table's tolerance would allow."""
    if net_kg > most_net_kg(cylinder, limits, target=target) + _ROUNDING_KG:
        return "over"
    return "under" if net_kg < target - (limits.tolerance_kg or 0.0) - _ROUNDING_KG else "right"


def most_net_kg(cylinder: Cylinder | None, limits: FillingLimits, *, target: float) -> float:
    """More gas than this is an over-filling (超装)."""
    most = target + (limits.tolerance_kg or 0.0)
    if cylinder is not None and limits.factor_kg_per_l is not None and cylinder.water_capacity_l is not None:
        most = min(most, limits.factor_kg_per_l * cylinder.water_capacity_l)
    return round(most, 3)


# Weights are told to the gram: sums of them are compared with this much room.
_ROUNDING_KG = 0.0005


def items_pass(items: Iterable[FillingCheckItem]) -> bool:
    return all(item.result != "fail" for item in items)


def not_judged(items: Iterable[FillingCheckItem], required: Sequence[str]) -> tuple[str, ...]:
    answered = {item.item for item in items}
    return tuple(code for code in required if code not in answered)


def failed_without_photo(items: Iterable[FillingCheckItem]) -> tuple[str, ...]:
    return tuple(item.item for item in items if item.result == "fail" and not item.photo)


# What the filler does with a cylinder that is refused (5.8.8-2c), where it differs from setting it aside.
_ACTIONS: dict[str, tuple[str, str]] = {
    "scrapped": ("放到报废区，交站里报废处理", "put it with the scrapped ones; the station destroys it"),
    "not_owned": ("不得充装，放到隔离区，通知产权单位领回", "do not fill it; set it aside, its owner takes it back"),
    "inspection_overdue": ("不得充装，放到待检区，送检验机构", "do not fill it; put it with those due for inspection"),
    "service_ended": ("不得充装，放到报废区，办理报废", "do not fill it; it is to be scrapped"),
    "tag_torn": ("不得充装，交站里补办标签", "do not fill it; the station replaces the tag"),
    "inspection_failed": ("不得充装，放到报废区，等待报废", "do not fill it; it waits to be scrapped"),
    "tag_void": ("不得充装，交站里换新标签", "do not fill it; the station gives it a new tag"),
    "tag_copied": ("不得充装，核对钢印号，交站里查明", "do not fill it; compare the stamp, the station finds out"),
    "tag_damaged": ("不得充装，交站里重写或换标签", "do not fill it; the station writes or replaces its tag"),
    "tag_other_company": (
        "不得充装，放到隔离区，通知产权单位领回",
        "do not fill it; set it aside, its owner takes it back",
    ),
    "tag_mismatch": ("不得充装，核对钢印号，交站里查明", "do not fill it; compare the stamp, the station finds out"),
    "tag_missing": (
        "不得充装，交站里装标签并绑定（我的 → 标签）",
        "do not fill it; the station fits and binds a tag (Me → Tags)",
    ),
    "unknown_cylinder": (
        "不得充装，重扫或手输钢印号；仍查不到就隔离",
        "do not fill it; scan again or type the number, else set it aside",
    ),
}
_SET_ASIDE = ("不得充装，放到隔离区，交站里处理", "do not fill it; set it aside for the station")


def _with_action(reason: Reason) -> Reason:
    action_zh, action_en = _ACTIONS.get(reason.code, _SET_ASIDE)
    return msgspec.structs.replace(reason, action_zh=action_zh, action_en=action_en)


def _against_cylinder(cylinder: Cylinder, limits: FillingLimits, medium: str) -> Iterator[Reason]:
    if cylinder.next_inspection_on is None:
        yield _reason(
            "inspection_unknown",
            "档案里没有下次检验日期",
            "The archive does not say when it is due for inspection",
            "核对瓶上检验标记，请办公室补全档案",
            "look at its inspection mark; the office completes the archive",
        )
    if medium and medium != cylinder.medium:
        yield _reason(
            "medium_wrong",
            f"介质不符：瓶为 {cylinder.medium}，枪为 {medium}",
            f"Wrong medium: the cylinder is for {cylinder.medium}, the gun gives {medium}",
            "换对应介质的枪",
            "use a gun for its medium",
        )
    if cylinder.tare_kg is None:
        yield _reason(
            "tare_unknown",
            "档案里没有皮重，净重算不出来",
            "The archive has no tare: the net weight cannot be told",
            "按钢印补录皮重后再充",
            "enter the stamped tare first",
        )
    if limits.net_kg is None or limits.tolerance_kg is None:
        yield _reason(
            "net_weight_unknown",
            f"充装量表里没有 {cylinder.specification}",
            f"The table of net weights has no {cylinder.specification}",
            "请办公室在设置里补充这个规格",
            "the office adds this size under settings",
        )


def _against_permits(permits: Permits, today: date) -> Iterator[Reason]:
    for code, held, zh, en in (
        ("filler_certificate", permits.filler, "您的充装员证", "Your filler's certificate"),
        ("filling_licence", permits.licence, "本单位充装许可证", "The company's filling licence"),
    ):
        if held is None:
            yield _reason(
                f"{code}_missing",
                f"手机里没有{zh}",
                f"{en} is not on record",
                "不得充装；请办公室登记证件，然后同步",
                "no filling; the office records it, then sync",
            )
        elif not is_valid(held.expires_on, today):
            yield _reason(
                f"{code}_expired",
                f"{zh}已过期（{held.number}，至 {held.expires_on:%Y-%m-%d}）",
                f"{en} has expired ({held.number}, {held.expires_on:%Y-%m-%d})",
                "停止充装，换持证人员或办理换证",
                "stop filling until it is renewed",
            )


def _against_device(held: Certificate | None, today: date) -> Iterator[Reason]:
    action = (
        "收起这台设备，换有防爆合格证的手持机；请办公室登记证书，然后同步",
        "put this device away and use a certified one; the office records its certificate, then sync",
    )
    if held is None:
        yield _reason(
            "explosion_proof_missing",
            "这台设备没有登记防爆合格证，不得用于充装",
            "This device has no explosion-proof certificate on record: not for filling",
            *action,
        )
    elif not is_valid(held.expires_on, today):
        yield _reason(
            "explosion_proof_expired",
            f"这台设备的防爆合格证已过期（{held.number}，至 {held.expires_on:%Y-%m-%d}）",
            f"This device's explosion-proof certificate has expired ({held.number}, {held.expires_on:%Y-%m-%d})",
            *action,
        )


def tag_unfit(items: Iterable[FillingCheckItem]) -> Reason | None:
    """What a failed check of the tag means: the cylinder gets a new one before it is filled."""
    if not any(item.item == TAG_ITEM and item.result == "fail" for item in items):
        return None
    return _reason(
        "tag_unfit",
        "电子标签松动、破损或读不出",
        "The tag is loose, damaged or cannot be read",
        "不得充装，交站里换新标签并绑定（我的 → 标签），旧标签作废",
        "do not fill it; the station fits and binds a new tag (Me → Tags), the old one is void",
    )


def _reason(code: str, zh: str, en: str, action_zh: str, action_en: str) -> Reason:
    return Reason(code=code, zh=zh, en=en, action_zh=action_zh, action_en=action_en)
