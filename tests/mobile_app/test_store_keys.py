"""What lies on the phone is sealed with a key that is made once, kept apart, and missed aloud."""

import stat
from pathlib import Path

import pytest

from mobile_app.errors import StoreProblem
from mobile_app.phone import Phone
from mobile_app.store_keys import FILE_NAME, FileKey
from sync.documents.hazards import HazardReported
from sync.store.records import RecordStore
from sync.store.seal import is_sealed
from tests.mobile_app.phones import NUMBER, PASSWORD, STAFF_ID, jpeg, lay_out, open_phone

NOTE = "阀井积水，有异味"


def files(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


async def record_one(phone: Phone) -> None:
    await phone.record(HazardReported, hazard_type="corrosion", note=NOTE)
    await phone.save_draft("hazard", NOTE.encode())


class TestSealedPhone:
    async def test_all_its_files_are_sealed_and_its_key_is_its_users_alone(self, phone: Phone) -> None:
        await record_one(phone)
        phone.photo_store().save_draft("photo", jpeg())
        stores = phone.data_dir / "stores"
        await phone.close()
        written = files(stores)
        assert [path for path in written if path.endswith(".sqlite") and not is_sealed(Path(path))] == []
        assert {Path(path).name.partition("_")[0] for path in written} == {"user", "media", "unit"}
        everything = b"".join(written.values())
        for clear in (NOTE.encode(), b"YSP35.5", "站前片区".encode(), jpeg()[:40]):
            assert clear not in everything
        assert stat.S_IMODE((phone.data_dir / FILE_NAME).stat().st_mode) == 0o600

    async def test_the_key_lies_where_the_setting_says(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("QIXUN_PHONE_KEY_FILE", str(tmp_path / "elsewhere" / "key"))
        lay_out(tmp_path / "phone")
        for _ in range(2):
            phone = await open_phone(tmp_path / "phone")
            await phone.close()
        assert (tmp_path / "elsewhere" / "key").exists()
        assert not (tmp_path / "phone" / FILE_NAME).exists()

    async def test_a_phone_of_before_is_sealed_with_all_that_it_has(self, tmp_path: Path) -> None:
        lay_out(tmp_path)
        phone = await open_phone(tmp_path)
        path = phone.record_store().path
        await phone.close()
        for file in path.parent.iterdir():
            file.unlink()
        old = RecordStore.open(path)
        old.save_draft("hazard", NOTE.encode())
        old.close()
        phone = await open_phone(tmp_path)
        draft = await phone.draft("hazard")
        await phone.close()
        assert draft is not None
        assert draft.body == NOTE.encode()
        assert NOTE.encode() not in b"".join(files(path.parent).values())


class TestWithoutTheKey:
    @pytest.mark.parametrize(
        ("key", "code"),
        [(None, "store.no_key"), ("00" * 16, "store.wrong_key"), ("0011", "store.no_key"), ("?", "store.no_key")],
    )
    async def test_the_app_says_so_changes_nothing_and_works_again_with_it(
        self, phone: Phone, key: str | None, code: str
    ) -> None:
        await record_one(phone)
        await phone.close()
        path = phone.data_dir / FILE_NAME
        right = path.read_text()
        path.unlink()
        if key is not None:
            path.write_text(key)
        before = files(phone.data_dir)
        again = await Phone.open(phone.data_dir, "http://127.0.0.1:9")
        with pytest.raises(StoreProblem) as problem:
            await again.sign_in(NUMBER, PASSWORD)
        assert problem.value.code == code
        assert problem.value.zh.startswith("手机里的记录")
        assert "不要卸载应用" in problem.value.action_zh
        assert not again.signed_in
        assert files(phone.data_dir) == before
        path.write_text(right)
        await again.sign_in(NUMBER, PASSWORD)
        assert (await again.counts())["saved"] == 1
        await again.close()

    async def test_a_lost_key_is_not_made_anew_for_another_member_of_staff(self, phone: Phone) -> None:
        await phone.close()
        (phone.data_dir / FILE_NAME).unlink()
        (phone.data_dir / "stores" / STAFF_ID).rename(phone.data_dir / "stores" / "wang")
        with pytest.raises(StoreProblem):
            await open_phone(phone.data_dir)
        assert not (phone.data_dir / FILE_NAME).exists()


async def test_a_key_file_is_found_as_it_was_made(tmp_path: Path) -> None:
    keys = FileKey(tmp_path / "deep" / "key")
    assert await keys.find() is None
    assert await keys.make() == await keys.find()
