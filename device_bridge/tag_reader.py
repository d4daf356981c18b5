"""One door for every radio: a tag is read and written in the same words, by NFC or by UHF."""

from collections.abc import Sequence
from typing import Protocol

from device_bridge.errors import AddressInvalid
from device_bridge.models import Tag, WrittenTag
from device_bridge.tag_content import TagContent
from device_bridge.tag_slots import TagKey

# A hand that is on its way to the tag needs that long.
DEFAULT_TIMEOUT_S = 10.0
ADDRESS_EXAMPLES = "usb, usb:072f:2200, tty:USB0:pn532, udp:127.0.0.1:54321, llrp://192.168.1.10:5084"


class TagReader(Protocol):
    async def read(self, timeout_s: float = DEFAULT_TIMEOUT_S) -> Tag:
        """The tag that is held near. Raises TagAbsent, TagTorn, DeviceMissing, DeviceGarbled."""
        ...

    async def write(
        self,
        code: str,
        *,
        uid: str | None = None,
        page_url: str | None = None,
        replace_foreign: bool = False,
        timeout_s: float = DEFAULT_TIMEOUT_S,
    ) -> Tag:
        """Writes `code`, reads it back and answers what the tag holds now.

        With `uid` only that tag is written; a tag of somebody else only with `replace_foreign`. Raises what `read`
        raises, and TagRefused. After TagTorn the tag may be empty: hold it near again and write again.
        """
        ...

    async def write_entry(
        self,
        content: TagContent,
        *,
        uid: str,
        keys: Sequence[TagKey],
        page_url: str | None = None,
        replace_foreign: bool = False,
        timeout_s: float = DEFAULT_TIMEOUT_S,
    ) -> WrittenTag:
        """Adds an entry under the first of `keys`, beside the previous one, which stays until the new one is complete;
        code and page are written before it where the tag does not say them yet.

        Only the tag with `uid` is written. What of the entry does not fit is left out and told. Raises what `write`
        raises; after TagTorn the previous entry is still there: hold it near again and write again.
        """
        ...


def open_tag_reader(address: str) -> TagReader:
    """The reader that `address` names: in nfcpy's words, or `llrp://host:port`; opened at each call.

    Raises AddressInvalid.
    """
    from device_bridge import nfc  # noqa: PLC0415 - its drivers take a fifth of a second, and not every phone has a reader

    driver, _, rest = address.partition(":")
    if driver == "llrp":
        # Imported by need: few phones have a UHF reader.
        from device_bridge.uhf import UhfReader  # noqa: PLC0415

        return UhfReader(address)
    if driver not in nfc.DRIVERS or (driver != "usb" and not rest):
        raise AddressInvalid(address, ADDRESS_EXAMPLES)
    return nfc.NfcpyReader(address)
