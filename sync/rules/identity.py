"""Whether an identity number can be right: GB 11643 for persons, GB 32100 for organisations.

What a number itself proves wrong blocks (length, date, check digit); an area code that this program does not know
only warns: areas were renamed and merged, and the oldest customers hold numbers of areas that are gone.
"""

from datetime import date

import msgspec

from sync.documents.customers import IdentityKind

_PERSON_LENGTH = 18
_PERSON_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_PERSON_CHECK = "10X98765432"
_FIRST_YEAR = 1880
# The provinces of GB/T 2260 by their two digits, and 83 for Taiwan residents.
_PROVINCES = frozenset(
    str(code)
    for span in ((11, 15), (21, 23), (31, 37), (41, 46), (50, 54), (61, 65), (71, 71), (81, 83))
    for code in range(span[0], span[1] + 1)
)
_ORGANISATION_LETTERS = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_ORGANISATION_WEIGHTS = (1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28)


class Finding(msgspec.Struct, frozen=True):
    """`blocks`: the number cannot be right; else it is only unusual."""

    code: str
    zh: str
    en: str
    blocks: bool = True


_LENGTH = Finding("identity.length", "身份证号应为 18 位。", "An identity number has 18 digits.")
_DATE = Finding("identity.date", "身份证号里的出生日期不存在。", "The date of birth in the number does not exist.")
_CHECK = Finding("identity.check_digit", "身份证号校验位不对，请核对。", "The check digit is wrong.")
_AREA = Finding(
    "identity.area", "身份证号的地区代码不认识，请再看一眼。", "The area code is unknown: look once more.", blocks=False
)
_CODE = Finding(
    "identity.organisation",
    "统一社会信用代码应为 18 位且校验位正确。",
    "A unified social credit code has 18 characters and a right check character.",
)


def check_identity(number: str, kind: IdentityKind, today: date) -> tuple[Finding, ...]:
    """What is wrong or unusual; empty when nothing is. `number` as `normal_identity` gives it."""
    return _check_person(number, today) if kind == "person" else _check_organisation(number)


def normal_identity(number: str) -> str:
    return number.strip().replace(" ", "").upper()


def _check_person(number: str, today: date) -> tuple[Finding, ...]:
    head, last = number[:-1], number[-1:]
    if len(number) != _PERSON_LENGTH or not (head.isascii() and head.isdigit()) or last not in "0123456789X":
        return (_LENGTH,)
    try:
        born = date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    except ValueError:
        return (_DATE,)
    if born > today or born.year < _FIRST_YEAR:
        return (_DATE,)
    total = sum(int(digit) * weight for digit, weight in zip(head, _PERSON_WEIGHTS, strict=True))
    if last != _PERSON_CHECK[total % 11]:
        return (_CHECK,)
    return () if number[:2] in _PROVINCES else (_AREA,)


def _check_organisation(code: str) -> tuple[Finding, ...]:
    if len(code) != _PERSON_LENGTH or any(letter not in _ORGANISATION_LETTERS for letter in code):
        return (_CODE,)
    values = [_ORGANISATION_LETTERS.index(letter) for letter in code]
    total = sum(value * weight for value, weight in zip(values[:-1], _ORGANISATION_WEIGHTS, strict=True))
    return () if values[-1] == (31 - total % 31) % 31 else (_CODE,)


def masked(number: str) -> str:
    """The ends of a number, for somebody who must recognise it: 220100********0017."""
    return f"{number[:6]}{'*' * max(0, len(number) - 10)}{number[-4:]}" if len(number) > 10 else "*" * len(number)
