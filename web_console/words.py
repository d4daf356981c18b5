"""What the console says. Pages speak Chinese; `english.tsv` holds the English of each text (a test asks for all)."""

from pathlib import Path

EN: dict[str, str] = dict(
    line.split("\t", 1) for line in (Path(__file__).parent / "english.tsv").read_text(encoding="utf-8").splitlines()
)

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
    "cylinders.stored": ("回站入库", "brought cylinders back"),
    "customer.completed": ("实名登记", "registered a customer"),
    "customer.paper_done": ("客户资料", "brought a customer's paper"),
    "vehicle.tracked": ("送气轨迹", "track of a vehicle"),
    "alarm.raised": ("场站报警", "station alarm"),
    "alarm.cleared": ("报警消除", "alarm cleared"),
    "fire_water.started": ("启动消防水", "started the fire water"),
    "station.readings": ("场站读数", "station's readings"),
    "photo": ("照片", "photo"),
    "voice_note": ("语音说明", "voice note"),
    # What the office wrote, where a contradiction names it.
    "task.patrol": ("巡线任务", "patrol task"),
    "task.delivery": ("配送任务", "delivery task"),
    "reference.certificate": ("证照", "certificate"),
    "reference.cylinder": ("气瓶档案", "cylinder's record"),
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
    "safety_officer": ("安全负责人", "safety officer"),
    "agreement_on": ("供用气合同", "supply contract"),
    "district": ("城区", "district"),
    "street": ("街道", "street office"),
    "community": ("社区", "community"),
    "road": ("小区或道路", "estate or road"),
    "house": ("门牌号", "house number"),
    "customer": ("客户档案", "customer's record"),
    "position": ("位置", "position"),
}

# Facts that contradict each other (问题单).
CONFLICTS = {
    "task.withdrawn": ("已撤回的任务仍被执行", "A withdrawn task was carried out"),
    "task.reassigned": ("已改派的任务仍由原人执行", "A reassigned task was carried out by the first person"),
    "patrol.other_staff": ("他人的记录混入本次巡线", "A record names somebody else's walk"),
    "record.other_company": ("记录引用了其他企业的对象", "A record names what is another company's"),
    "task.other_staff": ("任务由他人执行", "A task was carried out by somebody else"),
    "delivery.incomplete_customer": ("档案不全的客户已送达", "Delivered to a customer whose record is incomplete"),
    "customer.differs": ("客户信息两处不一致", "A customer's record and what was taken down differ"),
    "customer.card_differs": ("证件照片与登记不一致", "The card's photo and what was taken down differ"),
    "customer.identity_wrong": ("登记的证件号码不对", "An identity number that cannot be right was taken down"),
    "customer.not_opened": ("实名登记无法解密", "A registration that this office cannot open"),
    "load.missing": ("回站气瓶数量不符", "Cylinders did not come back to the station"),
    "order.other_staff": ("配送单由他人完成", "An order was carried out by another driver"),
    "order.withdrawn": ("已撤回的配送单仍已送达", "A withdrawn order was delivered"),
    "order.reassigned": ("已改派的配送单由原人送达", "A reassigned order was delivered by the first driver"),
    "cylinder.delivered_twice": ("一瓶两处送达", "One cylinder delivered twice"),
    "cylinder.delivered_by_other": ("送达人不是装车人", "Delivered by somebody who had not loaded it"),
    "cylinder.returned_from_other": ("从另一户回收", "Taken back from another customer"),
    "cylinder.loaded_while_at_customer": ("还在客户处就装车", "Loaded while at a customer's"),
    "cylinder.delivered_not_loaded": ("未装车就送达", "Delivered but never loaded"),
    "cylinder.returned_not_delivered": ("未送达就回收", "Taken back but never delivered"),
    "cylinder.not_returned": ("未回收就已回站", "At a station without having been taken back"),
    "cylinder.filled_not_at_station": ("不在站内却有充装", "Filled while not at a station"),
    "cylinder.filled_twice": ("未送出就再次充装", "Filled twice without return"),
    "cylinder.two_places": ("一瓶同时在两处", "In two places at once"),
    "filling.forbidden": ("不该充装的气瓶有充装记录", "A cylinder was filled that must not be"),
    "cylinder.used_after_scrapping": ("报废后仍被使用", "Used after it was scrapped"),
    "cylinder.stamp_differs": ("瓶上钢印与档案不符", "The number stamped on the cylinder is another"),
    "tag.bound_elsewhere": ("一张标签绑在两只瓶上", "One tag on two cylinders"),
    "tag.replaced_other": ("换标签没有说明换下哪张", "A tag replaced another that nobody named"),
    "tag.dead_again": ("作废的标签又被使用", "A dead tag was used again"),
}

# How the list of phones may be sorted.
PHONE_ORDERS = {
    "seen": ("最近联络在前", "Latest first"),
    "silent": ("久未联络在前", "Silent first"),
    "waiting": ("待收多的在前", "Most waiting first"),
    "lag": ("滞后久的在前", "Longest lag first"),
    "person": ("按姓名", "By name"),
}

# What a database of the hub holds.
DATABASES = {
    "user": ("记录与任务", "records and tasks"),
    "media": ("照片", "photos"),
    "unit": ("单位资料", "unit's reference data"),
}

# The company's lists, by name.
LISTS = {
    "hazard_type": ("隐患类型", "Hazard types"),
    "hazard_grade": ("隐患等级", "Hazard grades"),
    "hazard_source": ("隐患来源", "Sources of hazards"),
    "unreachable_reason": ("无法到达原因", "Reasons out of reach"),
    "check_point_item": ("检查点项目", "Check point items"),
    "machinery": ("施工机械", "Machinery"),
    "works_progress": ("施工进度", "Progress of works"),
    "leak_action": ("泄漏处置", "Actions at a leak"),
    "delivery_check_item": ("随瓶安检项目", "Check at delivery"),
    "receiver_relation": ("签收人关系", "Receiver's relation"),
    "payment_method": ("收款方式", "Methods of payment"),
    "returned_cylinder_fault": ("空瓶异常", "Faults of returned cylinders"),
    "filling_check_before": ("充装前检查项目", "Check before filling"),
    "filling_check_after": ("充装后检查项目", "Check after filling"),
    "filling_net_weight": ("充装净重（按规格）", "Net weight by size"),
    "filling_tolerance": ("充装允差（按规格）", "Tolerance by size"),
    "filling_factor": ("充装系数（按介质）", "Filling factor by medium"),
    "filling_empty_limit": ("充装前空瓶限值", "Limits of an empty before filling"),
    "refused_cylinder_action": ("拒充处理", "What was done with refused cylinders"),
    "cylinder_specification": ("气瓶规格（最大充装量）", "Cylinder sizes (most they hold)"),
    "cylinder_medium": ("充装介质", "Gases"),
    "scrap_reason": ("报废原因", "Reasons for scrapping"),
    "station_alarm_limit": ("场站报警限值", "Limits of station alarms"),
    "customer_category": ("客户类别", "Classes of customers"),
    "licence_paper": ("许可申请材料", "Papers of an application"),
    "staff_post": ("岗位", "Posts"),
    "staff_certificate": ("人员证照", "Staff certificates"),
    "company_certificate": ("企业证照", "Company licences"),
    "station_certificate": ("场站证照", "Station certificates"),
    "vehicle_certificate": ("车辆证照", "Vehicle certificates"),
    "facility_kind": ("设施类型", "Kinds of facilities"),
    "visit_outcome": ("到访结果", "Outcomes of a visit"),
}

# Fields of a network file that a column can be named for.
IMPORT_FIELDS = {
    "code": ("编号", "Code"),
    "pressure_level": ("压力级制", "Pressure level"),
    "material": ("材质", "Material"),
    "diameter": ("管径", "Diameter"),
    "laid_year": ("敷设年份", "Year laid"),
    "area": ("巡线片区", "Patrol area"),
    "kind": ("设施类型", "Kind"),
    "name": ("名称", "Name"),
    "lon": ("经度", "Longitude"),
    "lat": ("纬度", "Latitude"),
    "wkt": ("WKT", "WKT"),
}

# Columns of the figures by unit and by day.
FIGURES = {
    "day": ("日期", "Day"),
    "name": ("单位", "Unit"),
    "storage_stations": ("储配站", "Storage stations"),
    "supply_stations": ("供应站", "Supply stations"),
    "supply_points": ("供应点", "Supply points"),
    "delivery_workers": ("送气工", "Delivery workers"),
    "vehicles": ("配送车辆", "Vehicles"),
    "customers": ("客户", "Customers"),
    "own_cylinders": ("自有气瓶", "Own cylinders"),
    "stock": ("站内库存", "In stock"),
    "filled": ("充装 瓶", "Filled"),
    "filled_kg": ("充装 kg", "Filled kg"),
    "refused": ("拒充 瓶", "Refused"),
    "sold": ("送达 瓶", "Delivered"),
    "checked_households": ("安检 户", "Homes checked"),
    "entered": ("入户安检", "Checks"),
    "entered_percent": ("入户率 %", "Let in %"),
    "failed_visits": ("未入户", "Visits in vain"),
    "hazards": ("隐患 条", "Hazards"),
}
# What is done with a customer once, and reviewed.
PAPERS = {
    "agreement": ("协议签订", "Agreement"),
    "safety_notice": ("安全告示", "Safety notice"),
    "fittings": ("配件置换", "Fittings replaced"),
    "in_home_check": ("入户安检", "In-home check"),
}

# What the audit calls each action.
ACTIONS = {
    "staff.signed_in": ("手机登录", "signed in on a phone"),
    "console.signed_in": ("登录控制台", "signed in to the console"),
    "staff.signed_out": ("退出登录", "signed out"),
    "sign_in.locked": ("登录被锁定", "sign-in locked"),
    "refresh_token.reused": ("登录凭证被重复使用", "a refresh token was used twice"),
    "staff.created": ("新建人员", "made a member of staff"),
    "staff.units_set": ("设置所属单位", "set units"),
    "staff.deactivated": ("停用人员", "closed an account"),
    "staff.reinstated": ("恢复人员", "reopened an account"),
    "role.granted": ("授权", "granted a role"),
    "role.withdrawn": ("撤销授权", "withdrew a role"),
    "password.reset": ("重置密码", "reset a password"),
    "password.changed": ("修改密码", "changed the password"),
    "device.registered": ("登记设备", "registered a device"),
    "device.revoked": ("停用设备", "revoked a device"),
    "records.missing": ("发现缺号记录", "noticed missing records"),
    "records.number_twice": (
        "记录编号重复（手机恢复过备份）",
        "noticed record numbers used twice (a phone put back to a backup)",
    ),
    "hub.repaired": ("核对并修复同步库", "repaired a hub database"),
    "quarter.closed": ("季度归档并清理", "archived and dropped a quarter"),
    "quarter.restored": ("恢复季度归档", "restored a quarter's archive"),
    "device.reinstated": ("恢复设备", "reinstated a device"),
    "organisation.created": ("新建机构", "made an organisation"),
    "network.imported": ("导入管网", "imported a network"),
    "area.drawn": ("划定片区", "drew an area"),
    "plan.saved": ("保存巡线计划", "saved a plan"),
    "plan.stopped": ("停止巡线计划", "stopped a plan"),
    "task.reassigned": ("改派任务", "reassigned a task"),
    "task.withdrawn": ("撤回任务", "withdrew a task"),
    "hazard.decide": ("核定隐患", "decided a hazard's grade"),
    "hazard.dismiss": ("隐患不成立", "dismissed a hazard"),
    "hazard.dispatch": ("隐患派单", "dispatched a hazard"),
    "hazard.rectify": ("整改完成", "rectified a hazard"),
    "hazard.recheck": ("复查销号", "closed a hazard"),
    "hazard.return": ("退回隐患", "returned a hazard"),
    "hazard.extend": ("隐患延期", "extended a hazard"),
    "hazard.supervise": ("挂牌督办", "put a hazard under supervision"),
    "leak.confirmed": ("确认疑似泄漏", "confirmed a leak"),
    "leak.unfounded": ("疑似泄漏不成立", "found a leak unfounded"),
    "works.ended": ("结束施工点", "ended works"),
    "order.created": ("新建配送单", "planned an order"),
    "order.reassigned": ("改派配送单", "reassigned an order"),
    "order.retried": ("再约上门", "planned a further visit"),
    "order.withdrawn": ("撤回配送单", "withdrew an order"),
    "customer.saved": ("保存客户档案", "saved a customer"),
    "customer.card_read": ("识别证件照片", "read a card's photo"),
    "customer.identity_read": ("查看证件号码", "read an identity number"),
    "filling.withdrawn": ("作废充装记录", "withdrew a filling"),
    "refusal.handled": ("处理拒充气瓶", "dealt with a refused cylinder"),
    "cylinder.saved": ("保存气瓶档案", "saved a cylinder"),
    "alarm.acknowledged": ("处理场站报警", "dealt with a station alarm"),
    "station.saved": ("保存场站", "saved a station"),
    "camera.added": ("登记摄像头", "entered a camera"),
    "camera.removed": ("去掉摄像头", "removed a camera"),
    "employee.saved": ("保存人员档案", "saved a person's record"),
    "employee.photo": ("更换人员照片", "changed a person's photograph"),
    "licence.saved": ("保存许可申请", "saved an application for a licence"),
    "licence.paper_added": ("添加申请材料", "added a paper to an application"),
    "licence.paper_removed": ("去掉申请材料", "removed a paper from an application"),
    "licence.submit": ("提交许可申请", "submitted an application"),
    "licence.withdraw": ("撤回许可申请", "withdrew an application"),
    "licence.accept": ("受理许可申请", "took an application up"),
    "licence.return": ("退回许可申请", "returned an application"),
    "licence.approve": ("准予许可", "granted a licence"),
    "licence.refuse": ("不予许可", "refused a licence"),
    "certificate.saved": ("保存证照", "saved a certificate"),
    "certificate.withdrawn": ("作废证照", "withdrew a certificate"),
    "record.quarantined": ("记录转待核实", "a record was held"),
    "record.replayed": ("重放收下", "replayed a record"),
    "record.dismissed": ("记录不采用", "dismissed a record"),
    "record.reopened": ("撤销不采用", "took a dismissal back"),
    "conflict.settled": ("问题单定案", "settled a conflict"),
    "conflict.reopened": ("撤销定案", "took a settlement back"),
    "customer.erased": ("清除客户个人信息", "erased a customer's personal fields"),
    "list.changed": ("修改选项表", "changed a list"),
    "settings.changed": ("修改限值", "changed the limits"),
    "client.created": ("新建接入方", "made a client"),
    "client.withdrawn": ("停用接入方", "withdrew a client"),
    "regulator.read": ("监管读取数据", "the regulator read data"),
}


def action_words(action: str) -> tuple[str, str]:
    return ACTIONS.get(action, (action, action))
