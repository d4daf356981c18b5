"""A form's fields as a Struct: checked by the same bounds as the API's bodies, with the field named when one is off."""

import re
import types
from collections.abc import Mapping
from datetime import datetime, time
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec
from litestar.datastructures import FormMultiDict

from backend.errors import UnusableError
from web_console.rendering import Visit

Form = TypeVar("Form", bound=msgspec.Struct)
_MINUTES = re.compile(r"(?:^|T)\d\d:\d\d$")


async def read_form(request: Visit, struct: type[Form], **given: Any) -> Form:
    """Raises `UnusableError` that names the field; what was left empty takes the Struct's default."""
    return as_struct(await request.form(), struct, **given)


def as_struct(form: FormMultiDict | Mapping[str, Any], struct: type[Form], **given: Any) -> Form:
    hints = get_type_hints(struct, include_extras=True)
    values: dict[str, Any] = {}
    for field in msgspec.structs.fields(struct):
        several = _is_sequence(hints[field.name])
        found = _all(form, field.encode_name)
        found = [text for text in found if text != ""]
        if _holds(hints[field.name], datetime, time):
            found = [_with_seconds(str(text)) for text in found]
        if several and found:
            values[field.encode_name] = found
        elif found:
            values[field.encode_name] = found[-1]
    try:
        return msgspec.convert({**values, **given}, struct, strict=False)
    except msgspec.ValidationError as error:
        where = str(error).rpartition("$.")[2].rstrip("`") if "$." in str(error) else ""
        raise UnusableError(
            "form.field",
            f"请检查填写的内容：{where or error}",
            f"Check what was filled in: {error}",
            field=where,
        ) from error


def _all(form: FormMultiDict | Mapping[str, Any], name: str) -> list[Any]:
    values = form.getall(name, []) if isinstance(form, FormMultiDict) else [form[name]] if name in form else []
    return [value.strip() if isinstance(value, str) else value for value in values]


def _with_seconds(text: str) -> str:
    """A browser leaves out the seconds of a time when they are zero."""
    return f"{text}:00" if _MINUTES.search(text) else text


def _holds(hint: Any, *kinds: type) -> bool:
    """Whether one of these types is the field's, or among its choices."""
    return hint in kinds or any(_holds(arm, *kinds) for arm in get_args(hint) if not isinstance(arm, msgspec.Meta))


def _is_sequence(hint: Any) -> bool:
    if get_origin(hint) is Annotated:
        return _is_sequence(get_args(hint)[0])
    if get_origin(hint) in {Union, types.UnionType}:
        return any(_is_sequence(arm) for arm in get_args(hint))
    return get_origin(hint) in {tuple, list, frozenset, set}
