"""The people who have an account, and the few words that say what one of them may do."""

from __future__ import annotations

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.core.validators import RegexValidator
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone

ROLES = ("reader", "curator", "operator")


class ReaderManager(BaseUserManager["Reader"]):
    def create_user(
        self, username: str, email: str = "", password: str | None = None, **fields: object
    ) -> Reader:
        """Makes an account; without a password nobody can sign in with one."""
        reader = self.model(username=username, email=self.normalize_email(email), **fields)
        reader.set_password(password)
        reader.save(using=self._db)
        return reader

    def create_superuser(self, username: str, email: str = "", password: str | None = None) -> Reader:
        return self.create_user(username, email, password, role="operator", is_superuser=True)


class Reader(AbstractBaseUser, PermissionsMixin):
    """A person with an account. `username` is the public name in addresses and mentions; `name` is shown.

    `role`: a reader reads, votes, talks and submits; a curator also moderates; an operator also runs the
    back office. `show_*`: what of theirs other readers may see listed on their page. `distrusted_at`:
    since then this account's votes do not count, as it was found to vote for show. `social`: how much of a
    paper's points counts in this reader's listings, in per cent; null: not chosen.
    """

    username = models.CharField(
        max_length=32,
        unique=True,
        validators=[
            RegexValidator(
                r"\A[A-Za-z0-9](?:[A-Za-z0-9-]{0,30}[A-Za-z0-9])?\Z",
                "Use letters, digits and hyphens, at most 32, and begin and end with a letter or digit.",
            )
        ],
    )
    email = models.EmailField(blank=True)
    name = models.CharField(max_length=80, blank=True)
    role = models.CharField(max_length=16, default="reader", choices=[(role, role) for role in ROLES])
    about = models.CharField(max_length=500, blank=True)
    show_votes = models.BooleanField(default=True)
    show_comments = models.BooleanField(default=True)
    show_collections = models.BooleanField(default=True)
    is_active = models.BooleanField(default=True)
    distrusted_at = models.DateTimeField(null=True, blank=True)
    social = models.PositiveSmallIntegerField(null=True, blank=True)
    joined_at = models.DateTimeField(default=timezone.now)

    objects = ReaderManager()

    USERNAME_FIELD = "username"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS = ["email"]

    class Meta:
        constraints = [models.UniqueConstraint(Lower("username"), name="reader_username_once")]

    def __str__(self) -> str:
        return self.username

    def get_absolute_url(self) -> str:
        return f"/readers/{self.username}"

    @property
    def is_staff(self) -> bool:
        """Whether the back office opens, as Django's admin asks."""
        return self.is_active and self.role == "operator"

    @property
    def is_curator(self) -> bool:
        return self.is_active and self.role in ("curator", "operator")
