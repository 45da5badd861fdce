"""Filters for every template: numbers with their unit, days and moments in words."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from django import template
from django.forms import BoundField
from django.utils.html import format_html
from django.utils.safestring import SafeString

from broadsheet.web import voting, words
from broadsheet.web.cards import Card

register = template.Library()

register.filter("counted", words.counted)
register.filter("compact", words.compact)
register.filter("many", words.many)
register.filter("day", words.day)
register.filter("moment", words.moment)


@register.filter
def called(field: BoundField) -> str:
    """A form's field in the house's words."""
    return words.FIELDS.get(str(field.label), str(field.label))


@register.filter
def bare(field: BoundField) -> SafeString:
    """A form's field without words inside it: its label says what it is, also when something stands there."""
    field.field.widget.attrs.pop("placeholder", None)
    return field.as_widget()


@register.simple_tag(takes_context=True)
def votes_on(context: template.Context, cards: Iterable[Card]) -> str:
    """Puts the vote boxes into the cards of a list, wherever it stands; with them comes whether what the page
    lists is followed."""
    return voting.tell(context["request"], cards, context.get("follow"))


@register.filter
def when(moment: datetime | None) -> SafeString | str:
    """A moment as a `<time>`: relative for a week, then the date, always exact in its title."""
    if moment is None:
        return ""
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        moment.astimezone(UTC).isoformat(timespec="seconds"),
        words.moment(moment),
        words.ago(moment, datetime.now(UTC)),
    )
