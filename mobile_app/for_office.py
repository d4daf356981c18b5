"""What names a person leaves the screen sealed for the office (`sync.sealed`): neither file nor hub shows it."""

import asyncio

from mobile_app.errors import NotReady
from mobile_app.phone import Phone
from sync.sealed import seal_for_office


async def sealed_for_office(phone: Phone, text: str, record_id: str, *, needed: bool = False) -> str:
    """Empty where no key that the office signed has arrived yet; with `needed` that raises NotReady."""
    key = await phone.personal_key()
    if key and text:
        return await asyncio.to_thread(seal_for_office, key, text.encode(), record_id)
    if needed and text:
        raise NotReady(
            "office_key.not_here",
            "手机里还没有办公室的加密钥匙，证件信息不能存",
            "The phone does not have the office's key yet: personal data cannot be kept",
            action_zh="联网同步一次，再登记",
            action_en="sync once with a network, then register",
        )
    return ""
