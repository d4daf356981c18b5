"""电子标签 on the screen."""

import flet as ft

from mobile_app.components import panels
from mobile_app.components.ui import Ui
from mobile_app.tags.state import TagFollow


def tag_notice(ui: Ui, tag: TagFollow) -> ft.Control | None:
    """What became of the tag after a record was saved; None where no tag was at hand."""
    return panels.notice(ui, ui.say(*tag.words), kind=tag.kind) if any(tag.words) else None
