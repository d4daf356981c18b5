"""Reports as they were handed to the regulator."""

from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from backend.db import Base


class StatisticsReport(Base):
    """`content` is the workbook itself: figures change when late records come, what was handed over does not."""

    __tablename__ = "statistics_reports"
    __table_args__ = (
        CheckConstraint("span IN ('day', 'month', 'year')", name="span"),
        Index("ix_statistics_reports_made_at", "organisation_id", "made_at"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    # The company, or the one unit that was chosen.
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"))
    number: Mapped[str]
    span: Mapped[str]
    since: Mapped[date]
    until: Mapped[date]
    made_by: Mapped[str]
    made_at: Mapped[datetime]
    content: Mapped[bytes] = mapped_column(deferred=True)
