"""What the ledger of staff holds beyond the account: station, post, sex, photograph, registration (E5.8.3-1)."""

from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from backend.db import Base


class Employee(Base):
    """One row beside a member of staff; without one nothing of it was entered."""

    __tablename__ = "employees"
    __table_args__ = (CheckConstraint("sex IN ('', 'female', 'male')", name="sex"),)

    staff_id: Mapped[str] = mapped_column(ForeignKey("staff.id"), primary_key=True)
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"), index=True)
    station_id: Mapped[str | None] = mapped_column(ForeignKey("stations.id"), index=True)
    post: Mapped[str] = mapped_column(default="")
    sex: Mapped[str] = mapped_column(default="")
    # `photo:<sha256>` in the photo store, empty without one.
    photo_id: Mapped[str] = mapped_column(default="")
    registered_on: Mapped[date | None]
    changed_at: Mapped[datetime]
