"""Alembic's entry: the one place that imports every domain's tables."""

from typing import Any

from alembic import context
from geoalchemy2 import alembic_helpers
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.pool import NullPool

from backend.db import import_models

# Any number that nothing else locks: two processes that start together migrate one after the other.
_MIGRATION_LOCK = 7_345_002
_metadata = import_models()


def _include(schema_object: Any, name: str | None, kind: str, reflected: bool, compare_to: Any) -> bool:  # noqa: FBT001
    """Only what the models know: PostGIS and the job queue have tables of their own."""
    if kind == "table" and reflected and name not in _metadata.tables:
        return False
    return bool(alembic_helpers.include_object(schema_object, name, kind, reflected, compare_to))  # type: ignore[no-untyped-call]


def _migrate(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=_metadata,
        include_object=_include,
        process_revision_directives=alembic_helpers.writer,
        render_item=alembic_helpers.render_item,
        compare_type=True,
    )
    with context.begin_transaction():
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _MIGRATION_LOCK})
        context.run_migrations()


_engine = create_engine(context.config.attributes["url"], poolclass=NullPool)
with _engine.connect() as _connection:
    _migrate(_connection)
