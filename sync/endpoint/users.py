"""Accounts that an administrator makes for other programs: `_users`, as CouchDB keeps it.

A phone comes with a token and never has one of these; a replicator of another CouchDB, or a report that reads a
database, does. The password is kept as PBKDF2 only.
https://docs.couchdb.org/en/stable/intro/security.html#authentication-database
"""

import hashlib
import hmac
import secrets
from typing import Any

import msgspec
from msgspec import Struct

from sync.errors import Forbidden
from sync.store.models import Document

USERS = "_users"
PREFIX = "org.couchdb.user:"
# CouchDB 3.5's own.
ITERATIONS = 600_000
SCHEME = ("pbkdf2", "sha256")
# What a replicated account may ask of the hub for one sign-in.
MOST_ITERATIONS = 2_000_000


class Account(Struct, frozen=True):
    """What counts of an account's document."""

    name: str
    roles: tuple[str, ...] = ()
    password_scheme: str = ""
    pbkdf2_prf: str = ""
    salt: str = ""
    iterations: int = 0
    derived_key: str = ""

    def has_password(self, password: str) -> bool:
        """Takes a good part of a second, by intent."""
        known = (self.password_scheme, self.pbkdf2_prf) == SCHEME
        if not known or not 0 < self.iterations <= MOST_ITERATIONS:
            return False
        return hmac.compare_digest(_derived(password, self.salt, self.iterations).encode(), self.derived_key.encode())


def account_of(document: Document | None) -> Account | None:
    """None for a document that is no account in use."""
    if document is None or document.deleted:
        return None
    try:
        account = msgspec.json.decode(document.body, type=Account)
    except msgspec.MsgspecError:
        return None
    return account if document.id == PREFIX + account.name else None


def sealed(document: Document) -> Document:
    """The account as it is kept: without its password; `Forbidden` for what CouchDB would not take as one."""
    if document.deleted or document.id.startswith("_design/"):
        return document
    fields = msgspec.json.decode(document.body, type=dict[str, Any])
    _check(document.id, fields)
    password = fields.pop("password", None)
    if password is not None:
        salt = secrets.token_hex(16)
        fields = {
            "password_scheme": SCHEME[0],
            "pbkdf2_prf": SCHEME[1],
            "salt": salt,
            "iterations": ITERATIONS,
            "derived_key": _derived(password, salt, ITERATIONS),
        } | fields
    return msgspec.structs.replace(document, body=msgspec.json.encode(fields))


def _check(doc_id: str, fields: dict[str, Any]) -> None:
    roles = fields.get("roles")
    if fields.get("type") != "user":
        raise Forbidden("doc.type must be user")
    if not isinstance(fields.get("name"), str) or doc_id != PREFIX + fields["name"]:
        raise Forbidden(f"Doc ID must be of the form {PREFIX}name")
    if not isinstance(roles, list) or not all(isinstance(role, str) for role in roles):
        raise Forbidden("doc.roles must be an array of strings")
    if any(role.startswith("_") for role in roles):
        raise Forbidden("No system roles (starting with underscore) in users db.")
    if not isinstance(fields.get("password", ""), str):
        raise Forbidden("doc.password must be a string")


def _derived(password: str, salt: str, iterations: int) -> str:
    return hashlib.pbkdf2_hmac("sha256", password.encode(errors="replace"), salt.encode(), iterations, 32).hex()
