"""Any paper that has a DOI, as its registry describes it: Crossref, DataCite and others answer in CSL-JSON.

Content negotiation at doi.org leads to the registry that gave the DOI out
(https://www.crossref.org/documentation/retrieve-metadata/content-negotiation/).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import quote

from broadsheet.sources import PaperRecord, csl, words
from broadsheet.sources.asking import Answer, Asker, BadAnswer, Refused

PAUSE = 1.0
# Crossref answers anything else with a page for people.
_CSL = "application/vnd.citationstyles.csl+json"
# What has a DOI and is no paper.
_OTHERS = frozenset({"dataset", "software", "figure", "map", "song", "motion_picture", "graphic"})


class DoiRegistry:
    """Looks papers up by their DOI."""

    name = "doi"

    def __init__(self, asker: Asker, url: str) -> None:
        self.asker = asker
        self.url = url

    def look_up(self, identifier: str, patience: float = 10.0, tries: int = 2) -> PaperRecord | None:
        """What the registry says of one paper, by canonical identifier (`doi:10.1145/..`); None where it
        knows none. Raises SourceError: Unavailable when it cannot be had within `patience` seconds."""
        address = f"{self.url}/{quote(identifier.removeprefix('doi:'), safe='/')}"
        try:
            told = self.asker.ask(
                address, headers={"Accept": _CSL}, read=_item, pause=PAUSE, patience=patience, tries=tries,
                largest=4 * 2**20,
            )  # fmt: skip
        except Refused as refusal:
            # 406: a registry that describes nothing in this format.
            if refusal.status in (404, 406, 410):
                return None
            raise
        try:
            return record(told, identifier)
        except words.NotAPaper:
            return None


def _item(answer: Answer) -> dict[str, Any]:
    told = answer.json
    if not isinstance(told, dict):
        raise BadAnswer("The registry of the DOI answered something that is not a description.")
    return told


def record(item: dict[str, Any], identifier: str) -> PaperRecord:
    """An item as a paper of that DOI, whatever other names it gives. Raises `NotAPaper`."""
    if item.get("type") in _OTHERS:
        raise words.NotAPaper("The entry is no paper.")
    found = csl.record(item)
    return replace(found, source="doi", identifiers=(identifier,), comment="")
