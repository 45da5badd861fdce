"""Signed-in browsers: Django's session, with the reader it belongs to."""

from __future__ import annotations

from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import models
from django.utils import timezone

from broadsheet.models.reader import Reader


class Session(AbstractBaseSession):
    """One browser's session. That the row names its reader lets one query bring both, lets readers end their
    other sessions, and lets a deleted account take its sessions along."""

    reader = models.ForeignKey(Reader, on_delete=models.CASCADE, related_name="sessions", null=True)
    started_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [models.Index(fields=["expire_date"], name="session_expiry")]
