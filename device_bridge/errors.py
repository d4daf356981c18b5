"""What can go wrong with a device, in words for the person who holds it.

DeviceError
├── DeviceMissing      it was never there: switched off, not plugged in, no permission
│   └── TagAbsent      the reader works, no tag came near in time
├── DeviceLost         it was there and has gone silent; the record goes on without it
│   └── TagTorn        the tag left while it was read or written
├── DeviceGarbled      it answers, but not with anything that can be understood
├── LockRefused        the gun's lock does not do what it was told
├── TagRefused         the tag is read-only, too small, or not the one that was asked for
└── AddressInvalid     the setting that names the device cannot be read
"""

# ruff: noqa: N818 - named for what a worker sees, as they read in an except line


class DeviceError(Exception):
    """Carries what happened and what to do, in Chinese first and in English."""

    def __init__(self, detail_zh: str, detail_en: str, what_to_do_zh: str, what_to_do_en: str) -> None:
        super().__init__(detail_zh, detail_en, what_to_do_zh, what_to_do_en)
        self.detail_zh = detail_zh
        self.detail_en = detail_en
        self.what_to_do_zh = what_to_do_zh
        self.what_to_do_en = what_to_do_en

    def __str__(self) -> str:
        return f"{self.detail_zh}：{self.what_to_do_zh} ({self.detail_en}: {self.what_to_do_en})"


class DeviceMissing(DeviceError):
    pass


class TagAbsent(DeviceMissing):
    pass


class DeviceLost(DeviceError):
    pass


class TagTorn(DeviceLost):
    pass


class DeviceGarbled(DeviceError):
    pass


class LockRefused(DeviceError):
    pass


class TagRefused(DeviceError):
    pass


class AddressInvalid(DeviceError):
    def __init__(self, address: str, examples: str) -> None:
        super().__init__(
            f"设备地址无法识别：{address!r}",
            f"the device address {address!r} cannot be understood",
            f"请在设置中改为如下形式：{examples}",
            f"use one of these forms in the settings: {examples}",
        )
