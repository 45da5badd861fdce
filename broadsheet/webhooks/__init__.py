"""Tells readers' programs of new papers that match a search: signed, retried, never into a private network.

    match_due()     new papers -> which webhooks ask for them -> deliveries, in one transaction
    send_due()      deliveries that are due -> claimed -> sent -> done, due again later, or given up

Each delivery is made once and sent at least once: a receiver knows one that comes again by `webhook-id`.
The format is that of Standard Webhooks (https://www.standardwebhooks.com).
"""

from broadsheet.webhooks.making import (
    LONGEST_URL,
    MOST_WEBHOOKS,
    change,
    deliveries_of,
    make,
    of_reader,
    own,
    remove,
    renew_secret,
    send_again,
    test,
)
from broadsheet.webhooks.matching import match_due
from broadsheet.webhooks.sending import forget_due, send_due

__all__ = [
    "LONGEST_URL",
    "MOST_WEBHOOKS",
    "change",
    "deliveries_of",
    "due",
    "forget_due",
    "make",
    "match_due",
    "of_reader",
    "own",
    "remove",
    "renew_secret",
    "send_again",
    "send_due",
    "test",
]


def due() -> int:
    """The worker's step."""
    return match_due() + send_due() + forget_due()
