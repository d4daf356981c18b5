from pathlib import Path

import pytest

from mobile_app.device_key import NAME, DeviceKey
from mobile_app.store_keys import FileKey, store_key
from sync.errors import StoreError
from sync.store.store import Store


class Keystore:
    """A device's: it may be missing, and it may lose what it took."""

    def __init__(self) -> None:
        self.kept: dict[str, str] = {}
        self.broken = False
        self.forgets = False

    async def get(self, key: str) -> str | None:
        if self.broken:
            raise RuntimeError("no keystore")
        return self.kept.get(key)

    async def set(self, key: str, value: str) -> None:
        if self.broken:
            raise RuntimeError("no keystore")
        if not self.forgets:
            self.kept[key] = value


@pytest.fixture
def keystore() -> Keystore:
    return Keystore()


@pytest.fixture
def keys(keystore: Keystore, tmp_path: Path) -> DeviceKey:
    return DeviceKey(keystore, FileKey(tmp_path / "seal.key"))


def seal_one(folder: Path, key: bytes) -> None:
    Store.open(folder / "user_li_20264.sqlite", seal=key).close()


async def test_the_key_is_kept_by_the_device_and_nowhere_else(
    keystore: Keystore, keys: DeviceKey, tmp_path: Path
) -> None:
    key = await store_key(keys, tmp_path)
    assert keystore.kept == {NAME: key.hex()}
    assert await store_key(keys, tmp_path) == key
    assert not (tmp_path / "seal.key").exists()


@pytest.mark.parametrize("trouble", ["broken", "forgets"])
async def test_a_device_whose_keystore_does_not_work_has_a_file(
    keystore: Keystore, keys: DeviceKey, tmp_path: Path, trouble: str
) -> None:
    setattr(keystore, trouble, True)
    key = await store_key(keys, tmp_path)
    assert (tmp_path / "seal.key").exists()
    setattr(keystore, trouble, False)
    assert await store_key(keys, tmp_path) == key


@pytest.mark.parametrize("kept", [{}, {NAME: "no key"}, {NAME: "00"}])
async def test_a_keystore_that_lost_the_key_of_sealed_files_gets_no_new_one(
    keystore: Keystore, keys: DeviceKey, tmp_path: Path, kept: dict[str, str]
) -> None:
    seal_one(tmp_path, await store_key(keys, tmp_path))
    keystore.kept = dict(kept)
    with pytest.raises(StoreError) as refusal:
        await store_key(keys, tmp_path)
    assert refusal.value.error == "no_key"
    assert keystore.kept == kept


async def test_a_keystore_that_does_not_answer_now_is_not_taken_for_an_empty_one(
    keystore: Keystore, keys: DeviceKey, tmp_path: Path
) -> None:
    key = await store_key(keys, tmp_path)
    seal_one(tmp_path, key)
    keystore.broken = True
    with pytest.raises(StoreError):
        await store_key(keys, tmp_path)
    assert not (tmp_path / "seal.key").exists()
    keystore.broken = False
    assert await store_key(keys, tmp_path) == key
