"""Spreadsheets that people send: told by what is in them, bounded before they are unpacked, written as meant."""

import csv
import io
import zipfile
from datetime import UTC, date, datetime

import msgspec
import pytest

from backend.errors import UnusableError
from backend.tables import (
    MOST_ROWS,
    Cell,
    date_of,
    find_head,
    lost_digits,
    read_table,
    text_of,
    write_xlsx,
    xlsx_response,
)

_SHEET = (
    '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>{}</sheetData></worksheet>'
)


def _refused(content: bytes) -> str:
    with pytest.raises(UnusableError) as refused:
        read_table(content)
    assert refused.value.detail
    assert refused.value.detail_en
    return refused.value.code


def _with_sheet(xml: str) -> bytes:
    """A sound workbook whose sheet holds this instead."""
    out = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(write_xlsx(["a"], [["b"]]))) as sound,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made,
    ):
        for name in sound.namelist():
            made.writestr(name, xml if "worksheets/" in name else sound.read(name))
    return out.getvalue()


class TestReadTable:
    @pytest.mark.parametrize(
        ("content", "code"),
        [
            (b"  \n", "table.empty"),
            (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "table.old_workbook"),
            (b"PK\x03\x04 and then nothing", "table.broken"),
            (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "table.unreadable"),
            (b'code,maker\n1,"never closed', "table.broken"),
        ],
    )
    def test_what_is_no_table_is_refused_with_what_to_do(self, content: bytes, code: str) -> None:
        assert _refused(content) == code

    def test_an_archive_that_is_no_workbook_is_refused(self) -> None:
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as archive:
            archive.writestr("photo.jpg", b"x")
        assert _refused(out.getvalue()) == "table.not_a_workbook"

    def test_a_workbook_cut_short_is_refused(self) -> None:
        sound = write_xlsx(["a"], [[number] for number in range(500)])
        assert _refused(sound[: len(sound) // 2]) == "table.broken"

    @pytest.mark.parametrize(
        "far", ['<c r="XFD1048576"><v>1</v></c>', "<c r = 'zz9'><v>1</v></c>", '<c r="BZ150000"><v>1</v></c>']
    )
    def test_a_cell_far_out_is_refused_before_everything_between_is_laid_out(self, far: str) -> None:
        assert (
            _refused(_with_sheet(_SHEET.format(f'<row r="1"><c r="A1"><v>1</v></c>{far}</row>'))) == "table.too_large"
        )

    def test_a_cell_whose_place_is_written_in_escapes_is_refused(self) -> None:
        assert _refused(_with_sheet(_SHEET.format('<row r="1"><c r="XFD&#49;048576"/></row>'))) == "table.broken"

    def test_a_small_file_that_unpacks_to_a_large_one_is_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("backend.tables._MOST_UNPACKED", 20_000_000)
        content = _with_sheet("x" * 21_000_000)
        assert len(content) < 100_000
        assert _refused(content) == "table.too_large"

    def test_more_rows_than_a_file_may_have_are_refused(self) -> None:
        assert _refused(b"code\n" + b"1\n" * (MOST_ROWS + 5)) == "table.too_large"

    def test_a_workbook_is_read_with_its_numbers_and_dates(self) -> None:
        rows = read_table(write_xlsx(["编号", "制造年月", "皮重"], [["00123", date(2019, 5, 1), 16.5]]))
        assert [list(row) for row in rows] == [["编号", "制造年月", "皮重"], ["00123", date(2019, 5, 1), 16.5]]

    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
    @pytest.mark.parametrize("delimiter", [",", ";", "\t"])
    def test_text_is_read_in_every_encoding_that_a_spreadsheet_writes(self, encoding: str, delimiter: str) -> None:
        text = delimiter.join(["编号", "制造单位"]) + "\r\n" + delimiter.join(["A1", "㐂昌容器厂"]) + "\r\n"
        assert read_table(text.encode(encoding)) == [["编号", "制造单位"], ["A1", "㐂昌容器厂"]]

    def test_what_our_own_export_guards_comes_back_as_it_was(self) -> None:
        assert read_table("编号,备注\n'=1+1,'quoted\n".encode())[1] == ["=1+1", "'quoted"]


class TestFindHead:
    _NAMES = {"code": ["气瓶编号", "钢印号"], "made_on": ["制造年月", "出厂日期"]}  # noqa: RUF012

    def test_heads_are_found_below_a_title_in_either_language_with_marks_and_brackets(self) -> None:
        rows: list[list[Cell]] = [
            ["松河液化气站气瓶台账", None],
            ["填表人", "李"],
            ["* 钢印号（必填）", "Made_On", "备注"],
            ["A1", "2019-05", ""],
        ]
        head = find_head(rows, self._NAMES)
        assert (head.row, head.columns, head.unknown) == (2, {"code": 0, "made_on": 1}, ("备注",))

    def test_a_table_without_any_known_head_says_so(self) -> None:
        assert find_head([["a", "b"], ["1", "2"]], self._NAMES).columns == {}


class TestCells:
    @pytest.mark.parametrize(
        ("cell", "first", "last"),
        [
            ("2019-05", date(2019, 5, 1), date(2019, 5, 31)),
            ("2019.5", date(2019, 5, 1), date(2019, 5, 31)),
            ("2020年2月", date(2020, 2, 1), date(2020, 2, 29)),
            ("2019年5月7日", date(2019, 5, 7), date(2019, 5, 7)),
            ("2019/5/7 00:00:00", date(2019, 5, 7), date(2019, 5, 7)),
            (201905.0, date(2019, 5, 1), date(2019, 5, 31)),
            ("20190507", date(2019, 5, 7), date(2019, 5, 7)),
            (datetime(2019, 5, 7, 8, 0), date(2019, 5, 7), date(2019, 5, 7)),  # noqa: DTZ001 - as a workbook gives it
            ("", None, None),
            (None, None, None),
        ],
    )
    def test_a_month_is_its_first_day_or_its_last(self, cell: Cell, first: date | None, last: date | None) -> None:
        assert (date_of(cell), date_of(cell, month_end=True)) == (first, last)

    @pytest.mark.parametrize("cell", ["2019-13", "2019-02-30", "去年五月", 43586, "19-05"])
    def test_what_is_no_date_is_none(self, cell: Cell) -> None:
        with pytest.raises(ValueError, match=r".*"):
            date_of(cell)

    def test_a_code_typed_as_a_number_is_that_code(self) -> None:
        assert [text_of(cell) for cell in (20190001.0, " A1 ", None, True)] == ["20190001", "A1", "", "是"]

    def test_a_number_too_long_to_be_exact_is_noticed(self) -> None:
        assert lost_digits(1.2345678901234568e19)
        assert not lost_digits(123456789012345.0)
        assert not lost_digits("12345678901234567890")


class _Line(msgspec.Struct):
    code: str
    made_on: date | None
    at: datetime
    owned: bool


class TestWriteXlsx:
    def test_a_text_like_a_formula_stays_a_text_and_times_are_beijings(self) -> None:
        line = _Line("=cmd|' /C calc'!A0", date(2019, 5, 1), datetime(2026, 1, 1, 16, 30, tzinfo=UTC), owned=True)
        answer = xlsx_response("cylinders", {"code": "编号", "made_on": "制造", "at": "登记", "owned": "自有"}, [line])
        with zipfile.ZipFile(io.BytesIO(answer.content)) as book:
            assert b"<f>" not in book.read("xl/worksheets/sheet1.xml")
        assert list(read_table(answer.content)[1]) == [line.code, date(2019, 5, 1), "2026-01-02 00:30:00", "是"]

    def test_an_empty_list_still_has_its_heads(self) -> None:
        assert list(read_table(write_xlsx(["编号", "规格"], []))[0]) == ["编号", "规格"]

    def test_what_goes_out_comes_back_the_same(self) -> None:
        rows = [[f"A{number}", f'瓶,{number}\n"x"'] for number in range(100)]
        out = io.StringIO()
        csv.writer(out).writerows([["a", "b"], *rows])
        workbook = [list(row) for row in read_table(write_xlsx(["a", "b"], rows))]
        assert workbook == read_table(out.getvalue().encode()) == [["a", "b"], *rows]
