"""docs/operate.md is held to the code: every setting and every command is in it, and nothing that is not."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

from tests.conftest import PROJECT

OPERATE = (PROJECT / "docs" / "operate.md").read_text()
SETTINGS = (PROJECT / "broadsheet" / "config" / "settings.py").read_text()
NAMES = re.compile(r"\b(?:BROADSHEET_[A-Z_]+|DATABASE_URL|XDG_DATA_HOME)\b")
FOR_TESTS = {"BROADSHEET_DATA", "BROADSHEET_CHROMIUM", "BROADSHEET_REQUIRE"}


def test_every_setting_has_a_row_and_every_row_is_a_setting() -> None:
    read = set(NAMES.findall(SETTINGS))
    rows = set(re.findall(r"^\| `([A-Z_]+)` \|", OPERATE, re.MULTILINE))
    assert read - {"XDG_DATA_HOME"} == rows


def test_nothing_is_mentioned_that_no_code_reads() -> None:
    assert set(NAMES.findall(OPERATE)) - FOR_TESTS <= set(NAMES.findall(SETTINGS))


def test_the_environment_is_read_in_one_room_only() -> None:
    """Names that processes hand on or take away are no settings; reading one elsewhere would be."""
    reads = re.compile(r"environ(?:\.get\(|\[)\s*f?\"(?:BROADSHEET_|DATABASE_URL)")
    rooms = [path for path in Path(PROJECT / "broadsheet").rglob("*.py") if reads.search(path.read_text())]
    assert [path.name for path in rooms] == ["settings.py"]


def test_the_list_of_commands_is_the_one_that_make_docs_writes() -> None:
    spec = importlib.util.spec_from_file_location("rebuild", PROJECT / "docs" / "rebuild.py")
    assert spec and spec.loader
    rebuild = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(rebuild)
    assert rebuild.rebuilt() == OPERATE, "run: make docs"
    folder = PROJECT / "broadsheet" / "management" / "commands"
    for path in folder.glob("[a-z]*.py"):
        assert f"| `broadsheet {path.stem}" in OPERATE


def test_every_word_of_the_makefile_says_what_it_does() -> None:
    makefile = (PROJECT / "Makefile").read_text()
    phony = re.search(r"^\.PHONY: (up .*)$", makefile, re.MULTILINE)
    assert phony
    for word in phony[1].split():
        assert re.search(rf"^{word}:[^#\n]*## \S", makefile, re.MULTILINE), word
