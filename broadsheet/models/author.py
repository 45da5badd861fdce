"""People who write papers. One row per spelling of a name, found by its slug."""

from __future__ import annotations

from django.db import models

from broadsheet.models.paper import Paper


class Author(models.Model):
    """A name on papers. The key is `identifiers.author_key(slug)`, so that taking in a thousand papers
    needs no look-up and the same name has the same key on every server."""

    id = models.BigIntegerField(primary_key=True)
    slug = models.CharField(max_length=80)
    name = models.TextField()

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return f"/author/{self.slug}"


class Authorship(models.Model):
    """Who wrote what. `position` counts from 1."""

    pk = models.CompositePrimaryKey("paper_id", "position")
    paper = models.ForeignKey(Paper, on_delete=models.CASCADE, related_name="authorships", db_index=False)
    position = models.PositiveIntegerField()
    author = models.ForeignKey(Author, on_delete=models.CASCADE, related_name="authorships", db_index=False)

    class Meta:
        indexes = [models.Index(fields=["author", "-paper"], name="authorship_author")]

    def __str__(self) -> str:
        return f"{self.paper_id} by {self.author_id}"
