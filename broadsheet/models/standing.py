"""Where a paper stands in the listings: the stored sort keys, so that every listing is read off an index.

The same columns stand on `Paper` (for listings of everything) and on `PaperCategory` (for listings of
one category), so one piece of code serves both. They are derived: `trending.rescore` writes them.
A paper that is not listed (hidden by a moderator) has nulls here, so no listing has to filter it out.
"""

from __future__ import annotations

from django.db import models


class Standing(models.Model):
    """`score` orders a window, `hotness` orders trending (docs/ranking.md). Both: larger stands higher.

    `listed_on` is the day of our daily list in the listing time zone; null when only the month is known.
    `month` is year * 100 + month. `voted`: somebody, here or elsewhere, has voted for the paper.
    """

    listed_on = models.DateField(null=True, blank=True)
    month = models.PositiveIntegerField(null=True, blank=True)
    score = models.FloatField(null=True, blank=True)
    hotness = models.FloatField(null=True, blank=True)
    voted = models.BooleanField(default=False)
    has_code = models.BooleanField(default=False)
    has_models = models.BooleanField(default=False)

    class Meta:
        abstract = True
