"""What the regulator's feeds are read from: one row for each record of a data set, moved to the end when it changes."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from backend.db import Base


class Change(Base):
    """`position` is the cursor: empty until the change is committed and published, so that no reader passes it by."""

    __tablename__ = "regulator_changes"
    __table_args__ = (
        CheckConstraint("version >= 1", name="version"),
        Index("ix_regulator_changes_unpublished", "dataset", postgresql_where=text("position IS NULL")),
        Index("uq_regulator_changes_dataset_position", "dataset", "position", unique=True),
        Index("ix_regulator_changes_organisation_id", "organisation_id"),
    )

    dataset: Mapped[str] = mapped_column(primary_key=True)
    subject_id: Mapped[str] = mapped_column(primary_key=True)
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"))
    version: Mapped[int] = mapped_column(default=1)
    deleted: Mapped[bool] = mapped_column(default=False)
    changed_at: Mapped[datetime]
    position: Mapped[int | None] = mapped_column(BigInteger)


class ChangeHead(Base):
    """The last place given in a data set: never given again, though the row that had it has moved on."""

    __tablename__ = "regulator_heads"

    dataset: Mapped[str] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(BigInteger)
