"""Regulators' programs: OAuth2 client credentials (RFC 6749, 4.4)."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from backend import audit
from backend.accounts.keys import SigningKeys
from backend.accounts.models import ApiClient
from backend.accounts.schemas import ClientMade, ClientToken
from backend.accounts.service.organisations import find_organisation
from backend.accounts.service.passwords import hash_secret, verify_password
from backend.accounts.service.tokens import issue_access_token, new_secret
from backend.errors import MissingError, UnauthenticatedError
from backend.scope import Caller, scoped


async def create_client(
    session: AsyncSession, caller: Caller | None, *, name: str, organisation_id: str, datasets: Iterable[str]
) -> ClientMade:
    """Answers the secret, which is kept only as a hash."""
    organisation = await find_organisation(session, organisation_id, caller)
    secret = new_secret()
    client = ApiClient(
        name=name,
        organisation_id=organisation.id,
        datasets=sorted(set(datasets)),
        secret_hash=await hash_secret(secret),
    )
    session.add(client)
    await session.flush()
    facts = {"name": name, "datasets": client.datasets}
    await audit.record(session, caller, "client.created", "client", client.id, facts, organisation_id=organisation.id)
    return ClientMade(client_id=client.id, client_secret=secret)


async def list_clients(session: AsyncSession, caller: Caller) -> Sequence[ApiClient]:
    statement = scoped(select(ApiClient), ApiClient.organisation_id, caller)
    return (await session.scalars(statement.order_by(ApiClient.created_at))).all()


async def withdraw_client(session: AsyncSession, caller: Caller | None, client_id: str) -> None:
    """Its tokens are refused from the next request on."""
    statement = select(ApiClient).where(ApiClient.id == client_id)
    client = await session.scalar(scoped(statement, ApiClient.organisation_id, caller) if caller else statement)
    if client is None:
        raise MissingError("client.unknown", "没有这个接入方。", "There is no such client.")
    client.active = False
    await audit.record(session, caller, "client.withdrawn", "client", client.id, organisation_id=client.organisation_id)


async def issue_client_token(
    session: AsyncSession, keys: SigningKeys, *, client_id: str, client_secret: str, lifetime_s: int
) -> ClientToken:
    client = await session.get(ApiClient, client_id)
    known = client is not None and client.active
    if not await verify_password(client.secret_hash if client and known else None, client_secret) or client is None:
        raise UnauthenticatedError(
            "client.wrong_secret",
            "接入方标识或密钥不正确。",
            "The client id or secret is wrong.",
            error="invalid_client",
        )
    client.last_used_at = datetime.now(UTC)
    scope = " ".join(client.datasets)
    token, _ = issue_access_token(
        keys,
        subject=client.id,
        organisation_id=client.organisation_id,
        lifetime_s=lifetime_s,
        client=True,
        scope=scope,
    )
    return ClientToken(access_token=token, expires_in=lifetime_s, scope=scope)
