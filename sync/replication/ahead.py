"""Preparing the next batch while one is in flight."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")


async def ahead(items: AsyncIterator[T]) -> AsyncGenerator[T, None]:
    """The same items, each made while the caller works on the one before it. Close it (`aclosing`)."""
    upcoming = asyncio.ensure_future(_next(items))
    try:
        while (item := await upcoming) is not None:
            upcoming = asyncio.ensure_future(_next(items))
            yield item
    finally:
        upcoming.cancel()
        with suppress(asyncio.CancelledError, Exception):
            await upcoming


async def _next(items: AsyncIterator[T]) -> T | None:
    return await anext(items, None)
