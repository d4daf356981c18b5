"""Whether a scanned cylinder may be loaded, delivered or taken back (可配送 / 禁止). Clauses 5.8.3, 5.8.6."""

from collections.abc import Iterator
from datetime import date
from typing import Literal

import msgspec

from sync.documents.reference import Cylinder

# Counts up when a reason is added or judged otherwise; a refusal records it.
RULES_VERSION = 3

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


# What puts a cylinder into use; one that is with a customer is not refused to him.
_INTO_USE = ("filling", "loading")
_FIT_TAG = (
    "不要充装、装车，交站里装标签并绑定（我的 → 标签）",
    "do not fill or load it; the station fits and binds a tag (Me → Tags)",
)
_SET_ASIDE = ("不要配送，放到隔离区，交站里处理", "do not deliver it; set it aside and hand it to the station")
# What a tag's entries may show against it.
_TAG_FAULTS = {
    "copied": ("这是复制的标签", "This tag is a copy"),
    "damaged": ("标签内容被改动或损坏", "The tag's content was changed or is damaged"),
    "other_company": ("标签是其他企业的", "The tag is another company's"),
}
_COMPARE = (
    "核对钢印号；不要凭这张标签放行，交站里处理",
    "compare the stamped number; let nothing pass on this tag, hand it to the station",
)


def verdict(
    cylinder: Cylinder | None,
    code: str,
    today: date,
    purpose: Purpose,
    *,
    tag_uid: str = "",
    tag_state: str = "",
    stamped: str = "",
    tag_required: bool = False,
) -> Verdict:
    """`cylinder` is what the phone knows under `code`, None when it knows nothing; `tag_uid` is the tag that was read,
    empty when the code was read otherwise; `tag_state` what its entries proved (`device_bridge.tag_content`); `stamped`
    the number on the cylinder itself, where somebody has compared; `tag_required`: the company lets none into use
    without a tag (5.8.6). `today` is the date in Beijing by a trusted clock.
    """
    if cylinder is None:
        reasons: tuple[Reason, ...] = (_unknown(code),)
    else:
        reasons = (*_against(cylinder, code, today, tag_uid), *_against_tag(cylinder, tag_uid, tag_state, stamped))
        if tag_required and purpose in _INTO_USE and not cylinder.tag_uid:
            reasons += (_reason("tag_missing", "还没有装电子标签", "It has no electronic tag", action=_FIT_TAG),)
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
    if plain_uid(tag_uid) not in _void(cylinder) and _mismatch(cylinder, code, tag_uid):
        yield _reason(
            "tag_mismatch",
            "标签与气瓶编号不符",
            "The tag does not belong to this cylinder",
            action=("核对钢印号；标签可能被换过", "compare the stamped number; the tag may have been moved"),
        )


def _against_tag(cylinder: Cylinder, tag_uid: str, tag_state: str, stamped: str) -> Iterator[Reason]:
    if tag_uid and plain_uid(tag_uid) in _void(cylinder):
        yield _reason("tag_void", "这张标签已作废，不得再用", "This tag is void and must not be used again")
    if tag_state in _TAG_FAULTS:
        zh, en = _TAG_FAULTS[tag_state]
        yield _reason(f"tag_{tag_state}", zh, en, action=_COMPARE)
    if stamped and stamped.strip().upper() != cylinder.code.upper():
        yield _reason(
            "tag_moved",
            f"标签属于 {cylinder.code}，瓶上钢印是 {stamped.strip()}：标签被换过",
            f"The tag belongs to {cylinder.code}, the cylinder is stamped {stamped.strip()}: the tag was moved",
        )


def stamp_differs(code: str, stamped: str) -> bool:
    """Whether the number on the cylinder is another than the archive's, however it is spaced; nothing stamped differs
    from nothing.
    """
    return bool(stamped.strip()) and plain_uid(stamped) != plain_uid(code)


def stamp_doubt(cylinder: Cylinder | None, stamped: str) -> Reason | None:
    """Told to the worker and settled by the office; no cylinder is refused for it."""
    if cylinder is None or not stamp_differs(cylinder.code, stamped):
        return None
    return _reason(
        "stamp_differs",
        f"瓶上钢印 {stamped.strip()}，档案是 {cylinder.code}",
        f"Stamped {stamped.strip()}, on record as {cylinder.code}",
        action=("再核对一次；办公室会收到照片", "look once more; the office gets the photo"),
    )


def _void(cylinder: Cylinder) -> frozenset[str]:
    return frozenset(map(plain_uid, cylinder.former_tags))


def plain_uid(tag_uid: str) -> str:
    """A tag's UID however it was written: `04:5e:a1`, `04-5E-A1` and `045EA1` are one tag."""
    return "".join(filter(str.isalnum, tag_uid.upper()))


def _mismatch(cylinder: Cylinder, code: str, tag_uid: str) -> bool:
    if tag_uid and cylinder.tag_uid and plain_uid(tag_uid) != plain_uid(cylinder.tag_uid):
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
