"""Whether a scanned cylinder may be loaded, delivered or taken back (可配送 / 禁止). Clauses 5.8.3, 5.8.6."""

from collections.abc import Iterator
from datetime import date
from typing import Literal

import msgspec

from sync.documents.reference import Cylinder

# Counts up when a reason is added or judged otherwise; a refusal records it.
RULES_VERSION = 2

Purpose = Literal["loading", "delivery", "return", "filling"]


class Reason(msgspec.Struct, frozen=True, kw_only=True):
    code: str
    zh: str
    en: str
    action_zh: str
    action_en: str


class Verdict(msgspec.Struct, frozen=True):
    """`allowed`, and every reason against; an empty taken back is always allowed, its reasons are its faults."""

    allowed: bool
    reasons: tuple[Reason, ...] = ()

    @property
    def codes(self) -> tuple[str, ...]:
        return tuple(reason.code for reason in self.reasons)


_SET_ASIDE = ("不要配送，放到隔离区，交站里处理", "do not deliver it; set it aside and hand it to the station")


def verdict(cylinder: Cylinder | None, code: str, today: date, purpose: Purpose, *, tag_uid: str = "") -> Verdict:
    """`cylinder` is what the phone knows under `code`, None when it knows nothing; `tag_uid` is the tag that was read,
    empty when the code was read otherwise. `today` is the date in Beijing by a trusted clock.
    """
    if cylinder is None:
        reasons: tuple[Reason, ...] = (_unknown(code),)
    else:
        reasons = tuple(_against(cylinder, code, today, tag_uid))
    return Verdict(allowed=purpose == "return" or not reasons, reasons=reasons)


def _against(cylinder: Cylinder, code: str, today: date, tag_uid: str) -> Iterator[Reason]:
    if cylinder.scrapped:
        yield _reason("scrapped", "气瓶已报废", "The cylinder is scrapped")
    if cylinder.inspection_failed and not cylinder.scrapped:
        yield _reason("inspection_failed", "检验不合格，等待报废", "It failed its inspection and is to be scrapped")
    if not cylinder.owned:
        yield _reason("not_owned", "不是本企业自有气瓶", "The cylinder is not the company's own")
    if cylinder.next_inspection_on is not None and cylinder.next_inspection_on < today:
        days = (today - cylinder.next_inspection_on).days
        yield _reason(
            "inspection_overdue",
            f"检验已过期 {days} 天（应检 {cylinder.next_inspection_on:%Y-%m-%d}）",
            f"Inspection overdue by {days} days (due {cylinder.next_inspection_on:%Y-%m-%d})",
        )
    if cylinder.service_ends_on is not None and cylinder.service_ends_on < today:
        yield _reason(
            "service_ended",
            f"超过使用年限（至 {cylinder.service_ends_on:%Y-%m-%d}）",
            f"Past its service life (ended {cylinder.service_ends_on:%Y-%m-%d})",
        )
    if cylinder.tag_torn:
        yield _reason("tag_torn", "标签登记为损坏", "The tag is on record as damaged")
    if _mismatch(cylinder, code, tag_uid):
        yield _reason(
            "tag_mismatch",
            "标签与气瓶编号不符",
            "The tag does not belong to this cylinder",
            action=("核对钢印号；标签可能被换过", "compare the stamped number; the tag may have been moved"),
        )


def _mismatch(cylinder: Cylinder, code: str, tag_uid: str) -> bool:
    if tag_uid and cylinder.tag_uid and tag_uid.upper() != cylinder.tag_uid.upper():
        return True
    # Found by its tag, but the code that the tag carries is another cylinder's.
    return bool(code) and code not in {cylinder.code, cylinder.tag_uid, tag_uid}


def _unknown(code: str) -> Reason:
    return _reason(
        "unknown_cylinder",
        f"档案里没有这个气瓶：{code}",
        f"No such cylinder on record: {code}",
        action=(
            "重新扫码或手输钢印号；仍查不到就交站里处理",
            "scan again or type the stamped number, else to the station",
        ),
    )


def _reason(code: str, zh: str, en: str, *, action: tuple[str, str] = _SET_ASIDE) -> Reason:
    return Reason(code=code, zh=zh, en=en, action_zh=action[0], action_en=action[1])
