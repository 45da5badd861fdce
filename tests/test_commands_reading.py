"""Listings, papers, searches and exports on the command line, of this machine and of another server."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from broadsheet import doors, search
from broadsheet.community import collecting
from broadsheet.management import plainly
from broadsheet.models import Paper
from tests import factories, people
from tests.answering import Reply, answering
from tests.conftest import PROJECT

pytestmark = [pytest.mark.django_db, pytest.mark.filterwarnings("ignore:No directory at")]


@pytest.fixture(autouse=True)
def _close() -> Iterator[None]:
    yield
    doors.close()


def said(*words: str) -> str:
    out = StringIO()
    call_command(*words, stdout=out, stderr=StringIO())
    return out.getvalue()


def indexed(count: int) -> None:
    factories.papers(count)
    while search.index_due():
        pass


def test_a_week_is_told_in_lines_json_and_markdown() -> None:
    factories.papers(3)
    lines = said("trending", "--week", "2025-W11").splitlines()
    assert lines[0].endswith("3 papers")
    assert lines[1].startswith("   1  2503.0000")
    assert said("trending", "--week") == said("trending", "--week", "2025-W11")
    told = json.loads(said("trending", "--day", "2025-03-14", "--limit", "2", "--json"))
    assert [each["place"] for each in told["papers"]] == [1, 2]
    assert told["total"] == 3
    assert said("trending", "--all", "--markdown").count("## A study of newspapers") == 3
    assert said("trending", "--all", "--limit", "2", "--page", "2").splitlines()[1].startswith("   3  ")
    with pytest.raises(CommandError, match="This listing has 1 page"):
        said("trending", "--all", "--page", "2")


def test_papers_are_told_in_every_format() -> None:
    factories.papers(2)
    assert said("paper", "arXiv:2503.00001v2").startswith("# A study of newspapers, part 1")
    assert said("paper", "2503.00001", "2503.00002", "--as", "bib").count("@misc{") == 2
    told = json.loads(said("paper", "2503.00001", "--json"))
    assert told["authors"] == ["Ada Lovelace", "Reader Number1"]
    assert told["url"].endswith("/papers/2503.00001")
    assert said("paper", "2503.00001", "--format", "table").startswith("2503.00001  2025-03-14  0  A study")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("trending", "--week", "last"), "Write it like 2025-W11"),
        (("trending", "--cat", "zz.ZZ"), "No paper here is in the category"),
        (("trending", "--day"), "no papers here yet"),
        (("paper", "2503.09999"), "There is no paper"),
        (("export",), "Say what to export"),
        (("export", "looms", "--week"), "Say what to export"),
        (("export", "--collection", "7"), "There is no collection 7"),
        (("trending", "--remote", "http://127.0.0.1:9"), "cannot be reached .* is the address right"),
        (("trending", "--remote", "papers.example.org"), "begins with http"),
        (("search", "looms", "--since", "soon"), "write it as 2025-03-14"),
    ],
)
def test_what_cannot_be_shown_is_said_in_a_sentence(words: tuple[str, ...], sentence: str) -> None:
    with pytest.raises(CommandError, match=sentence):
        said(*words)


def test_a_search_is_told_in_lines_json_and_markdown() -> None:
    indexed(3)
    assert said("search", "newspapers", "--limit", "2").count("  A study of newspapers, part ") == 2
    told = json.loads(said("search", "newspapers", "--format", "json", "--until", "2025-03-12"))
    assert told["total"] == 3
    assert told["papers"][0]["by_words"]
    assert json.loads(said("search", "newspapers", "--json", "--until", "2025-03-11"))["papers"] == []
    assert "- Page: <http://127.0.0.1" in said("search", "newspapers", "--markdown")
    assert said("related", "2503.00001", "--markdown").count("## A study") == 2
    picked = json.loads(said("recommend", "--like", "2503.00001", "--window", "all", "--json"))
    assert {each["identifier"] for each in picked["papers"]} == {"2503.00002", "2503.00003"}


def test_lists_are_exported_whole_in_every_format(tmp_path: Path) -> None:
    indexed(3)
    reader = people.reader("alice")
    kept = collecting.make(reader, "Kept")
    collecting.put(reader, kept.pk, Paper.objects.get(identifier="2503.00002").pk)
    assert said("export", "--week").count("@misc{") == 3
    assert said("export", "--all", "--limit", "2", "--as", "ris").count("TY  - ") == 2
    assert len(json.loads(said("export", "newspapers", "--as", "csl.json"))) == 3
    assert [
        each["identifier"]
        for each in json.loads(said("export", "--collection", str(kept.pk), "--as", "json"))
    ] == ["2503.00002"]
    assert json.loads(said("export", "nothing like it", "author:nobody", "--as", "json")) == []
    table = tmp_path / "march.csv"
    said("export", "--month", "2025-03", "--cat", "cs.CL", "-o", str(table))
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["identifier"] for row in rows] == ["2503.00001", "2503.00002", "2503.00003"]
    assert rows[0]["authors"] == "Ada Lovelace; Reader Number1"
    assert [path for path in tmp_path.iterdir() if path.is_file()] == [table]
    with pytest.raises(CommandError, match="cannot be written"):
        said("export", "--all", "-o", str(tmp_path / "no" / "such.bib"))


def test_no_title_becomes_a_formula_of_a_spreadsheet() -> None:
    factories.paper(1, title='=HYPERLINK("http://evil.example","click")')
    assert "'=HYPERLINK" in said("export", "--all", "--as", "csv")


def test_another_server_is_read_like_this_machine(live_server: LiveServer, settings: Settings) -> None:
    indexed(3)
    there = ("--remote", live_server.url)
    settings.PUBLIC_URL = live_server.url
    for words in (
        ("trending", "--week"),
        ("trending", "--day", "2025-03-14", "--json", "--limit", "2"),
        ("trending", "--all", "--limit", "1", "--page", "3"),
        ("search", "newspapers", "--cat", "cs.CL", "--markdown"),
        ("paper", "2503.00001", "--as", "bib"),
        ("paper", "2503.00001"),
        ("export", "--all", "--as", "csv"),
        ("export", "newspapers", "--as", "csl.json"),
    ):
        mine, theirs = said(*words), said(*words, *there)
        # The month of a paper is not told by the API, and its day is another spelling of the same moment.
        for line in mine.splitlines():
            assert line in theirs or '"month"' in line or "published_at" in line or "+00:00" in line, words
    cited = json.loads(said("paper", "2503.00001", "2503.00002", "--as", "csl.json", *there))
    assert [each["id"] for each in cited] == ["lovelace2025study", "lovelace2025study-2"]
    both = said("export", "--id", "2503.00001", "2503.00002", "--as", "bib", *there)
    assert "@misc{lovelace2025study," in both
    assert "@misc{lovelace2025study-2," in both
    picked = said("recommend", "--like", "2503.00001", "--window", "all", *there)
    assert picked.count("\n    like “A study of newspapers, part 1”") == 2
    assert said("related", "2503.00001", *there).count("A study of newspapers") == 2
    assert said("export", "--month", "--as", "bib", *there).count("@misc{") == 3
    assert json.loads(said("paper", "2503.00001", "--json", *there))["licence"] == ""
    settings.REMOTE = live_server.url
    with pytest.raises(CommandError, match=r"says: .*[Nn]o paper 2503\.09999"):
        said("paper", "2503.09999")
    with pytest.raises(CommandError, match="Write it like 2025-W11"):
        said("trending", "--week", "soon")


@pytest.mark.parametrize(
    ("reply", "sentence"),
    [
        (Reply(b"<p>Welcome", 200, {"Content-Type": "text/html"}), "not as a Broadsheet of version"),
        (Reply(b"[]", 200), "not as a Broadsheet of version"),
        (Reply(b"<p>No such page", 404), "not as a Broadsheet of version"),
        (Reply(b"", 429, {"Retry-After": "9"}), "Try again in 9 seconds"),
    ],
)
def test_a_server_that_cannot_be_read_is_told_in_a_sentence(reply: Reply, sentence: str) -> None:
    with answering(lambda request: reply) as stranger, pytest.raises(CommandError, match=sentence):
        said("search", "looms", "--remote", stranger.url)


def test_shells_learn_every_command_and_option() -> None:
    found = said("completion", "bash")
    for word in ("trending", "export", "--collection", "--remote", "csl.json"):
        assert word in found
    checked = subprocess.run(["bash", "-n"], input=found, text=True, capture_output=True, check=False)
    assert checked.returncode == 0, checked.stderr
    assert "--collection" in said("completion", "zsh")
    assert "-l collection" in said("completion", "fish")


def test_the_manual_tells_every_command_and_is_the_page_in_docs() -> None:
    page = said("manual", "--roff")
    assert page == (PROJECT / "docs" / "broadsheet.1").read_text("utf-8"), "run: make docs"
    words = said("manual")
    commands = PROJECT / "broadsheet" / "management" / "commands"
    for name in sorted(path.stem for path in commands.glob("[a-z]*.py")):
        assert f"  {name} " in words, name
        assert f"broadsheet {name}".replace("-", "\\-") in page, name


def test_the_first_command_on_a_machine_makes_its_tables_and_none_ends_in_a_traceback(tmp_path: Path) -> None:
    def ran(*words: str, **environ: str) -> subprocess.CompletedProcess[str]:
        known = {"BROADSHEET_HOME": str(tmp_path / "home"), "PATH": "/usr/bin:/bin", **environ}
        command = [sys.executable, "-m", "broadsheet", *words]
        return subprocess.run(command, env=known, cwd=PROJECT, capture_output=True, text=True, check=False)

    told = ran("rescore")
    assert told.returncode == 0, told.stderr
    assert "Making the database" in told.stderr
    (tmp_path / "home" / "broadsheet.sqlite3").write_bytes(b"x" * 9_000)
    told = ran("trending")
    assert told.returncode == 1
    assert "broadsheet: The database file is damaged." in told.stderr
    told = ran("trending", DATABASE_URL="postgres://reader:x@host:port/none")
    assert "broadsheet: DATABASE_URL cannot be read." in told.stderr
    assert "Traceback" not in told.stderr


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("no such table: broadsheet_run", "bring them up to date"),
        ("no such column: broadsheet_paper.comments", "bring them up to date"),
        ('relation "broadsheet_run" does not exist', "bring them up to date"),
        ("database is locked", "Another program holds the database"),
        ("attempt to write a readonly database", "cannot be written"),
    ],
)
def test_what_databases_say_is_a_sentence(words: str, sentence: str) -> None:
    assert sentence in plainly.sentence(OperationalError(words))
    assert plainly.sentence(ValueError(words)) == ""
