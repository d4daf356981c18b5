"""Who asks, and how far their right reaches: every query of a business table goes through `scoped`.

A right is held on an organisation and reaches its whole subtree. Organisations carry a materialised path
(`/province/city/…/`), so a subtree is one prefix. A route's guard `requires(right)` narrows the caller to the
subtrees on which he holds that very right: a right in one unit never leaks into another.
"""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, cast

import msgspec
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler
from sqlalchemy import ColumnElement, Delete, Select, Update, column, false, or_, select, table
from sqlalchemy.orm import InstrumentedAttribute

from backend.errors import NotAllowedError, UnauthenticatedError

RIGHTS = frozenset(
    {
        "patrol.plan",
        "patrol.view",
        "hazard.view",
        "hazard.decide",
        "delivery.plan",
        "delivery.view",
        "cylinder.view",
        "cylinder.edit",
        "filling.view",
        "filling.edit",
        "customer.view",
        "customer.edit",
        "network.view",
        "network.import",
        "statistics.view",
        "statistics.report",
        "station.view",
        "station.edit",
        "alarm.handle",
        "camera.view",
        "camera.edit",
        "staff.view",
        "staff.edit",
        "licence.view",
        "licence.apply",
        "licence.review",
        "certificate.view",
        "certificate.edit",
        "records.review",
        "devices.manage",
        "accounts.manage",
        "audit.view",
        "regulator.manage",
        "market.scan",
    }
)

_organisations = table("organisations", column("id"), column("path"))


class Grant(msgspec.Struct, frozen=True):
    """Rights on one organisation's subtree."""

    organisation_id: str
    path: str
    rights: frozenset[str]


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """`grants` are only those that the route's guard left; `organisation_id` and `path` are the widest of them.

    A regulator's program has `client_id` instead of `staff_id`.
    """

    staff_id: str
    company_id: str
    grants: tuple[Grant, ...]
    device_id: str = ""
    client_id: str = ""
    name: str = ""
    # Data sets that a regulator's program may read.
    datasets: frozenset[str] = frozenset()
    # Set for a console session: what its forms must send back.
    csrf_token: str = ""

    @property
    def rights(self) -> frozenset[str]:
        return frozenset().union(*(grant.rights for grant in self.grants))

    @property
    def paths(self) -> tuple[str, ...]:
        """Subtrees, none inside another."""
        paths = sorted({grant.path for grant in self.grants})
        return tuple(p for p in paths if not any(p != other and p.startswith(other) for other in paths))

    @property
    def path(self) -> str:
        return min(self.paths, key=len, default="")

    @property
    def organisation_id(self) -> str:
        return self.path.rstrip("/").rpartition("/")[2] or self.company_id

    def holds(self, right: str, path: str) -> bool:
        """Whether the right reaches the organisation with this path."""
        return any(right in grant.rights and path.startswith(grant.path) for grant in self.grants)

    def narrowed(self, right: str) -> "Caller":
        return msgspec.structs.replace(self, grants=tuple(g for g in self.grants if right in g.rights))


def within(organisation_id: ColumnElement[str] | InstrumentedAttribute[str], caller: Caller) -> ColumnElement[bool]:
    """The condition that a row's organisation lies in the caller's subtrees."""
    if not caller.paths:
        return false()
    reach = or_(*(_organisations.c.path.startswith(path, autoescape=True) for path in caller.paths))
    return organisation_id.in_(select(_organisations.c.id).where(reach))


Statement = TypeVar("Statement", bound=Select[*tuple[Any, ...]] | Update | Delete)


def scoped(
    statement: Statement, organisation_id: ColumnElement[str] | InstrumentedAttribute[str], caller: Caller
) -> Statement:
    """The statement, kept to what the caller may see."""
    return cast("Statement", statement.where(within(organisation_id, caller)))


Authenticate = Callable[[ASGIConnection[Any, Any, Any, Any]], Awaitable[Caller | None]]


async def current_caller(connection: ASGIConnection[Any, Any, Any, Any]) -> Caller:
    """Raises `UnauthenticatedError`; reads the token or cookie once for each request."""
    caller: Caller | None = connection.scope["state"].get("caller")
    if caller is None:
        caller = await connection.app.state.authenticate(connection)
        if caller is None:
            raise UnauthenticatedError(
                "sign_in.needed", "请先登录。", "Sign in first.", action="登录", action_en="Sign in"
            )
        connection.scope["state"]["caller"] = caller
    return caller


def requires(*rights: str) -> Callable[[ASGIConnection[Any, Any, Any, Any], BaseRouteHandler], Awaitable[None]]:
    """A guard: the caller holds each of these rights somewhere; `caller` is then narrowed to where."""
    unknown = set(rights) - RIGHTS
    if unknown:
        raise ValueError(f"unknown rights: {sorted(unknown)}")

    async def guard(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
        caller = await current_caller(connection)
        for right in rights:
            caller = caller.narrowed(right)
            if not caller.grants:
                raise NotAllowedError(
                    "right.missing",
                    "您没有这项权限。",
                    "You may not do this.",
                    action="请联系管理员",
                    action_en="Ask your administrator",
                    right=right,
                )
        connection.scope["state"]["caller"] = caller

    return guard


async def signed_in(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
    """A guard for what any member of staff may do."""
    await current_caller(connection)
