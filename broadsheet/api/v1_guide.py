"""The description of our own JSON API made whole, and the page that shows it to people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from broadsheet.models import SCOPES
from broadsheet.web.keys import MAY

PROBLEM: Final = {"schema": {"$ref": "#/components/schemas/Problem"}}
PROBLEM_TYPE: Final = "application/problem+json"

REPEATABLE: Final = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Sent again with the same key within a day, the request is done once and answered alike.",
    "schema": {"type": "string", "maxLength": 255},
}


def complete(document: dict[str, Any]) -> dict[str, Any]:
    """Adds what the framework cannot know: who may, refusals' own content type, repeated requests."""
    from broadsheet.api.v1_routes import api

    document["components"]["securitySchemes"] = {
        "key": {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "brds_…",
            "description": "A key from the account page. Scopes: " + ", ".join(SCOPES) + ".",
        },
        "session": {
            "type": "apiKey",
            "in": "cookie",
            "name": "session",
            "description": "A browser that is signed in; what changes something needs X-CSRFToken as well.",
        },
    }
    needed = {(each.path, method): getattr(each.auth_param, "scope", "") for each, method in _operations(api)}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            scope = needed[path.removeprefix("/api/v1"), method.upper()]
            _complete(operation, method, scope)
    return document


def _operations(api: Any) -> list[tuple[Any, str]]:
    """Every operation with each of its methods."""
    routers = [api.default_router, *(router for _, router in api._routers)]
    return [
        (_Named(path, each.auth_param, each), method)
        for router in dict.fromkeys(routers)
        for path, view in router.path_operations.items()
        for each in view.operations
        for method in each.methods
    ]


@dataclass(frozen=True, slots=True)
class _Named:
    """An operation under its path as the description writes it."""

    written: str
    auth_param: Any
    operation: Any

    @property
    def path(self) -> str:
        return self.written.replace("{path:", "{")


def _complete(operation: dict[str, Any], method: str, scope: str) -> None:
    if scope:
        operation["security"] = [{"key": []}, {"session": []}]
        operation["x-scope"] = scope
        said = f"Needs the scope `{scope}`."
        operation["description"] = "\n\n".join(filter(None, (operation.get("description", ""), said)))
    else:
        operation["security"] = [{}, {"key": []}]
    if method == "post":
        operation.setdefault("parameters", []).append(REPEATABLE)
    for status, answer in operation["responses"].items():
        if int(status) >= 400:
            answer["content"] = {PROBLEM_TYPE: PROBLEM}


# --- the page ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Line:
    """One operation as the page shows it."""

    method: str
    path: str
    summary: str
    description: str
    scope: str
    parameters: list[tuple[str, str, str]]
    body: list[tuple[str, str, str]]
    statuses: list[str]


def known(document: dict[str, Any]) -> dict[str, Any]:
    """What the page needs, in the order of the description."""
    groups: dict[str, list[Line]] = {}
    shapes = document["components"]["schemas"]
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            tag = (operation.get("tags") or ["Other"])[0]
            groups.setdefault(tag, []).append(_line(path, method, operation, shapes))
    return {"groups": list(groups.items()), "scopes": [(each, MAY[each]) for each in SCOPES]}


def _line(path: str, method: str, operation: dict[str, Any], shapes: dict[str, Any]) -> Line:
    description = operation.get("description", "").partition("Needs the scope")[0].strip()
    return Line(
        method.upper(),
        path,
        operation.get("summary", ""),
        _words(description),
        operation.get("x-scope", ""),
        [
            (each["name"], _kind(each.get("schema", {})), _words(each.get("description", "")))
            for each in operation.get("parameters", [])
            if each["in"] == "query"
        ],
        _fields(operation, shapes),
        sorted(map(str, operation["responses"])),
    )


def _words(said: str) -> SafeString:
    """Words with `names` between backticks set as code."""
    parts = said.split("`")
    return format_html_join("", "{}", ((_code(each) if odd % 2 else each,) for odd, each in enumerate(parts)))


def _code(name: str) -> SafeString:
    return format_html("<code>{}</code>", name)


def _fields(operation: dict[str, Any], shapes: dict[str, Any]) -> list[tuple[str, str, str]]:
    sent = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    shape = shapes.get(sent.get("$ref", "").rpartition("/")[2], {})
    needed = shape.get("required", [])
    return [
        (name, _kind(each) + ("" if name in needed else ", optional"), _words(each.get("description", "")))
        for name, each in shape.get("properties", {}).items()
    ]


def _kind(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    if "anyOf" in schema:
        return " | ".join(_kind(each) for each in schema["anyOf"])
    if schema.get("type") == "array":
        return f"list of {_kind(schema.get('items', {}))}"
    return str(schema.get("type", "value"))
