"""One-time links: whoever opens one while it holds gets a role, once."""

from __future__ import annotations

import secrets

from django.db import models
from django.utils import timezone

from broadsheet.models.reader import ROLES, Reader


def _nonce() -> str:
    return secrets.token_urlsafe(16)


class Invitation(models.Model):
    """A link that gives `role`. The link itself is not kept: it is signed over `nonce` with the server's key,
    so a stolen copy of the database opens nothing, and a restart can print the same link again.

    `reader`: for whom it is (it then also signs that reader in), or nobody in particular.
    """

    role = models.CharField(max_length=16, choices=[(role, role) for role in ROLES])
    nonce = models.CharField(max_length=32, default=_nonce, unique=True)
    reader = models.ForeignKey(
        Reader, on_delete=models.CASCADE, related_name="invitations", null=True, blank=True
    )
    made_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)
    used_by = models.ForeignKey(Reader, on_delete=models.SET_NULL, related_name="+", null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.role} until {self.expires_at:%Y-%m-%d %H:%M}"
