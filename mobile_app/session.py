"""Who works with this phone: sign-in with the server, offline sign-in afterwards, and tokens that renew themselves.

The password is kept only as an argon2id hash, tokens in files of this user alone. One device id for each member of
staff on a phone: a hub's access list names devices, and two people who share a phone must not share their databases.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

import msgspec
import uuid_utils
from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from mobile_app.errors import ServerError, SignInError, Unreachable
from mobile_app.files import read_struct, write_durable

if TYPE_CHECKING:
    from aiohttp import ClientSession

TIMEOUT_S = 30.0
CONNECT_TIMEOUT_S = 8.0
# A token is renewed while it still has this long to live, so that none expires on its way.
RENEW_BEFORE_S = 60.0
_UNAUTHORIZED = 401
_FORBIDDEN = 403
_SERVER_FAILED = 500


class Staff(msgspec.Struct, frozen=True, kw_only=True):
    staff_id: str
    staff_number: str
    name: str
    company_id: str = ""
    company_name: str = ""
    roles: tuple[str, ...] = ()


class Unit(msgspec.Struct, frozen=True, kw_only=True):
    unit_id: str
    name: str = ""
    kind: str = ""


class Databases(msgspec.Struct, frozen=True, kw_only=True):
    """The hub's databases that this phone replicates: this quarter's first, then the one before."""

    user: tuple[str, ...] = ()
    media: tuple[str, ...] = ()
    units: tuple[str, ...] = ()


class SignedIn(msgspec.Struct, frozen=True, kw_only=True):
    """The server's answer to a sign-in or a renewal."""

    access_token: str
    expires_at: datetime
    refresh_token: str
    server_time: datetime
    staff: Staff
    units: tuple[Unit, ...] = ()
    hub_url: str = "/sync/"
    databases: Databases = Databases()
    signing_keys: dict[str, str] = {}


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of a member of staff; an empty `refresh_token` means signed out with the server's knowledge."""

    device_id: str
    server_url: str
    staff: Staff
    units: tuple[Unit, ...]
    hub_url: str
    databases: Databases
    signing_keys: dict[str, str]
    password_hash: str
    refresh_token: str


class DeviceIds(msgspec.Struct, frozen=True):
    """This phone's device id for each staff number that has signed in here."""

    by_staff_number: dict[str, str] = {}
    # The last one to sign in, whose files are opened first.
    latest: str = ""


class Session:
    """One phone's sign-in. `profile` is None until somebody has signed in on this start of the app."""

    def __init__(self, data_dir: Path, server_url: str, *, name: str, platform: str, app_version: str) -> None:
        self.server_url = server_url.rstrip("/") + "/"
        self.app_version = app_version
        self.profile: Profile | None = None
        # Told with each answer that carries the server's time.
        self.on_server_time: Callable[[datetime], None] = lambda _at: None
        self._data_dir = data_dir
        self._name = name
        self._platform = platform
        self._http: ClientSession | None = None
        self._access_token = ""
        self._renew_at = 0.0
        self._renewing = asyncio.Lock()
        # Kept in memory alone, to sign in again by itself after an offline sign-in whose tokens have run out.
        self._password = ""

    @property
    def hub_url(self) -> str:
        return urljoin(self.server_url, self.profile.hub_url if self.profile else "/sync/")

    def known_staff_number(self) -> str:
        """Who signed in last, for the sign-in screen."""
        return self._device_ids().latest

    async def sign_in(self, staff_number: str, password: str) -> Profile:
        """With the server where it answers, else against the hash kept here. Raises SignInError, ServerError."""
        number = staff_number.strip()
        device_id = self._device_ids().by_staff_number.get(number) or uuid_utils.uuid7().hex
        body = {
            "staff_number": number,
            "password": password,
            "device": {
                "device_id": device_id,
                "name": self._name,
                "platform": self._platform,
                "app_version": self.app_version,
            },
        }
        try:
            signed_in = msgspec.convert(await self._post("/api/sign-in", body), SignedIn)
        except ServerError as error:
            if error.status in {0, 502, 503, 504}:
                return await self._sign_in_offline(number, password)
            raise
        password_hash = await asyncio.to_thread(PasswordHasher().hash, password)
        self._password = password
        await self._keep(signed_in, device_id, password_hash, number)
        assert self.profile is not None
        return self.profile

    async def sign_out(self) -> None:
        """Leaves the app; where the server answers it withdraws the tokens too. Nothing recorded is touched."""
        profile = self.profile
        if profile is not None and profile.refresh_token:
            try:
                await self.post("/api/sign-out", {})
            except ServerError as error:
                # Without network the tokens stay: what is recorded must still find its way later.
                if error.status not in {_UNAUTHORIZED, _FORBIDDEN}:
                    profile = None
            if profile is not None:
                profile = msgspec.structs.replace(profile, refresh_token="")
                await asyncio.to_thread(self._write, profile)
        self.profile = None
        self._access_token = self._password = ""

    async def token(self) -> str:
        """A valid access token, renewed where needed. Raises SignInError when the server wants a new sign-in."""
        async with self._renewing:
            if not self._access_token or time.monotonic() >= self._renew_at:
                await self._renew()
            return self._access_token

    def drop_token(self) -> None:
        """The server refused it: the next call gets a new one."""
        self._access_token = ""

    async def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """A call with the token; raises ServerError, Unreachable, SignInError."""
        return await self._post(path, body, token=await self.token())

    async def close(self) -> None:
        if self._http is not None:
            await self._http.close()
            self._http = None

    # Inside

    async def _sign_in_offline(self, number: str, password: str) -> Profile:
        device_id = self._device_ids().by_staff_number.get(number, "")
        profile = await asyncio.to_thread(read_struct, self._path(device_id), Profile) if device_id else None
        if profile is None:
            raise SignInError(
                "sign_in.first_time_offline",
                "这部手机上还没有登录过这个工号，第一次登录需要网络",
                "This staff number has not signed in on this phone yet; the first time needs the network",
                action_zh="到有网络的地方登录一次",
                action_en="sign in once where there is a network",
            )
        try:
            await asyncio.to_thread(PasswordHasher().verify, profile.password_hash, password)
        except (Argon2Error, InvalidHashError) as error:
            raise SignInError(
                "sign_in.wrong_password",
                "工号或密码不对",
                "The staff number or the password is wrong",
                action_zh="重新输入；忘记密码请找管理员",
                action_en="try again; an administrator can set a new password",
            ) from error
        self._password = password
        self.profile = profile
        self._access_token = ""
        await asyncio.to_thread(self._write_device_id, number, device_id)
        return profile

    async def _renew(self) -> None:
        profile = self.profile
        if profile is None:
            raise _signed_out()
        try:
            if not profile.refresh_token:
                raise _signed_out()
            body = {"refresh_token": profile.refresh_token, "device_id": profile.device_id}
            answer = msgspec.convert(await self._post("/api/refresh", body), SignedIn)
        except (SignInError, ServerError) as error:
            if isinstance(error, ServerError) and error.status not in {400, _UNAUTHORIZED, _FORBIDDEN}:
                raise
            if not self._password:
                raise _signed_out(answered=isinstance(error, ServerError)) from error
            await self._sign_in_again(profile.staff.staff_number)
            return
        await self._keep(answer, profile.device_id, profile.password_hash, profile.staff.staff_number)

    async def _keep(self, answer: SignedIn, device_id: str, password_hash: str, number: str) -> None:
        profile = Profile(
            device_id=device_id,
            server_url=self.server_url,
            staff=answer.staff,
            units=answer.units,
            hub_url=answer.hub_url,
            databases=answer.databases,
            signing_keys=answer.signing_keys,
            password_hash=password_hash,
            refresh_token=answer.refresh_token,
        )
        await asyncio.to_thread(self._write, profile)
        await asyncio.to_thread(self._write_device_id, number, device_id)
        self.profile = profile
        self.on_server_time(answer.server_time)
        self._access_token = answer.access_token
        life_s = (answer.expires_at - answer.server_time).total_seconds()
        self._renew_at = time.monotonic() + max(life_s - RENEW_BEFORE_S, life_s / 2)

    async def _sign_in_again(self, number: str) -> None:
        password, self._password = self._password, ""
        try:
            await self.sign_in(number, password)
        except ServerError as error:
            # A password that was refused is not tried again; a server that failed says nothing about it.
            if error.status >= _SERVER_FAILED:
                self._password = password
            raise

    async def _post(self, path: str, body: Mapping[str, Any], *, token: str = "") -> Any:
        http = await self._client()
        from aiohttp import ClientError  # noqa: PLC0415 - loaded by `_client`

        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
        url = urljoin(self.server_url, path.lstrip("/"))
        try:
            async with http.post(url, data=msgspec.json.encode(body), headers=headers) as response:
                content = await response.read()
                status = response.status
        except (ClientError, TimeoutError, OSError) as error:
            raise Unreachable(str(error) or type(error).__name__) from error
        if status >= 400:
            raise _problem(status, content)
        try:
            return msgspec.json.decode(content) if content.strip() else None
        except msgspec.DecodeError as error:
            # A captive portal answers anything with a page of its own.
            raise Unreachable(f"{url} did not answer with JSON") from error

    async def _client(self) -> "ClientSession":
        """The HTTP client. It takes a moment to load: beside the screen, and only once there is a server to talk to, so
        that an offline start does not wait for it. Raises Unreachable.
        """
        if self._http is None:
            await _knock(self.server_url)
            await asyncio.to_thread(import_module, "aiohttp")
        from aiohttp import ClientSession, ClientTimeout  # noqa: PLC0415 - a quarter of the app's start

        if self._http is None:  # another call may have been first meanwhile
            limits = ClientTimeout(total=TIMEOUT_S, sock_connect=CONNECT_TIMEOUT_S)
            self._http = ClientSession(timeout=limits, trust_env=False)
        return self._http

    def _device_ids(self) -> DeviceIds:
        return read_struct(self._data_dir / "devices.json", DeviceIds) or DeviceIds()

    def _write_device_id(self, number: str, device_id: str) -> None:
        known = self._device_ids()
        if known.latest != number or known.by_staff_number.get(number) != device_id:
            ids = DeviceIds(known.by_staff_number | {number: device_id}, number)
            write_durable(self._data_dir / "devices.json", msgspec.json.encode(ids))

    def _write(self, profile: Profile) -> None:
        write_durable(self._path(profile.device_id), msgspec.json.encode(profile))

    def _path(self, device_id: str) -> Path:
        return self._data_dir / "profiles" / f"{device_id}.json"


async def _knock(url: str) -> None:
    """Raises Unreachable when nobody takes a connection there."""
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        if not parts.hostname:
            raise Unreachable(f"{url} names no server")
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            _, writer = await asyncio.open_connection(parts.hostname, port)
    except (OSError, ValueError) as error:
        raise Unreachable(str(error) or type(error).__name__) from error
    writer.close()


def _signed_out(*, answered: bool = False) -> SignInError:
    """`answered`: it is the server's word, so there is a network."""
    return SignInError(
        "sign_in.expired",
        "登录已过期，请重新登录后再上传",
        "The sign-in has expired; sign in again to go on sending",
        action_zh="联网后重新登录；记录都还在手机里",
        action_en="sign in again with a network; all records are still on the phone",
        answered=answered,
    )


def _problem(status: int, content: bytes) -> ServerError:
    try:
        found = msgspec.json.decode(content)
    except msgspec.DecodeError:
        found = {}
    fields: dict[str, Any] = found if isinstance(found, dict) else {}
    return ServerError(
        status,
        str(fields.get("code", f"http.{status}")),
        str(fields.get("detail", f"服务器拒绝了请求（{status}）")),
        str(fields.get("detail_en", fields.get("title", f"The server refused the request ({status})"))),
        action_zh=str(fields.get("action", "")),
        action_en=str(fields.get("action_en", "")),
    )
