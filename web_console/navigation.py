"""What the console offers, and which rights open it: one table for the rail, the guards' tests and the search."""

import msgspec


class Entry(msgspec.Struct, frozen=True):
    """Shown to whoever holds one of `rights`."""

    path: str
    title: str
    icon: str
    rights: frozenset[str]
    # The count that stands on it, by its name in `parts/counts`.
    count: str = ""
    bottom: bool = False


_LEDGERS = frozenset({"station.view", "staff.view", "delivery.view", "certificate.view", "licence.view"})
NAVIGATION = (
    Entry("/", "一张图", "icon:map", frozenset({"network.view"})),
    Entry("/hazards", "隐患", "icon:warning", frozenset({"hazard.view"}), "hazards"),
    Entry("/alarms", "报警", "icon:notifications_active", frozenset({"station.view"}), "alarms"),
    Entry("/tasks", "任务", "icon:assignment", frozenset({"patrol.view"})),
    Entry("/deliveries", "送气", "icon:local_shipping", frozenset({"delivery.view"})),
    Entry("/fillings", "充装", "icon:propane", frozenset({"filling.view"})),
    Entry("/cylinders", "气瓶", "icon:propane_tank", frozenset({"cylinder.view"})),
    Entry("/market", "气瓶核查", "icon:verified_user", frozenset({"market.scan"})),
    Entry("/cameras", "视频", "icon:videocam", frozenset({"camera.view"})),
    Entry("/ledgers", "台账", "icon:menu_book", _LEDGERS),
    Entry("/review", "待核实", "icon:rule", frozenset({"records.review"}), "review"),
    Entry("/statistics", "统计", "icon:bar_chart", frozenset({"statistics.view"})),
    Entry("/devices", "设备", "icon:devices", frozenset({"devices.manage"})),
    Entry("/staff", "人员", "icon:badge", frozenset({"accounts.manage"})),
    Entry("/audit", "审计", "icon:history", frozenset({"audit.view"}), bottom=True),
    Entry("/settings", "设置", "icon:settings", frozenset({"accounts.manage", "network.import"}), bottom=True),
)
