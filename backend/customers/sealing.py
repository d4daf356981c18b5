"""Personal fields at rest: sealed by SM4-GCM under a key of the person's own.

That key is wrapped by a master key in the data directory, so a copy of the database alone opens nothing; destroying
a person's key makes every field of his unreadable, in backups too, while the facts about cylinders stay.
"""

import os
from collections.abc import Iterable, Mapping

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from backend.bulk import insert_new, one_of
from backend.customers.models import PersonKey
from backend.errors import AppError
from backend.personal_keys import KEY_BYTES, data_dir, decrypt, encrypt, master_key


class ErasedError(AppError):
    def __init__(self) -> None:
        super().__init__(410, "customer.erased", "客户个人信息已删除。", "The customer's personal data is erased.")


async def seal(session: AsyncSession, customer_id: str, organisation_id: str, field: str, text: str) -> bytes:
    """Raises `ErasedError` for a person whose key was destroyed: nothing new is kept of him."""
    keys = await person_keys(session, {customer_id: organisation_id})
    if customer_id not in keys:
        raise ErasedError
    return seal_with(keys[customer_id], customer_id, field, text)


def seal_with(key: bytes, customer_id: str, field: str, text: str) -> bytes:
    return encrypt(key, text.encode(), f"{customer_id}/{field}")


async def unseal(session: AsyncSession, customer_id: str, field: str, sealed: bytes) -> str:
    wrapped = await session.scalar(select(PersonKey.wrapped).where(PersonKey.customer_id == customer_id))
    if wrapped is None:
        raise ErasedError
    key = decrypt(master_key(data_dir(session)), wrapped, customer_id)
    return decrypt(key, sealed, f"{customer_id}/{field}").decode()


async def destroy_key(session: AsyncSession, customer_id: str, organisation_id: str) -> None:
    """For good; also where the person never had one, so that none is made later."""
    row = insert(PersonKey).values(customer_id=customer_id, organisation_id=organisation_id, wrapped=None)
    await session.execute(row.on_conflict_do_update(index_elements=["customer_id"], set_={"wrapped": None}))
    now = update(PersonKey).where(PersonKey.customer_id == customer_id).values(destroyed_at=func.now())
    await session.execute(now)


async def person_keys(session: AsyncSession, organisations: Mapping[str, str]) -> dict[str, bytes]:
    """The keys of these customers (the organisation of each by his id), made where he has none; a destroyed one is
    left out.
    """
    if not organisations:
        return {}
    master = master_key(data_dir(session))
    wrapped = await _wrapped_keys(session, organisations)
    fresh = [
        {
            "customer_id": customer_id,
            "organisation_id": organisation_id,
            "wrapped": encrypt(master, os.urandom(KEY_BYTES), customer_id),
        }
        for customer_id, organisation_id in sorted(organisations.items())
        if customer_id not in wrapped
    ]
    if fresh:
        await insert_new(session, PersonKey, fresh)
        wrapped = await _wrapped_keys(session, organisations)
    return {customer_id: decrypt(master, key, customer_id) for customer_id, key in wrapped.items() if key is not None}


async def _wrapped_keys(session: AsyncSession, customer_ids: Iterable[str]) -> dict[str, bytes | None]:
    rows = await session.execute(
        select(PersonKey.customer_id, PersonKey.wrapped).where(one_of(PersonKey.customer_id, sorted(customer_ids)))
    )
    return {customer_id: key for customer_id, key in rows}  # noqa: C416 (rows are not pairs to dict)
