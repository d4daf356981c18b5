"""What a worker is told about tags and their readers, the same words whatever the radio."""

from device_bridge.errors import DeviceGarbled, DeviceLost, DeviceMissing, TagAbsent, TagRefused, TagTorn


def absent() -> TagAbsent:
    return TagAbsent(
        "没有读到标签",
        "no tag was read",
        "请把标签贴近读卡区；读不到时请扫二维码或手工输入钢印号",
        "hold the tag to the reader; if it still fails scan the QR code or type the stamped number",
    )


def garbled() -> DeviceGarbled:
    return DeviceGarbled(
        "标签内容损坏",
        "the tag's content is damaged",
        "请扫二维码或手工输入钢印号，并上报标签损坏",
        "scan the QR code or type the stamped number, and report the damaged tag",
    )


def missing() -> DeviceMissing:
    return DeviceMissing(
        "没有找到读卡器",
        "the tag reader was not found",
        "请检查读卡器连接；可先扫二维码或手工输入编号",
        "check its cable; meanwhile scan the QR code or type the number",
    )


def lost() -> DeviceLost:
    return DeviceLost(
        "读卡器断开",
        "the tag reader is gone",
        "请检查读卡器连接；记录继续，可先扫二维码",
        "check its cable; the record goes on, scan the QR code meanwhile",
    )


def wrong_tag() -> TagRefused:
    return TagRefused(
        "不是要写的那张标签",
        "this is another tag than the one to be written",
        "请贴近正确的标签",
        "hold the right tag near",
    )


def foreign_tag() -> TagRefused:
    return TagRefused(
        "标签里有其他单位的内容",
        "the tag holds somebody else's content",
        "请确认后选择覆盖，或换一张标签",
        "confirm that it may be replaced, or use another tag",
    )


def torn() -> TagTorn:
    return TagTorn(
        "标签离开过早",
        "the tag was taken away too early",
        "请再次贴近并保持不动，直到提示完成；上一条内容仍在标签上",
        "hold it near again and keep still until it is done; the previous entry is still on the tag",
    )


def locked() -> TagRefused:
    return TagRefused(
        "标签已锁定，不能写入",
        "the tag is locked",
        "请换一张标签，或只使用二维码",
        "use another tag, or the QR code alone",
    )


def too_small() -> TagRefused:
    return TagRefused("标签容量不足", "the tag is too small", "请使用容量更大的标签", "use a tag with more memory")


def worn_out() -> TagRefused:
    return TagRefused("标签写入次数已尽", "the tag is worn out", "请换一张新标签并重新绑定", "bind a new tag")


def several() -> DeviceGarbled:
    return DeviceGarbled(
        "附近有几张标签，分不清是哪一张",
        "several tags are near; it is not clear which one is meant",
        "请把读卡器贴近这只瓶，或把别的瓶移开；也可扫二维码",
        "hold the reader nearer to this cylinder or move the others away, or scan the QR code",
    )
