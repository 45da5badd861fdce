"""One-time links: the first makes somebody operator of a new server, later ones help who is locked out."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from django.core.signing import BadSignature, Signer
from django.db import transaction
from django.utils import timezone

from broadsheet.community import moderating
from broadsheet.community.refusals import Refused
from broadsheet.models import ROLES, Invitation, Reader

HOLDS: Final = timedelta(hours=24)

_UNKNOWN: Final = (
    "This link does not hold any more: it was used, or it has expired. Whoever runs the server gets a new "
    "one with the command  broadsheet account-link"
)


def first_link() -> Invitation | None:
    """The link that makes somebody the operator, as long as there is none: the same until it is used or has
    an hour left, so that a restart prints what it printed before."""
    if Reader.objects.filter(role="operator", is_active=True).exists():
        return None
    now = timezone.now()
    waiting = Invitation.objects.filter(
        role="operator", reader=None, used_at=None, expires_at__gt=now + timedelta(hours=1)
    )
    return waiting.order_by("-expires_at").first() or invite("operator")


def invite(role: str, reader: Reader | None = None) -> Invitation:
    """Makes a link that gives `role`, or, for a `reader`, one that signs this reader in. Links that have
    expired are cleared away."""
    now = timezone.now()
    Invitation.objects.filter(expires_at__lt=now - timedelta(days=30)).delete()
    return Invitation.objects.create(role=role, reader=reader, expires_at=now + HOLDS)


def token_of(invitation: Invitation) -> str:
    """What stands in the link: the nonce and the server's signature over it."""
    return _signer().sign(invitation.nonce)


def invitation_of(token: str) -> Invitation:
    """The invitation of a link that still holds. Raises Refused (410), whatever is wrong with it."""
    try:
        nonce = _signer().unsign(token)
    except BadSignature:
        raise Refused(_UNKNOWN, 410) from None
    found = Invitation.objects.select_related("reader").filter(nonce=nonce, used_at=None).first()
    if found is None or found.expires_at <= timezone.now():
        raise Refused(_UNKNOWN, 410)
    return found


def accept(token: str, reader: Reader | None) -> Reader:
    """Uses a link up: gives its role to `reader`, or returns the reader whom it signs in. Raises Refused."""
    with transaction.atomic():
        known = invitation_of(token)
        whom = known.reader or reader
        if whom is None or not whom.is_active:
            raise Refused("Make an account or sign in first; then use the link.", 403)
        # The stamp is the claim: of two who press the button at once, one finds nothing left to stamp.
        now = timezone.now()
        claimed = Invitation.objects.filter(pk=known.pk, used_at=None).update(used_at=now, used_by=whom)
        if not claimed:
            raise Refused(_UNKNOWN, 410)
        if ROLES.index(known.role) > ROLES.index(whom.role):
            told = {"before": whom.role, "to": known.role}
            whom.role = known.role
            whom.save(update_fields=["role"])
            moderating.log(None, "role", "By the one-time link of the server.", reader=whom, data=told)
    return whom


def _signer() -> Signer:
    return Signer(salt="broadsheet.invitation")
