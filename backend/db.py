"""The database: tables' base class, the engine, and the one place where a request's transaction opens and commits."""

import importlib
import pkgutil
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import uuid_utils
from litestar.datastructures import State
from sqlalchemy import DateTime, LargeBinary, MetaData, Text, func, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase

import backend
from backend.settings import Settings

# CGCS2000 in degrees; distances are taken on `geography`.
CGCS2000 = 4490


class Base(DeclarativeBase):
    """Constraints are named by one pattern, so that migrations and error messages can speak of them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_N_label)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy's own name and shape
        str: Text,
        datetime: DateTime(timezone=True),
        bytes: LargeBinary,
        dict[str, Any]: JSONB,
        list[str]: JSONB,
    }


def new_key() -> str:
    """The id of anything but a document: a UUIDv7 in hex, so that newer rows sort last."""
    return uuid_utils.uuid7().hex


def psycopg_url(url: str) -> str:
    """`postgresql://...` as SQLAlchemy's address for psycopg 3."""
    for prefix in ("postgresql+psycopg://", "postgresql://", "postgres://"):
        if url.startswith(prefix):
            return "postgresql+psycopg://" + url.removeprefix(prefix)
    return url


def libpq_url(url: str) -> str:
    """The same address for psycopg itself and for PostgreSQL's own programs."""
    return "postgresql://" + psycopg_url(url).removeprefix("postgresql+psycopg://")


class Database:
    """The engine and its sessions; `settings.database_url` must be set (the private cluster's address otherwise)."""

    def __init__(self, settings: Settings) -> None:
        self.url = psycopg_url(settings.database_url)
        self.engine = create_async_engine(
            self.url,
            pool_size=settings.database_pool,
            max_overflow=settings.database_pool,
            pool_pre_ping=True,
            # An error's text goes to the log, and what a statement was given may be a person's name or number.
            hide_parameters=True,
            connect_args={"options": "-c timezone=UTC", "application_name": "qixun"},
        )
        # `session.info["settings"]` is for what must find the data directory from inside a transaction.
        self.sessions = async_sessionmaker(self.engine, expire_on_commit=False, info={"settings": settings})

    async def close(self) -> None:
        await self.engine.dispose()

    @asynccontextmanager
    async def alone(self, lock: int) -> AsyncGenerator[bool, None]:
        """Whether this is the only worker with this lock; it is held until the end, by a connection of its own."""
        async with self.engine.connect() as plain:
            connection = await plain.execution_options(isolation_level="AUTOCOMMIT")
            held = bool(await connection.scalar(select(func.pg_try_advisory_lock(lock))))
            try:
                yield held
            finally:
                if held:
                    await connection.execute(select(func.pg_advisory_unlock(lock)))


async def transaction(state: State) -> AsyncGenerator[AsyncSession, None]:
    """A request's dependency `session`: committed when the handler has returned, rolled back when it raised."""
    async with state.database.sessions() as session, session.begin():
        yield session


def import_models() -> MetaData:
    """Every table of every domain, for migrations and tests."""
    importlib.import_module("backend.audit")
    for module in pkgutil.iter_modules(backend.__path__, "backend."):
        for part in pkgutil.iter_modules(_path(module.name)) if module.ispkg else ():
            if part.name.endswith("models"):
                importlib.import_module(f"{module.name}.{part.name}")
    return Base.metadata


def _path(package: str) -> list[str]:
    return list(importlib.import_module(package).__path__)
