"""What lies under the network: its own streets alone, a local PMTiles file, or a tile service (天地图)."""

from pathlib import Path
from typing import Any

from litestar import Request, Response, get

from backend.errors import MissingError, UnusableError
from backend.scope import signed_in
from backend.settings import Settings

# The 天地图 vector base in Web Mercator; within a metre of CGCS2000, which is finer than a map shows.
_TIANDITU = (
    "https://t0.tianditu.gov.cn/vec_w/wmts?SERVICE=WMTS&REQUEST=GetTile&VERSION=1.0.0&LAYER=vec&STYLE=default"
    "&TILEMATRIXSET=w&FORMAT=tiles&TILEMATRIX={z}&TILEROW={y}&TILECOL={x}&tk="
)
# A browser asks for pieces of a few tiles.
_LARGEST_PIECE = 16_000_000


def base_of(settings: Settings) -> str:
    """`""`, `pmtiles`, or a template with {z}, {x} and {y}."""
    if settings.basemap:
        return "pmtiles"
    return _TIANDITU + settings.tianditu_key if settings.tianditu_key else settings.basemap_url


@get("/basemap.pmtiles", guards=[signed_in], sync_to_thread=True)
def pmtiles(request: Request[Any, Any, Any], settings: Settings) -> Response[bytes]:
    """A piece of the file: PMTiles are read by HTTP ranges."""
    path = Path(settings.basemap)
    if not settings.basemap or not path.is_file():
        raise MissingError("basemap.missing", "没有设置离线底图。", "There is no offline base map.")
    size = path.stat().st_size
    first, last = _range(request.headers.get("range", ""), size)
    with path.open("rb") as file:
        file.seek(first)
        content = file.read(last - first + 1)
    headers = {
        "Content-Range": f"bytes {first}-{last}/{size}",
        "Accept-Ranges": "bytes",
        "Cache-Control": "max-age=86400",
    }
    return Response(content, status_code=206, media_type="application/octet-stream", headers=headers)


def _range(header: str, size: int) -> tuple[int, int]:
    """Inclusive, as in RFC 9110, 14.1.2."""
    unit, _, span = header.partition("=")
    start, _, end = span.partition("-")
    if unit != "bytes" or not start.isdigit() or (end and not end.isdigit()):
        raise UnusableError("basemap.range", "只按片段读取底图。", "The base map is read by ranges.")
    first = int(start)
    last = min(int(end) if end else size - 1, size - 1)
    if first > last or last - first >= _LARGEST_PIECE:
        raise UnusableError("basemap.range", "底图片段超出范围。", "The range lies outside the base map.")
    return first, last
