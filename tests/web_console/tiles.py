"""Small base maps of the demo town: PMTiles with raster or vector tiles, and single tiles as a service gives them."""

import gzip
import io
import math
from pathlib import Path

from PIL import Image, ImageDraw
from pmtiles.tile import Compression, TileType, zxy_to_tileid
from pmtiles.writer import Writer

from tests.web_console.town import SOUTH, WEST

# Colours that nothing else on the console's map has.
PAPER, STREET, LETTER = (214, 190, 240), (120, 40, 160), (10, 200, 90)
ZOOMS = range(10, 16)
_EAST, _NORTH = WEST + 0.03, SOUTH + 0.02
# A tile's own coordinates in a vector tile.
_EXTENT = 4096


def paper_tile() -> bytes:
    """A sheet with a street across it, as PNG."""
    image = Image.new("RGB", (256, 256), PAPER)
    ImageDraw.Draw(image).line([(0, 128), (256, 128)], fill=STREET, width=6)
    return _png(image)


def letter_tile() -> bytes:
    """What lies over it: transparent but for a mark."""
    image = Image.new("RGBA", (256, 256), (0, 0, 0, 0))
    ImageDraw.Draw(image).rectangle([(96, 32), (160, 96)], fill=(*LETTER, 255))
    return _png(image)


def _png(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def water_tile() -> bytes:
    """A Mapbox Vector Tile (version 2) whose one feature is water from edge to edge."""
    corners = _varints(9, 0, 0, 26, *_zigzag(_EXTENT, 0, 0, _EXTENT, -_EXTENT, 0), 15)
    feature = _field(3, 0, 3) + _field(4, 2, corners)
    layer = _field(15, 0, 2) + _field(1, 2, b"water") + _field(2, 2, feature) + _field(5, 0, _EXTENT)
    return gzip.compress(_field(3, 2, layer))


def _field(number: int, kind: int, value: int | bytes) -> bytes:
    """One field of a protocol buffer: a number (0) or bytes with their length (2)."""
    key = _varints(number << 3 | kind)
    return key + (_varints(value) if isinstance(value, int) else _varints(len(value)) + value)


def _varints(*numbers: int) -> bytes:
    out = bytearray()
    for number in numbers:
        rest = number
        while rest > 0x7F:
            out.append(rest & 0x7F | 0x80)
            rest >>= 7
        out.append(rest)
    return bytes(out)


def _zigzag(*numbers: int) -> list[int]:
    return [2 * number if number >= 0 else -2 * number - 1 for number in numbers]


def write_pmtiles(path: Path, tile: bytes, *, vector: bool = False) -> Path:
    """The same tile everywhere in and around the town."""
    with path.open("wb") as file:
        writer = Writer(file)
        ids = sorted(zxy_to_tileid(z, x, y) for z in ZOOMS for x, y in _tiles(z))
        for each in ids:
            writer.write_tile(each, tile)
        header = {
            "tile_type": TileType.MVT if vector else TileType.PNG,
            "tile_compression": Compression.GZIP if vector else Compression.NONE,
            "min_zoom": ZOOMS[0],
            "max_zoom": ZOOMS[-1],
            "min_lon_e7": int((WEST - 0.05) * 1e7),
            "min_lat_e7": int((SOUTH - 0.05) * 1e7),
            "max_lon_e7": int((_EAST + 0.05) * 1e7),
            "max_lat_e7": int((_NORTH + 0.05) * 1e7),
            "center_zoom": 13,
            "center_lon_e7": int(WEST * 1e7),
            "center_lat_e7": int(SOUTH * 1e7),
        }
        writer.finalize(header, {"vector_layers": [{"id": "water", "fields": {}}]} if vector else {})
    return path


def _tiles(z: int) -> list[tuple[int, int]]:
    (west, south), (east, north) = place(z, WEST - 0.05, SOUTH - 0.05), place(z, _EAST + 0.05, _NORTH + 0.05)
    return [(x, y) for x in range(west, east + 1) for y in range(north, south + 1)]


def place(z: int, lon: float, lat: float) -> tuple[int, int]:
    """The tile in which a point lies, in Web Mercator."""
    x = (lon + 180) / 360 * 2**z
    y = (1 - math.asinh(math.tan(math.radians(lat))) / math.pi) / 2 * 2**z
    return int(x), int(y)
