"""What a reader will like, learned from a handful of papers, and why.

found = recommendations.for_examples([paper, other], [not_this], text="a sentence", first=day)
found = recommendations.for_reader(reader, first=day)
"""

from broadsheet.recommendations.choosing import MOST_EXAMPLES, Pick, Picks, for_examples, for_reader

__all__ = ["MOST_EXAMPLES", "Pick", "Picks", "for_examples", "for_reader"]
