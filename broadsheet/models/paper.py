"""A paper, everything that belongs to it, and the other spellings it is known by."""

from __future__ import annotations

from datetime import date
from typing import Any, Self
from urllib.parse import quote

from django.db import models

from broadsheet import identifiers
from broadsheet.models.fields import LinesField
from broadsheet.models.standing import Standing
from broadsheet.sources import LINK_KINDS


class PaperQuerySet(models.QuerySet["Paper"]):
    def listed(self) -> Self:
        """Papers that stand in listings: not hidden by a moderator."""
        return self.filter(hotness__isnull=False)

    def cards(self) -> Self:
        """What a page of cards reads: whole rows. Leaving columns out costs Django a third more than they do:
        it looks each column of each row up among those that were read."""
        return self.all()


class Paper(Standing):
    """One paper under one canonical identifier; every other spelling is an `Alias`.

    `authors` are the names as printed, in order; `Authorship` rows point from the people. `source` is
    the most authoritative source that has spoken. `announced` says that `submitted_at` was given by a
    source rather than worked out from `published_at`. `outside_*` and `stars` are the newest levels of
    the signals of the same kind, summed over sources: they are never our readers' votes. `upvotes` counts
    our readers' votes and `upvote_weight` adds up their weights: the one is shown, the other ranks.

    `outlook` is the chance that people pick the paper, worked out once when it appears, and `outlook_terms`
    why (`broadsheet.outlook`). `growth` is what its stars and citations grew by more than usual, in points,
    as seen on `grew_on`.

    Set by curators: `moved_to` is a day of the daily list that overrules every source's, `locked_at` closes
    the talk, `merged_into` is the paper that this one turned out to be (it is `hidden` then).
    """

    id = models.BigAutoField(primary_key=True)
    identifier = models.CharField(max_length=255, unique=True)
    title = models.TextField()
    title_key = models.BigIntegerField()
    abstract = models.TextField(blank=True)
    abstract_is_ours = models.BooleanField(default=False)
    authors = LinesField()
    categories = LinesField()
    published_at = models.DateTimeField(null=True, blank=True)
    submitted_at = models.DateTimeField(null=True, blank=True)
    changed_at = models.DateTimeField()
    revised_at = models.DateTimeField(null=True, blank=True)
    announced = models.BooleanField(default=False)
    place = models.PositiveIntegerField(null=True, blank=True)
    comment = models.TextField(blank=True)
    journal_ref = models.TextField(blank=True)
    licence = models.TextField(blank=True)
    organization = models.TextField(blank=True)
    source = models.CharField(max_length=32)
    withdrawn = models.BooleanField(default=False)
    hidden = models.BooleanField(default=False)
    upvotes = models.PositiveIntegerField(default=0)
    upvote_weight = models.FloatField(default=0.0)
    comments = models.PositiveIntegerField(default=0)
    outside_upvotes = models.PositiveIntegerField(default=0)
    outside_comments = models.PositiveIntegerField(default=0)
    stars = models.PositiveIntegerField(null=True, blank=True)
    outlook = models.FloatField(null=True, blank=True)
    outlook_terms = models.CharField(max_length=48, blank=True)
    growth = models.FloatField(null=True, blank=True)
    grew_on = models.DateField(null=True, blank=True)
    moved_to = models.DateField(null=True, blank=True)
    locked_at = models.DateTimeField(null=True, blank=True)
    merged_into = models.ForeignKey(
        "self", on_delete=models.SET_NULL, null=True, blank=True, related_name="merged"
    )

    objects = PaperQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["listed_on", "-score", "id"], name="paper_day"),
            models.Index(fields=["month", "-score", "id"], name="paper_month"),
            models.Index(fields=["-hotness", "id"], name="paper_hotness"),
            models.Index(fields=["-score", "id"], name="paper_score"),
            models.Index(fields=["changed_at", "id"], name="paper_changed"),
            models.Index(fields=["title_key"], name="paper_title_key"),
            models.Index(fields=["listed_on", "id"], name="paper_unvoted", condition=models.Q(voted=False)),
            models.Index(fields=["listed_on", "id"], name="paper_voted", condition=models.Q(voted=True)),
            models.Index(fields=["-hotness", "id"], name="paper_code", condition=models.Q(has_code=True)),
            models.Index(
                fields=["listed_on", "-score", "id"], name="paper_code_day", condition=models.Q(has_code=True)
            ),
            models.Index(
                fields=["month", "-score", "id"], name="paper_code_month", condition=models.Q(has_code=True)
            ),
            models.Index(fields=["-score", "id"], name="paper_code_score", condition=models.Q(has_code=True)),
            models.Index(fields=["-hotness", "id"], name="paper_models", condition=models.Q(has_models=True)),
            models.Index(
                fields=["-listed_on", "id"],
                name="paper_unforeseen",
                condition=models.Q(outlook__isnull=True, hotness__isnull=False),
            ),
            models.Index(
                fields=["organization", "-id"],
                name="paper_organization",
                condition=~models.Q(organization=""),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.identifier} {self.title[:80]}"

    def get_absolute_url(self) -> str:
        return "/papers/" + quote(self.identifier, safe="/:")

    @property
    def arxiv_id(self) -> str | None:
        return identifiers.arxiv_id(self.identifier)

    @property
    def doi(self) -> str | None:
        """The DOI, whether it is the paper's identifier or one of its aliases (read once)."""
        if self.identifier.startswith("doi:"):
            return self.identifier[4:]
        for alias in self.aliases.all():
            if alias.identifier.startswith("doi:"):
                return alias.identifier[4:]
        return None

    @property
    def primary_category(self) -> str:
        return self.categories[0] if self.categories else ""

    @property
    def month_date(self) -> date | None:
        """First day of the month the paper is from, as far as it is known."""
        if self.published_at:
            return self.published_at.date().replace(day=1)
        return date(self.month // 100, self.month % 100, 1) if self.month else None

    @property
    def votes(self) -> int:
        """What the vote box shows: our readers' votes."""
        return self.upvotes

    def refresh_standing_fields(self) -> dict[str, Any]:
        """The sort keys as a dictionary, to copy onto this paper's category rows."""
        return {field.name: getattr(self, field.name) for field in Standing._meta.get_fields()}


class Alias(models.Model):
    """Another canonical identifier of a paper: a DOI beside an arXiv id, or the id of a merged record."""

    identifier = models.CharField(max_length=255, primary_key=True)
    paper = models.ForeignKey(Paper, on_delete=models.CASCADE, related_name="aliases")

    class Meta:
        verbose_name_plural = "aliases"

    def __str__(self) -> str:
        return self.identifier


class Version(models.Model):
    """One version of a paper, as its home numbers them."""

    pk = models.CompositePrimaryKey("paper_id", "number")
    paper = models.ForeignKey(Paper, on_delete=models.CASCADE, related_name="versions", db_index=False)
    number = models.PositiveSmallIntegerField()
    submitted_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["number"]

    def __str__(self) -> str:
        return f"v{self.number}"


class Link(models.Model):
    """Something on the web that belongs to a paper: its code, project, models, datasets, demos, PDF."""

    paper = models.ForeignKey(Paper, on_delete=models.CASCADE, related_name="links", db_index=False)
    kind = models.CharField(max_length=16, choices=[(kind, kind) for kind in LINK_KINDS])
    url = models.CharField(max_length=2000)
    source = models.CharField(max_length=32)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["paper", "kind", "url"], name="link_once")]
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.kind}: {self.url}"
