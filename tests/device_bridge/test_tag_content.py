from datetime import date

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_bridge.tag_content import TagContent, fit, judge, pack, unpack
from device_bridge.tag_slots import Slot, TagKey, seal_slot

UID, OTHER_UID = bytes.fromhex("04A1B2C3D4E5F6"), bytes.fromhex("04FFFFFFFFFFFF")
KEY, OLD, STRANGER = TagKey(b"k" * 16), TagKey(b"p" * 16, retired=True), TagKey(b"s" * 16)
FULL = TagContent(
    code="SH-YSP35.5-000123",
    manufacturer="松河演示钢瓶制造有限公司",
    factory_number="20210317",
    made_on=date(2021, 3, 1),
    next_inspection_on=date(2027, 3, 31),
    filling_company="松河演示燃气有限公司",
    gross_kg=31.02,
    filled_on=date(2026, 11, 29),
    customer_name="演示-张用户",
    address="松河县站前街道林场小区3号楼2单元501室",
    delivered_on=date(2026, 11, 30),
)
# What the slots of each size of tag leave for an entry: UHF, NTAG213, Type 4 with a small file, NTAG215, NTAG216.
UHF, SMALL, MEDIUM, USUAL, LARGE = 16, 24, 64, 176, 240


def slot(content: TagContent, sequence: int = 1, key: TagKey = KEY, uid: bytes = UID) -> Slot:
    packed = pack(content, uid, sequence, key)
    return Slot(sequence, key.id, packed, seal_slot(uid, sequence, packed, key)[-8:])


def back(packed: bytes, sequence: int = 1) -> TagContent | None:
    return unpack(packed, UID, sequence, KEY)


days = st.dates(date(1970, 1, 1), date(2149, 6, 6)) | st.none()
words = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)
contents = st.builds(
    TagContent,
    code=words,
    manufacturer=words,
    factory_number=words,
    filling_company=words,
    customer_name=words,
    address=words,
    made_on=days,
    next_inspection_on=days,
    filled_on=days,
    delivered_on=days,
    gross_kg=st.integers(0, 65535).map(lambda units: units / 100) | st.none(),
)


class TestPack:
    @pytest.mark.requirement("E5.8.6-1")
    @pytest.mark.requirement("E5.8.6-2")
    def test_an_ordinary_tag_says_all_of_it(self) -> None:
        fitted = fit(FULL, USUAL, UID, 1, KEY)
        assert fitted.left_out == ()
        assert back(fitted.packed) == FULL

    @given(contents)
    def test_any_content_comes_back(self, content: TagContent) -> None:
        assert back(pack(content, UID, 1, KEY)) == content

    def test_customer_and_address_are_read_by_nobody_without_the_key(self) -> None:
        packed = pack(FULL, UID, 1, KEY)
        for text in (FULL.customer_name, FULL.address):
            for encoding in ("gb18030", "utf-8"):
                assert text.encode(encoding)[:6] not in packed
        assert unpack(packed, UID, 1, STRANGER) is None

    def test_another_customer_under_the_same_number_shares_no_key_stream(self) -> None:
        """A tag torn away is written again under the same sequence, perhaps with another customer."""
        one = pack(TagContent(customer_name="A" * 20), UID, 1, KEY)[3:]
        other = pack(TagContent(customer_name="B" * 20), UID, 1, KEY)[3:]
        assert bytes(a ^ b for a, b in zip(one[8:], other[8:], strict=True))[:20] != bytes([ord("A") ^ ord("B")] * 20)

    def test_days_and_weights_that_no_tag_can_say_are_left_empty(self) -> None:
        strange = TagContent(made_on=date(1969, 12, 31), filled_on=date(2150, 1, 1), gross_kg=656.0)
        assert back(pack(strange, UID, 1, KEY)) == TagContent()

    def test_fields_of_a_later_version_are_stepped_over(self) -> None:
        packed = bytearray(pack(FULL, UID, 1, KEY)) + b"\x05later"
        packed[0] |= 0x80
        assert back(bytes(packed)) == FULL

    @given(st.binary(max_size=60))
    def test_any_bytes_are_a_content_or_none(self, noise: bytes) -> None:
        assert isinstance(back(noise), TagContent | None)

    def test_the_bytes_stay_the_same_from_version_to_version(self) -> None:
        assert pack(FULL, UID, 1, KEY).hex() == (
            "03ff48ff51ac51320c1e51330832303231303331371153482d59535033352e352d30303031323318cbc9bad3d1ddcabeb8d6c6bfd6c6"
            "d4ecd3d0cfdeb9abcbbe14cbc9bad3d1ddcabec8bcc6f8d3d0cfdeb9abcbbe396fbb3b8f7d16006a6c051dcd89b42c24b268bc7931b9"
            "a35e7c596e2ab075bfdca49e1c260a65356e16c3bd8177413b5b92c0eb972d9734960b"
        )


class TestFit:
    @pytest.mark.parametrize(
        ("room", "left_out"),
        [
            (LARGE, ()),
            (USUAL, ()),
            (MEDIUM, ("address", "customer_name", "code", "filling_company")),
            (SMALL, ("address", "customer_name", "code", "filling_company", "manufacturer")),
            (UHF, ("address", "customer_name", "code", "filling_company", "manufacturer", "factory_number")),
        ],
    )
    def test_what_is_left_out_of_a_small_tag_is_said(self, room: int, left_out: tuple[str, ...]) -> None:
        fitted = fit(FULL, room, UID, 1, KEY)
        assert (len(fitted.packed) <= room, fitted.left_out) == (True, left_out)
        assert back(fitted.packed) == msgspec.structs.replace(FULL, **dict.fromkeys(left_out, ""))

    def test_the_smallest_tag_says_until_when_it_is_inspected_and_when_and_how_full_it_was_filled(self) -> None:
        found = back(fit(FULL, UHF, UID, 1, KEY).packed)
        assert found is not None
        assert (found.next_inspection_on, found.filled_on, found.gross_kg) == (
            FULL.next_inspection_on,
            FULL.filled_on,
            FULL.gross_kg,
        )


class TestJudge:
    def test_the_newest_entry_and_the_one_before_it(self) -> None:
        later = msgspec.structs.replace(FULL, gross_kg=30.5)
        reading = judge((slot(later, 8), slot(FULL, 7)), UID, (KEY,))
        assert (reading.state, reading.content, reading.previous, reading.sequence) == ("genuine", later, FULL, 8)

    def test_one_written_under_a_key_that_a_lost_phone_knew(self) -> None:
        assert judge((slot(FULL, 1, OLD),), UID, (KEY, OLD)).state == "retired"

    def test_copied_bytes_on_another_tag(self) -> None:
        reading = judge((slot(FULL),), OTHER_UID, (KEY,), bound_uids=(UID,))
        assert (reading.state, reading.content) == ("copied", None)

    def test_another_company_s_tag(self) -> None:
        assert judge((slot(FULL, 1, STRANGER),), UID, (KEY, OLD)).state == "other_company"

    def test_changed_content(self) -> None:
        true = slot(FULL)
        forged = msgspec.structs.replace(true, content=true.content[:-1] + b"\0")
        assert judge((forged,), UID, (KEY,)).state == "damaged"

    def test_a_spoilt_slot_beside_a_good_one_takes_nothing_away(self) -> None:
        spoilt = msgspec.structs.replace(slot(FULL, 9), mac=bytes(8))
        assert judge((spoilt, slot(FULL, 8)), UID, (KEY,)).content == FULL

    @pytest.mark.parametrize(
        ("empty", "foreign", "state"), [(True, False, "blank"), (False, True, "foreign"), (False, False, "unsealed")]
    )
    def test_a_tag_without_entries(self, state: str, *, empty: bool, foreign: bool) -> None:
        assert judge((None, None), UID, (KEY,), empty=empty, foreign=foreign).state == state
