"""The lists and limits that a company starts with, until its administrator changes them."""

from sync.documents.reference import ListEntry
from sync.rules.certificates import (
    EXPLOSION_PROOF,
    FILLER,
    FILLING_LICENCE,
    READER_CONFORMITY,
    ROAD_TRANSPORT,
    TAG_CONFORMITY,
)
from sync.rules.filling import TAG_ITEM
from sync.rules.station_limits import ENTRIES, STATION_LIMITS


def _entries(*rows: tuple[str, str, str] | tuple[str, str, str, str]) -> tuple[ListEntry, ...]:
    return tuple(ListEntry(code=row[0], zh=row[1], en=row[2], icon=row[3] if len(row) == 4 else "") for row in rows)


# Icons are names of Material Symbols, as the phone draws them.
_HAZARD_TYPES = _entries(
    ("encroachment", "占压", "Building over the pipe", "domain_disabled"),
    ("third_party_works", "第三方施工", "Third-party works", "construction"),
    ("leak_sign", "泄漏迹象", "Sign of a leak", "gas_meter"),
    ("subsidence", "塌陷冻胀", "Subsidence or frost heave", "landslide"),
    ("marker_post", "标志桩", "Marker post", "signpost"),
    ("chamber_flooded", "井盖积水", "Chamber cover or water", "water_drop"),
    ("regulator_iced", "调压箱结冰", "Regulator box iced", "ac_unit"),
    ("corrosion", "腐蚀", "Corrosion", "blur_on"),
    ("other", "其他", "Other", "more_horiz"),
)
_DELIVERY_CHECK = (
    ListEntry(code="upright", zh="气瓶直立放置", en="Cylinder stands upright"),
    ListEntry(
        code="room",
        zh="非卧室、地下、半地下、高层",
        en="Not in a bedroom, cellar, half-cellar or high-rise",
        help_zh="用气处所不得为卧室、地下室、半地下室或高层建筑",
        help_en="Gas may not be used in these rooms",
    ),
    ListEntry(
        code="stove_distance",
        zh="瓶灶距",
        en="Distance from cylinder to stove",
        unit="m",
        limit=0.5,
        help_zh="不小于限值",
        help_en="At least the limit",
    ),
    ListEntry(code="regulator_in_date", zh="调压器在期", en="Regulator within its service life"),
    ListEntry(
        code="hose",
        zh="软管",
        en="Hose",
        unit="m",
        limit=2.0,
        help_zh="不超过限值，无接头，有卡箍，未老化",
        help_en="At most the limit, no joint, clamped, not aged",
    ),
    ListEntry(code="flame_failure", zh="熄火保护", en="Flame-failure device"),
    ListEntry(
        code="stove_age",
        zh="灶具使用年限",
        en="Age of the stove",
        unit="a",
        limit=8.0,
        help_zh="不超过限值",
        help_en="At most the limit",
    ),
    ListEntry(code="ventilation", zh="通风", en="Ventilation"),
    ListEntry(code="single_source", zh="无双火源、双气源", en="No second fire or second kind of gas"),
    ListEntry(code="flue", zh="烟道出户", en="Flue leads outdoors"),
    ListEntry(code="alarm", zh="报警器（餐饮）", en="Gas alarm (restaurants)"),
    ListEntry(code="leak_reading", zh="检漏读数", en="Leak reading", unit="ppm", limit=50.0, help_zh="不超过限值"),
)


def _sizes(**limits_kg: float) -> tuple[ListEntry, ...]:
    """By size; a keyword cannot hold the point of YSP35.5."""
    named = {size.replace("_", "."): limit for size, limit in limits_kg.items()}
    return tuple(ListEntry(code=size, zh=size, en=size, unit="kg", limit=limit) for size, limit in named.items())


def _areas(*rows: tuple[str, str, str, int]) -> tuple[ListEntry, ...]:
    return tuple(ListEntry(code=code, zh=zh, en=en, unit="路", limit=float(least)) for code, zh, en, least in rows)


# To be confirmed by each company. LPG: at most 0.42 kg for each litre of volume.
_FILLING: dict[str, tuple[ListEntry, ...]] = {
    "filling_check_before": _entries(
        ("colour", "颜色、检验色标", "Colour and inspection mark"),
        ("appearance", "外观", "Appearance"),
        ("guard_valve", "护罩、瓶阀", "Guard and valve"),
        ("stamp", "钢印清晰", "Stamp readable"),
        (TAG_ITEM, "电子标签牢固、完好、可读", "Tag firm, whole and readable"),
        ("residual_pressure", "剩余压力", "Residual pressure"),
    ),
    "filling_check_after": _entries(
        ("leak", "检漏", "Leak test"),
        ("deformation", "瓶体变形", "Deformation"),
        ("filling_label", "充装标签", "Filling label"),
        ("warning_label", "警示标签", "Warning label"),
    ),
    "filling_net_weight": _sizes(YSP4_7=1.9, YSP12=4.9, YSP26_2=10.9, YSP35_5=14.5, YSP118=49.0),
    "filling_tolerance": _sizes(YSP4_7=0.1, YSP12=0.2, YSP26_2=0.3, YSP35_5=0.4, YSP118=0.5),
    "filling_factor": (ListEntry(code="LPG", zh="液化石油气", en="LPG", unit="kg/L", limit=0.42),),
    "filling_empty_limit": (
        ListEntry(code="residue", zh="残液量不超过", en="Residue at most", unit="kg", limit=1.0),
        ListEntry(code="below_tare", zh="低于皮重不超过", en="Below tare at most", unit="kg", limit=0.3),
    ),
    "refused_cylinder_action": _entries(
        ("inspection", "送检验机构", "Sent to an inspection body"),
        ("owner", "通知产权单位领回", "Owner told to take it back"),
        ("scrapped", "报废处理", "Scrapped"),
        ("tag_replaced", "补办标签", "Tag replaced"),
        ("drained", "倒残后复秤合格", "Drained and weighed again"),
        ("repaired", "维修后复查合格", "Repaired and checked"),
        ("archive_mended", "更正档案", "Archive corrected"),
        ("reported", "报告市场监管部门", "Reported to the market regulator"),
        ("other", "其他", "Other"),
    ),
}

LISTS: dict[str, tuple[ListEntry, ...]] = {
    **_FILLING,
    STATION_LIMITS: ENTRIES,
    "hazard_type": _HAZARD_TYPES,
    "hazard_grade": _entries(
        ("general", "一般", "General"), ("serious", "较大", "Serious"), ("major", "重大", "Major")
    ),
    "hazard_source": _entries(
        ("patrol", "巡线", "Patrol"),
        ("delivery_check", "随瓶安检", "Check at delivery"),
        ("leak", "疑似泄漏", "Suspected leak"),
        ("in_home_check", "入户安检", "In-home check"),
        ("public_report", "群众举报", "Report by the public"),
        ("office", "单位自查", "Own inspection"),
    ),
    "unreachable_reason": _entries(
        ("snow", "积雪覆盖", "Covered by snow"),
        ("frozen_cover", "井盖冻结", "Cover frozen"),
        ("fence", "围挡", "Fenced off"),
        ("other", "其他", "Other"),
    ),
    "check_point_item": _entries(
        ("leak_sign", "泄漏迹象", "Sign of a leak"),
        ("encroachment", "占压", "Building over the pipe"),
        ("third_party_works", "第三方施工", "Third-party works"),
        ("subsidence", "塌陷冻胀", "Subsidence or frost heave"),
        ("marker_post", "标志桩", "Marker post"),
        ("chamber_flooded", "井盖积水", "Chamber cover or water"),
        ("regulator_iced", "调压箱结冰", "Regulator box iced"),
        ("pressures", "进出口压力", "Inlet and outlet pressure"),
    ),
    "machinery": _entries(
        ("excavator", "挖掘机", "Excavator", "front_loader"),
        ("drill", "定向钻", "Directional drill", "hardware"),
        ("breaker", "破碎锤", "Breaker", "gavel"),
        ("piling", "打桩机", "Piling rig", "vertical_align_bottom"),
        ("crane", "吊车", "Crane", "precision_manufacturing"),
        ("by_hand", "人工开挖", "Digging by hand", "agriculture"),
        ("other", "其他", "Other", "more_horiz"),
    ),
    "works_progress": _entries(
        ("planned", "未开工", "Not begun"),
        ("digging", "开挖中", "Digging"),
        ("pipe_exposed", "管道外露", "Pipe exposed"),
        ("backfilling", "回填中", "Backfilling"),
        ("finished", "已完工", "Finished"),
    ),
    "leak_action": _entries(
        ("evacuated", "已撤离", "People sent away"),
        ("cordoned", "已设警戒", "Cordoned off"),
        ("called", "已报抢险", "Emergency line called"),
        ("valve_closed", "已关阀", "Valve closed"),
        ("watching", "现场看守", "Watching the place"),
        ("below_limit", "复测低于限值", "Re-test below the limit"),
    ),
    "delivery_check_item": _DELIVERY_CHECK,
    "receiver_relation": _entries(
        ("self", "本人", "The account holder"),
        ("spouse", "配偶", "Spouse"),
        ("family", "家人", "Family"),
        ("employee", "员工", "Employee"),
        ("neighbour", "邻居", "Neighbour"),
        ("other", "其他", "Other"),
    ),
    "payment_method": _entries(
        ("cash", "现金", "Cash"),
        ("wechat", "微信", "WeChat"),
        ("alipay", "支付宝", "Alipay"),
        ("bank", "转账", "Transfer"),
        ("prepaid", "预付", "Prepaid"),
        ("account", "记账", "On account"),
    ),
    "tag_replacement_reason": _entries(
        ("damaged", "标签损坏", "Tag damaged"),
        ("peeled", "标签被剥离", "Tag peeled off"),
        ("lost", "标签遗失", "Tag lost"),
        ("unreadable", "读不出", "Cannot be read"),
    ),
    "returned_cylinder_fault": _entries(
        ("not_owned", "非本企业", "Not the company's"),
        ("tag_damaged", "标签损坏", "Tag damaged"),
        ("ownership_replaced", "产权置换", "Ownership replaced"),
    ),
    "customer_category": _entries(
        ("residential", "居民", "Residential"),
        ("catering", "餐饮", "Restaurant"),
        ("commercial", "工商", "Commercial or industrial"),
        ("institution", "机关学校", "Institution or school"),
    ),
    "licence_paper": _entries(
        ("form", "申请表", "Application form"),
        ("business_licence", "营业执照", "Business licence"),
        ("identity", "身份证明", "Proof of identity"),
        ("training", "培训考核证明", "Proof of training"),
        ("site", "场地与规划证明", "Site and planning"),
        ("safety_assessment", "安全评价报告", "Safety assessment"),
        ("fire_acceptance", "消防验收文件", "Fire protection acceptance"),
        ("other", "其他", "Other"),
    ),
    "staff_post": _entries(
        ("station_manager", "站长", "Station manager"),
        ("safety_officer", "安全员", "Safety officer"),
        ("filler", "充装工", "Filler"),
        ("filling_inspector", "充装检查员", "Filling inspector"),
        ("delivery", "送气工", "Delivery worker"),
        ("driver", "危货驾驶员", "Driver of dangerous goods"),
        ("escort", "押运员", "Escort"),
        ("storekeeper", "库管员", "Storekeeper"),
        ("patrol", "巡线员", "Patrol inspector"),
        ("safety_check", "入户安检员", "In-home inspector"),
        ("repair", "维修抢修工", "Repair worker"),
        ("service", "客服", "Customer service"),
        ("office", "管理人员", "Management"),
    ),
    "staff_certificate": _entries(
        (FILLER, "气瓶充装作业人员证", "Cylinder filler's certificate"),
        ("filling_inspector", "充装前后检查员证", "Inspector's certificate for filling"),
        ("safety_manager", "安全生产管理人员考核合格证", "Safety manager's certificate"),
        ("gas_operator", "燃气经营企业从业人员证", "Gas trade worker's certificate"),
        ("delivery", "送气服务人员证", "Delivery worker's certificate"),
        ("dangerous_goods_driver", "危险货物运输驾驶员证", "Driver of dangerous goods"),
        ("dangerous_goods_escort", "危险货物运输押运员证", "Escort of dangerous goods"),
        ("pressure_vessel", "压力容器作业人员证", "Pressure vessel operator"),
    ),
    "company_certificate": _entries(
        (FILLING_LICENCE, "气瓶充装许可证", "Cylinder filling licence"),
        ("gas_business", "燃气经营许可证", "Gas business licence"),
        ("dangerous_goods_transport", "道路危险货物运输许可证", "Licence to carry dangerous goods"),
        ("work_safety", "安全生产许可证", "Work safety licence"),
        (TAG_CONFORMITY, "电子标签型号符合性证书（GB/T 32830.1）", "Conformity of the tags' model (GB/T 32830.1)"),
        (READER_CONFORMITY, "读写器型号符合性证书（GB/T 32830.2）", "Conformity of the readers' model (GB/T 32830.2)"),
    ),
    "device_certificate": _entries(
        (EXPLOSION_PROOF, "防爆合格证", "Explosion-proof certificate"),
        (READER_CONFORMITY, "读写器符合性证书（GB/T 32830.2）", "Reader's conformity (GB/T 32830.2)"),
    ),
    "station_certificate": _entries(
        ("gas_station", "燃气经营许可证（站点）", "Gas business licence of the station"),
        ("supply_station", "供应站许可证", "Supply station licence"),
        ("pressure_vessel_registration", "特种设备使用登记证", "Registration of pressure vessels"),
        ("fire_acceptance", "消防验收合格证", "Fire protection acceptance"),
        ("lightning_protection", "防雷检测报告", "Lightning protection test"),
    ),
    "vehicle_certificate": _entries(
        (ROAD_TRANSPORT, "道路运输证", "Road transport certificate"),
        ("driving_licence", "行驶证年检", "Vehicle's yearly inspection"),
        ("insurance", "承运人责任险", "Carrier's liability insurance"),
    ),
    # The limit is what one may hold at most, in kilograms of gas (GB 5842).
    "cylinder_specification": tuple(
        ListEntry(code=code, zh=f"{code}（{kg:g} kg）", en=f"{code} ({kg:g} kg)", unit="kg", limit=kg)
        for code, kg in (
            ("YSP4.7", 1.9),
            ("YSP12", 5.0),
            ("YSP26.2", 11.0),
            ("YSP35.5", 14.9),
            ("YSP118", 49.5),
            ("YSP118-II", 49.5),
        )
    ),
    # Key areas (重点部位) that cameras look at; the limit is how many cameras each such place needs at least.
    "key_area_storage": _areas(
        ("tanks", "储罐区", "Tanks", 1),
        ("filling", "灌装间", "Filling room", 1),
        ("loading", "装卸台", "Loading platform", 1),
        ("cylinders", "瓶库", "Cylinder store", 1),
        ("gate", "门口", "Gate", 1),
        ("compressors", "压缩机房", "Compressor room", 0),
        ("control", "值班室", "Control room", 0),
        ("yard", "站区道路", "Yard", 0),
        ("other", "其他", "Other", 0),
    ),
    "key_area_supply": _areas(
        ("cylinders", "瓶库", "Cylinder store", 1),
        ("gate", "门口", "Gate", 1),
        ("counter", "营业室", "Counter", 0),
        ("loading", "装卸处", "Loading place", 0),
        ("other", "其他", "Other", 0),
    ),
    "key_area_vehicle": _areas(
        ("cargo", "货厢", "Cargo", 0), ("cab", "驾驶室", "Cab", 0), ("road", "前方道路", "Road ahead", 0)
    ),
    # Days by E5.8.3-10; height and interruption are to be confirmed by the company.
    "video_limit": (
        ListEntry(code="kept_storage", zh="储配站录像保存不少于", en="Storage stations keep", unit="d", limit=90.0),
        ListEntry(code="kept_supply", zh="供应站录像保存不少于", en="Supply stations keep", unit="d", limit=30.0),
        ListEntry(code="kept_point", zh="供应点录像保存不少于", en="Supply points keep", unit="d", limit=30.0),
        ListEntry(code="kept_vehicle", zh="运输车录像保存不少于", en="Vehicles keep", unit="d", limit=3.0),
        ListEntry(code="height", zh="画面高度不低于", en="Picture height at least", unit="px", limit=720.0),
        ListEntry(code="gap", zh="录像中断不超过", en="Interruption at most", unit="min", limit=5.0),
    ),
    "cylinder_medium": _entries(
        ("LPG", "液化石油气", "LPG"), ("propane", "丙烷", "Propane"), ("butane", "丁烷", "Butane")
    ),
    "scrap_reason": _entries(
        ("inspection_failed", "检验不合格", "Failed its inspection"),
        ("service_ended", "超过使用年限", "Past its service life"),
        ("damaged", "损坏变形", "Damaged or deformed"),
        ("corroded", "严重腐蚀", "Corroded"),
        ("unreadable", "钢印无法辨认", "Stamp unreadable"),
        ("registered", "建档时已报废", "Scrapped before it was entered"),
        ("other", "其他", "Other"),
    ),
    "facility_kind": _entries(
        ("valve", "阀门", "Valve"),
        ("regulator_box", "调压箱", "Regulator box"),
        ("drip_pot", "凝水缸", "Drip pot"),
        ("marker", "标志桩", "Marker post"),
        ("test_post", "阴极保护桩", "Cathodic protection test post"),
        ("other", "其他", "Other"),
    ),
    "visit_outcome": _entries(
        ("entered", "已入户", "Entered"),
        ("not_home", "到访不遇", "Nobody at home"),
        ("refused", "拒检", "Check refused"),
        ("vacant", "空置", "Vacant"),
        ("rescheduled", "预约改期", "Rescheduled"),
    ),
}

# Figures that the company confirms; the telephone is that of the invented demonstration company's emergency line.
LEAK_ALARM_PPM = 500.0
LEAK_EMERGENCY_PPM = 10_000.0
CERTIFICATE_REMINDER_DAYS = (60, 30, 7)
DELIVERY_PROMISE_MIN = 90.0
LICENCE_ACCEPT_DAYS = 5
LICENCE_DECIDE_DAYS = 20
CUSTOMER_REQUIRED_FIELDS = ("code", "name", "category", "phone", "address", "identity_number")
