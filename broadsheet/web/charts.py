"""What the outside world said of a paper over time, as small drawings and as the numbers behind them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from broadsheet.trending import Series
from broadsheet.web.words import counted, day

WIDTH: Final = 300
HEIGHT: Final = 72
# The numbers stand in a table, too; longer ones are thinned to their newest.
MOST_ROWS: Final = 60

SOURCES: Final = {
    "arxiv": "arXiv",
    "huggingface": "Hugging Face",
    "github": "GitHub",
    "semanticscholar": "Semantic Scholar",
    "openalex": "OpenAlex",
    "builtin": "the built-in front page",
    "bibtex": "a BibTeX file",
    "ris": "a RIS file",
    "csl": "a CSL-JSON file",
    "zotero": "Zotero",
    "table": "a table",
}


@dataclass(frozen=True, slots=True)
class Chart:
    """One kind of signal from one source. `path` is empty when there is only one number to draw."""

    heading: str
    words: str
    path: str
    end: tuple[float, float]
    first: datetime
    last: datetime
    rows: list[tuple[datetime, float]]


def source_name(source: str) -> str:
    return SOURCES.get(source, source)


def chart(series: Series) -> Chart:
    name = source_name(series.source)
    (first, low), (last, high) = series.points[0], series.points[-1]
    now = _value(series.kind, high)
    # Stars are not Hugging Face's own: it only says how many the code has.
    now += f" of its code, says {name}" if series.kind == "stars" else f" on {name}"
    if len(series.points) == 1 or first == last:
        words = f"{now}, {day(last.date())}"
    else:
        words = f"From {low:,.0f} on {day(first.date())} to {high:,.0f} on {day(last.date())}"
    path, end = _path(series.points)
    return Chart(now, words, path, end, first, last, series.points[-MOST_ROWS:])


def _value(kind: str, value: float) -> str:
    unit = kind.removesuffix("s")
    return counted(round(value), unit, kind)


def _path(points: list[tuple[datetime, float]]) -> tuple[str, tuple[float, float]]:
    """An SVG path from the first moment to the last, and from nought to the highest value."""
    start, end = points[0][0], points[-1][0]
    span = (end - start).total_seconds()
    top = max(value for _, value in points)
    if span <= 0 or top <= 0:
        return "", (0, 0)
    places = [
        (round(WIDTH * (moment - start).total_seconds() / span, 1), round(HEIGHT * (1 - value / top), 1))
        for moment, value in points
    ]
    return "M" + "L".join(f"{x:g} {y:g}" for x, y in places), places[-1]
