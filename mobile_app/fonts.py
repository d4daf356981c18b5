"""The phone app's Chinese font for browsers, cut from npm's Noto Sans SC; `python -m qixun.assets` calls it.

A phone has its own Chinese font. In a browser Flutter's CanvasKit sees no system font, so one is served with the app,
cut down to what GB 18030-2022 level 2 asks for in names and addresses. Too large to commit.
"""

from collections.abc import Iterator
from pathlib import Path

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


def build(package: Path, folder: Path = FONTS) -> list[Path]:
    """Cuts what lies in the unpacked npm `package`; each file appears whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    return [_cut(package / inner, folder / name) for name, inner in WEIGHTS.items()]


def _cut(source: Path, target: Path) -> Path:
    from fontTools import subset  # noqa: PLC0415 - only set-up has it, and only when there is something to cut

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
