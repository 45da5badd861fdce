"""Readers who wrote a paper say so: granted by proof where there is one, else by a curator.

Proof is the ORCID record that a reader signs in with, when it bears the printed name and lists this very
paper, or an address of the reader, verified by mail, that is printed in what the paper says of itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

from django.db import transaction
from django.utils import timezone

from broadsheet import identifiers
from broadsheet.catalog import placing
from broadsheet.community.proofs import at, orcid_records, verified_addresses
from broadsheet.community.refusals import Refused
from broadsheet.community.rules import may_act, open_paper
from broadsheet.community.submitting import address
from broadsheet.community.talking import note
from broadsheet.models import Claim, Link, Paper, Reader

LONGEST_NOTE: Final = 4_000
MOST_LINKS: Final = 12
MOST_OPEN: Final = 20
# What authors may add to their papers, and the name under which the house remembers who said so.
AUTHOR_LINKS: Final = ("code", "project", "model", "dataset", "demo")
SOURCE: Final = "author"

_ADDRESS = re.compile(r"[\w.+-]{1,64}@(?:[\w-]{1,63}\.){1,5}[a-z]{2,24}", re.IGNORECASE | re.ASCII)


def claim(reader: Reader, paper: int, name: str, words: str = "") -> Claim:
    """Says that the reader is the author printed as `name`. Granted by proof, else asked of curators."""
    may_act(reader)
    said = note(words, 2_000)
    with transaction.atomic():
        about = open_paper(paper)
        printed = next((one for one in about.authors if one == name), None)
        if printed is None:
            raise Refused("Choose your name from those printed on the paper.", 400)
        known = Claim.objects.filter(paper=about, reader=reader).first()
        if known and known.state == "granted":
            return known
        taken = Claim.objects.filter(paper=about, name=printed[:200], state="granted")
        if taken.exists():
            raise Refused("Another reader is known as this author already. Curators can look into it.")
        if known and known.state == "declined":
            raise Refused("Curators have declined this claim. Write to whoever keeps this server.")
        if Claim.objects.filter(reader=reader, state="asked").count() >= MOST_OPEN:
            raise Refused(f"You have {MOST_OPEN} claims waiting. Please wait for those first.", 429)
        ground = proof(reader, about, printed)
        made = known or Claim(paper=about, reader=reader)
        made.name, made.words, made.ground = printed[:200], said, ground
        if ground:
            made.state, made.settled_at = "granted", timezone.now()
        made.save()
    return made


def withdraw_claim(reader: Reader, key: int) -> None:
    """Takes one's own claim back; links and the note go with it."""
    with transaction.atomic():
        found = Claim.objects.select_for_update().filter(pk=key, reader=reader).first()
        if found is None:
            raise Refused("There is no such claim of yours.", 404)
        if found.state == "declined":
            raise Refused("This claim was declined and stays written down.")
        found.delete()


def proof(reader: Reader, paper: Paper, name: str) -> str:
    """What shows that the reader is this author: `orcid`, `address`, or nothing."""
    if any(_same_person(name, record) and _lists(record, paper) for record in orcid_records(reader)):
        return "orcid"
    words = f"{paper.comment[:5_000]} {paper.abstract[:20_000]}"
    printed = {found.lower() for found in _ADDRESS.findall(words)}
    return "address" if printed and printed & verified_addresses(reader) else ""


def _same_person(printed: str, record: dict[str, Any]) -> bool:
    """Whether an ORCID record bears this name: the same surname, and first names that do not disagree."""
    given = at(record, "person", "name", "given-names", "value")
    family = at(record, "person", "name", "family-name", "value")
    if not isinstance(given, str) or not isinstance(family, str):
        return False
    slug, theirs = identifiers.author_slug, f"{given} {family}"
    if slug(theirs) == slug(printed):
        return True
    initial = slug(given)[:1]
    return slug(identifiers.surname(printed)) == slug(family) and slug(printed)[:1] == initial != ""


def _lists(record: dict[str, Any], paper: Paper) -> bool:
    """Whether the works of an ORCID record (v3.0, https://info.orcid.org/) hold this paper."""
    names = {paper.identifier, *paper.aliases.values_list("identifier", flat=True)}
    for value in _external_ids(at(record, "activities-summary", "works", "group")):
        said = identifiers.parse(value) or identifiers.parse(f"doi:{value}")
        if said and said.identifier in names:
            return True
    return False


def _external_ids(groups: Any) -> Iterator[str]:
    for group in groups[:2_000] if isinstance(groups, list) else ():
        ids = at(group, "external-ids", "external-id")
        for one in ids[:20] if isinstance(ids, list) else ():
            value = at(one, "external-id-value")
            if isinstance(value, str):
                yield value[:500]


def granted(reader: Reader, paper: int) -> Claim:
    """One's granted claim on a paper, locked. Raises Refused for everybody else."""
    found = Claim.objects.select_for_update().filter(paper=paper, reader=reader, state="granted").first()
    if found is None:
        raise Refused("Only those known as its authors can add to a paper.", 403)
    return found


def add_link(reader: Reader, paper: int, kind: str, url: str) -> Link:
    """An author's link to code, project, models, data or a demo; shown as said by the author."""
    may_act(reader)
    if kind not in AUTHOR_LINKS:
        raise Refused(f"A link is to one of {', '.join(AUTHOR_LINKS)}.", 400)
    said = address(url)
    with transaction.atomic():
        about = open_paper(paper)
        granted(reader, paper)
        if Link.objects.filter(paper=about, source=SOURCE).count() >= MOST_LINKS:
            raise Refused(f"Authors can add {MOST_LINKS} links. Take one out first.")
        link, _ = Link.objects.get_or_create(paper=about, kind=kind, url=said, defaults={"source": SOURCE})
        placing.has_links(about)
    return link


def remove_link(reader: Reader, paper: int, link: int) -> None:
    """Takes out a link that an author added; those of other sources stay."""
    may_act(reader)
    with transaction.atomic():
        about = open_paper(paper)
        granted(reader, paper)
        Link.objects.filter(pk=link, paper=about, source=SOURCE).delete()
        placing.has_links(about)


def say_to_readers(reader: Reader, paper: int, words: str) -> Claim:
    """What an author wants readers of the paper to know, in Markdown; empty takes it away."""
    may_act(reader)
    if len(words) > LONGEST_NOTE:
        raise Refused(f"A note to readers has at most {LONGEST_NOTE:,} characters.", 400)
    if "\x00" in words:
        raise Refused("The note holds characters that are no text. Remove them and try again.", 400)
    with transaction.atomic():
        open_paper(paper)
        found = granted(reader, paper)
        found.note = words.replace("\r\n", "\n").strip()
        found.save(update_fields=["note"])
    return found


def claims_on(paper: Paper) -> list[Claim]:
    """The readers who are known to have written a paper."""
    found = Claim.objects.filter(paper=paper, state="granted", reader__is_active=True)
    return list(found.select_related("reader").order_by("pk"))


def claims_of(reader: Reader, states: Iterable[str] = ("granted",)) -> list[Claim]:
    rows = Claim.objects.filter(reader=reader, state__in=list(states), paper__hidden=False)
    return list(rows.select_related("paper").order_by("-pk")[:500])


def claim_queue() -> list[Claim]:
    """Claims that wait for a curator, the oldest first."""
    return list(Claim.objects.filter(state="asked").select_related("reader", "paper").order_by("pk")[:200])
