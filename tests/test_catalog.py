"""Papers come in, are recognised, revised, merged and withdrawn, and nothing is written twice."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from broadsheet import catalog
from broadsheet.models import Alias, Author, Authorship, Link, Paper, PaperCategory, Signal, Version
from broadsheet.sources import LinkRecord, PaperRecord, VersionRecord
from tests.factories import FRIDAY, NOW, paper, record, votes

pytestmark = pytest.mark.django_db

LATER = datetime(2025, 4, 1, tzinfo=UTC)


def test_a_new_paper_is_kept_with_its_people_categories_and_days() -> None:
    one = paper(links=(LinkRecord("code", "https://github.com/a/b"),), versions=(VersionRecord(1, NOW),))
    assert one.identifier == "2503.00001"
    assert one.authors == ["Ada Lovelace", "Reader Number1"]
    assert one.listed_on == FRIDAY
    assert one.month == 202503
    assert one.changed_at == NOW
    assert one.has_code
    assert not one.has_models
    assert set(one.in_categories.values_list("category__code", flat=True)) == {"cs.CL", "cs.LG", "cs"}
    assert list(one.authorships.order_by("position").values_list("author__slug", flat=True)) == [
        "ada-lovelace",
        "reader-number1",
    ]
    assert [version.number for version in one.versions.all()] == [1]


def test_the_same_record_again_writes_nothing() -> None:
    told = record(
        signals=(votes(3),),
        links=(LinkRecord("code", "https://github.com/a/b"),),
        versions=(VersionRecord(1, NOW),),
        identifiers=("2503.00001", "doi:10.1/x"),
    )
    assert catalog.take_in([told], NOW) == catalog.Taken(new=1)
    with CaptureQueriesContext(connection) as queries:
        assert catalog.take_in([told], LATER) == catalog.Taken(unchanged=1)
    written = [query["sql"] for query in queries if query["sql"].startswith(("INSERT", "UPDATE"))]
    assert written == []


def test_a_revision_moves_changed_at_and_new_votes_do_not() -> None:
    paper()
    catalog.take_in([record(signals=(votes(5),))], LATER)
    assert Paper.objects.get().changed_at == NOW
    catalog.take_in([record(abstract="We read it again and changed our minds.", revised_at=LATER)], LATER)
    after = Paper.objects.get()
    assert after.changed_at == LATER
    assert after.abstract.endswith("changed our minds.")


def test_an_older_revision_does_not_overwrite_a_newer_one() -> None:
    paper(abstract="Second thoughts.", revised_at=LATER)
    catalog.take_in([record(abstract="First thoughts.", revised_at=NOW)], LATER)
    assert Paper.objects.get().abstract == "Second thoughts."


def test_an_abstract_that_was_cut_is_completed() -> None:
    paper(abstract="We read newspapers and…")
    catalog.take_in([record(abstract="We read newspapers and found them good.")], LATER)
    assert Paper.objects.get().abstract == "We read newspapers and found them good."


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_arxiv_is_believed_over_hugging_face_in_whatever_order_they_come(order: tuple[int, int]) -> None:
    told = [
        record(title="A study of newspapers", abstract="What arXiv says."),
        record(
            title="A study of newspapers!",
            source="huggingface",
            abstract="What they say.",
            organization="A lab",
        ),
    ]
    for index in order:
        catalog.take_in([told[index]], NOW)
    one = Paper.objects.get()
    assert (one.title, one.abstract) == ("A study of newspapers", "What arXiv says.")
    assert one.organization == "A lab"
    assert one.source == "arxiv"


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_the_earliest_announced_day_stands_in_whatever_order_they_come(order: tuple[int, int]) -> None:
    told = [
        record(announced_on=FRIDAY),
        record(announced_on=date(2025, 3, 18), source="huggingface", place=3),
    ]
    for index in order:
        catalog.take_in([told[index]], NOW)
    one = Paper.objects.get()
    assert one.listed_on == FRIDAY
    assert one.place is None


def test_without_an_announcement_arxivs_calendar_gives_the_day() -> None:
    one = paper(announced_on=None, published_at=datetime(2025, 3, 13, 20, tzinfo=UTC))
    assert one.listed_on == date(2025, 3, 17)
    assert not one.announced


def test_a_paper_whose_month_alone_is_known_stands_in_the_month_only() -> None:
    one = paper(announced_on=None, published_at=None, month=date(2025, 3, 1))
    assert one.listed_on is None
    assert one.month == 202503
    assert one.hotness is not None


def test_two_records_that_share_an_identifier_are_one_paper() -> None:
    paper(identifiers=("2503.00001",), title="A study of newspapers")
    other = record(
        identifiers=("doi:10.1000/news",), title="A study of newspapers (extended)", authors=("B. Other",)
    )
    catalog.take_in([other], NOW)
    assert Paper.objects.count() == 2
    catalog.take_in(
        [record(identifiers=("2503.00001", "doi:10.1000/news"), title="A study of newspapers")], NOW
    )
    one = Paper.objects.get()
    assert one.identifier == "2503.00001"
    assert one.doi == "10.1000/news"


def test_merging_keeps_signals_links_and_addresses_of_both() -> None:
    paper(signals=(votes(4),))
    paper(
        2,
        identifiers=("doi:10.1000/news",),
        signals=(votes(9, day=16),),
        links=(LinkRecord("code", "https://github.com/a/b"),),
        versions=(VersionRecord(2, NOW),),
    )
    catalog.take_in([record(identifiers=("2503.00001", "doi:10.1000/news"))], LATER)
    one = Paper.objects.get()
    assert one.has_code
    assert one.outside_upvotes == 9
    assert Signal.objects.filter(paper=one).count() == 2
    assert Link.objects.filter(paper=one).count() == 1
    assert Version.objects.filter(paper=one).count() == 1
    assert Authorship.objects.exclude(paper=one).count() == 0
    assert PaperCategory.objects.exclude(paper=one).count() == 0


def test_a_paper_without_an_identifier_is_found_by_its_title() -> None:
    bare = PaperRecord(source="bibtex", title="On Reading {Newspapers}", authors=("Ada Lovelace",))
    catalog.take_in([bare], NOW)
    assert Paper.objects.get().identifier.startswith("local:")
    catalog.take_in([record(title="On reading newspapers")], NOW)
    one = Paper.objects.get()
    assert one.identifier == "2503.00001"
    assert Alias.objects.get().identifier.startswith("local:")
    assert catalog.take_in([bare], LATER).new == 0


def test_equal_titles_of_different_people_stay_two_papers() -> None:
    catalog.take_in(
        [
            PaperRecord(source="bibtex", title="Editorial", authors=("Ada Lovelace",)),
            PaperRecord(source="bibtex", title="Editorial", authors=("Grace Hopper",)),
        ],
        NOW,
    )
    assert Paper.objects.count() == 2


def test_one_batch_may_speak_of_one_paper_many_times() -> None:
    told = [record(signals=(votes(count, day=15 + count),)) for count in range(1, 6)]
    taken = catalog.take_in(told, NOW)
    assert (taken.new, taken.changed) == (1, 4)
    assert Paper.objects.get().outside_upvotes == 5


def test_signals_of_other_sources_add_up_and_the_newest_level_counts() -> None:
    catalog.take_in([record(signals=(votes(3, day=15), votes(8, day=16)))], NOW)
    catalog.take_in([record(source="huggingface", signals=(votes(30, day=15),))], NOW)
    one = Paper.objects.get()
    assert one.outside_upvotes == 38
    assert one.upvotes == 0
    assert one.voted


def test_a_withdrawal_is_kept_until_a_newer_version_comes() -> None:
    paper()
    catalog.take_in([record(withdrawn=True, revised_at=LATER)], LATER)
    catalog.take_in([record()], LATER)
    one = Paper.objects.get()
    assert one.withdrawn
    assert one.score == 0


def test_changed_authors_leave_no_rows_behind() -> None:
    paper()
    catalog.take_in([record(authors=("Grace Hopper",), revised_at=LATER)], LATER)
    assert list(Authorship.objects.values_list("author__slug", flat=True)) == ["grace-hopper"]
    assert Author.objects.filter(slug="ada-lovelace").exists()


def test_changed_categories_leave_no_rows_behind() -> None:
    paper()
    catalog.take_in([record(categories=("math.CO",), revised_at=LATER)], LATER)
    assert set(PaperCategory.objects.values_list("category__code", flat=True)) == {"math.CO", "math"}


def test_the_built_in_page_comes_only_into_an_empty_house_and_leaves_when_real_papers_come() -> None:
    assert catalog.take_in_builtin() == 111
    assert catalog.take_in_builtin() == 0
    known = Paper.objects.exclude(identifier__startswith="local:").first()
    assert known is not None
    assert known.abstract_is_ours
    told = record(identifiers=(known.identifier,), title=known.title, abstract="What the authors say.")
    catalog.take_in([told], NOW)
    assert catalog.retire_builtin() == 110
    one = Paper.objects.get()
    assert not one.abstract_is_ours
    assert one.abstract == "What the authors say."
    assert one.listed_on == FRIDAY
    assert one.place is None


def test_a_category_of_a_paper_stands_where_the_paper_stands() -> None:
    one = paper(signals=(votes(7),))
    for row in PaperCategory.objects.all():
        assert (row.score, row.hotness, row.listed_on, row.voted) == (
            one.score,
            one.hotness,
            one.listed_on,
            True,
        )
