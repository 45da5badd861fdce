"""Which pages are asked for: real days, papers, people and words of the database that is served.

Run as a process of its own (`python -m bench.addresses`) on the data folder in BROADSHEET_HOME, so that
whoever drives the server holds neither Django nor a connection. Prints JSON: a list of addresses by kind.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any
from urllib.parse import urlencode

# The same pages every time: what changes between two runs is the code.
SEED = 20250314
MANY = 400
PAPERS = 2_000
PER_PAGE = 30
DEEP = 50
CATEGORIES = ("cs.LG", "math.CO", "cs")

# How often each kind is asked for in a hundred requests of the mixed load: a guess at readers and robots.
WEIGHTS = {
    "newest day": 16,
    "a day": 10,
    "a week": 5,
    "a month": 5,
    "trending": 10,
    "all time": 2,
    "page 50": 2,
    "a category": 10,
    "with code": 3,
    "a paper": 22,
    "an author": 5,
    "a feed": 5,
    "a search": 5,
}


class Chooser:
    """Chooses addresses by lot from what the database holds."""

    def __init__(self, seed: int = SEED) -> None:
        from broadsheet.models import Paper

        self.lot = random.Random(seed)
        papers = Paper.objects.order_by()
        # Once for each paper, so that a day of many papers is drawn oftener than a day of one.
        self.days = sorted(filter(None, papers.values_list("listed_on", flat=True)))
        self.months = sorted(filter(None, papers.values_list("month", flat=True)))
        self.papers = self._chosen(papers.values_list("pk", flat=True))
        self.count = papers.count()

    def _chosen(self, keys: Iterable[int]) -> list[Any]:
        """Some papers by lot."""
        from broadsheet.models import Paper

        chosen = self.draw(sorted(keys), PAPERS)
        parts = [chosen[start : start + 500] for start in range(0, len(chosen), 500)]
        found = [paper for part in parts for paper in Paper.objects.filter(pk__in=part).order_by("pk")]
        self.lot.shuffle(found)
        return found

    def draw(self, pool: Sequence[Any], most: int = MANY) -> list[Any]:
        """At most `most` different things of `pool`, in the order in which the lot fell."""
        drawn = self.lot.sample(pool, min(2 * most, len(pool)))
        return list(dict.fromkeys(drawn))[:most]

    def kinds(self) -> dict[str, list[str]]:
        """Addresses by kind. A kind of which the database has nothing is left out."""
        from broadsheet.identifiers import author_slug

        makers: dict[str, Callable[[], list[str]]] = {
            "newest day": lambda: ["/papers"],
            "a day": lambda: [f"/papers/date/{day}" for day in self.draw(self.days)],
            "a week": self._weeks,
            "a month": lambda: [f"/papers/month/{_month(month)}" for month in self.draw(self.months)],
            "trending": lambda: ["/papers/trending"],
            "all time": lambda: ["/papers/all"],
            "page 50": self._deep,
            "a category": self._categories,
            "with code": self._with_code,
            "a paper": lambda: [found.get_absolute_url() for found in self.papers],
            "an author": lambda: ["/author/" + author_slug(name) for name in self._names()],
            "a feed": self._feeds,
            "a search": self._searches,
        }
        made = {kind: make() for kind, make in makers.items()} if self.count else {}
        return {kind: addresses for kind, addresses in made.items() if addresses}

    def _weeks(self) -> list[str]:
        weeks = dict.fromkeys(day.isocalendar()[:2] for day in self.draw(self.days))
        return [f"/papers/week/{year:04d}-W{week:02d}" for year, week in weeks]

    def _names(self) -> list[str]:
        """Names of people, the likelier the more papers they have written."""
        return self.draw([self.lot.choice(paper.authors) for paper in self.papers if paper.authors])

    def _deep(self) -> list[str]:
        """Page 50 of every listing that has one."""
        from django.db.models import Count

        from broadsheet.models import Paper, PaperCategory

        enough = DEEP * PER_PAGE
        found = [f"/papers/{place}?p={DEEP}" for place in ("trending", "all") if self.count >= enough]
        months = Paper.objects.order_by().values("month").annotate(many=Count("*")).filter(many__gte=enough)
        found += [
            f"/papers/month/{_month(row['month'])}?p={DEEP}" for row in months if row["month"] is not None
        ]
        codes = PaperCategory.objects.order_by().values("category__code").annotate(many=Count("*"))
        large = {row["category__code"] for row in codes if row["many"] >= enough}
        return found + [f"/papers/trending?category={code}&p={DEEP}" for code in CATEGORIES if code in large]

    def _categories(self) -> list[str]:
        from broadsheet.models import Category

        codes = [code for code in CATEGORIES if Category.objects.filter(code=code).exists()]
        places = ["/trending", "/all"]
        places += [f"/date/{day}" for day in self.draw(self.days, 60)]
        places += [f"/month/{_month(month)}" for month in self.draw(self.months, 40)]
        found = [f"/papers{place}?category={code}" for place in places for code in codes]
        self.lot.shuffle(found)
        return found

    def _with_code(self) -> list[str]:
        places = ["/papers/trending", "/papers/all"]
        places += [f"/papers/month/{_month(month)}" for month in self.draw(self.months, 40)]
        places += [f"/papers/date/{day}" for day in self.draw(self.days, 40)]
        return [f"{place}?has=code" for place in places]

    def _feeds(self) -> list[str]:
        found = ["/papers.rss", "/papers.atom", "/papers/trending.rss", "/papers/week.json"]
        found += [
            f"/papers/date/{day}.{form}" for day in self.draw(self.days, 40) for form in ("rss", "json")
        ]
        return found + [f"/papers/trending.atom?category={code}" for code in CATEGORIES[:1]]

    def _searches(self) -> list[str]:
        """One word and two words of titles, whole titles, identifiers and names, in equal parts."""
        asked: list[str] = []
        for paper in self.papers[:80]:
            title = paper.title
            words = [word for word in re.findall(r"[^\W\d_]+", title) if len(word) > 3] or [title[:40]]
            asked += [self.lot.choice(words), " ".join(self.lot.sample(words, min(2, len(words))))]
            asked += [title[:200], paper.identifier]
        asked += self._names()[:80]
        self.lot.shuffle(asked)
        return ["/search?" + urlencode({"q": words}) for words in asked]


def mixed(kinds: dict[str, list[str]], many: int = 3_000, seed: int = SEED) -> list[str]:
    """The mixed load: kinds by their weights, addresses by lot."""
    lot = random.Random(seed)
    names = list(kinds)
    weights = [WEIGHTS.get(name, 1) for name in names]
    return [lot.choice(kinds[name]) for name in lot.choices(names, weights, k=many)] if names else []


def _month(month: int) -> str:
    return f"{month // 100:04d}-{month % 100:02d}"


def main() -> None:
    import django

    django.setup()
    chooser = Chooser()
    print(json.dumps({"papers": chooser.count, "kinds": chooser.kinds()}))


if __name__ == "__main__":
    main()
