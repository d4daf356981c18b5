"""Errors that a person reads: AppError and how every failure becomes application/problem+json.

AppError
├── UnauthenticatedError  401 who are you
├── NotAllowedError       403 you may not
├── MissingError          404 it is not there, or not yours to see
├── ConflictingError      409 it contradicts what is there
└── UnusableError         422 understood, but it cannot be so
"""

from http import HTTPStatus
from typing import Any, ClassVar

import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException
from sqlalchemy.exc import DataError, IntegrityError

from backend.figures import PROBLEMS

PROBLEM_JSON = "application/problem+json"

_log = structlog.get_logger(__name__)


class AppError(Exception):
    """`code` is stable for programs; `detail` and `action` are the sentences for people, Chinese first."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        detail_en: str,
        *,
        action: str = "",
        action_en: str = "",
        **facts: Any,
    ) -> None:
        super().__init__(detail_en)
        self.status = status
        self.code = code
        self.detail = detail
        self.detail_en = detail_en
        self.action = action
        self.action_en = action_en
        self.facts = facts

    def problem(self) -> dict[str, Any]:
        return problem(
            self.status,
            self.code,
            self.detail,
            self.detail_en,
            action=self.action,
            action_en=self.action_en,
            **self.facts,
        )


class FixedStatusError(AppError):
    status_code: ClassVar[int]

    def __init__(self, code: str, detail: str, detail_en: str, **rest: Any) -> None:
        super().__init__(self.status_code, code, detail, detail_en, **rest)


class UnauthenticatedError(FixedStatusError):
    status_code = 401


class NotAllowedError(FixedStatusError):
    status_code = 403


class MissingError(FixedStatusError):
    status_code = 404


class ConflictingError(FixedStatusError):
    status_code = 409


class UnusableError(FixedStatusError):
    status_code = 422


def problem(
    status: int, code: str, detail: str, detail_en: str, *, action: str = "", action_en: str = "", **facts: Any
) -> dict[str, Any]:
    return {
        **facts,
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": detail,
        "detail_en": detail_en,
        "action": action,
        "action_en": action_en,
    }


# What a client is told about errors that the framework finds: status -> code, Chinese, English.
_FRAMEWORK = {
    400: ("request.malformed", "请求的内容有误。", "The request is malformed."),
    401: ("sign_in.needed", "请先登录。", "Sign in first."),
    403: ("right.missing", "您没有这项权限。", "You may not do this."),
    404: ("address.unknown", "没有这个地址。", "There is no such address."),
    405: ("method.not_allowed", "这个地址不支持该操作。", "This address does not support the method."),
    413: ("body.too_large", "提交的内容超过大小限制。", "The body is over the size limit."),
    415: ("body.wrong_type", "不支持的内容类型。", "The content type is not supported."),
    429: ("request.too_many", "请求过于频繁，请稍后再试。", "Too many requests: try again later."),
    500: ("server.failed", "服务器出错，已记录。", "The server failed; the failure is logged."),
    503: ("server.not_ready", "服务暂不可用，请稍后再试。", "The service is not ready: try again later."),
}

# SQLSTATE -> what a broken constraint means to the person who sent the request.
_CONSTRAINTS = {
    "23505": (409, "already_exists", "已存在相同的记录。", "The same record exists already."),
    "23503": (
        409,
        "refers_to_missing",
        "所引用的对象不存在或仍被使用。",
        "What it refers to is missing or in use.",
    ),
    "23514": (422, "out_of_bounds", "数值超出允许范围。", "A value is out of bounds."),
    "23502": (422, "value_missing", "缺少必填项。", "A required value is missing."),
    "23P01": (409, "overlaps", "与已有记录冲突。", "It overlaps with an existing record."),
}


def note(content: dict[str, Any]) -> None:
    """Counts a problem that somebody was told, by its code: codes are few, and name no row."""
    PROBLEMS.labels(content["status"], content["code"]).inc()


def answer(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    """The one exception handler: any error as problem+json, with the request's id, and no inner detail of a 500."""
    content = _as_problem(error)
    note(content)
    if content["status"] >= HTTPStatus.INTERNAL_SERVER_ERROR:
        _log.error("request.failed", path=request.url.path, method=request.method, exc_info=error)
    headers = dict(error.headers or {}) if isinstance(error, HTTPException) else {}
    if content["status"] == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    if request_id := request.scope.get("state", {}).get("request_id"):
        content["request_id"] = request_id
    return Response(content, status_code=content["status"], media_type=PROBLEM_JSON, headers=headers)


def _as_problem(error: Exception) -> dict[str, Any]:
    if isinstance(error, AppError):
        return error.problem()
    if isinstance(error, IntegrityError):
        return _broken_constraint(error)
    if isinstance(error, DataError):
        # What passed the schema's bounds and yet is no value of PostgreSQL's: a NUL in a text, a number beyond 64 bits.
        return problem(
            422,
            "value.unusable",
            "内容含有无法保存的字符或数值。",
            "It holds a character or number that cannot be kept.",
        )
    status = error.status_code if isinstance(error, HTTPException) else 500
    code, zh, en = _FRAMEWORK.get(status, _FRAMEWORK[500 if status >= HTTPStatus.INTERNAL_SERVER_ERROR else 400])
    facts: dict[str, Any] = {}
    if isinstance(error, HTTPException) and status == HTTPStatus.BAD_REQUEST:
        facts = {"reason": error.detail, "fields": error.extra or []}
    return problem(status, code, zh, en, **facts)


def _broken_constraint(error: IntegrityError) -> dict[str, Any]:
    state = getattr(error.orig, "sqlstate", "")
    status, code, zh, en = _CONSTRAINTS.get(state, (409, "constraint", "数据约束不允许。", "A constraint forbids it."))
    diagnosis = getattr(error.orig, "diag", None)
    return problem(status, code, zh, en, constraint=getattr(diagnosis, "constraint_name", None) or "")
