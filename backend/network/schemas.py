"""What the network's routes and its import take and give."""

import msgspec


class RejectedRow(msgspec.Struct, frozen=True, kw_only=True):
    """`row` counts from 1 in the file's order."""

    row: int
    pipe_or_facility: str
    code: str
    reason_zh: str
    reason_en: str


class LayerReport(msgspec.Struct, frozen=True, kw_only=True):
    layer: str
    kind: str
    crs: str
    columns: dict[str, str]
    read: int
    accepted: int
    created: int
    changed: int
    unchanged: int
    rejected: tuple[RejectedRow, ...]


class ImportReport(msgspec.Struct, frozen=True, kw_only=True):
    """Nothing was written if `dry_run`; the counts are what would be."""

    dry_run: bool
    layers: tuple[LayerReport, ...]
    version: int

    @property
    def read(self) -> int:
        return sum(layer.read for layer in self.layers)

    @property
    def accepted(self) -> int:
        return sum(layer.accepted for layer in self.layers)

    @property
    def rejected(self) -> tuple[RejectedRow, ...]:
        return tuple(row for layer in self.layers for row in layer.rejected)


class AreaOut(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    organisation_id: str
    name: str
    pipes: int
    length_m: float


class PipeLine(msgspec.Struct, frozen=True, kw_only=True):
    """What planning and coverage need of a pipe; `line` in degrees [(lon, lat), …]."""

    id: str
    code: str
    pressure_level: str
    length_m: float
    line: tuple[tuple[float, float], ...]


class NearPipe(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    code: str
    pressure_level: str
    distance_m: float


class LevelOut(msgspec.Struct, frozen=True, kw_only=True):
    code: str
    zh: str
    en: str
    max_mpa: float
