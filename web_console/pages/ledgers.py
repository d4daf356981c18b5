"""台账: the first of the ledgers that the visitor may open."""

from litestar import get
from litestar.response import Redirect

from backend.scope import requires
from web_console.rendering import Visit
from web_console.visiting import visitor

# In the order of the tabs: address, title, right.
LEDGERS = (("/ledgers/certificates", "证照", "certificate.view"),)


@get("/ledgers", guards=[requires("certificate.view")])
async def show() -> Redirect:
    return Redirect(LEDGERS[0][0])


def tabs(request: Visit) -> list[tuple[str, str]]:
    rights = visitor(request).rights
    return [(address, title) for address, title, right in LEDGERS if right in rights]


handlers = [show]
