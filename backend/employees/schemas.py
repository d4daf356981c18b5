"""What the office sends and reads of the ledger of staff (从业人员)."""

from datetime import date
from typing import Annotated, Literal

import msgspec

from backend.certificates.schemas import CertificateOut
from sync.documents.envelope import Word

Sex = Literal["", "female", "male"]


class EmployeeIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`post` is an entry of the company's list; `station_id` empty for who works at none."""

    station_id: Annotated[str, msgspec.Meta(max_length=64)] = ""
    post: Word = ""
    sex: Sex = ""
    registered_on: date | None = None


class EmployeeFilters(msgspec.Struct, frozen=True, kw_only=True):
    search: str = ""
    organisation_id: str = ""
    station_id: str = ""
    post: str = ""
    active: bool | None = None


class EmployeeLine(msgspec.Struct, frozen=True, kw_only=True):
    """`area` is the administrative area above the company, from the province down."""

    staff_id: str
    staff_number: str
    name: str
    area: str
    company_id: str
    company_name: str
    organisation_id: str
    organisation_name: str
    station_id: str
    station_name: str
    post: str
    post_zh: str
    post_en: str
    sex: Sex
    photo_id: str
    registered_on: date
    active: bool
    certificates: list[CertificateOut]
