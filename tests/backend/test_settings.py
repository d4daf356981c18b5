from pathlib import Path

import pytest

from backend.settings import SettingsError, load_settings


class TestLoadSettings:
    def test_values_are_read_with_their_kinds(self) -> None:
        given = {"QIXUN_PORT": "9000", "QIXUN_DATA_DIR": "/srv/qixun", "QIXUN_HTTPS": "true", "PATH": "/bin"}
        settings = load_settings(given)
        assert (settings.port, settings.data_dir, settings.https) == (9000, Path("/srv/qixun"), True)

    def test_a_secret_may_stand_in_a_file(self, tmp_path: Path) -> None:
        (tmp_path / "url").write_text("postgresql://secret\n")
        settings = load_settings({"QIXUN_DATABASE_URL_FILE": str(tmp_path / "url")})
        assert settings.database_url == "postgresql://secret"

    @pytest.mark.parametrize(
        ("name", "value"),
        [("QIXUN_PROT", "1"), ("QIXUN_PORT", "many"), ("QIXUN_DATABASE_URL_FILE", "/nowhere"), ("QIXUN_WORKER", "x")],
    )
    def test_what_cannot_be_used_is_named(self, name: str, value: str) -> None:
        with pytest.raises(SettingsError, match="QIXUN_"):
            load_settings({name: value})
