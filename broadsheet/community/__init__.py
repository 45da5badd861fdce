"""What readers do to papers and with each other, and what curators set right.

A verb takes the reader who acts and does one thing in one transaction, or raises `Refused` with a sentence
for that reader and changes nothing. Permission to see is judged by the verbs too, never by the faces alone.
"""

from broadsheet.community.refusals import Refused
from broadsheet.community.rules import is_newcomer, may_act, rules

__all__ = ["Refused", "is_newcomer", "may_act", "rules"]
