"""Roles, what a grant may give away, and what makes a password: pure decisions."""

import msgspec

from backend.scope import RIGHTS

_VIEW = frozenset(right for right in RIGHTS if right.endswith(".view")) - {"audit.view", "staff.view", "licence.view"}


class Role(msgspec.Struct, frozen=True):
    zh: str
    en: str
    rights: frozenset[str]


ROLES = {
    "inspector": Role("巡检员", "Patrol inspector", frozenset()),
    "filler": Role("充装员", "Cylinder filler", frozenset()),
    "driver": Role("送气员", "Delivery driver", frozenset()),
    "dispatcher": Role(
        "调度员",
        "Dispatcher",
        _VIEW
        | {"patrol.plan", "delivery.plan", "records.review", "customer.edit", "alarm.handle", "statistics.report"},
    ),
    "safety_officer": Role(
        "安全管理员",
        "Safety officer",
        _VIEW
        | {"hazard.decide", "certificate.edit", "staff.view", "filling.edit", "alarm.handle", "statistics.report"},
    ),
    "station_keeper": Role(
        "站长",
        "Station keeper",
        _VIEW
        | {
            "cylinder.edit",
            "customer.edit",
            "delivery.plan",
            "certificate.edit",
            "filling.edit",
            "station.edit",
            "alarm.handle",
            "staff.view",
            "staff.edit",
        },
    ),
    "network_engineer": Role("管网管理员", "Network engineer", _VIEW | {"network.import"}),
    "company_admin": Role(
        "企业管理员", "Company administrator", RIGHTS - {"regulator.manage", "licence.review", "market.scan"}
    ),
    "supervisor": Role(
        "监管人员", "Regulator's officer", _VIEW | {"audit.view", "staff.view", "licence.view", "market.scan"}
    ),
    "licence_reviewer": Role(
        "许可审核员", "Licence reviewer", _VIEW | {"staff.view", "licence.view", "licence.review"}
    ),
    "market_inspector": Role("市场监管执法人员", "Market inspector", frozenset({"market.scan"})),
    "system_admin": Role("系统管理员", "System administrator", RIGHTS),
}

# A password of one repeated character or this common is guessed at the first attempt.
_COMMON = frozenset({"12345678", "123456789", "1234567890", "password", "88888888", "11111111", "qwertyuiop"})


def password_flaw(password: str, *, staff_number: str, min_length: int) -> tuple[str, str] | None:
    """Why a new password will not do (Chinese, English)."""
    if len(password) < min_length:
        return f"密码至少 {min_length} 个字符。", f"A password has at least {min_length} characters."
    if password.lower() in _COMMON or len(set(password)) == 1:
        return "密码过于常见。", "The password is too common."
    if staff_number and staff_number.lower() in password.lower():
        return "密码不能包含工号。", "The password must not contain the staff number."
    return None
