"""The tools over both transports, called by the real `mcp` client."""

from __future__ import annotations

import asyncio
import io
import json
import os
import sys
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from mcp import ClientSession, StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client
from pytest_django.live_server_helper import LiveServer

from broadsheet import doors, search
from broadsheet.api import mcp
from broadsheet.community import interests, keys
from broadsheet.community.interests import Wishes
from broadsheet.models import SavedSearch
from tests import factories, people
from tests.conftest import PROJECT

pytestmark = [pytest.mark.django_db, pytest.mark.filterwarnings("ignore:No directory at")]

READING = {
    "search_papers",
    "trending_papers",
    "get_paper",
    "read_paper",
    "related_papers",
    "recommend_papers",
    "export_citations",
}


@pytest.fixture(autouse=True)
def _close() -> Iterator[None]:
    yield
    doors.close()


def call(client: Client, name: str, **arguments: Any) -> tuple[str, bool]:
    message = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": name, "arguments": arguments},
    }
    found = client.post("/mcp", json.dumps(message), "application/json").json()["result"]
    return found["content"][0]["text"], found["isError"]


def _finished(ask: Callable[[], Coroutine[Any, Any, tuple[set[str], str]]]) -> tuple[set[str], str]:
    """Runs it in a thread of its own: the browser tests leave a loop running in this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(lambda: asyncio.run(ask())).result()


def test_the_client_calls_tools_over_http(live_server: LiveServer) -> None:
    factories.papers(3)
    search.rebuild()

    async def ask() -> tuple[set[str], str]:
        async with (
            streamable_http_client(f"{live_server.url}/mcp") as streams,
            ClientSession(streams[0], streams[1]) as session,
        ):
            await session.initialize()
            tools = (await session.list_tools()).tools
            assert all(tool.annotations and tool.annotations.read_only_hint for tool in tools)
            found = await session.call_tool("search_papers", {"query": "newspapers", "max_results": 2})
            return {tool.name for tool in tools}, found.content[0].text  # type: ignore[union-attr]

    names, said = _finished(ask)
    assert names == READING
    assert "A study of newspapers, part" in said


def test_the_client_calls_tools_over_standard_input_and_output(furnished: dict[str, str]) -> None:
    command = StdioServerParameters(
        command=sys.executable, args=["-m", "broadsheet", "mcp"], env=furnished, cwd=str(PROJECT)
    )

    async def ask() -> tuple[set[str], str]:
        with Path(os.devnull).open("w") as quiet:
            async with (
                stdio_client(command, errlog=quiet) as (read, write),
                ClientSession(read, write) as session,
            ):
                await session.initialize()
                tools = (await session.list_tools()).tools
                found = await session.call_tool("trending_papers", {"period": "all", "limit": 3})
                return {tool.name for tool in tools}, found.content[0].text  # type: ignore[union-attr]

    names, said = _finished(ask)
    assert names == READING | {"watch_topic", "check_alerts", "papers_for_me"}
    assert said.count("- **") == 3


def test_a_key_brings_the_tools_that_keep_topics(client: Client) -> None:
    factories.papers(2)
    search.rebuild()
    alice = people.reader("alice")
    _, key = keys.make(alice, "agent", ["read", "library"], 30)
    _, reads = keys.make(alice, "reader", ["read"], 30)

    def ask(method: str, said: str, **params: Any) -> Any:
        message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        headers = {"Authorization": f"Bearer {said}"}
        return client.post("/mcp", json.dumps(message), "application/json", headers=headers)

    names = {tool["name"] for tool in ask("tools/list", key).json()["result"]["tools"]}
    assert names == READING | {"watch_topic", "check_alerts", "papers_for_me"}
    watch = {"name": "watch_topic", "arguments": {"topic": "newspapers"}}
    assert "is watched" in ask("tools/call", key, **watch).json()["result"]["content"][0]["text"]
    assert SavedSearch.objects.get().reader == alice
    told = ask("tools/call", reads, name="check_alerts", arguments={"days": 366}).json()["result"]
    assert told["content"][0]["text"].startswith("newspapers: ")
    assert ask("tools/call", reads, **watch).status_code == 403

    def mine(**arguments: Any) -> str:
        told = ask("tools/call", reads, name="papers_for_me", arguments=arguments).json()["result"]
        return str(told["content"][0]["text"])

    assert "Save a few papers" in mine()
    interests.make(alice, Wishes("Newspapers", "newspapers"))
    assert mine(interest="newspapers").count("- **") == 2
    assert "“Newspapers”" in mine(interest="looms")
    refused = ask("tools/list", "brds_nonsense")
    assert refused.status_code == 401
    assert refused.headers["WWW-Authenticate"].startswith("Bearer")
    assert "none of ours" in refused.json()["error"]["message"]


def test_papers_are_recommended_with_reasons(client: Client) -> None:
    papers = factories.papers(3)
    search.rebuild()
    said, failed = call(client, "recommend_papers", paper_ids=[papers[0].identifier], unlike_ids=[])
    assert not failed and said.count("- **") == said.count("  Why: like “") == 2
    assert call(client, "recommend_papers", text="newspapers", days=0)[0].count("- **") == 3
    assert "Name papers" in call(client, "recommend_papers")[0]
    assert "No paper" in call(client, "recommend_papers", paper_ids=["2501.99999"])[0]
    assert call(client, "recommend_papers", paper_ids="2501.99999")[1]


def test_every_tool_answers_in_markdown(client: Client) -> None:
    factories.papers(3)
    search.rebuild()
    assert "# A study of newspapers, part 1" in call(client, "get_paper", paper_id="arXiv:2503.00001v2")[0]
    assert call(client, "read_paper", paper_id="2503.00001", max_chars=10)[0].startswith("# A study ")
    assert "part 2" in call(client, "related_papers", paper_id="2503.00001")[0]
    assert call(client, "export_citations", paper_ids=["2503.00001", "2503.09999"])[0].startswith("@misc{")
    assert "3 papers" in call(client, "trending_papers", period="week", date="2025-03-14")[0]
    found, _ = call(client, "search_papers", query="newspapers", date_from="2025-03-01", date_to="2025-03-01")
    assert "- **" not in found


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("search_papers", {}, "“query” is a text"),
        ("search_papers", {"query": "a", "max_results": 51}, "from 1 to 50"),
        ("search_papers", {"query": "a", "sort_by": "votes"}, "relevance, date"),
        ("search_papers", {"query": "a", "colour": "red"}, "knows no “colour”"),
        ("search_papers", {"query": "a", "date_from": "soon"}, "a day such as"),
        ("trending_papers", {"limit": "ten"}, "a whole number"),
        ("get_paper", {"paper_id": "2503.09999"}, "search_papers finds one"),
        ("export_citations", {"paper_ids": []}, "at least one paper"),
    ],
)
def test_what_a_tool_cannot_do_it_says(
    client: Client, name: str, arguments: dict[str, Any], said: str
) -> None:
    text, failed = call(client, name, **arguments)
    assert failed
    assert said in text


@pytest.mark.parametrize(
    "body", ["", "[]", "[1]", "1", "{}", '{"method": 1}', '{"method": "ping", "id": {}}']
)
def test_what_is_no_message_is_an_error_of_the_protocol(client: Client, body: str) -> None:
    response = client.post("/mcp", body, "application/json")
    assert response.status_code == 400
    assert response.json()["error"]["message"]


def test_only_post_is_answered_and_notices_need_no_answer(client: Client) -> None:
    assert client.get("/mcp").status_code == 405
    notice = json.dumps({"jsonrpc": "2.0", "method": "notifications/initialized"})
    assert client.post("/mcp", notice, "application/json").status_code == 202
    unknown = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "prompts/list"})
    assert client.post("/mcp", unknown, "application/json").json()["error"]["code"] == -32601


# The server of standard input and output has connections of its own to close.
@pytest.mark.django_db(transaction=True)
def test_topics_are_watched_at_home_alone(client: Client) -> None:
    factories.papers(2)
    search.rebuild()
    watch = {"name": "watch_topic", "arguments": {"topic": "newspapers"}}
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": watch}
    assert "error" in client.post("/mcp", json.dumps(message), "application/json").json()
    out = io.StringIO()
    check = {"name": "check_alerts", "arguments": {"days": 366}}
    mcp.serve(
        [json.dumps(message)] * 2 + [json.dumps({**message, "params": check}), "no JSON"], out, "http://here"
    )
    answers = [json.loads(line) for line in out.getvalue().splitlines()]
    assert SavedSearch.objects.get().query == "newspapers"
    assert "newspapers: " in answers[2]["result"]["content"][0]["text"]
    assert answers[3]["error"]["code"] == -32700
