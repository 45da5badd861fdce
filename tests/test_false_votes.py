"""Whoever arranges votes is seen, honest readers are not, and one button takes the false votes back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from broadsheet import community
from broadsheet.community import watching
from broadsheet.community.watching import Cast, Finding
from broadsheet.models import Moderation, Paper
from tests import factories, people
from tests.pages.reading import get

NOON = datetime(2025, 3, 14, 12, tzinfo=UTC)


def cast(reader: int, paper: int = 1, minutes: float = 0, days_old: float = 400, **more: str) -> Cast:
    at = NOON + timedelta(minutes=minutes)
    told = {"network": f"net{reader}", "agent": "a", "referrer": "listing"} | more
    # Accounts of different ages, unless they are young.
    joined = at - timedelta(days=days_old + (reader * 9 if days_old > 100 else 0))
    return Cast(reader, paper, at, joined, **told)


@pytest.mark.security_check(12)
def test_new_accounts_that_come_by_a_link_in_one_hour_are_a_burst() -> None:
    votes = [cast(n, minutes=n, days_old=0.1, referrer="none") for n in range(8)]
    (found,) = watching.find([*votes, cast(90, minutes=3)])
    assert (found.kind, found.readers) == ("burst", list(range(8))), (
        "the honest reader among them is not accused"
    )
    assert found.signs[0] == "9 votes for one paper within 7 minutes"
    assert any("less than a week old" in sign for sign in found.signs)


@pytest.mark.security_check(12)
def test_aged_accounts_on_one_network_that_were_made_together_are_a_burst() -> None:
    votes = [
        Cast(n, 1, NOON + timedelta(minutes=n), NOON - timedelta(days=300, hours=n), "one", "a", "paper")
        for n in range(6)
    ]
    (found,) = watching.find(votes)
    assert [sign.split(" ", 3)[3] for sign in found.signs[1:]] == [
        "came from accounts made within two days of each other",
        "came from one network",
    ]


@pytest.mark.security_check(12)
def test_accounts_that_vote_for_the_same_papers_slowly_are_a_ring() -> None:
    ring = [cast(n, paper, minutes=paper * 5_000 + n * 700) for n in range(5) for paper in range(4)]
    honest = [cast(50 + n, paper, minutes=n * 90) for n in range(20) for paper in (n % 7, 10 + n, 40 + n)]
    (found,) = watching.find([*ring, *honest])
    assert (found.kind, found.readers, found.papers) == ("ring", [0, 1, 2, 3, 4], [0, 1, 2, 3])
    assert found.signs[0] == "5 accounts voted for the same 4 papers"


@pytest.mark.security_check(12)
@pytest.mark.parametrize(
    "votes",
    [
        [cast(n, minutes=n) for n in range(40)],
        [cast(n, minutes=n * 90, days_old=0.1, referrer="none") for n in range(20)],
        [cast(n, paper, minutes=n + 70 * paper) for n in range(60) for paper in range(3)],
        [],
    ],
    ids=["a popular morning", "new readers all day", "three papers that everybody likes", "nothing"],
)
def test_honest_votes_are_left_alone(votes: list[Cast]) -> None:
    assert watching.find(votes) == []


@pytest.mark.security_check(12)
@pytest.mark.django_db
def test_a_cheat_is_seen_and_the_votes_are_taken_back_by_one_button() -> None:
    paper = factories.paper()
    community.upvote(people.reader("honest"), paper)
    for number in range(6):
        browser = people.signed_in(people.young(f"false{number}"), REMOTE_ADDR=f"192.0.2.{number + 1}")
        assert browser.post(f"{paper.get_absolute_url()}/upvote").status_code == 303
    dora = people.signed_in(people.reader("dora", role="curator"))
    page = get(dora, "/moderation/votes")
    assert page.words("h2") == ["A burst: 6 votes of 6 accounts"]
    assert "192.0.2" not in dora.get("/moderation/votes").content.decode()
    (form,) = (one for one in page.all("form") if "take-back" in one.attributes.get("action", ""))
    fields = {one.attributes["name"]: one.attributes["value"] for one in page.all("input", type_="hidden")}
    told = {name: fields[name] for name in ("reader", "paper")} | {
        "which": "all",
        "reason": "Made for one vote.",
    }
    assert dora.post(form.attributes["action"], told).status_code == 303
    assert Paper.objects.get().upvotes == 1
    assert get(dora, "/moderation/votes").words("h2") == []
    log = get(people.signed_in(people.reader("alice")), "/moderation/log")
    assert "Made for one vote." in " ".join(log.words("main"))
    act = Moderation.objects.get(kind="votes")
    assert dora.post(f"/moderation/log/{act.pk}/undo", {"reason": "A class."}).status_code == 303
    assert Paper.objects.get().upvotes == 7


@pytest.mark.django_db
@pytest.mark.parametrize("form", [{}, {"reader": "x"}, {"reader": "1 2", "reason": ""}, {"reader": "9" * 30}])
def test_a_careless_form_takes_nothing_back(form: dict[str, str]) -> None:
    people.reader("alice")
    dora = people.signed_in(people.reader("dora", role="curator"))
    assert dora.post("/moderation/votes/take-back", form).status_code == 400
    assert not Moderation.objects.exists()


def test_a_finding_names_each_reader_once() -> None:
    assert Finding("ring", (cast(2), cast(1), cast(2, paper=5)), ()).readers == [1, 2]
