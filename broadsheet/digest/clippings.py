"""What mail says of a paper, cut out once and kept as it was: title, names, two sentences, facts."""

from __future__ import annotations

import hashlib
import json
import logging
import re
from collections.abc import Iterable

from broadsheet import text
from broadsheet.models import Clipping, Paper

log = logging.getLogger("broadsheet.digest")

TITLE, SUMMARY, NAME, NAMES = 250, 420, 60, 5
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z“\"(])")


def clip(keys: Iterable[int]) -> tuple[dict[int, int], dict[int, str]]:
    """Clippings of these papers: (clipping by paper, what went wrong by paper).

    A paper whose words cannot be set is left out; the others are not concerned.
    """
    made: dict[int, tuple[str, dict[str, str]]] = {}
    wrong: dict[int, str] = {}
    for pk, paper in Paper.objects.cards().in_bulk(list(keys)).items():
        try:
            content = cut(paper)
            made[pk] = (digest_of(content), content)
        except Exception as error:
            log.exception("Paper %s cannot be set in mail", paper.identifier)
            wrong[pk] = f"{type(error).__name__}: {error}"[:200]
    digests = [digest for digest, _ in made.values()]
    known = dict(Clipping.objects.filter(digest__in=digests).values_list("digest", "pk"))
    new = [
        Clipping(digest=digest, paper_id=pk, content=content)
        for pk, (digest, content) in made.items()
        if digest not in known
    ]
    if new:
        Clipping.objects.bulk_create(new, ignore_conflicts=True)
        known = dict(Clipping.objects.filter(digest__in=digests).values_list("digest", "pk"))
    return {pk: known[digest] for pk, (digest, _) in made.items()}, wrong


def cut(paper: Paper) -> dict[str, str]:
    """The words of one paper, all of them plain text on one line."""
    names = [text.plain_line(name[:NAME]) for name in paper.authors[:NAMES]]
    more = len(paper.authors) - len(names)
    facts = [*paper.categories[:1]]
    if paper.has_code:
        facts.append("code")
    if paper.organization:
        facts.append(text.plain_line(paper.organization[:NAME]))
    if paper.withdrawn:
        facts.insert(0, "withdrawn by its authors")
    return {
        "title": _line(paper.title, TITLE) or "Untitled",
        "byline": ", ".join(names) + (f" and {more:,} more" if more > 0 else ""),
        "summary": _sentences(_line(paper.abstract, 3 * SUMMARY)),
        "path": paper.get_absolute_url(),
        "facts": " · ".join(facts),
        # The same words about another paper are another clipping.
        "paper": paper.identifier,
    }


def digest_of(content: dict[str, str]) -> str:
    said = json.dumps(content, ensure_ascii=False, sort_keys=True)
    return hashlib.sha256(said.encode("utf-8", "replace")).hexdigest()


def _line(words: str, limit: int) -> str:
    return " ".join(text.text_plain(text.shorten(words, limit)).split())


def _sentences(words: str) -> str:
    """The first two sentences, or what fits."""
    kept = " ".join(_SENTENCE.split(words)[:2])
    return text.shorten(kept, SUMMARY) if len(kept) > SUMMARY else kept
