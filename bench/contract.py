"""Does our own JSON API do what its OpenAPI document says? `python -m bench.contract --cases 10000`

schemathesis makes requests of the document, good and bad ones, for every operation, with a key that may do
everything. An answer that is a 500, of a status, type or shape that the document does not name, is a finding.
Without `--home` it asks a house of its own, made for it and thrown away; a home that is named is written to.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from broadsheet.models import Reader

PAPERS = 200


@dataclass
class Findings:
    """`bad`: one line for each answer that the document does not allow."""

    operations: int = 0
    asked: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    bad: list[str] = field(default_factory=list)


class Asking:
    """Sends what schemathesis makes to the server in this process, in the name of one reader."""

    def __init__(self, reader: Reader) -> None:
        import schemathesis
        from django.core.wsgi import get_wsgi_application
        from schemathesis import checks
        from schemathesis.specs.openapi import checks as specific

        from broadsheet.community import keys
        from broadsheet.models import SCOPES, Paper

        _, told = keys.make(reader, f"contract {time.time_ns()}", SCOPES, 0)
        self.lot = random.Random(7)
        self.papers = list(Paper.objects.values_list("identifier", flat=True)[:50])
        # The client that schemathesis brings along does not unpack.
        self.headers = {"Authorization": f"Bearer {told}", "Accept-Encoding": "identity"}
        # Django makes up its mind about hosts: localhost is one of ours.
        self.schema = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", get_wsgi_application())
        self.checks = [
            checks.not_a_server_error,
            specific.status_code_conformance,
            specific.content_type_conformance,
            specific.response_headers_conformance,
            specific.response_schema_conformance,
        ]

    def ask(self, case: Any, found: Findings) -> None:
        from schemathesis.core.failures import FailureGroup

        from broadsheet.models import Tally

        # Limits are tested elsewhere; here they would answer for everybody else.
        Tally.objects.all().delete()
        case.cookies.clear()
        self._aim(case)
        answer = case.call(headers=self.headers)
        found.asked += 1
        found.statuses[answer.status_code] += 1
        try:
            case.validate_response(answer, checks=self.checks)
        except FailureGroup as error:
            wrong = "; ".join(" ".join(str(each).split()) for each in error.exceptions)
            found.bad.append(
                f"{case.method} {case.formatted_path} {case.query} {case.body!r}: {wrong}"[:1_000]
            )

    def _aim(self, case: Any) -> None:
        """Half of the time at what there is: made-up names and numbers hardly ever hit."""
        named = case.path_parameters or {}
        if self.lot.random() < 0.5 and self.papers and "identifier" in named:
            named["identifier"] = self.lot.choice(self.papers)
        if self.lot.random() < 0.5 and "key" in named:
            named["key"] = self.lot.randint(1, 3)


def fuzz(asking: Asking, cases: int) -> Findings:
    """About `cases` requests that the document allows and as many that it does not, for each operation."""
    from hypothesis import HealthCheck, Phase, given
    from hypothesis import settings as effort
    from schemathesis.core.result import Ok
    from schemathesis.generation import GenerationMode

    found = Findings()
    for read in asking.schema.get_all_operations():
        if not isinstance(read, Ok):
            found.bad.append(f"the document cannot be read: {read}")
            continue
        found.operations += 1
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):

            @given(read.ok().as_strategy(generation_mode=mode))
            @effort(
                max_examples=cases,
                database=None,
                deadline=None,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )
            def ask(case: Any) -> None:
                asking.ask(case, found)

            try:
                ask()
            except Exception as error:
                # An operation without parameters has nothing to be sent wrongly.
                if "Unsatisfiable" not in type(error).__name__:
                    found.bad.append(f"{read.ok().label}: {type(error).__name__}: {error}"[:500])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.contract", description=__doc__)
    parser.add_argument("--cases", type=int, default=10_000, help="about how many in all")
    parser.add_argument("--home", type=Path, help="a data folder to ask; it is written to")
    asked = parser.parse_args()
    home = asked.home or Path(tempfile.mkdtemp(prefix="broadsheet-contract-"))
    os.environ |= {
        "BROADSHEET_HOME": str(home),
        "BROADSHEET_API_LIMIT": "0",
        "BROADSHEET_SOURCES": "none",
        "DJANGO_SETTINGS_MODULE": "broadsheet.config.settings",
    }
    try:
        found, took = _run(asked.cases, furnish=asked.home is None)
    finally:
        if asked.home is None:
            shutil.rmtree(home, ignore_errors=True)
    print(
        f"{found.operations} operations, {found.asked:,} requests in {took:.0f} s, {len(found.bad)} findings"
    )
    print("statuses: " + ", ".join(f"{status}: {many:,}" for status, many in sorted(found.statuses.items())))
    for line in found.bad[:40]:
        print(line)
    sys.exit(bool(found.bad))


def _run(cases: int, furnish: bool) -> tuple[Findings, float]:
    import django

    django.setup()
    import logging

    from django.core.management import call_command

    from broadsheet import community, search
    from broadsheet.community import collecting, talking
    from broadsheet.models import Paper, Reader

    # The audit log has a line for each of them.
    logging.disable(logging.CRITICAL)
    if furnish:
        from bench.material import invented
        from broadsheet import catalog
        from broadsheet.sources import PaperRecord

        call_command("migrate", verbosity=0)
        catalog.take_in(
            [
                PaperRecord(
                    source="arxiv",
                    title=row["title"],
                    identifiers=(row["id"],),
                    abstract=row["abstract"],
                    authors=tuple(row["authors"]),
                    categories=("cs.CL", "cs.LG"),
                )
                for row in invented(PAPERS)
            ]
        )
        search.rebuild()
    reader = Reader.objects.create_user(f"contract-{time.time_ns() % 10**9}")
    paper = Paper.objects.listed().order_by("pk").first()
    if paper is not None:
        collecting.put(reader, collecting.make(reader, "A list").pk, paper.pk)
        talking.say(reader, paper.pk, "A comment.")
        community.mark(reader, paper.pk, "saved")
    asking = Asking(reader)
    operations = sum(1 for _ in asking.schema.get_all_operations())
    begun = time.perf_counter()
    return fuzz(asking, max(1, -(-cases // (2 * operations)))), time.perf_counter() - begun


if __name__ == "__main__":
    main()
