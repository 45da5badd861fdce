"""When papers turn out to be one, or leave, what readers said of them stays."""

from __future__ import annotations

import pytest

from broadsheet import catalog
from broadsheet.models import Comment, Mark, Paper, Reader, Upvote
from tests import factories

pytestmark = pytest.mark.django_db


def reader(name: str) -> Reader:
    return Reader.objects.create_user(name, f"{name.lower()}@example.org")


@pytest.mark.security_check(12)
def test_votes_and_comments_move_with_a_paper_that_turns_out_to_be_another() -> None:
    alice, bob = reader("Alice"), reader("Bob")
    one = factories.paper(1)
    other = factories.paper(2, identifiers=("doi:10.1000/2",), title="A study of newspapers, part 1, printed")
    for voter, paper, weight in ((alice, one, 1.0), (alice, other, 1.0), (bob, other, 0.25)):
        Upvote.objects.create(reader=voter, paper=paper, weight=weight)
    Upvote.objects.create(reader=reader("Mallory"), paper=other, counted=False)
    Comment.objects.create(paper=other, reader=bob, text="Well read.")
    Mark.objects.create(reader=alice, paper=other, kind="saved")
    catalog.take_in([factories.record(1, identifiers=("2503.00001", "doi:10.1000/2"))])
    kept = Paper.objects.get()
    assert (kept.identifier, kept.upvotes, kept.upvote_weight, kept.comments) == ("2503.00001", 2, 1.25, 1)
    assert Mark.objects.get().paper == kept


def test_a_paper_that_a_curator_merged_does_not_hide_the_other() -> None:
    one = factories.paper(1)
    other = factories.paper(2, identifiers=("doi:10.1000/2",))
    Paper.objects.filter(pk=one.pk).update(hidden=True, merged_into=other)
    catalog.take_in([factories.record(1, identifiers=("2503.00001", "doi:10.1000/2"))])
    kept = Paper.objects.get()
    assert not kept.hidden and kept.merged_into is None and kept.hotness is not None


def test_a_built_in_paper_that_readers_talked_about_stays() -> None:
    catalog.take_in_builtin()
    loved, quiet = Paper.objects.order_by("pk")[:2]
    Comment.objects.create(paper=loved, reader=reader("Alice"), text="Well read.")
    factories.paper(1)
    catalog.retire_builtin()
    assert Paper.objects.filter(pk=loved.pk).exists()
    assert not Paper.objects.filter(pk=quiet.pk).exists()


def test_the_day_that_a_curator_chose_overrules_every_source() -> None:
    paper = factories.paper(1)
    day = factories.FRIDAY.replace(day=20)
    Paper.objects.filter(pk=paper.pk).update(moved_to=day)
    catalog.take_in([factories.record(1, comment="now with pictures")])
    assert Paper.objects.get().listed_on == day
