"""Who asks, and what they may do: CouchDB's own rules, with roles from short-lived ES256 tokens.

The administrator comes with Basic authentication or the session cookie; a phone with a bearer token whose
claim `_couchdb.roles` lists its roles (https://docs.couchdb.org/en/stable/api/server/authn.html#jwt-authentication).
A database's `_security` lists who are its members. Members of a `unit_` database only read.
"""

import base64
import hashlib
import hmac
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from http.cookies import CookieError, SimpleCookie

import jwt
from msgspec import Struct

from sync.errors import Forbidden, Unauthorized

ADMIN_ROLE = "_admin"
# CouchDB's own session time-out; its replicator renews the cookie before.
SESSION_SECONDS = 600
# Verified tokens are remembered, since one signature check costs as much as serving a small document.
REMEMBERED_TOKENS = 2000
UNIT_PREFIX = "unit_"
# The local document in which the backend's intake keeps its place.
INTAKE = "intake"

# Requests that write nothing although their method is POST.
_READING_POSTS = frozenset({
    "_all_docs", "_bulk_get", "_changes", "_ensure_full_commit", "_local_docs", "_missing_revs", "_revs_diff",
})  # fmt: skip


class Principal(Struct, frozen=True):
    name: str | None = None
    roles: tuple[str, ...] = ()
    expires: float | None = None  # seconds since 1970; an open feed ends then
    how: str = "default"  # "default" (Basic), "cookie" or "jwt", as `_session` tells it

    @property
    def is_admin(self) -> bool:
        return ADMIN_ROLE in self.roles


ANONYMOUS = Principal()


class Group(Struct, frozen=True):
    names: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()

    def holds(self, principal: Principal) -> bool:
        return principal.name in self.names or not set(self.roles).isdisjoint(principal.roles)


class Security(Struct, frozen=True):
    """A database's `_security`. As in CouchDB 3 a new database is the administrator's alone."""

    admins: Group = Group(roles=(ADMIN_ROLE,))
    members: Group = Group(roles=(ADMIN_ROLE,))

    def require_member(self, principal: Principal) -> None:
        if not (principal.is_admin or self.admins.holds(principal) or self.members.holds(principal)):
            raise Forbidden("You are not allowed to access this db.")

    def require_admin(self, principal: Principal) -> None:
        self.require_member(principal)
        if not (principal.is_admin or self.admins.holds(principal)):
            raise Forbidden("You are not a db or server admin.")


def require_server_admin(principal: Principal) -> None:
    if not principal.is_admin:
        raise Forbidden("You are not a server admin.")


def writes(method: str, parts: list[str]) -> bool:
    """Whether a request to a database changes what replicates. Checkpoints (`_local`) do not."""
    if method in {"GET", "HEAD"}:
        return False
    rest = parts[1:]
    if rest and rest[0].startswith("_local"):
        return False
    return not (method == "POST" and len(rest) == 1 and rest[0] in _READING_POSTS)


class Gate:
    """Tells who a request comes from; `Unauthorized` for credentials that do not hold."""

    def __init__(self, admin: tuple[str, str], keys: Callable[[], Mapping[str, str]]) -> None:
        self._admin = admin
        self._keys = keys
        self._secret = secrets.token_bytes(32)
        self._tokens: OrderedDict[tuple[str, str], Principal] = OrderedDict()

    def principal(self, headers: Mapping[str, str]) -> Principal:
        scheme, _, credentials = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return self._from_token(credentials.strip())
        if scheme.lower() == "basic":
            return self._from_basic(credentials.strip())
        return self._from_cookie(headers.get("cookie", ""))

    def sign_in(self, name: str, password: str) -> Principal:
        good = hmac.compare_digest(name.encode(), self._admin[0].encode())
        good &= hmac.compare_digest(password.encode(), self._admin[1].encode())
        if not good:
            raise Unauthorized("Name or password is incorrect.")
        return Principal(name, (ADMIN_ROLE,))

    def cookie(self, principal: Principal) -> str:
        """The value of a session cookie for the administrator."""
        text = f"{principal.name}:{int(time.time()) + SESSION_SECONDS:X}"
        return base64.urlsafe_b64encode(f"{text}:{self._seal(text)}".encode()).decode().rstrip("=")

    def _seal(self, text: str) -> str:
        return hmac.new(self._secret, text.encode(), hashlib.sha256).hexdigest()

    def _from_basic(self, credentials: str) -> Principal:
        try:
            name, _, password = base64.b64decode(credentials, validate=True).decode().partition(":")
        except ValueError as error:  # not base64, not ASCII, or not UTF-8 inside
            raise Unauthorized("Name or password is incorrect.") from error
        return self.sign_in(name, password)

    def _from_cookie(self, header: str) -> Principal:
        try:
            morsel = SimpleCookie(header).get("AuthSession")
            if morsel is None or not morsel.value:
                return ANONYMOUS
            padded = morsel.value + "=" * (-len(morsel.value) % 4)
            text, _, seal = base64.urlsafe_b64decode(padded).decode().rpartition(":")
            name, _, until = text.rpartition(":")
            good = hmac.compare_digest(seal.encode(), self._seal(text).encode())
        except (CookieError, ValueError):
            return ANONYMOUS  # so that a broken cookie does not stand in the way of signing in anew
        if not good or name != self._admin[0] or int(until, 16) <= time.time():
            return ANONYMOUS
        return Principal(name, (ADMIN_ROLE,), float(int(until, 16)), "cookie")

    def _from_token(self, token: str) -> Principal:
        try:
            kid = jwt.get_unverified_header(token).get("kid")
        except jwt.InvalidTokenError as error:
            raise Unauthorized("token is malformed") from error
        pem = self._keys().get(kid) if isinstance(kid, str) else None
        if pem is None:
            raise Unauthorized("token is signed with an unknown key")
        known = self._tokens.get((token, pem))
        if known is None:
            known = _verify(token, pem)
            self._tokens[token, pem] = known
            while len(self._tokens) > REMEMBERED_TOKENS:
                self._tokens.popitem(last=False)
        elif known.expires is not None and known.expires <= time.time():
            raise Unauthorized("token expired")
        return known


def _verify(token: str, pem: str) -> Principal:
    try:
        claims = jwt.decode(token, pem, algorithms=["ES256"], options={"require": ["exp", "sub"], "verify_aud": False})
    except jwt.ExpiredSignatureError as error:
        raise Unauthorized("token expired") from error
    except jwt.InvalidTokenError as error:
        raise Unauthorized(f"token is not valid: {error}") from error
    roles = claims.get("_couchdb.roles", [])
    if not isinstance(roles, list):
        raise Unauthorized("token is not valid: _couchdb.roles must be a list")
    # Nobody becomes the administrator by a token: it is a phone's.
    kept = tuple(role for role in roles if isinstance(role, str) and role != ADMIN_ROLE)
    return Principal(str(claims["sub"]), kept, float(claims["exp"]), "jwt")
