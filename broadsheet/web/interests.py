"""Interests: one's own list of them, one as its viewer may see it, and the forms that teach and change it."""

from __future__ import annotations

from datetime import date
from typing import Any, Final
from urllib.parse import urlencode

from django.contrib import messages
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from broadsheet import community, digest, recommendations, search
from broadsheet.community import following, interests
from broadsheet.community.interests import Wishes
from broadsheet.models import Interest, Lesson, Paper, Reader
from broadsheet.recommendations import Picks
from broadsheet.web import access, cards, links, marks, picking
from broadsheet.web.asked import page_number, wants_fragment
from broadsheet.web.context import address
from broadsheet.web.guard import as_capability
from broadsheet.web.limits import HOUR, Limit
from broadsheet.web.talk import plain_title

OFTEN: Final = Limit(1_000, HOUR)
SEEN_BY: Final = {
    "private": "Only you",
    "link": "Whoever has the secret link",
    "public": "Everybody; it stands on your page",
}
VOTES: Final = {0: "Not at all", 50: "Some", 100: "As much as the subject"}
ANSWERS: Final = {"for": True, "against": False, "none": None}


@access.acts("interest.make", Limit(60, HOUR), reads=True)
def listed(request: HttpRequest) -> HttpResponse:
    """One's own interests; with POST, a new one."""
    reader = access.demand_reader(request)
    wishes, status, refusal = Wishes(), 200, ""
    if request.method == "POST":
        try:
            wishes = _wishes(request)
            made = interests.make(reader, wishes)
            _teach_pasted(request, reader, made.pk)
            return access.see(access.next_of(request, made.get_absolute_url()))
        except community.Refused as error:
            if error.status == 403:
                raise
            refusal, status = str(error), error.status
    key = following.known_feed_key(reader)
    known = _form(wishes) | {
        "rows": [
            (one, links.feeds(f"{one.get_absolute_url()}/{key.secret}") if key else [])
            for one in interests.of_reader(reader, reader)[: interests.MOST_INTERESTS]
        ],
        "refusal": refusal,
        "papers": request.POST.get("papers", ""),
        "searches": search.saved_by(reader)[:20],
        "most": interests.MOST_INTERESTS,
    }
    return render(request, "interests/list.html", known, status=status)


def _wishes(request: HttpRequest) -> Wishes:
    said = request.POST
    votes = said.get("votes", "0")
    return Wishes(
        said.get("name", ""),
        said.get("sentence", ""),
        said.get("query", ""),
        said.get("visibility", "private"),
        int(votes) if votes.isascii() and votes.isdecimal() and len(votes) < 4 else -1,
        said.get("returning") == "yes",
    )


def _form(wishes: Wishes) -> dict[str, Any]:
    return {"wishes": wishes, "visibilities": SEEN_BY.items(), "dial": VOTES.items()}


def _teach_pasted(request: HttpRequest, reader: Reader, key: int) -> int:
    """Teaches what a form names by pasted ids, and says what came of it. Returns how many answers."""
    count = 0
    for field, wanted in (("papers", True), ("unlike", False)):
        if said := request.POST.get(field, "").strip():
            here, awaited = interests.teach_named(reader, key, said, wanted)
            count += here + awaited
            if not here + awaited:
                messages.warning(request, "No arXiv id or DOI stands in what you pasted.")
            if awaited:
                are = "is" if awaited == 1 else "are"
                messages.info(request, f"{awaited:,} of these {are} not here yet, and will count once here.")
    return count


def path_of(interest: Interest, secret: str = "") -> str:
    return interest.get_absolute_url() + (f"/{secret}" if secret else "")


@require_safe
def interest(request: HttpRequest, key: int, secret: str = "") -> HttpResponse:
    """An interest's page: new papers, best first, for its owner with the buttons that teach it."""
    reader = access.reader_of(request)
    found = interests.seen(key, reader, secret)
    mine = reader is not None and found.reader_id == reader.pk
    page, moment = page_number(request), picking.moment_of(request)
    start, limit = picking.place_of(page)
    away = digest.mailed(reader) if mine and reader and not found.returning else ()

    def find(first: date | None) -> Picks:
        return recommendations.for_interest(
            found, reader, first=first, limit=limit, start=start, exclude=away, until=moment
        )

    picks, days = picking.found_in(request, find, page)
    path = path_of(found, secret)
    narrowed = urlencode({"days": days}) if days != picking.USUAL else ""
    query = "&".join(filter(None, (narrowed, picking.at(moment))))
    known = picking.told(request, picks, path, query, page)
    if mine:
        known["teaching"] = found.pk
    if wants_fragment(request):
        return render(request, "_more.html", known)
    known |= {
        "interest": found,
        "mine": mine,
        "windows": [(f"{path}?days={word}", name, word == days) for word, name in picking.WINDOWS.items()],
        "secret": bool(secret) or found.visibility != "public",
        "canonical": address(request, path),
        "copyable": not mine and reader is not None,
        "secret_word": secret,
    }
    known |= _own_parts(request, found, reader) if mine and reader else {"feeds": links.feeds(path, narrowed)}
    known |= _teachers(found)
    response = render(request, "interests/interest.html", known)
    return as_capability(response) if secret else response


def _own_parts(request: HttpRequest, found: Interest, reader: Reader) -> dict[str, Any]:
    key = following.known_feed_key(reader)
    return {
        "feeds": links.feeds(f"{found.get_absolute_url()}/{key.secret}") if key else [],
        "visibility": SEEN_BY[found.visibility],
        "secret_link": address(request, path_of(found, found.secret)) if found.visibility == "link" else "",
    }


def _teachers(found: Interest) -> dict[str, Any]:
    """What taught it: some of the papers, and how many there are."""
    rows, counts = interests.lessons(found)
    return {
        "lessons": [
            (each, cards.title(each.paper, 200) if each.paper else each.title or each.identifier)
            for each in rows
        ],
        "for_it": counts[True],
        "against_it": counts[False],
        "unnamed": sum(counts.values()) - len(rows),
    }


@access.acts("interest.teach", OFTEN)
def teach(request: HttpRequest, key: int) -> HttpResponse:
    """Answers whether a paper belongs (`as` = for, against, none), or does so for pasted ids."""
    return _taught(request, access.demand_reader(request), key)


def _taught(request: HttpRequest, reader: Reader, key: int) -> HttpResponse:
    answer = request.POST.get("as", "for")
    if answer not in ANSWERS:
        raise BadRequest(f"“as” is one of {', '.join(ANSWERS)}.")
    wanted = ANSWERS[answer]
    if "papers" in request.POST:
        if not _teach_pasted(request, reader, key):
            interests.own(reader, key)
        return access.see(access.next_of(request, f"/interests/{key}"))
    paper = _meant(request)
    interests.teach(reader, key, paper.pk, wanted)
    if wants_fragment(request):
        said = {"key": key, "paper": paper.pk, "wanted": wanted}
        return render(request, "interests/_taught.html", said)
    if wanted is not None:
        word = "fits" if wanted else "does not fit"
        messages.success(request, f"Noted: “{plain_title(paper)[:120]}” {word}.")
    return access.see(access.next_of(request, access.came_from(request, f"/interests/{key}")))


def _meant(request: HttpRequest) -> Paper:
    """The paper of a form: by its number, as lists give it, or by its identifier."""
    number = request.POST.get("paper", "")
    if number.isascii() and number.isdecimal() and len(number) < 19:
        if found := Paper.objects.filter(pk=int(number)).first():
            return found
        raise community.Refused("There is no such paper here.", 404)
    return marks.named(request.POST.get("identifier", ""))


@access.acts("interest.teach", OFTEN)
def teach_one(request: HttpRequest) -> HttpResponse:
    """The same from a paper's page, where the form says which interest."""
    number = request.POST.get("interest", "")
    if not (number.isascii() and number.isdecimal() and len(number) < 19):
        raise BadRequest("Choose the interest that you want to teach.")
    return _taught(request, access.demand_reader(request), int(number))


@access.acts("interest.teach", OFTEN)
def forget(request: HttpRequest, key: int) -> HttpResponse:
    """Takes one answer back, named by its own number."""
    reader = access.demand_reader(request)
    number = request.POST.get("lesson", "")
    if not (number.isascii() and number.isdecimal() and len(number) < 19):
        raise BadRequest("The form names an answer by its number.")
    interests.forget(reader, key, int(number))
    return access.see(access.next_of(request, access.came_from(request, f"/interests/{key}")))


@access.acts("interest.change", OFTEN, reads=True)
def change(request: HttpRequest, key: int) -> HttpResponse:
    """Name, sentence, search, who may see it, how much votes count."""
    reader = access.demand_reader(request)
    found = _own(reader, key)
    wishes, status, refusal = Wishes.of(found), 200, ""
    if request.method == "POST":
        try:
            wishes = _wishes(request)
            interests.change(reader, key, wishes)
            return access.see(found.get_absolute_url())
        except community.Refused as error:
            if error.status == 403:
                raise
            refusal, status = str(error), error.status
    known = _form(wishes) | {
        "interest": found,
        "refusal": refusal,
        "searches": search.saved_by(reader)[:20],
    }
    return render(request, "interests/change.html", known, status=status)


def _own(reader: Reader, key: int) -> Interest:
    found = interests.seen(key, reader)
    if found.reader_id != reader.pk:
        raise community.Refused(interests.NO_INTEREST, 404)
    return found


@access.acts("interest.delete", Limit(60, HOUR), reads=True)
def delete(request: HttpRequest, key: int) -> HttpResponse:
    reader = access.demand_reader(request)
    found = _own(reader, key)
    if request.method == "POST":
        interests.remove(reader, key)
        messages.success(request, f"The interest “{found.name}” is gone.")
        return access.see("/interests")
    many = Lesson.objects.filter(interest=found).count()
    return render(request, "interests/delete.html", {"interest": found, "answers": many})


@access.acts("interest.link", Limit(60, HOUR))
def renew(request: HttpRequest, key: int) -> HttpResponse:
    """A new secret link; the old one leads nowhere from now on."""
    found = interests.renew_link(access.demand_reader(request), key)
    messages.success(request, "The old link leads nowhere now. This is the new one.")
    return access.see(found.get_absolute_url())


@access.acts("interest.copy", Limit(60, HOUR))
def copy(request: HttpRequest, key: int) -> HttpResponse:
    """Somebody's shared interest becomes one's own."""
    reader = access.demand_reader(request)
    found = interests.seen(key, reader, request.POST.get("secret", ""))
    made = interests.copy(reader, found)
    messages.success(request, "This is your copy. Teach it as you like; nobody else sees it.")
    return access.see(made.get_absolute_url())
