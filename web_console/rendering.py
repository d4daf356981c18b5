"""Pages and parts of pages: Jinja over the services' Structs, in the visitor's language, with nothing inline."""

import hashlib
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta, timezone
from functools import cache
from pathlib import Path
from typing import Any, Literal

import jinja2
from litestar import MediaType, Request, Response
from markupsafe import Markup

from backend.scope import Caller
from sync.databases import beijing_today
from web_console.navigation import NAVIGATION, Entry
from web_console.words import EN

HERE = Path(__file__).parent
STATIC = HERE / "static"
BEIJING = timezone(timedelta(hours=8))
Language = Literal["zh", "en"]
Visit = Request[Any, Any, Any]

_templates = jinja2.Environment(
    loader=jinja2.FileSystemLoader(HERE / "templates"),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=jinja2.StrictUndefined,
)


def render(request: Visit, template: str, *, status: int = 200, **context: Any) -> Response[str]:
    """A whole page, or the part that htmx asked for; `context` comes straight from a service."""
    return page(request, template, status=status, context=context)


def page(
    request: Visit,
    template: str,
    *,
    status: int = 200,
    context: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response[str]:
    language = language_of(request)
    visitor: Caller | None = request.scope["state"].get("visitor")
    shared = {
        "t": translate_into(language),
        "language": language,
        "theme": theme_of(request),
        "visitor": visitor,
        "csrf_token": visitor.csrf_token if visitor else "",
        "navigation": entries_for(visitor),
        "path": request.url.path,
        "now": datetime.now(UTC),
        "say": sayer(language),
        "ago": agoer(language),
    }
    text = _templates.get_template(template).render({**shared, **(context or {})})
    answer_headers = {"Cache-Control": "no-store", "Vary": "HX-Request, Cookie", **(headers or {})}
    return Response(text, status_code=status, media_type=MediaType.HTML, headers=answer_headers)


def done(
    *, close: bool = True, toast: str = "", changed: str = "", undo: tuple[str, str] | None = None
) -> Response[None]:
    """The answer to a form that was taken: closes its dialog, says so, and lets the parts that show it load anew.

    `undo`: the word of a button beside the sentence, and the address that it posts to.
    A header carries ASCII alone: the sentence goes in it as JSON escapes.
    """
    events: dict[str, Any] = {}
    if close:
        events["close-dialog"] = True
    if toast:
        events["toast"] = {"text": toast, "undo": dict(zip(("word", "address"), undo, strict=True)) if undo else None}
    if changed:
        events[changed] = True
    return Response(None, status_code=204, headers={"HX-Trigger": json.dumps(events)})


def is_part(request: Visit) -> bool:
    """Whether htmx asks, for a part of a page."""
    return request.headers.get("hx-request") == "true"


def language_of(request: Visit) -> Language:
    return "en" if request.cookies.get("qixun_language") == "en" else "zh"


def theme_of(request: Visit) -> str:
    theme = request.cookies.get("qixun_theme", "auto")
    return theme if theme in {"light", "dark"} else "auto"


def translate_into(language: Language) -> Callable[..., str]:
    def t(chinese: str, **facts: Any) -> str:
        text = EN.get(chinese, chinese) if language == "en" else chinese
        return text.format(**facts) if facts else text

    return t


def sayer(language: Language) -> Callable[..., str]:
    """`say(x)` of anything that carries both languages: (zh, en), `.zh/.en`, `.x/.x_en`."""

    def say(thing: Any, field: str = "") -> str:
        if isinstance(thing, tuple | list):
            return str(thing[int(language == "en")])
        if field:
            english = getattr(thing, f"{field}_en", "") if language == "en" else ""
            return str(english or getattr(thing, field))
        return str(getattr(thing, language))

    return say


def entries_for(visitor: Caller | None) -> list[Entry]:
    return [entry for entry in NAVIGATION if visitor and visitor.rights & entry.rights]


def beijing(moment: datetime | None, pattern: str = "%m-%d %H:%M") -> str:
    return moment.astimezone(BEIJING).strftime(pattern) if moment else "—"


def agoer(language: Language) -> Callable[[datetime | None], str]:
    t = translate_into(language)

    def ago(moment: datetime | None) -> str:
        """Seconds, minutes or hours up to a day, then the date; the full time stands in the element's title."""
        if moment is None:
            return t("从未")
        seconds = max(0, (datetime.now(UTC) - moment).total_seconds())
        if seconds < 60:
            return t("{n} 秒前", n=int(seconds))
        if seconds < 3600:
            return t("{n} 分钟前", n=int(seconds // 60))
        if seconds < 86400:
            return t("{n} 小时前", n=int(seconds // 3600))
        return beijing(moment)

    return ago


def icon(name: str, size: str = "") -> Markup:
    classes = {"": "i", "s": "i i-s", "l": "i i-l"}[size]
    return Markup('<svg class="{}" aria-hidden="true"><use href="{}#{}"/></svg>').format(
        classes, asset("vendor/icons.svg"), name
    )


@cache
def asset(name: str) -> str:
    """The address of a static file, with its content's digest: browsers may keep it for ever."""
    path = STATIC / name
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:12] if path.is_file() else "missing"
    return f"/static/{name}?v={digest}"


def number(value: float | None, digits: int = 0) -> str:
    return "—" if value is None else f"{value:,.{digits}f}"


def lasting(seconds: float | None) -> str:
    """Seconds as a person says them: 1.4 s, 31 min, 20 h, 3 d."""
    if seconds is None:
        return "—"
    for unit_s, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= unit_s:
            return f"{seconds / unit_s:.0f} {unit}"
    return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"


def percent(part: float, whole: float) -> float:
    return min(100.0, 100.0 * part / whole) if whole else 0.0


def initial(name: str) -> str:
    """The one character that stands for a person on the map: of 演示-李巡检, 李."""
    return (name.rpartition("-")[2] or name or "?")[0]


_templates.globals.update(
    icon=icon, asset=asset, percent=percent, lasting=lasting, initial=initial, today=beijing_today
)
_templates.filters.update(beijing=beijing, number=number)
