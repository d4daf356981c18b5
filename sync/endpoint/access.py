"""Who asks, and what they may do: CouchDB's own rules, with roles from short-lived ES256 tokens.

The administrator, and who has an account in `_users`, comes with Basic authentication or the session cookie; a phone
with a bearer token whose claim `_couchdb.roles` lists its roles (https://docs.couchdb.org/en/stable/api/server/authn.html#jwt-authentication).
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

from sync.endpoint.users import Account
from sync.errors import Forbidden, Unauthorized

ADMIN_ROLE = "_admin"
# CouchDB's own session time-out; its replicator renews the cookie before.
SESSION_SECONDS = 600
# Verified tokens are remembered, since one signature check costs as much as serving a small document; and passwords
# that were right, since checking one is slow by intent.
REMEMBERED_TOKENS = 2000
REMEMBERED_PASSWORDS = 100
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

    def __init__(
        self,
        admin: tuple[str, str],
        keys: Callable[[], Mapping[str, str]],
        find_account: Callable[[str], Account | None] = lambda _name: None,
    ) -> None:
        self._admin = admin
        self._keys = keys
        self._find_account = find_account
        self._secret = secrets.token_bytes(32)
        self._tokens: OrderedDict[tuple[str, str], Principal] = OrderedDict()
        self._right: OrderedDict[bytes, None] = OrderedDict()

    def principal(self, headers: Mapping[str, str]) -> Principal:
        """May read the accounts and check a password: call it in a thread."""
        scheme, _, credentials = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return self._from_token(credentials.strip())
        if scheme.lower() == "basic":
            return self._from_basic(credentials.strip())
        return self._from_cookie(headers.get("cookie", ""))

    def sign_in(self, name: str, password: str) -> Principal:
        good = hmac.compare_digest(name.encode(errors="replace"), self._admin[0].encode())
        good &= hmac.compare_digest(password.encode(errors="replace"), self._admin[1].encode())
        if good:
            return Principal(name, (ADMIN_ROLE,))
        # The administrator's name is his alone.
        account = self._find_account(name) if name != self._admin[0] else None
        if account is None or not self._is_right(account, password):
            raise Unauthorized("Name or password is incorrect.")
        return Principal(name, account.roles, time.time() + SESSION_SECONDS)

    def _is_right(self, account: Account, password: str) -> bool:
        mark = f"{account.name}:{account.derived_key}:{password}".encode(errors="replace")
        key = hmac.digest(self._secret, mark, "sha256")
        if key not in self._right:
            if not account.has_password(password):
                return False
            self._right[key] = None
            while len(self._right) > REMEMBERED_PASSWORDS:
                self._right.popitem(last=False)
        return True

    def cookie(self, principal: Principal) -> str:
        """The value of a session cookie for who has signed in with a password."""
        text = f"{principal.name}:{int(time.time()) + SESSION_SECONDS:X}"
        key, _ = self._standing(principal.name or "") or ("", ())
        return base64.urlsafe_b64encode(f"{text}:{self._seal(text, key)}".encode()).decode().rstrip("=")

    def _standing(self, name: str) -> tuple[str, tuple[str, ...]] | None:
        """What a name's cookie stands on, so that it ends with the password; and its roles. None for nobody."""
        if name == self._admin[0]:
            return "", (ADMIN_ROLE,)
        account = self._find_account(name)
        return (account.derived_key, account.roles) if account else None

    def _seal(self, text: str, key: str) -> str:
        return hmac.new(self._secret, f"{text}:{key}".encode(), hashlib.sha256).hexdigest()

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
            standing = self._standing(name)
            good = standing and hmac.compare_digest(seal.encode(), self._seal(text, standing[0]).encode())
        except (CookieError, ValueError):
            return ANONYMOUS  # so that a broken cookie does not stand in the way of signing in anew
        if standing is None or not good or int(until, 16) <= time.time():
            return ANONYMOUS
        return Principal(name, standing[1], float(int(until, 16)), "cookie")

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
