"""台账: the tabs of the ledgers, and the first of them that the visitor may open."""

from litestar import get
from litestar.response import Redirect

from backend.errors import NotAllowedError
from backend.scope import signed_in
from web_console.rendering import Visit
from web_console.visiting import visitor

# In the order of the tabs: address, title, right.
LEDGERS = (
    ("/ledgers/stations", "场站", "station.view"),
    ("/ledgers/staff", "从业人员", "staff.view"),
    ("/ledgers/vehicles", "车辆", "delivery.view"),
    ("/ledgers/certificates", "证照", "certificate.view"),
    ("/ledgers/licences", "许可申请", "licence.view"),
)


@get("/ledgers", guards=[signed_in])
async def show(request: Visit) -> Redirect:
    mine = tabs(request)
    if not mine:
        raise NotAllowedError("right.missing", "您没有这项权限。", "You may not do this.")
    return Redirect(mine[0][0])


def tabs(request: Visit) -> list[tuple[str, str]]:
    rights = visitor(request).rights
    return [(address, title) for address, title, right in LEDGERS if right in rights]


handlers = [show]
