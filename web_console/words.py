"""The console's English: each Chinese text that a page says, and what it says in English. A test asks for every one."""

EN: dict[str, str] = {}

# A record's type as the feed and the lists of records say it.
RECORDS = {
    "shift.checked": ("开工体检", "checked before the shift"),
    "patrol.started": ("开始巡线", "began a patrol"),
    "patrol.tracked": ("巡线轨迹", "track"),
    "patrol.paused": ("巡线暂停", "paused a patrol"),
    "patrol.finished": ("结束巡线", "ended a patrol"),
    "checkpoint.visited": ("检查点到位", "visited a check point"),
    "hazard.reported": ("上报隐患", "reported a hazard"),
    "leak.suspected": ("疑似泄漏", "suspected a leak"),
    "works.reported": ("第三方施工", "reported works"),
    "cylinders.loaded": ("气瓶装车", "loaded cylinders"),
    "cylinder.refused": ("气瓶被拒", "cylinder refused"),
    "delivery.checked": ("随瓶安检", "checked at delivery"),
    "delivery.completed": ("送达签收", "delivered"),
    "visit.failed": ("到访未成", "visit failed"),
    "photo": ("照片", "photo"),
}


def record_words(tag: str) -> tuple[str, str]:
    return RECORDS.get(tag, (tag, tag))


# What a customer's record may lack before a delivery can be entered.
FIELD_WORDS = {
    "code": ("客户代码", "customer code"),
    "name": ("姓名", "name"),
    "category": ("客户类别", "class"),
    "phone": ("联系电话", "telephone"),
    "address": ("用气地址", "address"),
    "identity_number": ("身份证号", "identity number"),
    "identity_number_given": ("身份证号", "identity number"),
    "opened_on": ("开户时间", "opening date"),
    "customer": ("客户档案", "customer's record"),
    "position": ("位置", "position"),
}
