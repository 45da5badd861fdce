"""The page that teaches an interest: the papers to ask about next, how good it is, what more would bring."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from broadsheet import community
from broadsheet.community import interests
from broadsheet.recommendations import MORE, Quality, quality, questions
from broadsheet.web import access, cards
from broadsheet.web.limits import MINUTE, Limit, reads
from broadsheet.web.preferences import look

# The drawing of the curve: its width and height in its own units.
WIDTH: Final = 300
HEIGHT: Final = 76


@reads("teaching", Limit(60, MINUTE))
@require_safe
def page(request: HttpRequest, key: int) -> HttpResponse:
    """Some papers to answer for, and an estimate of how good the interest is."""
    reader = access.demand_reader(request)
    found = interests.seen(key, reader)
    if found.reader_id != reader.pk:
        raise community.Refused(interests.NO_INTEREST, 404)
    asked = questions(found, reader)
    shown = cards.of_papers([each.paper for each in asked], look(request).lines)
    for card, each in zip(shown, asked, strict=True):
        card.because = each.why
    _, counts = interests.lessons(found, 0)
    known: dict[str, Any] = {
        "interest": found,
        "cards": shown,
        "teaching": found.pk,
        "for_it": counts[True],
        "against_it": counts[False],
        "path": "/papers/all",
        "start": 1,
        "told": told(quality(found)),
    }
    return render(request, "interests/teaching.html", known)


@dataclass(frozen=True, slots=True)
class Told:
    """A quality in words, and its curve as a drawing."""

    note: str
    headline: str = ""
    detail: str = ""
    apart: str = ""
    gain: str = ""
    path: str = ""
    rows: tuple[tuple[int, str], ...] = ()


def told(found: Quality) -> Told:
    """`Of 12 papers that fit, 9 would have been found by the others.`"""
    if found.note:
        return Told(found.note)
    low, high = round(100 * found.low), round(100 * found.high)
    return Told(
        note="",
        headline=f"Of {found.asked} papers that fit, {found.found} would have been found by the others.",
        detail=(
            "Each was held out in turn and had to stand among the first hundredth of all papers. With so few "
            f"answers the true share may lie anywhere from {low} to {high}\u00a0%."
        ),
        apart=_apart(found.apart),
        gain=_gain(found.gain),
        path=_path(found.curve),
        rows=tuple((size, f"{100 * share:.0f} %") for size, share in found.curve),
    )


def _apart(share: float | None) -> str:
    if share is None:
        return "No paper is known that does not fit; a few of those would sharpen it."
    return f"What fits stood above what does not in {100 * share:.0f} % of the cases that were held out."


def _gain(gain: float | None) -> str:
    if gain is None:
        return ""
    if gain < 0.01:
        return f"{MORE} more answers of papers that fit would bring hardly anything: it knows what you mean."
    return f"{MORE} more papers that fit would bring about {100 * gain:.0f} more in a hundred."


def _path(curve: tuple[tuple[int, float], ...]) -> str:
    """The curve as an SVG path over the count of papers learned from."""
    if len(curve) < 3:
        return ""
    last = curve[-1][0]
    points = [
        f"{WIDTH * (size - 1) / max(1, last - 1):.1f} {HEIGHT - 1 - (HEIGHT - 6) * share:.1f}"
        for size, share in curve
    ]
    return "M" + "L".join(points)
