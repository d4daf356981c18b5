"""A company's network file as rows with CGCS2000 geometry: GeoPackage, zipped Shapefile, GeoJSON or CSV.

GDAL decides a file's format by its content, and some formats (VRT) can make it read other files; so what a file says
it is by name is checked by its first bytes, archives are unpacked here, and CSV is read without GDAL.
"""

import csv
import io
import re
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import shapely
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError, ProjError

from backend.db import CGCS2000
from backend.errors import UnusableError
from backend.network.rules import find_columns

_FIRST_BYTES = {".gpkg": b"SQLite format 3\x00", ".zip": b"PK\x03\x04", ".shp": b"\x00\x00\x27\x0a"}
_NAMES_A_FILE = re.compile(r"\b(init|nadgrids|geoidgrids|grids|file)\s*=", re.IGNORECASE)
_SHAPEFILE_PARTS = {".shp", ".shx", ".dbf", ".prj", ".cpg"}
# An archive that would unpack to more than this is no network of a city.
_MAX_UNPACKED = 2_000_000_000
_WGS84 = 4326


class Layer(msgspec.Struct, frozen=True, kw_only=True):
    """`geometries` are shapely objects in degrees, None where the file has none or an unreadable one."""

    name: str
    crs: str
    columns: dict[str, str]
    rows: Sequence[Mapping[str, Any]]
    geometries: Sequence[Any]


def read_layers(
    path: Path, *, layer: str | None, mapping: Mapping[str, str], crs: str | None, name: str = ""
) -> list[Layer]:
    """Blocking. Raises `UnusableError` where the file as a whole cannot be used; `name` is the uploaded name."""
    suffix = Path(name or path.name).suffix.lower()
    _check_content(path, suffix)
    if suffix == ".csv":
        return [_csv_layer(path, mapping, crs)]
    with _unpacked(path, suffix) as files:
        found = [
            _ogr_layer(file, each, mapping, crs)
            for file in files
            for each in _layer_names(file)
            if layer in {None, each}
        ]
    if not found:
        raise UnusableError("import.no_layer", "文件中没有可用的图层。", "The file has no usable layer.", layer=layer)
    return found


def _check_content(path: Path, suffix: str) -> None:
    try:
        with path.open("rb") as file:
            head = file.read(4096)
    except OSError as error:
        raise UnusableError(
            "import.unreadable", f"无法读取文件：{error.strerror}。", f"The file cannot be read: {error.strerror}."
        ) from error
    expected = _FIRST_BYTES.get(suffix)
    if suffix in {".geojson", ".json"}:
        good = head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"{")
    elif suffix == ".csv":
        good = b"\x00" not in head
    else:
        good = expected is not None and head.startswith(expected)
    if not good:
        raise UnusableError(
            "import.wrong_format",
            "文件不是 GeoPackage、Shapefile（zip）、GeoJSON 或 CSV，或内容与扩展名不符。",
            "The file is no GeoPackage, zipped Shapefile, GeoJSON or CSV, or not what its name says.",
        )


@contextmanager
def _unpacked(path: Path, suffix: str) -> Iterator[list[Path]]:
    """Files for GDAL, under names that say their format."""
    with tempfile.TemporaryDirectory(prefix="qixun-import-") as folder:
        if suffix == ".zip":
            yield _unzip(path, Path(folder))
        elif path.suffix.lower() != suffix:
            named = Path(folder) / f"upload{suffix}"
            shutil.copyfile(path, named)
            yield [named]
        else:
            yield [path]


def _unzip(path: Path, folder: Path) -> list[Path]:
    try:
        with zipfile.ZipFile(path) as archive:
            parts = [each for each in archive.infolist() if Path(each.filename).suffix.lower() in _SHAPEFILE_PARTS]
            if sum(each.file_size for each in parts) > _MAX_UNPACKED:
                raise UnusableError("import.too_large", "压缩包解压后过大。", "The archive unpacks to too much.")
            for part in parts:
                # The bare name: a path in an archive may point outside the folder.
                inside = Path(part.filename.replace("\\", "/"))
                target = folder / f"{inside.stem}{inside.suffix.lower()}"
                with archive.open(part) as source, target.open("wb") as file:
                    shutil.copyfileobj(source, file)
    except (zipfile.BadZipFile, zlib.error, RuntimeError, OSError, EOFError) as error:
        raise UnusableError("import.bad_archive", "压缩包已损坏。", "The archive is broken.") from error
    return sorted(folder.glob("*.shp"))


def _layer_names(file: Path) -> list[str]:
    import pyogrio  # noqa: PLC0415 - a second to import, wanted by an import of files alone

    try:
        return [str(name) for name, kind in pyogrio.list_layers(file) if kind is not None]
    except pyogrio.errors.DataSourceError as error:
        raise _unreadable(error) from error


def _ogr_layer(file: Path, name: str, mapping: Mapping[str, str], crs: str | None) -> Layer:
    import pyogrio.raw  # noqa: PLC0415 - as above

    encoding = "GB18030" if file.suffix == ".shp" and not file.with_suffix(".cpg").exists() else None
    try:
        meta, _, wkb, columns = pyogrio.raw.read(file, layer=name, encoding=encoding, force_2d=True)
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, UnicodeDecodeError, ValueError) as error:
        raise _unreadable(error) from error
    named = _crs(crs or meta["crs"])
    found = _columns([str(heading) for heading in meta["fields"]], mapping)
    values = dict(zip(meta["fields"], columns, strict=True))
    fields = {field: _plain(values[heading]) for field, heading in found.items()}
    rows = [{field: cells[number] for field, cells in fields.items()} for number in range(len(wkb))]
    geometries = shapely.from_wkb(wkb, on_invalid="ignore")
    return Layer(name=name, crs=_crs_name(named), columns=found, rows=rows, geometries=_to_cgcs2000(geometries, named))


def _csv_layer(path: Path, mapping: Mapping[str, str], crs: str | None) -> Layer:
    named = _crs(crs)
    content = path.read_bytes()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("gb18030", errors="replace")
    reader = csv.DictReader(io.StringIO(text))
    found = _columns(list(reader.fieldnames or []), mapping)
    if "wkt" not in found and not {"lon", "lat"} <= set(found):
        raise UnusableError(
            "import.no_geometry",
            "CSV 缺少 WKT 列或经纬度列。",
            "The CSV has neither a WKT column nor longitude and latitude columns.",
            headings=list(reader.fieldnames or []),
        )
    try:
        rows = [{field: row[heading] for field, heading in found.items()} for row in reader]
    except csv.Error as error:
        raise _unreadable(error) from error
    geometries = np.array([_csv_geometry(row) for row in rows], dtype=object)
    return Layer(
        name=path.stem, crs=_crs_name(named), columns=found, rows=rows, geometries=_to_cgcs2000(geometries, named)
    )


def _csv_geometry(row: Mapping[str, Any]) -> Any:
    if "wkt" in row:
        return shapely.from_wkt(row["wkt"], on_invalid="ignore")
    try:
        return shapely.Point(float(row["lon"]), float(row["lat"]))
    except (TypeError, ValueError):
        return None


def _columns(headings: Sequence[str], mapping: Mapping[str, str]) -> dict[str, str]:
    try:
        return find_columns(headings, mapping)
    except KeyError as error:
        raise UnusableError(
            "import.unknown_column",
            f"列映射中的“{error.args[0]}”不存在。",
            f"The column mapping names {error.args[0]!r}, which is not there.",
            headings=list(headings),
        ) from error


def _plain(cells: Any) -> list[Any]:
    """Python values; numpy's own date has no year to read."""
    return [str(cell) for cell in cells] if np.issubdtype(cells.dtype, np.datetime64) else cells.tolist()


def _crs(given: str | None) -> CRS:
    if not given:
        raise UnusableError(
            "import.no_crs",
            "文件没有说明坐标系。",
            "The file does not name its coordinate system.",
            action="请指定坐标系，例如 EPSG:4490",
            action_en="Name it, for example EPSG:4490",
        )
    unknown = UnusableError(
        "import.unknown_crs", f"无法识别坐标系“{given[:100]}”。", f"Unknown coordinate system {given[:100]!r}."
    )
    # A PROJ string may name files of this machine, and counts as no shift at all where one is not there.
    if _NAMES_A_FILE.search(given):
        raise unknown
    try:
        return CRS.from_user_input(given)
    except CRSError as error:
        raise unknown from error


def _crs_name(crs: CRS) -> str:
    authority = crs.to_authority()
    return f"{authority[0]}:{authority[1]} {crs.name}" if authority else str(crs.name)


def _to_cgcs2000(geometries: Any, crs: CRS) -> list[Any]:
    """Longitude first whatever the system's own order; coordinates that cannot be converted become infinite."""
    transformer = _transformer(crs)

    def convert(xy: Any) -> Any:
        return np.stack(transformer.transform(xy[:, 0], xy[:, 1]), axis=1)

    present = np.array([geometry is not None for geometry in geometries], dtype=bool)
    converted = np.array(geometries, dtype=object)
    if present.any():
        converted[present] = shapely.transform(converted[present], convert)
        # PROJ knows some old datums in some regions only.
        places = shapely.get_coordinates(converted[present])
        if len(places) and not np.isfinite(places).any() and np.isfinite(shapely.get_coordinates(geometries)).all():
            raise _no_transformation(crs)
    return list(converted)


def _transformer(crs: CRS) -> Transformer:
    """Clause 5.2.3: never a guess that leaves the datum's shift out, which for 北京54 and 西安80 is some 100 m.

    WGS-84 and CGCS2000 are the same to a few centimetres, and PROJ knows ways to the former alone.
    """
    datum = crs.geodetic_crs.datum if crs.geodetic_crs else None
    target = CGCS2000 if datum is not None and datum.name == "China 2000" else _WGS84
    try:
        return Transformer.from_crs(crs, target, always_xy=True, allow_ballpark=False)
    except ProjError as error:
        raise _no_transformation(crs) from error


def _no_transformation(crs: CRS) -> UnusableError:
    return UnusableError(
        "import.no_transformation",
        f"坐标系“{crs.name}”到 CGCS2000 没有已知的转换参数。",
        f"No transformation from {crs.name!r} to CGCS2000 is known.",
        action="请先转换为 CGCS2000，或在坐标系中给出七参数（PROJ 字串，+towgs84=…）",
        action_en="Convert it to CGCS2000 first, or name the system as a PROJ string with its parameters (+towgs84=…)",
        crs=_crs_name(crs),
    )


def _unreadable(error: Exception) -> UnusableError:
    return UnusableError(
        "import.unreadable",
        "文件无法读取，可能已损坏。",
        "The file cannot be read; it may be broken.",
        reason=str(error)[:300],
    )
