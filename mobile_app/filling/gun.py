"""The gun open, from the first gram to the last: every way out of here leaves it locked."""

import asyncio
from collections.abc import Callable
from contextlib import aclosing

from device_bridge.errors import DeviceLost
from device_bridge.models import Weight
from device_bridge.scale import FillingScale
from sync.documents.filling import FillingEnd

# A scale comes to rest in a second or two; one that does not is told.
SETTLE_S = 6.0
OnWeight = Callable[[Weight], object]


async def fill_up(
    scale: FillingScale,
    record_id: str,
    *,
    stop_at_gross_kg: float,
    on_weight: OnWeight,
    stopping: Callable[[], bool],
) -> FillingEnd:
    """Opens the gun and waits until it is locked again: at the target, or because the worker let go."""
    async with aclosing(scale.weights()) as weights:
        first = await anext(weights)
        on_weight(first)
        if first.kg >= stop_at_gross_kg:
            return "target_reached"
        await scale.unlock(record_id, stop_at_gross_kg)
        async for weight in weights:
            on_weight(weight)
            if weight.at_target or weight.kg >= stop_at_gross_kg:
                await scale.lock()
                return "target_reached"
            if stopping():
                await scale.lock()
                return "stopped"
            if not weight.unlocked:
                # The scale has locked by itself: it had not heard from us for a second.
                raise _let_go()
    raise _let_go()


async def settled_gross_kg(scale: FillingScale, *, on_weight: OnWeight = lambda _w: None) -> float:
    """The weight once the platform is at rest. Raises DeviceError, also when it does not come to rest."""
    try:
        async with asyncio.timeout(SETTLE_S), aclosing(scale.weights()) as weights:
            async for weight in weights:
                on_weight(weight)
                if weight.stable:
                    return weight.kg
    except TimeoutError as error:
        raise _restless() from error
    raise _restless()


def _let_go() -> DeviceLost:
    return DeviceLost(
        "枪自己锁上了：秤有一秒没收到信号",
        "the gun locked by itself: the scale heard nothing for a second",
        "看看网络，再接着充",
        "look at the network, then go on filling",
    )


def _restless() -> DeviceLost:
    return DeviceLost(
        "秤一直不稳",
        "the scale does not come to rest",
        "扶正气瓶，挡住风，不要碰秤台，再试一次",
        "set the cylinder straight, keep wind and hands away, then try again",
    )
