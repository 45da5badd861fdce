"""Papers by mail: who gets which and when, each edition frozen before it is sent, each exactly once.

digest.ask(address, choices) -> confirm(secret) -> send_due() -> stop(subscription)
"""

from broadsheet.digest.alerts import match_due
from broadsheet.digest.choosing import mailed
from broadsheet.digest.composing import compose, content_of, counted, in_words
from broadsheet.digest.issuing import (
    RESTORED,
    Report,
    after_restore,
    key_of,
    make_due,
    sample,
    send,
    send_due,
    tidy_due,
)
from broadsheet.digest.kinds import KINDS, BadChoice, Kind
from broadsheet.digest.links import MANAGE, STOP, opened
from broadsheet.digest.links import manage as manage_path
from broadsheet.digest.links import stop as stop_path
from broadsheet.digest.rhythms import zones
from broadsheet.digest.standing import Status, compose_waiting, status
from broadsheet.digest.subscribing import (
    MOST_PAPERS,
    Choices,
    ask,
    change,
    confirm,
    forgive,
    greet_due,
    of_address,
    of_reader,
    stop,
    stop_all,
    to_confirm,
)

__all__ = [
    "KINDS",
    "MANAGE",
    "MOST_PAPERS",
    "RESTORED",
    "STOP",
    "BadChoice",
    "Choices",
    "Kind",
    "Report",
    "Status",
    "after_restore",
    "ask",
    "change",
    "compose",
    "compose_waiting",
    "confirm",
    "content_of",
    "counted",
    "forgive",
    "greet_due",
    "in_words",
    "key_of",
    "mailed",
    "make_due",
    "manage_path",
    "match_due",
    "of_address",
    "of_reader",
    "opened",
    "sample",
    "send",
    "send_due",
    "status",
    "stop",
    "stop_all",
    "stop_path",
    "tidy_due",
    "to_confirm",
    "zones",
]
