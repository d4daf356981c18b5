"""Where people were last seen (人员位置)."""

from datetime import datetime
from typing import Any

from geoalchemy2 import Geometry
from sqlalchemy import CheckConstraint, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from backend.db import CGCS2000, Base


class StaffPosition(Base):
    """The newest position of each person by corrected time, from whatever record carried it."""

    __tablename__ = "staff_positions"
    __table_args__ = (CheckConstraint("accuracy_m >= 0", name="accuracy_m"),)

    staff_id: Mapped[str] = mapped_column(primary_key=True)
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"), index=True)
    device_id: Mapped[str]
    at: Mapped[datetime] = mapped_column(index=True)
    point: Mapped[Any] = mapped_column(Geometry("POINT", srid=CGCS2000))
    accuracy_m: Mapped[float]
    source: Mapped[str]
    mocked: Mapped[bool] = mapped_column(default=False)
    methane_ppm: Mapped[float | None]
    task_id: Mapped[str] = mapped_column(default="")
