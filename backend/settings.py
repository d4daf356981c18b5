"""Every setting of the server, read once from QIXUN_* variables."""

import os
from collections.abc import Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec


class SettingsError(Exception):
    """A setting that cannot be used, in one sentence for the person who starts the program."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    # Where everything lives that is not in a configured PostgreSQL or CouchDB.
    data_dir: Path = Path("data")
    # The address and port of the HTTP server.
    host: str = "127.0.0.1"
    port: int = 8000
    # PostgreSQL with PostGIS; empty: a private cluster in the data directory.
    database_url: str = ""
    # Apache CouchDB's root with user and password; empty: the embedded hub under /sync/.
    couchdb_url: str = ""
    # The embedded hub's administrator, "name:password"; empty: made at first start and kept in the data directory.
    hub_admin: str = ""
    # The hub's address for phones, if it is not /sync/ on this server.
    public_hub_url: str = ""
    # The cylinders' public page as anybody's phone reaches it, with a slash at the end; empty: tags carry no address.
    public_page: str = ""
    # Look-ups of the public page a minute: from one address, and from all together.
    public_scans_each: int = 30
    public_scans_all: int = 1200
    # How many days back PostGIS may be restored from a backup: so long the hub keeps a quarter that is over.
    backup_days: int = 35
    # Seconds an access token is valid; the hub stops an open feed when it ends.
    access_token_s: int = 600
    # Days a phone or console may go without signing in again.
    refresh_token_days: int = 30
    # Fewest characters of a new password.
    password_min_length: int = 8
    # Wrong passwords in a row before a number is locked, and for how many minutes.
    sign_in_attempts: int = 5
    sign_in_lock_minutes: int = 15
    # Largest request body outside the hub and file uploads.
    max_body_bytes: int = 1_000_000
    # Largest uploaded file (a network import).
    max_upload_bytes: int = 200_000_000
    # "inside": `qixun serve` also runs jobs, intake and outbox; "outside": `qixun worker` does.
    worker: Literal["inside", "outside"] = "inside"
    # True behind a TLS proxy: cookies are marked Secure, HSTS is sent.
    https: bool = False
    # Who shows this as a bearer token reads /metrics from elsewhere; from this machine nothing is asked.
    metrics_token: str = ""
    # `qixun worker` shows its own /metrics on this port; 0: nowhere.
    metrics_port: int = 0
    # The console's base map, the first that is set: a local PMTiles file, a key of 天地图, a template with {z}/{x}/{y};
    # none: the streets that the network itself shows.
    basemap: str = ""
    tianditu_key: str = ""
    basemap_url: str = ""
    # debug, info, warning or error; lines are JSON unless log_format is "console".
    log_level: str = "info"
    log_format: str = "json"
    # Networks in which cameras and their recorders stand, with commas between; the server asks nobody else on an
    # administrator's word.
    camera_networks: str = "10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,fc00::/7"
    # Connections of the pool to PostgreSQL; twice as many in a rush. Fewer than 4 and intake's readers, which hold one
    # and need another, would wait for each other.
    database_pool: Annotated[int, msgspec.Meta(ge=4)] = 10


def load_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Raises `SettingsError` for an unknown QIXUN_* variable or a value that does not fit.

    `QIXUN_<NAME>_FILE` names a file that holds the value: a secret need not stand in the environment.
    """
    given = {
        name.removeprefix("QIXUN_").lower(): value
        for name, value in (os.environ if environ is None else environ).items()
        if name.startswith("QIXUN_") and name not in APP_VARIABLES
    }
    known = {field.name: field for field in msgspec.structs.fields(Settings)}
    values: dict[str, Any] = {}
    for variable, content in given.items():
        name, text = variable, content
        if name not in known and name.endswith("_file"):
            name, text = name.removesuffix("_file"), _read(name, content)
        if name not in known:
            raise SettingsError(f"没有这个设置：QIXUN_{name.upper()} / there is no setting QIXUN_{name.upper()}")
        try:
            values[name] = (
                Path(text) if known[name].type is Path else msgspec.convert(text, known[name].type, strict=False)
            )
        except msgspec.ValidationError as error:
            raise SettingsError(f"QIXUN_{name.upper()}={text!r}: {error}") from error
    settings = Settings(**values)
    try:
        for network in filter(None, settings.camera_networks.split(",")):
            ip_network(network.strip())
    except ValueError as error:
        raise SettingsError(f"QIXUN_CAMERA_NETWORKS={settings.camera_networks!r}: {error}") from error
    return settings


def _read(name: str, path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise SettingsError(f"QIXUN_{name.upper()}={path!r}: {error.strerror}") from error


# Variables of the phone app, and of the TLS proxy in docker-compose.yml, which a shared environment may carry.
APP_VARIABLES = frozenset(
    {
        "QIXUN_SERVER_URL",
        "QIXUN_PHONE_DIR",
        "QIXUN_PHONE_KEY_FILE",
        "QIXUN_GPS",
        "QIXUN_DETECTOR",
        "QIXUN_TAGS",
        "QIXUN_UHF",
        "QIXUN_SCALE",
        "QIXUN_CHECK_SCALE",
        "QIXUN_SITE",
    }
)
