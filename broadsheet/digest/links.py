"""The links in mail: each is sealed for one deed on one subscription, and none of them logs anybody in."""

from __future__ import annotations

from broadsheet.mail import tokens
from broadsheet.models import Subscription

MANAGE, STOP = "manage a subscription", "stop a subscription"


def manage(subscription: Subscription) -> str:
    """The path of the page where one subscription is changed or stopped."""
    return f"/subscription/manage/{_sealed(MANAGE, subscription)}"


def stop(subscription: Subscription) -> str:
    """The path at which one POST stops one subscription (RFC 8058)."""
    return f"/subscription/unsubscribe/{_sealed(STOP, subscription)}"


def _sealed(purpose: str, subscription: Subscription) -> str:
    return tokens.seal(purpose, str(subscription.pk), subscription.nonce)


def opened(purpose: str, token: str) -> Subscription | None:
    """The subscription that a token of this purpose speaks of, None for any other token."""
    subject = tokens.subject_of(token)
    if subject is None or not subject.isdecimal() or int(subject) >= 2**63:
        return None
    found = Subscription.objects.filter(pk=int(subject)).first()
    if found is None or not tokens.is_sealed(token, purpose, str(found.pk), found.nonce):
        return None
    return found
