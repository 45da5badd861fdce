"""Sends mail: one queue for everything, one sender that a crash cannot confuse, one list of who wants none.

mail.post("ada@example.org", "Subject", "Text")     queued in the caller's transaction
mail.deliver()                                      hands over what is due
"""

from broadsheet.mail.addresses import BadAddress, parse
from broadsheet.mail.delivery import (
    GIVEN_BACK,
    HELD,
    HELD_FOR,
    MailTrouble,
    Report,
    Writer,
    deliver,
    deliver_due,
    expire,
    hold_restored,
    pause,
    recover,
    resume,
    revive,
)
from broadsheet.mail.messages import LARGEST, Content
from broadsheet.mail.posting import (
    cancel,
    forget,
    forgive,
    is_suppressed,
    post,
    suppress,
    suppressed_among,
    why_silent,
)
from broadsheet.mail.returns import read, read_due, score, take
from broadsheet.mail.setup import NotSetUp, is_set_up, origin, sender, server

__all__ = [
    "GIVEN_BACK",
    "HELD",
    "HELD_FOR",
    "LARGEST",
    "BadAddress",
    "Content",
    "MailTrouble",
    "NotSetUp",
    "Report",
    "Writer",
    "cancel",
    "deliver",
    "deliver_due",
    "expire",
    "forget",
    "forgive",
    "hold_restored",
    "is_set_up",
    "is_suppressed",
    "origin",
    "parse",
    "pause",
    "post",
    "read",
    "read_due",
    "recover",
    "resume",
    "revive",
    "score",
    "sender",
    "server",
    "suppress",
    "suppressed_among",
    "take",
    "why_silent",
]
