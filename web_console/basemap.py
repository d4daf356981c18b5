"""What lies under the network: its own streets alone, a local PMTiles file, or a tile service (天地图).

PMTiles are read by HTTP ranges (RFC 9110, 14): a browser asks for pieces of one file and finds its tiles by itself.
"""

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
from litestar import Request, Response, route
from litestar.response import Stream

from backend.errors import MissingError
from backend.scope import signed_in
from backend.settings import Settings, SettingsError

# 天地图's vector base and its lettering in Web Mercator, from eight hosts that share the load; within a metre of
# CGCS2000, which is finer than a map shows.
_TIANDITU_HOSTS = tuple(f"https://t{number}.tianditu.gov.cn" for number in range(8))
_TIANDITU_LAYERS = ("vec", "cva")
_TIANDITU = (
    "{host}/{layer}_w/wmts?SERVICE=WMTS&REQUEST=GetTile&VERSION=1.0.0&LAYER={layer}&STYLE=default"
    "&TILEMATRIXSET=w&FORMAT=tiles&TILEMATRIX={{z}}&TILEROW={{y}}&TILECOL={{x}}&tk={key}"
)
_TIANDITU_KEY = re.compile(r"[0-9A-Za-z]{8,64}")

# PMTiles 3: the magic, the version, and further on what kind of tiles it holds.
_MAGIC, _HEADER_BYTES, _KIND_AT = b"PMTiles\x03", 127, 99
_KINDS = {1: "vector", 2: "raster", 3: "raster", 4: "raster", 5: "raster"}
_MEDIA_TYPE = "application/octet-stream"
_CHUNK = 256 * 1024
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


class BaseMap(msgspec.Struct, frozen=True, omit_defaults=True):
    """For the map's script: a local file of `kind` vector or raster, or layers of tiles, each from several hosts."""

    local: str = ""
    layers: tuple[tuple[str, ...], ...] = ()
    attribution: str = ""


def base_of(settings: Settings) -> str:
    """As JSON; empty where the network alone is shown."""
    if settings.basemap:
        base = BaseMap(local=_kind_of(settings))
    elif settings.tianditu_key:
        addresses = tuple(
            tuple(_TIANDITU.format(host=host, layer=layer, key=settings.tianditu_key) for host in _TIANDITU_HOSTS)
            for layer in _TIANDITU_LAYERS
        )
        base = BaseMap(layers=addresses, attribution="天地图")
    elif settings.basemap_url:
        base = BaseMap(layers=((settings.basemap_url,),))
    else:
        return ""
    return msgspec.json.encode(base).decode()


def _kind_of(settings: Settings) -> str:
    """The file was looked at when the server started; one that has gone since draws nothing."""
    try:
        return check_file(Path(settings.basemap))
    except SettingsError:
        return "raster"


def check(settings: Settings) -> None:
    """Raises `SettingsError` for a base map that could never be shown; to be called before the server starts."""
    if settings.basemap:
        check_file(Path(settings.basemap))
    if settings.tianditu_key and not _TIANDITU_KEY.fullmatch(settings.tianditu_key):
        raise SettingsError("QIXUN_TIANDITU_KEY 不是天地图的密钥（字母和数字） / it is no key of 天地图")
    if url := settings.basemap_url:
        parts = urlsplit(url)
        lacking = [name for name in ("{z}", "{x}", "{y}") if name not in url]
        if parts.scheme not in {"http", "https"} or not parts.netloc or lacking:
            raise SettingsError(
                f"QIXUN_BASEMAP_URL={url!r} 不是带 {{z}}/{{x}}/{{y}} 的瓦片地址"
                " / it is no tile address with {z}/{x}/{y}"
            )


def check_file(path: Path) -> str:
    """`vector` or `raster`; raises `SettingsError` in one sentence."""
    try:
        with path.open("rb") as file:
            header = file.read(_HEADER_BYTES)
    except OSError as error:
        raise SettingsError(f"读不到底图文件 QIXUN_BASEMAP={str(path)!r} / {error.strerror}") from error
    if not header.startswith(_MAGIC) or len(header) < _HEADER_BYTES:
        raise SettingsError(
            f"底图文件 QIXUN_BASEMAP={str(path)!r} 不是 PMTiles（第 3 版） / it is no PMTiles file of version 3"
        )
    kind = _KINDS.get(header[_KIND_AT])
    if kind is None:
        raise SettingsError(
            f"底图文件 QIXUN_BASEMAP={str(path)!r} 里不是 MVT、PNG、JPEG、WebP 或 AVIF 瓦片"
            " / its tiles are neither MVT, PNG, JPEG, WebP nor AVIF"
        )
    return kind


@route("/basemap.pmtiles", http_method=["GET", "HEAD"], guards=[signed_in], sync_to_thread=True)
def pmtiles(request: Request[Any, Any, Any], settings: Settings) -> Response[Any]:
    """The file, or a piece of it."""
    path = Path(settings.basemap)
    if not settings.basemap or not path.is_file():
        raise MissingError("basemap.missing", "没有设置离线底图。", "There is no offline base map.")
    found = path.stat()
    size = found.st_size
    # A file that was replaced is another one, also to a browser that has read half of it.
    tag = f'"{hashlib.sha256(f"{found.st_ino}.{found.st_mtime_ns}.{size}".encode()).hexdigest()[:20]}"'
    headers = {"Accept-Ranges": "bytes", "ETag": tag, "Cache-Control": "private, max-age=86400"}
    if tag in request.headers.get("if-none-match", ""):
        return Response(None, status_code=304, headers=headers)
    status, first, last = 200, 0, size - 1
    piece = _RANGE.fullmatch(request.headers.get("range", "").strip())
    if piece and piece[0] != "bytes=-" and request.headers.get("if-range", tag) == tag:
        wanted = _span(piece[1], piece[2], size)
        if wanted is None:
            return Response(None, status_code=416, headers=headers | {"Content-Range": f"bytes */{size}"})
        (first, last), status = wanted, 206
        headers["Content-Range"] = f"bytes {first}-{last}/{size}"
    headers["Content-Length"] = str(last - first + 1)
    if request.method == "HEAD":
        return Response(b"", status_code=status, headers=headers, media_type=_MEDIA_TYPE)
    return Stream(_pieces(path, first, last), status_code=status, headers=headers, media_type=_MEDIA_TYPE)


def _span(start: str, end: str, size: int) -> tuple[int, int] | None:
    """Both ends are inside; None where nothing of it is."""
    if not start:
        first, last = max(0, size - int(end)), size - 1
    else:
        first, last = int(start), min(int(end), size - 1) if end else size - 1
        if end and int(end) < int(start):
            return None
    return (first, last) if first < size and first <= last else None


def _pieces(path: Path, first: int, last: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        file.seek(first)
        left = last - first + 1
        while left > 0 and (chunk := file.read(min(_CHUNK, left))):
            left -= len(chunk)
            yield chunk
