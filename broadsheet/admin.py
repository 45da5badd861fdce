"""The back office: every table, for operators alone; what the house writes by itself can only be read.

Whatever readers see happen (hiding, banning, taking votes back) is done on the pages of curators, where it is
written into the public log; this is for what those pages do not reach.
"""

from __future__ import annotations

from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Group
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver, path

from broadsheet.models import (
    ApiKey,
    Ballot,
    Delivery,
    Invitation,
    Moderation,
    Paper,
    Reader,
    Repeatable,
    Session,
    Tally,
    Webhook,
)
from broadsheet.web import access
from broadsheet.web.limits import HOUR, Limit


class BackOffice(admin.AdminSite):
    """Django's admin behind the house's own door: its permissions, limits and audit log."""

    site_title = site_header = "Back office"
    index_title = "Tables"
    site_url = "/papers"

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        access.demand_operator(request)
        return access.see("/admin/")

    def get_urls(self) -> list[URLResolver | URLPattern]:
        """Without pages of its own for going and passwords: its links lead to those of the house."""
        ours = {"logout": "/account/sign-out", "password_change": "/account/password"}
        others = [
            found
            for found in super().get_urls()
            if getattr(found, "name", "") not in (*ours, "password_change_done")
        ]
        _guard(others)
        return [path(f"{name}/", _to(there), name=name) for name, there in ours.items()] + others

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        return super().each_context(request) | {"has_permission": True, "is_nav_sidebar_enabled": False}


guarded = access.acts("back office", Limit(1_000, HOUR), by="operator", reads=True)


def _guard(patterns: list[Any]) -> None:
    for found in patterns:
        if isinstance(found, URLResolver):
            _guard(found.url_patterns)
        else:
            found.callback = guarded(found.callback)


def _to(there: str) -> Any:
    def view(request: HttpRequest) -> HttpResponse:
        return access.see(there)

    return guarded(view)


site = BackOffice(name="admin")


class Row(admin.ModelAdmin):  # type: ignore[type-arg] # Django's own class takes no type
    """Any table. Long lists are not counted, and related rows are chosen by number."""

    show_full_result_count = False
    list_per_page = 50

    def __init__(self, model: Any, site: admin.AdminSite) -> None:
        self.raw_id_fields = [  # type: ignore[misc] # of this table, as Django means it
            field.name for field in model._meta.fields if field.is_relation
        ]
        super().__init__(model, site)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self._may(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self._may(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may(request)

    def _may(self, request: HttpRequest) -> bool:
        reader = access.reader_of(request)
        return reader is not None and reader.is_staff


class Kept(Row):
    """A table that the house writes by itself: to look at."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class Readers(Row):
    list_display = ("username", "name", "role", "is_active", "joined_at", "distrusted_at")
    list_filter = ("role", "is_active")
    search_fields = ("username", "name", "email")
    exclude = ("password", "is_superuser", "groups", "user_permissions")
    # An address is changed where it is verified: on the account's own page.
    readonly_fields = ("email", "last_login", "joined_at")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """An account goes by its own page, which takes its votes along."""
        return False


class Papers(Row):
    list_display = ("identifier", "title", "listed_on", "upvotes", "hidden")
    search_fields = ("identifier__exact",)
    readonly_fields = ("upvotes", "upvote_weight", "score", "hotness", "voted")
    ordering = ("-id",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class Keys(Kept):
    """Operators may revoke a key, and read of it what its reader reads."""

    list_display = ("name", "reader", "scopes", "made_at", "used_at", "expires_at")
    exclude = ("digest",)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        reader = access.reader_of(request)
        return reader is not None and reader.is_staff


class Webhooks(Row):
    list_display = ("id", "reader", "query", "state", "failures", "delivered_at")
    exclude = ("serial",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False


# Secrets, and what is only there because a library brings it.
UNSHOWN = {Session, Tally, Invitation, Repeatable, Authenticator, SocialApp, SocialToken, Group}
OWN: dict[type[Any], type[Row]] = {
    Reader: Readers,
    Paper: Papers,
    Ballot: Kept,
    Moderation: Kept,
    ApiKey: Keys,
    Webhook: Webhooks,
    Delivery: Kept,
}

for _model in (*apps.get_app_config("broadsheet").get_models(), EmailAddress, SocialAccount):
    # Django's admin cannot address rows whose key is several columns.
    if _model not in UNSHOWN and not hasattr(_model._meta.pk, "columns") and _model._meta.pk.concrete:
        site.register(_model, OWN.get(_model, Row))
