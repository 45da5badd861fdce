"""What is proved of a reader: addresses verified by mail, and the ORCID record that they sign in with.

The accounts' library owns those tables; this room knows them by name alone.
"""

from __future__ import annotations

import re
from typing import Any

from django.apps import apps

from broadsheet.models import Reader


def verified_addresses(reader: Reader) -> set[str]:
    """A reader's verified addresses, in lower case."""
    if not apps.is_installed("allauth.account"):
        return set()
    mine = _table("account", "EmailAddress").filter(user=reader, verified=True)
    return {str(email).lower() for email in mine.values_list("email", flat=True)}


def orcid_records(reader: Reader) -> list[dict[str, Any]]:
    """The ORCID records (v3.0, https://info.orcid.org/) that the reader has signed in with."""
    if not apps.is_installed("allauth.socialaccount"):
        return []
    mine = _table("socialaccount", "SocialAccount").filter(user=reader, provider="orcid")
    return [row for row in mine.values_list("extra_data", flat=True) if isinstance(row, dict)]


def orcid_of(reader: Reader) -> str:
    """The ORCID iD that a reader signs in with, for curators to look at."""
    for record in orcid_records(reader):
        found = at(record, "orcid-identifier", "path")
        if isinstance(found, str) and re.fullmatch(r"(?:\d{4}-){3}\d{3}[\dX]", found):
            return found
    return ""


def at(value: Any, *path: str) -> Any:
    """What stands at a path of a foreign JSON object; None where it is laid out otherwise."""
    for step in path:
        if not isinstance(value, dict):
            return None
        value = value.get(step)
    return value


def _table(app: str, model: str) -> Any:
    return apps.get_model(app, model)._default_manager
