"""What readers do to papers and with each other, and what curators set right.

A verb takes the reader who acts and does one thing in one transaction, or raises `Refused` with a sentence
for that reader and changes nothing. Permission to see is judged by the verbs too, never by the faces alone.
"""

from broadsheet.community.refusals import Refused
from broadsheet.community.rules import is_newcomer, may_act, rules
from broadsheet.community.votes import (
    Evidence,
    Voted,
    Voters,
    forget_votes,
    from_log,
    give_votes_back,
    marks_of,
    recount,
    ripen_due,
    take_back,
    take_votes_back,
    upvote,
    voters,
)

__all__ = [
    "Evidence",
    "Refused",
    "Voted",
    "Voters",
    "forget_votes",
    "from_log",
    "give_votes_back",
    "is_newcomer",
    "marks_of",
    "may_act",
    "recount",
    "ripen_due",
    "rules",
    "take_back",
    "take_votes_back",
    "upvote",
    "voters",
]
