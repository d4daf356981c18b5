"""What the console takes from npm, served from here: `python -m web_console.assets`.

Scripts and styles are copied, the icons that pages use become one sprite, and Noto Sans SC is cut into two files for
each weight: what is written every day, and the rest of GB 18030 level 2, which a browser fetches only when a rare
character of a name stands on the page. A machine with a Chinese font of its own fetches neither.
"""

import re
import shutil
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

HERE = Path(__file__).parent
MODULES = HERE / "node_modules"
VENDOR = HERE / "static" / "vendor"

COPIED = {
    "htmx.js": "htmx.org/dist/htmx.min.js",
    "htmx-sse.js": "htmx-ext-sse/dist/sse.min.js",
    "maplibre-gl.mjs": "maplibre-gl/dist/maplibre-gl.mjs",
    "maplibre-gl-worker.mjs": "maplibre-gl/dist/maplibre-gl-worker.mjs",
    "maplibre-gl-shared.mjs": "maplibre-gl/dist/maplibre-gl-shared.mjs",
    "maplibre-gl.css": "maplibre-gl/dist/maplibre-gl.css",
    "pmtiles.js": "pmtiles/dist/pmtiles.js",
}
ICONS = "@material-symbols/svg-400/rounded"
FONT = "@expo-google-fonts/noto-sans-sc"
WEIGHTS = {"regular": "400Regular/NotoSansSC_400Regular.ttf", "bold": "700Bold/NotoSansSC_700Bold.ttf"}

# Level 2 of GB 18030-2022 beyond the everyday characters: extensions and the general standard table's rare ones.
_RARE_RANGES = ((0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x323AF))
_EVERYDAY_RANGES = (
    (0x20, 0x24F),
    (0x370, 0x45F),
    (0x2000, 0x27BF),
    (0x3000, 0x303F),
    (0x3200, 0x33FF),
    (0xFF00, 0xFFEF),
)
_ICON_USE = re.compile(r"""icon\(["']([a-z0-9_]+)["']|["']icon:([a-z0-9_]+)["']""")


def build() -> list[str]:
    """Makes what is missing or older than its source; answers what it made."""
    if not _installed():
        sys.exit("缺少 npm 包，请运行 python -m qixun.assets / npm's packages are missing: run python -m qixun.assets")
    VENDOR.mkdir(parents=True, exist_ok=True)
    made = [name for name, source in COPIED.items() if _copy(MODULES / source, VENDOR / name)]
    if _write(VENDOR / "icons.svg", sprite(used_icons())):
        made.append("icons.svg")
    fonts = [VENDOR / f"noto-sans-sc-{weight}-{part}.woff" for weight in WEIGHTS for part in ("everyday", "rare")]
    if not all(font.is_file() for font in fonts):
        made += list(_fonts())
    return made


def _installed() -> bool:
    return all((MODULES / source).is_file() for source in COPIED.values()) and (MODULES / FONT).is_dir()


def _copy(source: Path, target: Path) -> bool:
    if target.is_file() and target.stat().st_mtime >= source.stat().st_mtime:
        return False
    half_done = target.with_suffix(target.suffix + ".part")
    shutil.copyfile(source, half_done)
    half_done.replace(target)
    return True


def _write(target: Path, content: str) -> bool:
    if target.is_file() and target.read_text(encoding="utf-8") == content:
        return False
    half_done = target.with_suffix(".part")
    half_done.write_text(content, encoding="utf-8")
    half_done.replace(target)
    return True


def used_icons() -> list[str]:
    """Every icon that a template or a page names: `icon("map")`, or `"icon:map"` in a table."""
    files = [*HERE.glob("templates/**/*.html"), *HERE.glob("**/*.py"), *HERE.glob("static/*.js")]
    texts = (path.read_text(encoding="utf-8") for path in files if "node_modules" not in path.parts)
    return sorted({one or other for text in texts for one, other in _ICON_USE.findall(text)})


def sprite(names: Iterable[str]) -> str:
    return f'<svg xmlns="http://www.w3.org/2000/svg">{"".join(map(_symbol, names))}</svg>\n'


def _symbol(name: str) -> str:
    drawn = (MODULES / ICONS / f"{name}.svg").read_text(encoding="utf-8")
    inner = drawn[drawn.index(">") + 1 : drawn.rindex("</svg>")]
    return f'<symbol id="{name}" viewBox="0 -960 960 960">{inner}</symbol>'


def everyday_characters() -> set[int]:
    """Latin, punctuation, units, and GB 2312's 6,763 characters."""
    chars = {code for first, last in _EVERYDAY_RANGES for code in range(first, last + 1)}
    pairs = (bytes((high, low)) for high in range(0xB0, 0xF8) for low in range(0xA1, 0xFF))
    return chars | {ord(char) for pair in pairs for char in pair.decode("gb2312", errors="ignore")}


def _fonts() -> Iterator[str]:
    from fontTools import subset  # noqa: PLC0415 - only set-up has it, and only when there is something to cut

    everyday = everyday_characters()
    rare = {code for first, last in _RARE_RANGES for code in range(first, last + 1)} - everyday
    for weight, source in WEIGHTS.items():
        for part, characters in (("everyday", everyday), ("rare", rare)):
            options = subset.Options(layout_features=["kern", "tnum"], hinting=False, flavor="woff")
            font = subset.load_font(str(MODULES / FONT / source), options)
            cutter = subset.Subsetter(options)
            cutter.populate(unicodes=characters)
            cutter.subset(font)
            target = VENDOR / f"noto-sans-sc-{weight}-{part}.woff"
            half_done = target.with_suffix(".part")
            subset.save_font(font, str(half_done), options)
            half_done.replace(target)
            yield target.name


def main() -> None:
    made = build()
    if made:
        sys.stdout.write(f"console: {', '.join(made)}\n")


if __name__ == "__main__":
    main()
