"""The office of a played shift: what a dispatcher does in the console, over the API that the console stands on."""

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

import aiohttp
import msgspec


class OfficeRefused(Exception):  # noqa: N818 - what the server answered
    """The server's problem, by its stable code."""


class Office:
    """`async with Office(url, number, password) as office`."""

    def __init__(self, server: str, number: str, password: str) -> None:
        self._server, self._number, self._password = server, number, password
        self._http: aiohttp.ClientSession | None = None
        self._token = ""

    async def __aenter__(self) -> Self:
        self._http = aiohttp.ClientSession(self._server)
        credentials = {"staff_number": self._number, "password": self._password, "device": None}
        self._token = (await self.post("/api/sign-in", credentials))["access_token"]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._http is not None:
            await self._http.close()

    async def get(self, path: str, **query: str) -> Any:
        return await self._call("GET", path, query, None)

    async def post(self, path: str, body: Mapping[str, Any] | msgspec.Struct) -> Any:
        return await self._call("POST", path, {}, msgspec.json.encode(body))

    async def _call(self, method: str, path: str, query: Mapping[str, str], body: bytes | None) -> Any:
        assert self._http is not None
        headers = {"Content-Type": "application/json"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        async with self._http.request(method, path, params=query, data=body, headers=headers) as answer:
            content = await answer.read()
            if not answer.ok:
                raise OfficeRefused(f"{method} {path}: {answer.status} {content.decode()[:400]}")
            return msgspec.json.decode(content) if content else None
