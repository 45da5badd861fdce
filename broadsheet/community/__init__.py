"""What readers do to papers and with each other, and what curators set right.

A verb takes the reader who acts and does one thing in one transaction, or raises `Refused` with a sentence
for that reader and changes nothing. Permission to see is judged by the verbs too, never by the faces alone.
"""

from broadsheet.community.following import follow, papers_followed, unfollow
from broadsheet.community.importing import entries_in, import_due, recognised
from broadsheet.community.interests import settle_due
from broadsheet.community.inviting import accept, first_link, invitation_of, invite, token_of
from broadsheet.community.keys import forget_due as forget_answers_due
from broadsheet.community.leaving import delete
from broadsheet.community.marks import mark, refused_papers, unmark
from broadsheet.community.moderating import log
from broadsheet.community.notices import post_due
from broadsheet.community.owning import everything_of
from broadsheet.community.refusals import Refused
from broadsheet.community.rules import is_newcomer, may_act, rules
from broadsheet.community.submitting import fetch_due, submit
from broadsheet.community.talking import forget_talk
from broadsheet.community.votes import (
    Evidence,
    Voted,
    Voters,
    forget_votes,
    from_log,
    marks_of,
    recount,
    ripen_due,
    take_back,
    take_votes_back,
    upvote,
    voters,
)
from broadsheet.models import Invitation

__all__ = [
    "Evidence",
    "Invitation",
    "Refused",
    "Voted",
    "Voters",
    "accept",
    "delete",
    "entries_in",
    "everything_of",
    "fetch_due",
    "first_link",
    "follow",
    "forget_answers_due",
    "forget_talk",
    "forget_votes",
    "from_log",
    "import_due",
    "invitation_of",
    "invite",
    "is_newcomer",
    "log",
    "mark",
    "marks_of",
    "may_act",
    "papers_followed",
    "post_due",
    "recognised",
    "recount",
    "refused_papers",
    "ripen_due",
    "rules",
    "settle_due",
    "submit",
    "take_back",
    "take_votes_back",
    "token_of",
    "unfollow",
    "unmark",
    "upvote",
    "voters",
]
