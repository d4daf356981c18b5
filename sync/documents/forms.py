"""A Struct read as a form: a phone's fields, the console's columns and an export's heads from one declaration."""

from collections.abc import Mapping
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import msgspec


class FormField(msgspec.Struct, frozen=True, kw_only=True):
    """One labelled field. `kind`: text, number, integer, yes_no, date, choice, choices or other."""

    name: str
    zh: str
    en: str
    kind: str
    required: bool
    unit: str = ""
    help_zh: str = ""
    help_en: str = ""
    choices: str = ""
    options: tuple[str, ...] = ()
    personal: bool = False
    widget: str = ""
    ge: float | None = None
    le: float | None = None
    max_length: int | None = None

    def title(self, language: str) -> str:
        return self.zh if language == "zh" else self.en


def form_of(struct: type[msgspec.Struct]) -> tuple[FormField, ...]:
    """The labelled fields of a Struct, in the order in which they are declared; unlabelled ones are the program's."""
    hints = get_type_hints(struct, include_extras=True)
    fields = (_form_field(field, hints[field.name]) for field in msgspec.structs.fields(struct))
    return tuple(f for f in fields if f is not None)


def _form_field(field: msgspec.structs.FieldInfo, hint: Any) -> FormField | None:
    meta = next((m for m in _metas(hint) if m.title), None)
    if meta is None or meta.title is None:
        return None
    extra: Mapping[str, Any] = meta.extra or {}
    inner = _plain(hint)
    return FormField(
        name=field.name,
        zh=meta.title,
        en=extra["en"],
        kind=_kind(inner, choices=bool(extra.get("choices"))),
        required=field.required or bool(meta.min_length),
        unit=extra.get("unit", ""),
        help_zh=extra.get("help", ""),
        help_en=extra.get("help_en", ""),
        choices=extra.get("choices", ""),
        options=tuple(str(v) for v in inner.values) if isinstance(inner, msgspec.inspect.LiteralType) else (),
        personal=bool(extra.get("personal")),
        widget=extra.get("widget", ""),
        ge=_bound(meta.ge),
        le=_bound(meta.le),
        max_length=meta.max_length,
    )


def _metas(hint: Any) -> list[msgspec.Meta]:
    if get_origin(hint) in {Union, UnionType}:
        return [m for arm in get_args(hint) for m in _metas(arm)]
    if get_origin(hint) is not Annotated:
        return []
    inner, *metas = get_args(hint)
    # The outermost label is the field's own; Python flattens nested Annotated with the innermost first.
    return [m for m in reversed(metas) if isinstance(m, msgspec.Meta)] + _metas(inner)


_KINDS: dict[type, str] = {
    msgspec.inspect.LiteralType: "choice",
    msgspec.inspect.StrType: "text",
    msgspec.inspect.BoolType: "yes_no",
    msgspec.inspect.IntType: "integer",
    msgspec.inspect.FloatType: "number",
    msgspec.inspect.DateType: "date",
}


def _kind(inner: Any, *, choices: bool) -> str:
    if choices:
        return "choices" if isinstance(inner, msgspec.inspect.VarTupleType) else "choice"
    return _KINDS.get(type(inner), "other")


def _plain(hint: Any) -> Any:
    """The type without its bounds and without None."""
    inner = msgspec.inspect.type_info(hint)
    while isinstance(inner, msgspec.inspect.Metadata | msgspec.inspect.UnionType):
        if isinstance(inner, msgspec.inspect.Metadata):
            inner = inner.type
        else:
            inner = next(t for t in inner.types if not isinstance(t, msgspec.inspect.NoneType))
    return inner


def _bound(value: float | None) -> float | None:
    return None if value is None else float(value)
