"""A person at the console gives himself another password."""

from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts.models import ConsoleSession
from backend.accounts.service.sign_in import CONSOLE_SESSION, check_password
from backend.accounts.service.staff import change_own_password, find_staff
from backend.accounts.service.tokens import new_secret, secret_digest
from backend.db import Database
from backend.errors import NotAllowedError, UnauthenticatedError
from backend.scope import Caller
from backend.settings import Settings


async def change_password_here(
    database: Database, session: AsyncSession, settings: Settings, caller: Caller, *, current: str, password: str
) -> tuple[str, datetime]:
    """Every sign-in of his ends, but this console stays open: answers its new cookie and when that ends.

    A wrong current password counts like one at sign-in: who finds an open console cannot guess without end.
    """
    staff = await find_staff(session, caller.staff_id)
    try:
        await check_password(database, settings, staff.staff_number, current)
    except UnauthenticatedError as error:
        raise NotAllowedError(
            "password.wrong_current",
            "当前密码不正确。",
            "The current password is wrong.",
            action="请检查后重试",
            action_en="Check and try again",
            **error.facts,
        ) from error
    await change_own_password(session, caller, current, password, min_length=settings.password_min_length)
    cookie, expires_at = new_secret(), datetime.now(UTC) + CONSOLE_SESSION
    # The page that is open goes on with the token that its forms carry.
    session.add(
        ConsoleSession(
            token_hash=secret_digest(cookie), staff_id=staff.id, csrf_token=caller.csrf_token, expires_at=expires_at
        )
    )
    await session.flush()
    return cookie, expires_at
