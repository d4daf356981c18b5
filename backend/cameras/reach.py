"""The one way from the server to a camera or recorder, and to nothing else.

Only to an address that an administrator registered, only where it lies in the networks that the operator named
(`QIXUN_CAMERA_NETWORKS`), to the address that was checked and no other (a name that resolves differently the second
time leads nowhere), no redirects, no proxies, an answer of bounded length in bounded time.
"""

import asyncio
import socket
from collections.abc import Callable
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

import aiohttp
import msgspec
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

Networks = tuple[IPv4Network | IPv6Network, ...]
_UNAUTHORISED = (401, 403)


class Failed(Exception):  # noqa: N818 - read in an except line
    """`reason` is a key of `rules.REASONS`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Credentials(msgspec.Struct, frozen=True):
    username: str
    password: str

    def __repr__(self) -> str:
        return "Credentials(...)"


class Target(msgspec.Struct, frozen=True):
    """What is asked of one camera; `key` changes with its record, so that nobody gets a picture of before."""

    key: str
    picture_address: str
    recorder_address: str
    recording: str
    credentials: Credentials | None


class Reached(msgspec.Struct, frozen=True):
    status: int
    content_type: str
    body: bytes


def networks_of(text: str) -> Networks:
    """Raises `ValueError` for what is no list of networks."""
    return tuple(ip_network(part.strip()) for part in text.split(",") if part.strip())


async def reach(
    method: str,
    address: str,
    *,
    networks: Networks,
    credentials: Credentials | None,
    most_bytes: int,
    deadline_s: float,
    body: bytes | None = None,
    content_type: str = "",
    enough: Callable[[bytes, str], bool] = lambda _body, _type: False,
) -> Reached:
    """Reads until the end, or until `enough(body so far, content type)`. Raises `Failed`."""
    url = URL(address)
    try:
        async with asyncio.timeout(deadline_s):
            addresses = await _permitted(url, networks)
            connector = aiohttp.TCPConnector(resolver=_Fixed(addresses), use_dns_cache=False, force_close=True)
            async with aiohttp.ClientSession(
                connector=connector, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False
            ) as http:
                headers = {"Accept-Encoding": "identity"} | ({"Content-Type": content_type} if content_type else {})
                ask = _Asking(http, method, url, body, headers, most_bytes, enough)
                return await _answered(ask, credentials)
    except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
        raise Failed("unreachable") from error


async def _permitted(url: URL, networks: Networks) -> list[str]:
    """Every address that the host has; all of them must be permitted."""
    if url.scheme not in {"http", "https"} or not url.host or url.user or url.password:
        raise Failed("not_allowed")
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(url.host, url.port, type=socket.SOCK_STREAM)
    addresses = sorted({str(each[4][0]) for each in found})
    for text in addresses:
        address = ip_address(text.partition("%")[0])
        mapped = getattr(address, "ipv4_mapped", None)
        if not any((mapped or address) in network for network in networks):
            raise Failed("not_allowed")
    return addresses


class _Fixed(AbstractResolver):
    """Answers with the addresses that were checked."""

    def __init__(self, addresses: list[str]) -> None:
        self._addresses = addresses

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in self._addresses
            if family in {socket.AF_UNSPEC, socket.AF_INET6 if ":" in address else socket.AF_INET}
        ]

    async def close(self) -> None:
        pass


class _Asking(msgspec.Struct, frozen=True):
    http: aiohttp.ClientSession
    method: str
    url: URL
    body: bytes | None
    headers: dict[str, str]
    most_bytes: int
    enough: Callable[[bytes, str], bool]

    async def __call__(
        self, *, basic: str = "", digest: aiohttp.DigestAuthMiddleware | None = None
    ) -> tuple[Reached, str]:
        """The answer, and the way of signing in that it asks for."""
        async with self.http.request(
            self.method,
            self.url,
            data=self.body,
            headers=self.headers | ({"Authorization": basic} if basic else {}),
            middlewares=(digest,) if digest else (),
            allow_redirects=False,
        ) as answer:
            if answer.status in _UNAUTHORISED:
                return Reached(answer.status, "", b""), answer.headers.get("WWW-Authenticate", "")
            if 300 <= answer.status < 400:
                raise Failed("redirected")
            kind, content = answer.headers.get("Content-Type", ""), bytearray()
            async for chunk in answer.content.iter_any():
                content += chunk
                if self.enough(bytes(content), kind):
                    break
                if len(content) > self.most_bytes:
                    raise Failed("too_large")
            return Reached(answer.status, kind, bytes(content)), ""


async def _answered(ask: _Asking, credentials: Credentials | None) -> Reached:
    reached, challenge = await ask()
    if reached.status in _UNAUTHORISED and credentials is not None:
        scheme = challenge.partition(" ")[0].lower()
        if scheme == "digest":
            digest = aiohttp.DigestAuthMiddleware(credentials.username, credentials.password)
            reached, _ = await ask(digest=digest)
        elif scheme == "basic":
            reached, _ = await ask(basic=aiohttp.encode_basic_auth(credentials.username, credentials.password, "utf-8"))
    if reached.status in _UNAUTHORISED:
        raise Failed("refused")
    return reached
