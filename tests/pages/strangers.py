"""Papers as a hostile or careless stranger would write them, put past the door that would clean them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from broadsheet import identifiers, trending
from broadsheet.models import Author, Authorship, Link, Paper, Signal, Version

# Where one of these words shows up unescaped, somebody else's markup has become ours.
SCRIPT = '<script>alert("got you")</script>'
IMAGE = "<img src=x onerror=alert(1)>\"'>"
OVERRIDE = "\u202egnp.exe\u202c"
BOMB = "$" + "{" * 400 + "x" + "}" * 400 + "$ $\\href{javascript:alert(1)}{x}$ $\\includegraphics{x}$"
WIDE = "$" + " + ".join(f"x_{{{number}}}^{{2}}" for number in range(30)) + "$"
LONG_WORD = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft" * 3


def put(number: int = 1, **changes: Any) -> Paper:
    """A paper written straight into the tables, with its authors."""
    told: dict[str, Any] = {
        "identifier": f"2503.{number:05d}",
        "title": f"A stranger's paper {number}",
        "title_key": number,
        "abstract": "Words.",
        "authors": ["Mallory"],
        "categories": ["cs.CR"],
        "published_at": datetime(2025, 3, 13, 9, tzinfo=UTC),
        "submitted_at": datetime(2025, 3, 14, 9, tzinfo=UTC),
        "changed_at": datetime(2025, 3, 14, 9, tzinfo=UTC),
        "source": "arxiv",
    }
    paper = Paper(**told | changes)
    trending.stand(paper)
    paper.save()
    for position, name in enumerate(dict.fromkeys(paper.authors), start=1):
        slug = identifiers.author_slug(name)
        author, _ = Author.objects.get_or_create(
            pk=identifiers.author_key(slug), defaults={"slug": slug, "name": name}
        )
        Authorship.objects.create(paper=paper, position=position, author=author)
    return paper


def put_all_apart() -> list[Paper]:
    """One of each kind, beside papers that are there already."""
    return put_all(first=90_000)


def put_all(first: int = 0) -> list[Paper]:
    """One of each kind."""
    found = [
        put(
            first + 1,
            title=SCRIPT + IMAGE,
            abstract=SCRIPT + IMAGE,
            authors=[SCRIPT, IMAGE],
            comment=SCRIPT + IMAGE,
            journal_ref=SCRIPT,
            licence='javascript:alert(1)"',
            organization=SCRIPT,
            categories=[IMAGE, "cs.CR"],
        ),
        put(first + 2, title="Aa " * 33_000 + "end", abstract="long " * 40_000),
        put(first + 3, title=LONG_WORD, abstract=LONG_WORD, authors=[LONG_WORD], organization=LONG_WORD),
        put(first + 4, title=f"Wide {WIDE}", abstract=f"Wide {WIDE} and $${WIDE[1:-1]}$$ more"),
        put(first + 5, title=BOMB, abstract=BOMB),
        put(
            first + 6, title=OVERRIDE + "مرحبا بالعالم", authors=[OVERRIDE, "محمد بن موسى"], abstract=OVERRIDE
        ),
        put(first + 7, authors=[f"Collaborator Number{number}" for number in range(300)], withdrawn=True),
        put(first + 8, title="", abstract="", authors=[], categories=[], published_at=None),
        put(first + 9, title="]]> {{ paper }} {% now %} &amp; %s \\", identifier='doi:10.1000/a"b<c>(d)é?#'),
    ]
    paper = found[0]
    Link.objects.create(paper=paper, kind="code", url="javascript:alert(1)", source="arxiv")
    Link.objects.create(paper=paper, kind="code", url='https://example.org/"><script>', source=SCRIPT[:32])
    Link.objects.create(paper=paper, kind="demo", url="http://[::1", source="arxiv")
    Version.objects.create(paper=paper, number=1, submitted_at=None)
    for day in range(1, 6):
        Signal.objects.create(
            paper=paper,
            source='"><b>',
            kind="upvotes",
            value=day**2,
            seen_at=datetime(2025, 3, 14 + day, tzinfo=UTC),
        )
    return found
