"""Every address. The ones that people know from elsewhere mean the same here."""

from __future__ import annotations

from django.urls import URLPattern, path, register_converter
from django.views.generic import RedirectView

from broadsheet import admin, feeds
from broadsheet.api.addresses import addresses as dialects
from broadsheet.web import (
    authors,
    belongings,
    errors,
    guide,
    health,
    inviting,
    joining,
    listings,
    mail_events,
    papers,
    readers,
    saved,
    searching,
    several,
    subscribing,
    voting,
    wayfinding,
)


class Feed:
    """The suffix of a feed."""

    regex = "rss|atom|json"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


class Citations(Feed):
    """The suffix of a file of citations."""

    regex = r"bib|ris|csl\.json"


class Stem(Feed):
    """A path segment without a dot, so that a suffix can follow."""

    regex = "[^/.]+"


register_converter(Feed, "feed")
register_converter(Citations, "citations")
register_converter(Stem, "stem")

# Where a listing lives, with what the views are told of it.
_WINDOWS: list[tuple[str, dict[str, str]]] = [
    ("date/<stem:key>", {"period": "day"}),
    ("week/<stem:key>", {"period": "week"}),
    ("month/<stem:key>", {"period": "month"}),
    ("trending", {"period": "trending"}),
    ("all", {"period": "all"}),
]


def _listings() -> list[URLPattern]:
    found = [
        path("papers", listings.newest),
        path("papers.<feed:form>", feeds.newest),
        path("papers.<citations:form>", listings.newest_file),
    ]
    for period in ("week", "month"):
        found += [
            path(f"papers/{period}", listings.newest, {"period": period}),
            path(f"papers/{period}.<feed:form>", feeds.newest, {"period": period}),
            path(f"papers/{period}.<citations:form>", listings.newest_file, {"period": period}),
        ]
    for where, told in _WINDOWS:
        found += [
            path(f"papers/{where}", listings.listing, told),
            path(f"papers/{where}.<feed:form>", feeds.listing, told),
            path(f"papers/{where}.<citations:form>", listings.file, told),
        ]
    # What is left over says what a date looks like.
    for word, period in (("date", "day"), ("week", "week"), ("month", "month")):
        found.append(path(f"papers/{word}/<path:key>", listings.listing, {"period": period}))
    return found


_SEARCH = [
    path("search", searching.results),
    path("search.<feed:form>", feeds.found),
    path("search.<citations:form>", searching.file),
    path("searches", saved.searches),
    path("searches/<int:key>", saved.rename),
    path("searches/<int:key>/delete", saved.delete),
    path("similar", several.several),
    path("similar.<citations:form>", several.file),
    path("similar/<path:spelling>", papers.similar),
]

# Accounts: our own pages, then django-allauth's at addresses of ours.
_ACCOUNT = [
    path("account", readers.account),
    path("account/sessions/end", readers.end_sessions),
    path("account/profile", belongings.profile),
    path("account/export", belongings.export),
    path("account/delete", belongings.leave),
    path("account/left", belongings.left),
    path("account/link", inviting.by_session),
    path("account/token/<str:token>", inviting.by_token),
    path("readers/<str:name>", belongings.reader),
    *joining.addresses(),
]

# Mail: the form, and what the links in mail open.
_MAIL = [
    path("subscribe", subscribing.subscribe),
    path("subscribe/preview", subscribing.preview),
    path("mail/events/<provider>", mail_events.event),
    path("subscription/confirm/<token>", subscribing.confirm),
    path("subscription/manage/<token>", subscribing.manage),
    path("subscription/unsubscribe/<token>", subscribing.unsubscribe),
]

urlpatterns = [
    path("admin/", admin.site.urls),
    path("admin", RedirectView.as_view(url="/admin/")),
    *_ACCOUNT,
    *dialects,
    path("", listings.newest),
    *_listings(),
    path("papers/<path:spelling>/upvote", voting.upvote),
    path("papers/<path:spelling>/take-back", voting.take_back),
    path("papers/<path:spelling>", papers.paper),
    path("author/<path:slug>.<feed:form>", feeds.author),
    path("author/<path:slug>", authors.author),
    *_SEARCH,
    path("calendar", listings.calendar),
    *_MAIL,
    path("subscribe.opml", guide.subscriptions),
    path("about", guide.about),
    path("keys", guide.keys),
    path("settings", guide.settings),
    path("unapi", papers.unapi),
    path("opensearch.xml", searching.description),
    path("robots.txt", wayfinding.robots),
    path("sitemap.xml", wayfinding.sitemap),
    path("favicon.svg", wayfinding.icon),
    path("favicon.ico", wayfinding.icon),
    path("health", health.health),
]

handler400 = errors.bad_request
handler403 = errors.permission_denied
handler404 = errors.not_found
handler500 = errors.broken
