"""What a reader will like, learned from a handful of papers, and why.

found = recommendations.for_examples([paper, other], [not_this], text="a sentence", first=day)
found = recommendations.for_reader(reader, first=day)
found = recommendations.for_interest(interest, viewer, first=day)
"""

from broadsheet.recommendations.choosing import (
    MOST_EXAMPLES,
    MOST_PICKS,
    USUAL_WINDOW,
    Pick,
    Picks,
    for_examples,
    since,
    warm_up,
)
from broadsheet.recommendations.keeping import bags_due
from broadsheet.recommendations.teaching import MORE, Quality, quality, questions
from broadsheet.recommendations.wanting import for_interest, for_reader, in_fields

__all__ = [
    "MORE",
    "MOST_EXAMPLES",
    "MOST_PICKS",
    "USUAL_WINDOW",
    "Pick",
    "Picks",
    "Quality",
    "bags_due",
    "for_examples",
    "for_interest",
    "for_reader",
    "in_fields",
    "quality",
    "questions",
    "since",
    "warm_up",
]
