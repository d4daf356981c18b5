"""Who is looking: the guard before every page, and the visitor's rights as they were before a page narrowed them."""

from typing import Any

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from backend.scope import Caller, current_caller
from web_console.rendering import Visit


async def known(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
    """The outermost guard: nobody sees a page without signing in. A page's own guard then asks for its right."""
    connection.scope["state"]["visitor"] = await current_caller(connection)


def visitor(request: Visit) -> Caller:
    found: Caller = request.scope["state"]["visitor"]
    return found


def with_right(request: Visit, right: str) -> Caller | None:
    """The visitor as far as this right reaches; None where it reaches nothing."""
    narrowed = visitor(request).narrowed(right)
    return narrowed if narrowed.grants else None
