"""The 55 promises of docs/mail.md are each held by a test, and the document names it."""

from __future__ import annotations

import re
from collections import defaultdict

from tests.conftest import PROJECT

MARK = re.compile(r"@pytest\.mark\.mail_check\((\d+)\)")
DOCUMENT = (PROJECT / "docs" / "mail.md").read_text("utf-8")
ALL = range(1, 56)


def numbered_tests() -> dict[int, set[str]]:
    """Which tests carry which numbers, read from the files themselves."""
    found: dict[int, set[str]] = defaultdict(set)
    for path in (PROJECT / "tests").glob("test_*.py"):
        marks: list[int] = []
        for line in path.read_text("utf-8").splitlines():
            if match := MARK.match(line):
                marks.append(int(match[1]))
            elif match := re.match(r"def (test_\w+)", line):
                for number in marks:
                    found[number].add(match[1])
                marks = []
    return found


def test_every_promise_has_a_test() -> None:
    assert sorted(numbered_tests()) == list(ALL)


def test_the_document_lists_every_promise_with_its_tests() -> None:
    rows = dict(re.findall(r"^\| (\d+) \| .+? \| (.+) \|$", DOCUMENT, re.MULTILINE))
    assert sorted(map(int, rows)) == list(ALL)
    for number, names in numbered_tests().items():
        assert set(re.findall(r"`(test_\w+)`", rows[str(number)])) == names, number
