"""Access tokens: ES256 JWTs that this API, the embedded hub and Apache CouchDB all read."""

import hashlib
import secrets
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import jwt
import msgspec

from backend.accounts.keys import SigningKeys
from backend.errors import UnauthenticatedError

ALGORITHM = "ES256"
# A phone's clock is not asked; this allows for two servers' clocks.
_LEEWAY_S = 5


class Claims(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`sub` is a staff id, or a regulator's client id if `client`."""

    sub: str
    org: str
    exp: int
    iat: int
    device: str = ""
    client: bool = False
    scope: str = ""
    roles: tuple[str, ...] = msgspec.field(default=(), name="_couchdb.roles")


def issue_access_token(
    keys: SigningKeys,
    *,
    subject: str,
    organisation_id: str,
    lifetime_s: int,
    device_id: str = "",
    unit_ids: Iterable[str] = (),
    client: bool = False,
    scope: str = "",
) -> tuple[str, datetime]:
    """The token and when it ends; without a device it opens nothing in the hub."""
    now = datetime.now(UTC).replace(microsecond=0)
    expires_at = now + timedelta(seconds=lifetime_s)
    roles = (f"device:{device_id}", *(f"unit:{unit_id}" for unit_id in unit_ids)) if device_id else ()
    claims = Claims(
        sub=subject,
        org=organisation_id,
        device=device_id,
        client=client,
        scope=scope,
        iat=int(now.timestamp()),
        exp=int(expires_at.timestamp()),
        roles=roles,
    )
    key_id, key = keys.current
    token = jwt.encode(msgspec.to_builtins(claims), key, algorithm=ALGORITHM, headers={"kid": key_id})
    return token, expires_at


def read_access_token(keys: SigningKeys, token: str) -> Claims:
    """Raises `UnauthenticatedError`: sign_in.expired for a real but old token, sign_in.forged for anything else."""
    try:
        key_id = jwt.get_unverified_header(token).get("kid")
        pem = keys.public_pem(key_id) if isinstance(key_id, str) else None
        if pem is None:
            raise _forged()
        options: dict[str, list[str]] = {"require": ["exp", "iat", "sub"]}
        decoded = jwt.decode(token, pem, algorithms=[ALGORITHM], leeway=_LEEWAY_S, options=options)  # type: ignore[arg-type]
        return msgspec.convert(decoded, Claims)
    except jwt.ExpiredSignatureError as error:
        raise UnauthenticatedError(
            "sign_in.expired",
            "登录已过期。",
            "The sign-in has expired.",
            action="请重新登录",
            action_en="Sign in again",
        ) from error
    except (jwt.InvalidTokenError, msgspec.ValidationError) as error:
        raise _forged() from error


def _forged() -> UnauthenticatedError:
    return UnauthenticatedError(
        "sign_in.forged", "登录凭证无效。", "The token is not valid.", action="请重新登录", action_en="Sign in again"
    )


def new_secret() -> str:
    return secrets.token_urlsafe(32)


def secret_digest(secret: str) -> bytes:
    """Enough for a secret of 256 random bits; passwords get argon2id."""
    return hashlib.sha256(secret.encode()).digest()
