"""How fresh we are: when each source last succeeded, what it brought, when it comes next, what is wrong."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from broadsheet import doors
from broadsheet.catalog.fetching import spent
from broadsheet.models import SourceState
from broadsheet.sources import moments
from broadsheet.sources.asking import host_of

# What sources are called among people.
NAMES = {
    "arxiv": "arXiv",
    "arxiv-rss": "arXiv, the day’s announcements",
    "huggingface": "Hugging Face daily papers",
    "github": "GitHub stars",
    "openalex": "Citations, counted by OpenAlex",
    "semanticscholar": "Citations, counted by Semantic Scholar",
    "biorxiv": "bioRxiv",
    "medrxiv": "medRxiv",
    "openreview": "OpenReview",
    "feeds": "A feed",
    "folder": "The watched folder",
}
# A source that has not succeeded for this long, or for three of its rhythms, is late.
_LATE = timedelta(hours=26)
# The worker comes round within minutes; what has been due for so long nobody looks after.
_OVERDUE = timedelta(hours=2)


@dataclass(frozen=True, slots=True)
class Freshness:
    """One followed part of one source. `new`, `changed` and `read` are of its last harvest, or of the one
    under way. `problem` is a sentence, empty when all is well; `note` another one, which is no trouble."""

    source: str
    part: str
    name: str
    succeeded_at: datetime | None = None
    due_at: datetime | None = None
    under_way: bool = False
    new: int = 0
    changed: int = 0
    read: int = 0
    in_all: int = 0
    problem: str = ""
    note: str = ""
    late: bool = False

    @property
    def waits(self) -> bool:
        """Whether it is not due yet."""
        return self.due_at is not None and self.due_at > datetime.now(UTC)


def freshness() -> list[Freshness]:
    """One query, in the order of the settings. Never more rows than the settings name parts."""
    now = datetime.now(UTC)
    rows = {(state.source, state.part): state for state in SourceState.objects.defer("cursor")}
    found = []
    for one in doors.followed():
        name, state = NAMES[one.source], rows.get((one.source, one.part))
        if state is None:
            found.append(Freshness(one.source, _public(one.part), name))
            continue
        allowed = max(_LATE, 3 * one.every)
        under_way = bool(state.claim and state.claimed_until and state.claimed_until > now)
        problem = state.problem
        overdue = not under_way and state.due_at is not None and now - state.due_at > _OVERDUE
        if overdue and state.due_at is not None:
            problem = (
                f"It has been due since {state.due_at:%-d %B, %H:%M} UTC, and nobody asked it. {problem}"
            )
        late = bool(problem and (state.succeeded_at is None or now - state.succeeded_at > allowed))
        found.append(
            Freshness(
                one.source,
                _public(one.part),
                name,
                state.succeeded_at,
                state.due_at,
                under_way,
                state.new,
                state.changed,
                state.read,
                state.in_all,
                problem.strip(),
                _note(state),
                late or overdue,
            )
        )
    return found


def _note(state: SourceState) -> str:
    """A metered source that has been asked all it may be asked today says so."""
    budget = doors.daily(state.source)
    used_up = budget is not None and state.asked_on == moments.today() and state.asked >= budget
    return spent(budget) if budget is not None and used_up else ""


def _public(part: str) -> str:
    """A feed's address may hold a key, so that everybody sees its host alone."""
    return host_of(part) if "://" in part else part
