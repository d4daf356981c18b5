"""Signing in to the console and out of it, and one's own password."""

from datetime import UTC, datetime
from typing import Any

from litestar import Response, get, post
from litestar.response import Redirect
from sqlalchemy.ext.asyncio import AsyncSession

from backend import errors
from backend.accounts import service as accounts
from backend.accounts.schemas import Password, PasswordChangeIn
from backend.accounts.service.authentication import COOKIE
from backend.db import Database
from backend.errors import AppError, UnusableError
from backend.scope import signed_in
from backend.settings import Settings
from web_console.forms import read_form
from web_console.rendering import Visit, done, language_of, render, translate_into
from web_console.visiting import visitor


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
    _remember(answer, settings, cookie, expires_at)
    return answer


@post("/sign-out", status_code=303)
async def sign_out(request: Visit, session: AsyncSession) -> Redirect:
    await accounts.close_console_session(session, request.cookies.get(COOKIE, ""))
    answer = Redirect("/sign-in", status_code=303)
    answer.delete_cookie(COOKIE, path="/")
    return answer


class NewPassword(PasswordChangeIn, frozen=True, kw_only=True):
    """Typed twice: nobody sees what he types."""

    again: Password


@get("/me/password", guards=[signed_in])
async def ask_password(request: Visit, settings: Settings) -> Response[str]:
    return render(request, "parts/password.html", least=settings.password_min_length)


@post("/me/password", guards=[signed_in], status_code=204)
async def change_password(
    request: Visit, database: Database, session: AsyncSession, settings: Settings
) -> Response[None]:
    # As it was typed: a space at an end belongs to the password.
    sent = await request.form()
    typed = {name: str(sent.get(name, "")) for name in NewPassword.__struct_fields__}
    form = await read_form(request, NewPassword, **typed)
    if form.password != form.again:
        raise UnusableError("password.differs", "两次输入的新密码不一致。", "The new password was typed differently.")
    cookie, expires_at = await accounts.change_password_here(
        database, session, settings, visitor(request), current=form.current_password, password=form.password
    )
    answer = done(toast=translate_into(language_of(request))("密码已修改，其他设备和浏览器要用新密码重新登录"))
    _remember(answer, settings, cookie, expires_at)
    return answer


def _remember(answer: Response[Any], settings: Settings, cookie: str, expires_at: datetime) -> None:
    remaining_s = int((expires_at - datetime.now(UTC)).total_seconds())
    answer.set_cookie(
        key=COOKIE, value=cookie, max_age=remaining_s, httponly=True, samesite="lax", secure=settings.https, path="/"
    )


def _inside(target: str) -> str:
    """Only an address of this console: a link must not lead a visitor elsewhere after signing in."""
    return target if target.startswith("/") and not target.startswith(("//", "/\\")) else "/"
