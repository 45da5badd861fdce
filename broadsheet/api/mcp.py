"""The Model Context Protocol over HTTP (`/mcp`) and over standard input and output (`broadsheet mcp`).

Only tools are offered, so one message has one answer and nothing is remembered between two of them: the
stateless form of the protocol's streamable HTTP transport with JSON answers
(https://modelcontextprotocol.io/specification/2025-11-25/basic/transports).
"""

from __future__ import annotations

import json as text_json
import logging
from collections.abc import Iterable
from typing import Any, Final, TextIO

from django.conf import settings
from django.db import close_old_connections
from django.http import HttpRequest, HttpResponse

from broadsheet import __version__
from broadsheet.api.answers import json, public, readable
from broadsheet.api.tools import TOOLS, Cannot, Tool
from broadsheet.models import Reader
from broadsheet.web import saved
from broadsheet.web.context import base

VERSIONS: Final = ("2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05")
INSTRUCTIONS: Final = (
    "Research papers with their rankings. Begin with search_papers or trending_papers; identifiers from "
    "their answers go into get_paper, related_papers and export_citations."
)
LONGEST_LINE: Final = 1_000_000

log = logging.getLogger("broadsheet.api")

Message = dict[str, Any]


def refuse(request: HttpRequest, status: int, sentence: str) -> HttpResponse:
    return readable(json(_error(None, -32600, sentence), status))


@public("POST")
def endpoint(request: HttpRequest) -> HttpResponse:
    try:
        message = text_json.loads(request.body)
    except (ValueError, RecursionError):
        return json(_error(None, -32700, "The body is not JSON."), 400)
    owner: Reader | None = None
    if "Authorization" in request.headers:
        from broadsheet.api import v1_asking as asking

        try:
            asking.read_key(request)
            owner = asking.viewer_of(request)
            if _writes(message):
                # Under the name and the limits of the page that does the same.
                owner = asking.by("library", saved.searches)(request)
                asking.note(request, 200)
        except asking.NotAllowed as refusal:
            refused = json(_error(None, -32600, str(refusal)), refusal.status)
            refused.headers["WWW-Authenticate"] = refusal.challenge
            return refused
    answer = answered(message, base(request), owner is not None, owner)
    if answer is None:
        return HttpResponse(status=202)
    return json(answer, 400 if answer.get("id") is None else 200)


def _writes(message: Any) -> bool:
    """Whether the message calls a tool that changes something."""
    params = message.get("params") if isinstance(message, dict) else None
    name = params.get("name") if isinstance(params, dict) else None
    tool = TOOLS.get(name) if isinstance(name, str) else None
    return message.get("method") == "tools/call" and tool is not None and tool.writes


def serve(lines: Iterable[str], out: TextIO, here: str) -> None:
    """Answers messages, one a line, until there are no more."""
    for line in lines:
        if not line.strip():
            continue
        try:
            message = text_json.loads(line[:LONGEST_LINE])
        except (ValueError, RecursionError):
            answer: Message | None = _error(None, -32700, "That line is not JSON.")
        else:
            close_old_connections()
            answer = answered(message, here, True)
        if answer is not None:
            out.write(text_json.dumps(answer) + "\n")
            out.flush()


def answered(message: Any, here: str, known: bool, owner: Reader | None = None) -> Message | None:
    """The answer to one message; None where none is due. `known`: who asks may own topics, as `owner` or,
    where that is None, by sitting at this server."""
    if not isinstance(message, dict) or not isinstance(message.get("method"), str):
        if isinstance(message, dict) and ("result" in message or "error" in message):
            return None
        return _error(None, -32600, "A message is one JSON object with a method.")
    number, method = message.get("id"), message["method"]
    if number is None:
        return None
    if not isinstance(number, str | int):
        return _error(None, -32600, "An id is a text or a number.")
    params = message.get("params") or {}
    if not isinstance(params, dict):
        return _error(number, -32602, "The parameters are an object.")
    if method == "initialize":
        return _result(number, _hello(params))
    if method == "ping":
        return _result(number, {})
    offered = {name: tool for name, tool in TOOLS.items() if known or not tool.owned}
    if method == "tools/list":
        return _result(number, {"tools": [_described(tool) for tool in offered.values()]})
    if method == "tools/call":
        name = params.get("name")
        tool = offered.get(name) if isinstance(name, str) else None
        if tool is None:
            return _error(number, -32602, f"There is no tool {str(name)[:60]}. Known: {', '.join(offered)}.")
        return _result(number, _called(tool, params.get("arguments") or {}, here, owner))
    return _error(number, -32601, f"There is no method {method[:60]} here.")


def _hello(params: Message) -> Message:
    asked = params.get("protocolVersion")
    return {
        "protocolVersion": asked if asked in VERSIONS else VERSIONS[0],
        "capabilities": {"tools": {"listChanged": False}},
        "serverInfo": {"name": "broadsheet", "title": settings.SITE_NAME, "version": __version__},
        "instructions": INSTRUCTIONS,
    }


def _described(tool: Tool) -> Message:
    return {
        "name": tool.name,
        "title": tool.title,
        "description": tool.description,
        "inputSchema": tool.parameters,
        "annotations": {
            "title": tool.title,
            "readOnlyHint": not tool.writes,
            "destructiveHint": False,
            "idempotentHint": True,
            "openWorldHint": False,
        },
    }


def _called(tool: Tool, arguments: Any, here: str, owner: Reader | None) -> Message:
    try:
        if not isinstance(arguments, dict):
            raise Cannot("The arguments are an object.")
        if unknown := set(arguments) - set(tool.parameters["properties"]):
            raise Cannot(f"{tool.name} knows no “{str(min(unknown))[:40]}”.")
        asked = (arguments, here, owner) if tool.owned else (arguments, here)
        said, failed = tool.call(*asked), False
    except Cannot as refusal:
        said, failed = str(refusal), True
    except Exception:
        log.exception("The tool %s broke", tool.name)
        said, failed = "This is our fault, not yours. It is noted in the server's log.", True
    return {"content": [{"type": "text", "text": said}], "isError": failed}


def _result(number: str | int, found: Message) -> Message:
    return {"jsonrpc": "2.0", "id": number, "result": found}


def _error(number: str | int | None, code: int, sentence: str) -> Message:
    return {"jsonrpc": "2.0", "id": number, "error": {"code": code, "message": sentence}}
