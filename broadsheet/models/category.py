"""The fields of science that papers belong to, and where each paper stands within them."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from django.db import models

from broadsheet.models.paper import Paper
from broadsheet.models.standing import Standing


@cache
def category_names() -> dict[str, str]:
    """arXiv's names for its codes and archives (https://arxiv.org/category_taxonomy)."""
    lines = files("broadsheet").joinpath("data/categories.tsv").read_text("utf-8").splitlines()
    return {code: name for code, _, name in (line.partition("\t") for line in lines)}


@cache
def archives() -> frozenset[str]:
    """The codes that are sums of fields: `cs` is one, `hep-th` is a field itself."""
    return frozenset(code.partition(".")[0] for code in category_names() if "." in code)


class Category(models.Model):
    """A code such as `cs.LG`, or a whole archive such as `cs`. Codes that no list names are welcome."""

    id = models.SmallAutoField(primary_key=True)
    code = models.CharField(max_length=64, unique=True)
    name = models.CharField(max_length=200, blank=True)

    class Meta:
        verbose_name_plural = "categories"

    def __str__(self) -> str:
        return self.code


class PaperCategory(Standing):
    """A paper in a category, with its standing copied here so that one category's listing is one index.

    A paper in `cs.LG` also has a row for the archive `cs`.
    """

    pk = models.CompositePrimaryKey("paper_id", "category_id")
    paper = models.ForeignKey(Paper, on_delete=models.CASCADE, related_name="in_categories", db_index=False)
    category = models.ForeignKey(Category, on_delete=models.CASCADE, related_name="papers", db_index=False)

    class Meta:
        indexes = [
            models.Index(fields=["category", "listed_on", "-score", "paper"], name="category_day"),
            models.Index(fields=["category", "month", "-score", "paper"], name="category_month"),
            models.Index(fields=["category", "-hotness", "paper"], name="category_hotness"),
            models.Index(fields=["category", "-score", "paper"], name="category_score"),
            models.Index(
                fields=["category", "listed_on", "paper"],
                name="category_voted",
                condition=models.Q(voted=True),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.paper_id} in {self.category_id}"
