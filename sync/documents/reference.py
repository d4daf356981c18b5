"""Reference data of a unit (`unit_<id>`), read-only on phones: what they decide on offline, never whereabouts."""

from datetime import date
from typing import Annotated, Literal

import msgspec

from sync.documents.envelope import BackendDocument, Id, Word, label


class Pipe(BackendDocument, tag="reference.pipe", frozen=True, kw_only=True):
    """A pipe: `line` in degrees [[lon, lat], ...]; `length_m` on the ellipsoid."""

    code: Annotated[Word, label("管段编号", "Pipe code")]
    pressure_level: Annotated[Word, label("压力级制", "Pressure level")]
    material: Annotated[Word, label("材质", "Material")] = ""
    diameter: Annotated[Word, label("管径", "Diameter")] = ""
    laid_year: Annotated[int, label("敷设年份", "Year laid")] | None = None
    area: Annotated[Word, label("巡线片区", "Patrol area")] = ""
    length_m: Annotated[float, label("长度", "Length", unit="m")]
    line: tuple[tuple[float, float], ...]


class Facility(BackendDocument, tag="reference.facility", frozen=True, kw_only=True):
    """A valve (阀门) or regulator box (调压箱) and where it stands."""

    code: Annotated[Word, label("设施编号", "Facility code")]
    kind: Annotated[Word, label("设施类型", "Kind", choices="facility_kind")]
    name: Annotated[Word, label("名称", "Name")] = ""
    area: Word = ""
    lon: float
    lat: float


class Cylinder(BackendDocument, tag="reference.cylinder", frozen=True, kw_only=True):
    """The part of a cylinder's archive (E5.8.3-3) that a verdict needs: `code` is its QR text and stamped number."""

    code: Annotated[Word, label("气瓶编号", "Cylinder code")]
    specification: Annotated[Word, label("气瓶规格", "Size")]
    medium: Annotated[Word, label("充装介质", "Medium")] = "LPG"
    tag_uid: Annotated[Word, label("标签 UID", "Tag UID")] = ""
    manufacturer: Annotated[Word, label("制造单位", "Manufacturer")] = ""
    made_on: Annotated[date, label("制造年月", "Made on")] | None = None
    next_inspection_on: Annotated[date, label("下次检验日期", "Next inspection")] | None = None
    service_ends_on: Annotated[date, label("使用年限至", "Service ends")] | None = None
    owned: Annotated[bool, label("自有产权", "Own cylinder")] = True
    scrapped: Annotated[bool, label("已报废", "Scrapped")] = False
    tag_torn: Annotated[bool, label("标签损坏", "Tag damaged")] = False
    inspection_failed: Annotated[bool, label("检验不合格", "Failed inspection")] = False
    tare_kg: Annotated[float, label("皮重", "Tare", unit="kg")] | None = None
    water_capacity_l: Annotated[float, label("水容积", "Water capacity", unit="L")] | None = None
    inspected_by: Annotated[Word, label("检验单位", "Inspected by")] = ""
    # Tags that were on it once: none of them may be used again (5.8.6-4b).
    former_tags: Annotated[tuple[Word, ...], label("作废标签", "Former tags")] = ()
    factory_number: Annotated[Word, label("出厂编号", "Factory number")] = ""
    # What the QR code and the tag's public page name it by: not to be guessed from any other.
    public_token: Word = ""


class TagSecret(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`secret` is 16 bytes in base64. A retired one is known to a phone that was lost: it proves nothing any more."""

    secret: Word
    retired: bool = False


class TagKeys(BackendDocument, tag="reference.tag_keys", frozen=True, kw_only=True):
    """The company's keys for its tags, the one to write with first; `_id` is `reference.tag_keys:company`.

    Believed with the backend's signature only. `public_url`: where the public page is, before a cylinder's token.
    """

    keys: tuple[TagSecret, ...]
    public_url: Word = ""


class Certificate(BackendDocument, tag="reference.certificate", frozen=True, kw_only=True):
    """What staff, a company, station, vehicle or handheld must hold: `kind` is an entry of the company's lists."""

    holder_kind: Annotated[
        Literal["staff", "company", "station", "vehicle", "device"], label("持证人类型", "Kind of holder")
    ]
    holder_id: Annotated[Id, label("持证人", "Holder")]
    kind: Annotated[Word, label("证照类型", "Certificate")]
    number: Annotated[Word, label("证号", "Number")]
    expires_on: Annotated[date, label("有效期至", "Valid until")]


class InspectionReminder(BackendDocument, tag="reference.inspection_reminder", frozen=True, kw_only=True):
    """待检提醒: the station's cylinders that are overdue or will be; `_id` is `reference.inspection_reminder:station`.

    `due` counts by days ahead, the narrowest first, each cylinder once; `codes` are the most urgent.
    """

    day: date
    overdue: int
    due: tuple[tuple[int, int], ...]
    codes: tuple[Word, ...]


class ListEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    code: Id
    zh: Word
    en: Word
    help_zh: Word = ""
    help_en: Word = ""
    unit: Word = ""
    limit: float | None = None
    icon: Word = ""


class ChoiceList(BackendDocument, tag="reference.list", frozen=True, kw_only=True):
    """A versioned list that an administrator edits; `_id` is `reference.list:<name>`."""

    name: Id
    version: int
    entries: tuple[ListEntry, ...]


class CompanySettings(BackendDocument, tag="reference.settings", frozen=True, kw_only=True):
    """Limits and numbers that the company confirms; `_id` is `reference.settings:company`."""

    version: int
    company_name: Word
    emergency_phone: Word
    leak_alarm_ppm: float
    leak_emergency_ppm: float
    customer_required_fields: tuple[Word, ...]
    # Of customers that are companies, besides; which classes are persons, the list of classes does not say.
    company_required_fields: tuple[Word, ...] = ()
    person_categories: tuple[Word, ...] = ("residential",)
    # What a phone seals personal texts with (`sync.sealed`), a P-256 public key as PEM.
    personal_key: str = ""
    gas_unit: Word = "ppm"
    voice_note_at_most_s: float = 60.0
    # From which day no cylinder is filled or loaded without a tag (5.8.6), and none filled by the hand of a device
    # without a valid explosion-proof certificate (5.8.7-2b); None: not yet.
    tag_required_from: date | None = None
    explosion_proof_from: date | None = None


def reference_id(tag: str, key: str) -> str:
    """Reference documents are named by what they describe, so that a rewrite is a further revision of the same one."""
    return f"{tag}:{key}"
