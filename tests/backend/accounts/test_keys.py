"""A key's life: shown before it signs, believed after it has retired, out at once when it may be stolen."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from backend.accounts.keys import LEAD_S, SigningKeys
from backend.accounts.service.tokens import issue_access_token, read_access_token
from backend.errors import UnauthenticatedError
from sync.signatures import sign, verify

_LIFE_S = 600


class Clock:
    """Ahead of the real one by what a test says."""

    def __init__(self) -> None:
        self.ahead_s = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def keys(tmp_path: Path, clock: Clock) -> SigningKeys:
    """With one key that has been in use for long."""
    made = SigningKeys(tmp_path / "keys", clock=clock)
    clock.ahead_s = 100_000
    return made


def token(keys: SigningKeys) -> str:
    return issue_access_token(keys, subject="s", organisation_id="o", lifetime_s=_LIFE_S)[0]


def signed(keys: SigningKeys, said: str) -> bytes:
    key_id, key = keys.current
    signature = sign({"_id": "task:1", "said": said}, key, key_id)
    return f'{{"said":"{said}","signature":"{signature}"}}'.encode()


def rotate_long_ago(keys: SigningKeys, clock: Clock, *, ago_s: float) -> str:
    """The clock is set on, so that the new key's age is this."""
    key_id = keys.rotate()
    clock.ahead_s = ago_s
    return key_id


class TestRotate:
    def test_a_new_key_is_shown_before_it_signs(self, keys: SigningKeys, clock: Clock) -> None:
        old, _ = keys.current
        clock.ahead_s = LEAD_S
        new = keys.rotate()
        clock.ahead_s = LEAD_S - 30
        assert keys.current[0] == old
        assert set(keys.public_pems()) == set(keys.token_pems()) == {old, new}
        clock.ahead_s = LEAD_S + 30
        assert keys.current[0] == new

    def test_tokens_of_the_old_key_hold_until_they_expire(self, keys: SigningKeys, clock: Clock) -> None:
        before = token(keys)
        rotate_long_ago(keys, clock, ago_s=LEAD_S + 30)
        assert keys.retire_old(_LIFE_S) == []
        assert read_access_token(keys, before).sub == "s"
        assert read_access_token(keys, token(keys)).sub == "s"

    def test_afterwards_its_private_half_is_gone_and_its_tokens_with_it(
        self, keys: SigningKeys, clock: Clock, tmp_path: Path
    ) -> None:
        old, _ = keys.current
        before = token(keys)
        new = rotate_long_ago(keys, clock, ago_s=LEAD_S + _LIFE_S + 100)
        assert keys.retire_old(_LIFE_S) == [old]
        assert set(keys.token_pems()) == {new}
        assert keys.ended_ids() == {old}
        assert "PRIVATE" not in (tmp_path / "keys" / f"{old}.pub").read_text()
        assert not (tmp_path / "keys" / f"{old}.pem").exists()
        with pytest.raises(UnauthenticatedError):
            read_access_token(keys, before)

    def test_documents_by_the_old_key_are_believed_after_a_restart(
        self, keys: SigningKeys, clock: Clock, tmp_path: Path
    ) -> None:
        document = signed(keys, "巡线")
        rotate_long_ago(keys, clock, ago_s=LEAD_S + _LIFE_S + 100)
        keys.retire_old(_LIFE_S)
        again = SigningKeys(tmp_path / "keys", clock=clock)
        assert verify("task:1", document, again.public_pems())

    def test_another_process_signs_with_the_same_key(
        self, keys: SigningKeys, clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It looks at the directory by itself."""
        monkeypatch.setattr("backend.accounts.keys._LOOK_AGAIN_S", 0.0)
        other = SigningKeys(tmp_path / "keys", clock=clock)
        new = rotate_long_ago(keys, clock, ago_s=LEAD_S + 1)
        assert other.current[0] == new


class TestRevoke:
    def test_a_stolen_key_counts_for_nothing_at_once(self, keys: SigningKeys) -> None:
        before, document = token(keys), signed(keys, "假任务")
        new = keys.rotate(revoke_old=True)
        assert keys.current[0] == new
        assert set(keys.public_pems()) == {new}
        assert not verify("task:1", document, keys.public_pems())
        with pytest.raises(UnauthenticatedError):
            read_access_token(keys, before)

    def test_intake_still_knows_what_it_signed(self, keys: SigningKeys, clock: Clock, tmp_path: Path) -> None:
        document = signed(keys, "巡线")
        keys.rotate(revoke_old=True)
        again = SigningKeys(tmp_path / "keys", clock=clock)
        assert verify("task:1", document, again.known_pems())

    def test_one_that_was_cut_off_is_no_way_back(self, keys: SigningKeys, clock: Clock, tmp_path: Path) -> None:
        """The mark is written before the key is deleted."""
        old, _ = keys.current
        private = (tmp_path / "keys" / f"{old}.pem").read_bytes()
        keys.rotate(revoke_old=True)
        (tmp_path / "keys" / f"{old}.pem").write_bytes(private)
        assert old not in SigningKeys(tmp_path / "keys", clock=clock).token_pems()


class TestFiles:
    def test_a_key_that_was_cut_off_in_writing_stops_no_start(self, keys: SigningKeys, tmp_path: Path) -> None:
        current, _ = keys.current
        (tmp_path / "keys" / ".018f.pem.new").write_bytes(b"-----BEGIN")
        assert SigningKeys(tmp_path / "keys").current[0] == current

    @pytest.mark.parametrize("make", [lambda keys: keys.rotate(), lambda keys: keys.rotate(revoke_old=True)])
    def test_only_the_owner_reads_them(
        self, keys: SigningKeys, tmp_path: Path, make: Callable[[SigningKeys], str]
    ) -> None:
        make(keys)
        assert {path.stat().st_mode & 0o077 for path in (tmp_path / "keys").glob("[!l]*")} == {0}
