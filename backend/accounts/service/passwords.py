"""Argon2id in a thread: 50 ms of one core must not stop the event loop."""

import asyncio

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from backend.accounts.rules import password_flaw
from backend.errors import UnusableError

_hasher = PasswordHasher()
# Checked when a number is unknown, so that the answer takes as long as for a known one.
_NOBODY = _hasher.hash("nobody's password")


async def hash_password(password: str, *, staff_number: str = "", min_length: int = 8) -> str:
    """Raises `UnusableError` where the password is too weak."""
    flaw = password_flaw(password, staff_number=staff_number, min_length=min_length)
    if flaw is not None:
        raise UnusableError("password.weak", flaw[0], flaw[1], action="请换一个密码", action_en="Choose another")
    return await asyncio.to_thread(_hasher.hash, password)


async def verify_password(password_hash: str | None, password: str) -> bool:
    return await asyncio.to_thread(_verify, password_hash or _NOBODY, password) and password_hash is not None


async def hash_secret(secret: str) -> str:
    """A random secret needs no rules."""
    return await asyncio.to_thread(_hasher.hash, secret)


def _verify(password_hash: str, password: str) -> bool:
    try:
        return _hasher.verify(password_hash, password)
    except (VerificationError, InvalidHashError):
        return False
