"""Signing in to the console and out of it."""

from datetime import UTC, datetime

from litestar import Response, get, post
from litestar.response import Redirect
from sqlalchemy.ext.asyncio import AsyncSession

from backend import errors
from backend.accounts import service as accounts
from backend.accounts.service.authentication import COOKIE
from backend.db import Database
from backend.errors import AppError
from backend.settings import Settings
from web_console.rendering import Visit, render


@get("/sign-in")
async def show(request: Visit, next: str = "/") -> Response[str]:  # noqa: A002 - the address's own word
    return render(request, "sign_in.html", problem=None, staff_number="", next=_inside(next))


@post("/sign-in", status_code=303)
async def sign_in(request: Visit, database: Database, settings: Settings) -> Response[str] | Redirect:
    form = await request.form()
    staff_number, target = str(form.get("staff_number", "")), _inside(str(form.get("next", "/")))
    try:
        cookie, _, expires_at = await accounts.open_console_session(
            database, settings, staff_number=staff_number, password=str(form.get("password", ""))
        )
    except AppError as error:
        errors.note(error.problem())
        context = {"problem": error.problem(), "staff_number": staff_number, "next": target}
        return render(request, "sign_in.html", status=error.status, **context)
    answer = Redirect(target, status_code=303)
    remaining_s = int((expires_at - datetime.now(UTC)).total_seconds())
    answer.set_cookie(
        key=COOKIE, value=cookie, max_age=remaining_s, httponly=True, samesite="lax", secure=settings.https, path="/"
    )
    return answer


@post("/sign-out", status_code=303)
async def sign_out(request: Visit, session: AsyncSession) -> Redirect:
    await accounts.close_console_session(session, request.cookies.get(COOKIE, ""))
    answer = Redirect("/sign-in", status_code=303)
    answer.delete_cookie(COOKIE, path="/")
    return answer


def _inside(target: str) -> str:
    """Only an address of this console: a link must not lead a visitor elsewhere after signing in."""
    return target if target.startswith("/") and not target.startswith(("//", "/\\")) else "/"
