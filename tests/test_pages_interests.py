"""The pages of interests and of “For you”: made, taught with and without scripts, shared, imported into."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from xml.etree import ElementTree

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from broadsheet import catalog, community, doors, search
from broadsheet.community import following, importing, interests
from broadsheet.community.interests import Wishes
from broadsheet.models import Interest, Lesson, LibraryImport, Mark, Paper
from tests import factories, people
from tests.pages.reading import get

pytestmark = [pytest.mark.django_db, pytest.mark.filterwarnings("ignore:No directory at")]

HTMX = {"HX-Request": "true"}


@pytest.fixture
def house(settings: Settings) -> Iterator[None]:
    """Numbers 1 to 6 are about looms, 7 to 40 about telegraphs."""
    settings.RERANKER = ""
    words = {True: "weaving looms", False: "telegraph wires"}
    told = [
        factories.record(
            number,
            title=f"Part {number}: {words[number <= 6]}",
            abstract=f"On {words[number <= 6]}, {number}.",
        )
        for number in range(1, 41)
    ]
    catalog.take_in(told, now=factories.NOW)
    while search.index_due():
        pass
    yield
    doors.close()


def paper(number: int) -> Paper:
    return Paper.objects.get(title__startswith=f"Part {number}:")


@pytest.mark.usefixtures("house")
def test_an_interest_from_its_making_to_its_end() -> None:
    alice = people.reader("alice")
    browser = people.signed_in(alice)
    said = {"name": "Looms", "papers": f"arXiv:{paper(1).identifier} and 2401.99999"}
    made = browser.post("/interests", said)
    assert made.status_code == 303
    page = get(browser, made["Location"] + "?days=all")
    assert "weaving looms" in page.words("h2")[0]
    told = " ".join(page.words("main"))
    assert "1 of these is not here yet" in told
    assert "like “Part 1: weaving looms”" in told
    key = Interest.objects.get().pk
    # Teaching by a script is answered with the way back, without one by the page again.
    here = f"/interests/{key}/teach"
    answer = browser.post(here, {"paper": paper(2).pk, "as": "for"}, headers=HTMX)
    assert answer.status_code == 200
    assert "Undo" in answer.content.decode()
    assert browser.post(here, {"paper": paper(7).pk, "as": "against"}).status_code == 303
    assert interests.answers(Interest.objects.get(), [paper(2).pk, paper(7).pk]) == {
        paper(2).pk: True,
        paper(7).pk: False,
    }
    browser.post(here, {"paper": paper(2).pk, "as": "none"}, headers=HTMX)
    browser.post("/interests/teach", {"interest": key, "identifier": paper(3).identifier, "as": "for"})
    browser.post(f"/interests/{key}/forget", {"lesson": Lesson.objects.get(paper=paper(7)).pk})
    assert interests.answers(Interest.objects.get(), [paper(n).pk for n in (2, 3, 7)]) == {paper(3).pk: True}
    assert "Fits" in " ".join(get(browser, paper(4).get_absolute_url()).words("aside"))
    changed = {"name": "On looms", "visibility": "public", "votes": "50", "sentence": "weaving"}
    assert browser.post(f"/interests/{key}/change", changed).status_code == 303
    assert "On looms" in " ".join(get(Client(), "/readers/alice").words("aside"))
    assert "On looms" in " ".join(get(browser, "/interests").words("h2"))
    assert browser.post(f"/interests/{key}/delete").status_code == 303
    assert not Interest.objects.exists()
    assert browser.get(f"/interests/{key}").status_code == 404


@pytest.mark.usefixtures("house")
def test_bad_forms_are_answered_with_a_sentence_and_lose_nothing() -> None:
    browser = people.signed_in(people.reader("alice"))
    answer = browser.post("/interests", {"name": "x" * 121, "sentence": "about <b>looms</b>"})
    assert answer.status_code == 400
    assert "at most 120" in answer.content.decode()
    assert "about &lt;b&gt;looms&lt;/b&gt;" in answer.content.decode()
    for path, form in (
        ("/interests/teach", {"interest": "one"}),
        ("/interests/1/forget", {"lesson": "x"}),
        ("/for-you/settings", {"votes": "much"}),
        ("/library/import", {"papers": ""}),
        ("/library/import", {"key": "not a key!"}),
    ):
        answer = browser.post(path, form)
        assert answer.status_code == 400, path
        assert "Traceback" not in answer.content.decode()


@pytest.mark.usefixtures("house")
def test_sharing_by_link_copying_and_the_feeds() -> None:
    alice, charlie = people.reader("alice"), people.reader("charlie")
    made = interests.make(alice, Wishes("Looms", visibility="link"), [paper(1).pk])
    other = people.signed_in(charlie)
    assert other.get(f"/interests/{made.pk}").status_code == 404
    assert Client().get(f"/interests/{made.pk}.rss").status_code == 404
    shared = f"/interests/{made.pk}/{made.secret}"
    page = get(other, shared + "?days=all")
    assert "Copy it to my interests" in " ".join(page.words("aside"))
    assert "Does not fit" not in " ".join(page.words("main"))
    copied = other.post(f"/interests/{made.pk}/copy", {"secret": made.secret})
    assert copied.status_code == 303
    assert Interest.objects.filter(reader=charlie, name="Looms").exists()
    for form in ("rss", "atom"):
        answer = Client().get(f"{shared}.{form}?days=all")
        ElementTree.fromstring(answer.content)
        assert "Why: like “Part 1" in answer.content.decode()
        assert answer.headers["Cache-Control"] == "private, no-store"
    secret = following.feed_key(alice).secret
    for address in (f"/interests/{made.pk}/{secret}.json", f"/for-you/{secret}.json"):
        community.mark(alice, paper(1).pk, "saved")
        feed = json.loads(Client().get(f"{address}?days=all").content)
        assert "weaving looms" in feed["items"][0]["title"]
        assert not any("Part 1:" in item["title"] for item in feed["items"])
    stranger = following.feed_key(charlie).secret
    assert Client().get(f"/interests/{made.pk}/{stranger}.json").status_code == 404


@pytest.mark.usefixtures("house")
def test_for_you_is_leafed_through_set_and_begun_anew() -> None:
    alice = people.reader("alice")
    browser = people.signed_in(alice)
    community.mark(alice, paper(8).pk, "saved")
    first = get(browser, "/for-you?days=all")
    more = first.all("a", rel="next")[0].attributes["href"]
    assert "at=" in more
    # What is opened meanwhile moves nothing on the second page.
    assert browser.post("/opened", {"key": paper(9).pk}).status_code == 204
    rest = browser.get(more, headers=HTMX).content.decode()
    titles = {title.split(":")[0] for title in first.words("h2") if title.startswith("Part")}
    assert len(titles) == 30
    assert not any(f"{title}:" in rest for title in titles)
    assert not any("Part 9:" in title for title in get(browser, "/for-you?days=all").words("h2"))
    browser.post("/for-you/settings", {"votes": "50", "returning": "yes"})
    assert interests.own_page(alice).votes == 50
    assert browser.post("/for-you/forget-opened").status_code == 303
    assert not Mark.objects.filter(kind="opened").exists()
    browser.post("/for-you/reset")
    assert "Save a few papers" in " ".join(get(browser, "/for-you").words("main"))
    browser.post("/for-you/reset", {"back": "yes"})
    assert "Part" in " ".join(get(browser, "/for-you?days=all").words("h2"))


@pytest.mark.usefixtures("house")
def test_a_stranger_begins_from_bibtex_from_a_file_or_from_a_field() -> None:
    client = Client()
    entry = "@article{x, title={Part 1: weaving looms}}\n@misc{y, title={An unknown paper on looms}}"
    answer = client.post("/for-you", {"papers": entry})
    assert answer.status_code == 303
    assert f"like={paper(1).identifier}" in answer["Location"]
    assert "An+unknown+paper" in answer["Location"]
    sent = SimpleUploadedFile("refs.bib", entry.encode())
    assert client.post("/for-you", {"file": sent})["Location"] == answer["Location"]
    # The window counts back from the newest day that has papers, however long ago that was.
    page = get(client, answer["Location"])
    assert "weaving looms" in page.words("h2")[0]
    answer = client.post("/for-you", {"category": "cs.CL", "days": "all"})
    page = get(client, answer["Location"])
    assert "stands high in cs.CL" in " ".join(page.words("main"))


@pytest.mark.usefixtures("house")
def test_questions_of_a_page_do_not_grow_with_what_taught_it() -> None:
    alice = people.reader("alice")
    made = interests.make(alice, Wishes("Wires"), [paper(7).pk])
    browser = people.signed_in(alice)

    def questions(address: str) -> int:
        browser.get(address)
        with CaptureQueriesContext(connection) as asked:
            browser.get(address)
        return len(asked)

    addresses = (f"/interests/{made.pk}?days=all", "/for-you?days=all", "/interests")
    community.mark(alice, paper(1).pk, "saved")
    before = [questions(address) for address in addresses]
    for number in range(8, 20):
        interests.teach(alice, made.pk, paper(number).pk, number % 2 == 0)
        community.mark(alice, paper(number).pk, "saved")
    interests.make(alice, Wishes("Another"))
    assert [questions(address) for address in addresses] == before
    assert max(before) <= 22


def test_an_import_tells_what_it_found_and_is_undone() -> None:
    alice = people.reader("alice")
    browser = people.signed_in(alice)
    known = factories.papers(3)
    community.mark(alice, known[2].pk, "saved")
    bibtex = "\n".join(
        [
            *(f"@misc{{a, title={{{each.title}}}, eprint={{{each.identifier}}}}}" for each in known),
            f"@article{{again, title={{{known[0].title}}}}}",
            "@book{unknown, title={A book that is not here}, abstract={Of wires.}}",
            "@article{untitled, author={Ada Lovelace}}",
            "@article{broken, title={never closed",
        ]
    )
    answer = browser.post("/library/import", {"file": SimpleUploadedFile("mine.bib", bibtex.encode())})
    assert answer.status_code == 303
    told = " ".join(get(browser, answer["Location"]).words("main"))
    for words in ("BibTeX", "2 papers found here", "1 not here", "2 there before", "no title"):
        assert words in told
    made = LibraryImport.objects.get()
    assert (made.known, made.kept, made.doubled, made.broken) == (2, 1, 2, 2)
    assert not list(importing.folder().iterdir())
    assert Lesson.objects.get().title == "A book that is not here"
    # The same again brings nothing new; undoing the first takes out what it put in and nothing else.
    again = browser.post("/library/import", {"papers": bibtex})
    assert LibraryImport.objects.get(pk=again["Location"].split("/")[-1]).doubled == 5
    assert browser.post(f"/library/imports/{made.pk}/undo").status_code == 303
    assert list(Mark.objects.filter(kind="saved").values_list("paper_id", flat=True)) == [known[2].pk]
    assert not Lesson.objects.exists()
    assert browser.post(f"/library/imports/{made.pk}/undo").status_code == 409
    assert people.signed_in(people.reader("charlie")).get(f"/library/imports/{made.pk}").status_code == 404


def test_a_list_of_ids_teaches_an_interest_and_what_is_nothing_is_said() -> None:
    alice = people.reader("alice")
    browser = people.signed_in(alice)
    (one,) = factories.papers(1)
    mine = interests.make(alice, Wishes("Looms"))
    lines = f"see {one.identifier}\nno id here\nhttps://arxiv.org/abs/2401.99999v2\n"
    answer = browser.post("/library/import", {"papers": lines, "interest": mine.pk})
    told = " ".join(get(browser, answer["Location"]).words("main"))
    assert "1 paper found here" in told
    assert "No arXiv id and no DOI" in told
    assert set(mine.lessons.values_list("paper_id", "identifier")) == {(one.pk, ""), (None, "2401.99999")}
    answer = browser.post("/library/import", {"papers": "nothing of the kind"})
    assert "neither BibTeX" in " ".join(get(browser, answer["Location"]).words("main"))
    others = interests.make(people.reader("charlie"), Wishes("Hers"))
    assert browser.post("/library/import", {"papers": lines, "interest": others.pk}).status_code == 404


def test_a_large_file_waits_for_the_worker_and_one_broken_off_begins_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(importing, "AT_ONCE", 10)
    alice = people.reader("alice")
    browser = people.signed_in(alice)
    known = factories.papers(4)
    ris = "".join(f"TY  - JOUR\nTI  - {each.title}\nER  - \n" for each in known)
    answer = browser.post("/library/import", {"file": SimpleUploadedFile("a.ris", ris.encode())})
    assert "Waiting" in " ".join(get(browser, answer["Location"]).words("main"))
    # A worker that died left half of it behind.
    made = LibraryImport.objects.get()
    Mark.objects.create(reader=alice, paper=known[0], kind="saved")
    stale = made.created_at - 2 * importing.STALE
    LibraryImport.objects.update(
        state="reading", claimed_at=stale, made=importing.packed([known[0].pk]), known=1
    )
    assert community.import_due() == 1
    assert community.import_due() == 0
    made.refresh_from_db()
    assert (made.state, made.known, made.doubled) == ("done", 4, 0)
    assert importing.undo(alice, made.pk) == 4
    too_many = "x" * 100
    for _ in range(importing.MOST_WAITING):
        browser.post("/library/import", {"papers": too_many})
    answer = browser.post("/library/import", {"papers": too_many})
    assert answer.status_code == 409
    assert "still under way" in answer.content.decode()


def test_what_is_too_much_is_left_out_with_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interests, "MOST_LESSONS", 3)
    alice = people.reader("alice")
    mine = interests.make(alice, Wishes("Looms"))
    known = factories.papers(4)
    lines = "\n".join(each.identifier for each in known)
    made = importing.take_text(alice, lines, mine.pk)
    assert (made.state, made.known) == ("done", 3)
    assert "at most 3 papers; 1 were left out" in made.why
    books = "\n".join(f"@book{{b{number}, title={{Book number {number}}}}}" for number in range(5))
    made = importing.take_text(alice, f"{books}\n@misc{{x, title={{{known[0].title}}}}}")
    assert (made.state, made.kept, made.known) == ("done", 3, 1)
    assert "2 were left out" in made.why
    monkeypatch.setattr(importing, "LARGEST", 10)
    with pytest.raises(community.Refused, match="at most"):
        importing.take_file(alice, SimpleUploadedFile("a.bib", b"x" * 11))


@pytest.mark.usefixtures("house")
def test_where_the_usual_window_holds_nothing_a_longer_one_is_shown_and_said() -> None:
    alice = people.reader("alice")
    made = interests.make(alice, Wishes("Looms"), [paper(1).pk])
    new = factories.paper(50, identifiers=("2505.00050",), announced_on=date(2025, 5, 30))
    interests.teach(alice, made.pk, new.pk, False)
    page = get(people.signed_in(alice), f"/interests/{made.pk}")
    assert "these are of the last year" in " ".join(page.words("main"))
    assert "weaving looms" in page.words("h2")[0]
    page = get(people.signed_in(alice), f"/interests/{made.pk}?days=30")
    assert "longer window" in " ".join(page.words("main"))
