"""Tables that people bring and take away in spreadsheets: .xlsx and .csv read by what they are, .xlsx written.

A name or extension says nothing: a file is a workbook when it begins like one. Sizes are looked at before anything is
unpacked into memory, since a small file can claim a billion cells.
"""

import csv
import io
import re
import zipfile
from calendar import monthrange
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

import msgspec
from litestar import Response
from litestar.datastructures import UploadFile
from python_calamine import CalamineError, CalamineWorkbook
from rustpy_xlsxwriter import write_worksheet, write_worksheets

from backend.errors import AppError, UnusableError
from backend.pages import plain_text

Cell = str | int | float | bool | date | datetime | None

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
# A file of more rows is split by whoever brings it; 200,000 rows of an archive are 80 MB unpacked.
MOST_ROWS = 200_000
MOST_BYTES = 50_000_000
_MOST_COLUMNS = 200
# All that lies between the first and the last cell is laid out in memory, empty or not.
_MOST_CELLS = 6_000_000
_MOST_UNPACKED = 400 * 1024 * 1024
_CHUNK = 1 << 20
# The heads stand below a title and a line or two about who filled the form in.
_HEAD_WITHIN = 10
# Excel keeps 15 digits of a number: the rest of a longer code is lost when it was typed as one.
_EXACT_NUMBER = 10**15
_OLD_WORKBOOK = b"\xd0\xcf\x11\xe0"
# `r="B7"` of a cell, `r="7"` of a row; one with an escape in it is nobody's honest work.
_CELL_NAME = re.compile(rb"""(?<![:\w])r\s*=\s*["']\s*(?:\$?([A-Za-z]{0,7})\$?([0-9]{1,20})|[^"'&]{0,20}&)""")
_YEAR_MONTH_DAY = re.compile(r"(\d{4})[-/.年](\d{1,2})(?:[-/.月](\d{1,2})日?|月)?$")
_DIGITS = re.compile(r"(\d{4})(\d{2})(\d{2})?$")
_ENCODINGS = ("utf-8-sig", "gb18030")


class Head(msgspec.Struct, frozen=True):
    """Where the heads stand (counted from 0) and which column holds which field; `unknown` are heads of no field."""

    row: int
    columns: dict[str, int]
    unknown: tuple[str, ...] = ()


class Sheet(msgspec.Struct, frozen=True):
    """One of a workbook's."""

    name: str
    heads: Sequence[str]
    rows: Sequence[Sequence[Any]]


async def read_upload(upload: UploadFile) -> bytes:
    content = await upload.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise AppError(413, "body.too_large", "文件超过大小限制。", "The file is too large.", limit=MOST_BYTES)
    return content


def read_table(content: bytes) -> list[Sequence[Cell]]:
    """All rows of the first sheet, heads included; raises `UnusableError` that says what to do."""
    if not content.strip():
        raise UnusableError("table.empty", "文件是空的。", "The file is empty.")
    if content.startswith(_OLD_WORKBOOK):
        raise UnusableError(
            "table.old_workbook",
            "这是旧版 Excel（.xls）或加密的文件，读不了。",
            "This is an old workbook (.xls) or one with a password.",
            action="在 Excel 或 WPS 里另存为 .xlsx（不加密）再上传",
            action_en="Save it as .xlsx without a password and send that",
        )
    rows = _read_xlsx(content) if content.startswith(b"PK") else _read_csv(content)
    if len(rows) > MOST_ROWS:
        raise _too_large()
    return rows


def find_head(rows: Sequence[Sequence[Cell]], names: Mapping[str, Sequence[str]]) -> Head:
    """The line that holds most of the known heads; `names`: field -> heads by which it is known, case aside."""
    fields = {_plain(name): field for field, heads in names.items() for name in (field, *heads)}
    best = 0
    columns: dict[str, int] = {}
    for number, row in enumerate(rows[:_HEAD_WITHIN]):
        found: dict[str, int] = {}
        for column, cell in enumerate(row):
            if (field := fields.get(_plain(text_of(cell)))) is not None:
                found.setdefault(field, column)
        if len(found) > len(columns):
            best, columns = number, found
    used = set(columns.values())
    line = rows[best] if columns else ()
    return Head(best, columns, tuple(text_of(c) for i, c in enumerate(line) if text_of(c) and i not in used))


def text_of(cell: Cell) -> str:
    """What a person sees in the cell; a code that was typed as a number comes back without `.0`."""
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "是" if cell else "否"
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    if isinstance(cell, datetime):
        return cell.isoformat(sep=" ")
    return str(cell).strip()


def lost_digits(cell: Cell) -> bool:
    """Whether a long code was kept as a number, so that its last digits are gone."""
    return isinstance(cell, int | float) and not isinstance(cell, bool) and abs(cell) >= _EXACT_NUMBER


def date_of(cell: Cell, *, month_end: bool = False) -> date | None:
    """A day, or a month as its first day (`month_end`: its last); None where nothing stands. Raises `ValueError`."""
    if isinstance(cell, datetime):
        return cell.date()
    if isinstance(cell, date):
        return cell
    text = text_of(cell).partition(" ")[0].partition("T")[0]
    if not text:
        return None
    found = _YEAR_MONTH_DAY.match(text) or _DIGITS.match(text)
    if found is None:
        raise ValueError(text)
    year, month, day = int(found[1]), int(found[2]), found[3]
    if day is None:
        return date(year, month, monthrange(year, month)[1] if month_end else 1)
    return date(year, month, int(day))


def write_xlsx(heads: Sequence[str], rows: Iterable[Sequence[Any]], *, sheet: str = "Sheet1") -> bytes:
    """Heads stay on screen; a text that begins like a formula is a text. Times are Beijing's."""
    shown = _records(heads, rows)
    widths = {head: _width(head, shown) for head in heads}
    out = io.BytesIO()
    write_worksheet(
        shown,
        out,
        sheet_name=sheet,
        freeze_row=1,
        bold_headers=True,
        datetime_format="yyyy-mm-dd",
        column_widths=widths,
    )
    return out.getvalue()


def write_workbook(sheets: Sequence[Sheet]) -> bytes:
    """As `write_xlsx`, of several sheets."""
    shown = [_records(sheet.heads, sheet.rows) for sheet in sheets]
    out = io.BytesIO()
    write_worksheets(
        [(sheet.name, records) for sheet, records in zip(sheets, shown, strict=True)],
        out,
        bold_headers=True,
        datetime_format="yyyy-mm-dd",
        freeze_panes={"general": {"row": 1}},
        column_widths={
            sheet.name: {head: _width(head, records) for head in sheet.heads}
            for sheet, records in zip(sheets, shown, strict=True)
        },
    )
    return out.getvalue()


def _records(heads: Sequence[str], rows: Iterable[Sequence[Any]]) -> list[dict[str, Any]]:
    records = [dict(zip(heads, map(_written, row), strict=True)) for row in rows]
    # Without a row there is nothing that names the columns.
    return records or [dict.fromkeys(heads)]


def xlsx_response(name: str, heads: Mapping[str, str], rows: Iterable[msgspec.Struct]) -> Response[bytes]:
    """`heads` picks and names the fields."""
    content = write_xlsx(list(heads.values()), ([getattr(row, field) for field in heads] for row in rows))
    return Response(content, media_type=XLSX, headers={"Content-Disposition": f'attachment; filename="{name}.xlsx"'})


def _written(value: Any) -> Any:
    if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
        return value
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    return plain_text(value)


def _width(head: str, records: Sequence[Mapping[str, Any]]) -> float:
    """In characters, a Chinese one counted as two; the first rows are enough to tell."""
    longest = max(_columns_of(head), *(_columns_of(record[head]) for record in records[:50]))
    return float(min(longest + 2, 60))


def _columns_of(value: Any) -> int:
    return sum(1 if character.isascii() else 2 for character in str("" if value is None else value))


def _read_xlsx(content: bytes) -> list[Sequence[Cell]]:
    _check_workbook(content)
    try:
        with CalamineWorkbook.from_filelike(io.BytesIO(content)) as book:
            sheet = book.get_sheet_by_index(0)
            # From the first line on, so that a row's number is the one that Excel shows.
            found: list[Any] = sheet.to_python(skip_empty_area=False)
    except (CalamineError, IndexError, OSError, ValueError) as error:
        raise _broken() from error
    return found


def _check_workbook(content: bytes) -> None:
    """Before calamine lays out every cell between the first and the last: how much there is, and how far it reaches."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if not any(name.startswith("xl/") for name in archive.namelist()):
                raise UnusableError(
                    "table.not_a_workbook",
                    "这个压缩包不是 Excel 工作簿。",
                    "This archive is no workbook.",
                    action="上传 .xlsx 或 .csv 文件",
                    action_en="Send an .xlsx or .csv file",
                )
            left = _MOST_UNPACKED
            for name in archive.namelist():
                with archive.open(name) as part:
                    left = _left_after(part, left, cells="worksheets/" in name.lower())
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError, ValueError) as error:
        raise _broken() from error


def _left_after(part: Any, left: int, *, cells: bool) -> int:
    """How many bytes may still come after this part of the archive."""
    # zipfile gives no more than a part's declared size and then compares its sum: one that lies is a BadZipFile.
    columns, rows, rest = 0, 0, b""
    while chunk := part.read(_CHUNK):
        left -= len(chunk)
        if left < 0:
            raise _too_large()
        if cells:
            seen = rest + chunk
            names = set(_CELL_NAME.findall(seen))
            if (b"", b"") in names:
                raise _broken()
            columns = max(columns, *(_column_number(letters) for letters in {name[0] for name in names}), 0)
            rows = max(rows, *(int(digits) for _, digits in names), 0)
            if columns > _MOST_COLUMNS or columns * rows > _MOST_CELLS:
                raise _too_large()
            rest = seen[-64:]
    return left


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters.upper():
        number = number * 26 + letter - ord("A") + 1
    return number


def _read_csv(content: bytes) -> list[Sequence[Cell]]:
    text = _decode(content)
    # What Excel and WPS write: commas, semicolons where the comma is decimal, tabs as "Unicode text".
    first = "".join(text.splitlines(keepends=True)[:_HEAD_WITHIN])
    delimiter = max(",\t;", key=first.count)
    try:
        rows: list[Sequence[Cell]] = []
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True):
            if len(row) > _MOST_COLUMNS or len(rows) > MOST_ROWS:
                raise _too_large()
            rows.append([_unguarded(cell) for cell in row])
    except csv.Error as error:
        raise UnusableError(
            "table.broken",
            f"第 {len(rows) + 1} 行之后的 CSV 格式有误（引号不成对）。",
            f"The CSV is malformed after row {len(rows) + 1} (a quotation mark is not closed).",
        ) from error
    return rows


def _decode(content: bytes) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        encodings: tuple[str, ...] = ("utf-16",)
    else:
        encodings = _ENCODINGS
    for encoding in encodings:
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    raise UnusableError(
        "table.unreadable",
        "认不出这个文件：既不是 Excel 工作簿，也不是文本表格。",
        "The file is neither a workbook nor a table in text.",
        action="上传 .xlsx 或 .csv 文件",
        action_en="Send an .xlsx or .csv file",
    )


def _unguarded(cell: str) -> str:
    """Without the apostrophe by which our own export keeps a spreadsheet from running a text."""
    return cell[1:] if cell[:1] == "'" and cell[1:2] in {"=", "+", "-", "@"} else cell


def _plain(head: str) -> str:
    """`制造 年月（必填）*` is `制造年月`."""
    return re.sub(r"[（(].*?[)）]|[\s*＊:：_]", "", head).casefold()


def _broken() -> UnusableError:
    return UnusableError(
        "table.broken",
        "这个 Excel 文件已损坏，读不出来。",
        "The workbook is broken.",
        action="用 Excel 或 WPS 打开后重新另存为 .xlsx",
        action_en="Open it and save it as .xlsx anew",
    )


def _too_large() -> UnusableError:
    return UnusableError(
        "table.too_large",
        f"表格太大：最多 {MOST_ROWS:,} 行、{_MOST_COLUMNS} 列。",
        f"The table is too large: at most {MOST_ROWS:,} rows and {_MOST_COLUMNS} columns.",
        action="删去表格边缘的空白格式，或拆成几个文件",
        action_en="Clear formats beyond the table's edge, or split the file",
    )
