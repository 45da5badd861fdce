"""Which new papers is which webhook to be told of? Each paper is looked at once against all of them."""

from __future__ import annotations

from collections import defaultdict
from typing import Final

from broadsheet.digest import alerts
from broadsheet.models import Delivery, Paper, Webhook, WebhookHit
from broadsheet.webhooks import messages

# Papers in one message: what receivers take without complaint is some 100 kB.
IN_ONE: Final = 20


def match_due() -> int:
    """Matches one batch of papers that came in since the last time; says how many were looked at anew."""
    rows = Webhook.objects.filter(state="on", reader__is_active=True)
    return alerts.match(alerts.WEBHOOKS, dict(rows.values_list("pk", "query")), _keep)


def _keep(found: alerts.Found) -> None:
    """Makes the deliveries, each paper once for each webhook, whatever comes again."""
    pairs = {(webhook, paper) for paper, webhooks in found for webhook in webhooks}
    known = set[tuple[int, int]]()
    papers = [paper for paper, _ in found]
    known.update(WebhookHit.objects.filter(paper__in=papers).values_list("webhook_id", "paper_id"))
    fresh = sorted(pairs - known)
    asked = Webhook.objects.in_bulk({webhook for webhook, _ in fresh})
    fresh = [(webhook, paper) for webhook, paper in fresh if webhook in asked]
    WebhookHit.objects.bulk_create(
        [WebhookHit(webhook_id=webhook, paper_id=paper) for webhook, paper in fresh],
        ignore_conflicts=True,
        batch_size=500,
    )
    told = Paper.objects.cards().in_bulk({paper for _, paper in fresh})
    for_whom: dict[int, list[Paper]] = defaultdict(list)
    for webhook, paper in fresh:
        if paper in told:
            for_whom[webhook].append(told[paper])
    Delivery.objects.bulk_create(
        [
            Delivery(
                webhook=asked[webhook],
                kind="papers.matched",
                body=messages.matched(asked[webhook], some),
                papers=len(some),
            )
            for webhook, mine in for_whom.items()
            for some in _parts(mine)
        ],
        batch_size=100,
    )


def _parts(papers: list[Paper]) -> list[list[Paper]]:
    return [papers[start : start + IN_ONE] for start in range(0, len(papers), IN_ONE)]
