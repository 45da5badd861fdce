"""What readers do to papers and with each other, and what curators set right.

A verb takes the reader who acts and does one thing in one transaction, or raises `Refused` with a sentence
for that reader and changes nothing. Permission to see is judged by the verbs too, never by the faces alone.
"""

from broadsheet.community.following import follow, papers_followed, unfollow
from broadsheet.community.marks import mark, refused_papers, unmark
from broadsheet.community.moderating import log
from broadsheet.community.notices import post_due
from broadsheet.community.owning import everything_of
from broadsheet.community.refusals import Refused
from broadsheet.community.rules import is_newcomer, may_act, rules
from broadsheet.community.submitting import fetch_due, submit
from broadsheet.community.talking import forget_talk

__all__ = [
    "Refused",
    "everything_of",
    "fetch_due",
    "follow",
    "forget_talk",
    "is_newcomer",
    "log",
    "mark",
    "may_act",
    "papers_followed",
    "post_due",
    "refused_papers",
    "rules",
    "submit",
    "unfollow",
    "unmark",
]
