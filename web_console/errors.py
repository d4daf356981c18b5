"""Failures as pages: sign in first, a page that says what happened and what to do, or a message beside the form."""

from typing import Any
from urllib.parse import quote

from litestar import Request, Response
from litestar.response import Redirect

from backend import errors
from web_console.rendering import is_part, page


def answer(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    """The console's exception handler; codes and sentences are the API's own."""
    plain = errors.answer(request, error)
    problem: dict[str, Any] = plain.content
    status: int = problem["status"]
    if status == 401 and request.method == "GET" and not is_part(request):
        return Redirect(f"/sign-in?next={quote(_wanted(request))}")
    if status == 401:
        return Response(None, status_code=401, headers={"HX-Redirect": "/sign-in"})
    if is_part(request):
        headers = {"HX-Retarget": "#problem", "HX-Reswap": "innerHTML"}
        return page(request, "parts/problem.html", status=status, context={"problem": problem}, headers=headers)
    return page(request, "problem.html", status=status, context={"problem": problem})


def _wanted(request: Request[Any, Any, Any]) -> str:
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")
